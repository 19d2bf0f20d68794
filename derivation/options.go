package derivation

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/internal/lazyre"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Options are the attributes of a derivation that direct the realiser. They
// come from variables of the environment or, if there are any, from the
// structured attributes.
type Options struct {
	// Checks apply to all outputs, if there are no structured attributes.
	Checks OutputChecks
	// OutputChecks apply to the outputs of their names, if there are.
	OutputChecks map[string]OutputChecks
	// UnsafeDiscardReferences has the outputs not to be scanned for references.
	UnsafeDiscardReferences map[string]bool
	// PassAsFile are variables to be passed as files.
	PassAsFile []string
	// ExportReferencesGraph maps names of files, or of structured attributes,
	// to the store paths whose closure is to be described there. A path may
	// be inside a store object, or a placeholder.
	ExportReferencesGraph map[string][]string
	SandboxProfile        string
	NoChroot              bool
	ImpureHostDeps        []string
	// ImpureEnvVars are variables that a fixed-output build inherits.
	ImpureEnvVars          []string
	AllowLocalNetworking   bool
	RequiredSystemFeatures []string
	PreferLocalBuild       bool
	// AllowSubstitutes is true unless said otherwise.
	AllowSubstitutes bool
	// Structured are the structured attributes by name, each a JSON text; nil
	// if there are none.
	Structured map[string]json.RawMessage
	// Warnings say what is there and has no effect.
	Warnings []string
}

// OutputChecks are conditions that an output must meet. Elements of the lists
// are absolute store paths, placeholders, or names of outputs.
type OutputChecks struct {
	// IgnoreSelfRefs leaves the output itself out of the allowed lists.
	IgnoreSelfRefs bool
	// MaxSize and MaxClosureSize are in bytes of archives; nil if unlimited.
	MaxSize, MaxClosureSize *uint64
	// AllowedReferences and AllowedRequisites are nil if anything is allowed.
	AllowedReferences    []string
	AllowedRequisites    []string
	DisallowedReferences []string
	DisallowedRequisites []string
	HasAllowedReferences bool
	HasAllowedRequisites bool
}

// For yields the checks of an output.
func (o *Options) For(output string) OutputChecks {
	if o.Structured != nil {
		return o.OutputChecks[output]
	}
	return o.Checks
}

// SystemFeatures are the features a machine needs to build d.
func (o *Options) SystemFeatures(t Type) []string {
	features := slices.Clone(o.RequiredSystemFeatures)
	if !t.HasKnownOutputPaths() && !slices.Contains(features, "ca-derivations") {
		features = append(features, "ca-derivations")
		slices.Sort(features)
	}
	return features
}

var graphName = lazyre.New(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// Options reads the attributes that direct the realiser.
func (d *Derivation) Options() (*Options, error) {
	r := optionReader{env: d.Env}
	if text, ok := d.Env[StructuredAttrsKey]; ok {
		if err := json.Unmarshal([]byte(text), &r.attrs); err != nil {
			return nil, fmt.Errorf("cannot process %s attribute: %w", StructuredAttrsKey, err)
		}
		if r.attrs == nil {
			return nil, fmt.Errorf("cannot process %s attribute: it is no JSON object", StructuredAttrsKey)
		}
	}
	o := &Options{
		Structured:             r.attrs,
		SandboxProfile:         r.str("__sandboxProfile"),
		NoChroot:               r.bool("__noChroot", false),
		AllowLocalNetworking:   r.bool("__darwinAllowLocalNetworking", false),
		PreferLocalBuild:       r.bool("preferLocalBuild", false),
		AllowSubstitutes:       r.bool("allowSubstitutes", true),
		ImpureHostDeps:         r.set("__impureHostDeps"),
		ImpureEnvVars:          r.set("impureEnvVars"),
		RequiredSystemFeatures: r.set("requiredSystemFeatures"),
	}
	if r.attrs != nil {
		r.structured(o)
	} else {
		r.plain(o)
	}
	if r.err != nil {
		return nil, r.err
	}
	return o, nil
}

// optionReader reads attributes; its first error sticks.
type optionReader struct {
	env   map[string]string
	attrs map[string]json.RawMessage
	err   error
}

func (r *optionReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// decode reads a structured attribute into v, which names the wanted type.
func (r *optionReader) decode(name, want string, v any) bool {
	raw, ok := r.attrs[name]
	if !ok {
		return false
	}
	if err := strictJSON(raw, want, v); err != nil {
		r.fail(fmt.Errorf("while parsing attribute \"%s\": %w", name, err))
		return false
	}
	return true
}

// strictJSON decodes raw; null, which encoding/json would pass over, counts
// as the wrong type.
func strictJSON(raw json.RawMessage, want string, v any) error {
	if err := json.Unmarshal(raw, v); err != nil || string(raw) == "null" {
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return err
		}
		have := jsonType(value)
		if _, ok := value.(float64); ok {
			have = "number"
		}
		return fmt.Errorf("Expected JSON value to be of type '%s' but it is of type '%s': %s", want, have, raw)
	}
	return nil
}

func (r *optionReader) str(name string) string {
	if r.attrs == nil {
		return r.env[name]
	}
	var s string
	r.decode(name, "string", &s)
	return s
}

func (r *optionReader) bool(name string, def bool) bool {
	if r.attrs == nil {
		if v, ok := r.env[name]; ok {
			return v == "1"
		}
		return def
	}
	var b bool
	if r.decode(name, "boolean", &b) {
		return b
	}
	return def
}

// set reads a set of strings: sorted, each once; nil if there is none.
func (r *optionReader) set(name string) []string {
	s, _ := r.lookupSet(name)
	return s
}

func (r *optionReader) lookupSet(name string) ([]string, bool) {
	var set []string
	if r.attrs == nil {
		v, ok := r.env[name]
		if !ok {
			return nil, false
		}
		set = tokens(v)
	} else if !r.decode(name, "array", &set) {
		return nil, false
	}
	slices.Sort(set)
	return slices.Compact(set), true
}

// tokens splits at white space, of which the reference knows four sorts.
func tokens(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' })
}

// plain reads what differs without structured attributes.
func (r *optionReader) plain(o *Options) {
	o.Checks.IgnoreSelfRefs = true
	o.Checks.AllowedReferences, o.Checks.HasAllowedReferences = r.lookupSet("allowedReferences")
	o.Checks.AllowedRequisites, o.Checks.HasAllowedRequisites = r.lookupSet("allowedRequisites")
	o.Checks.DisallowedReferences = r.set("disallowedReferences")
	o.Checks.DisallowedRequisites = r.set("disallowedRequisites")
	o.PassAsFile = r.set("passAsFile")
	graph := r.env["exportReferencesGraph"]
	words := tokens(graph)
	if len(words)%2 != 0 {
		r.fail(fmt.Errorf("odd number of tokens in 'exportReferencesGraph': '%s'", graph))
		return
	}
	for i := 0; i < len(words); i += 2 {
		if !graphName().MatchString(words[i]) {
			r.fail(fmt.Errorf("invalid file name '%s' in 'exportReferencesGraph'", words[i]))
			return
		}
		if o.ExportReferencesGraph == nil {
			o.ExportReferencesGraph = make(map[string][]string)
		}
		o.ExportReferencesGraph[words[i]] = []string{words[i+1]}
	}
}

// structured reads what differs with structured attributes.
func (r *optionReader) structured(o *Options) {
	for _, name := range []string{"allowedReferences", "allowedRequisites", "disallowedRequisites", "disallowedReferences", "maxSize", "maxClosureSize"} {
		if _, ok := r.attrs[name]; ok {
			o.Warnings = append(o.Warnings, fmt.Sprintf("'structuredAttrs' disables the effect of the top-level attribute '%s'; use 'outputChecks' instead", name))
		}
	}
	if _, ok := r.env["passAsFile"]; ok {
		o.Warnings = append(o.Warnings, "'structuredAttrs' disables the effect of the top-level attribute 'passAsFile'; because all JSON is always passed via file")
	}
	var checks map[string]map[string]json.RawMessage
	if r.decode("outputChecks", "object", &checks) {
		o.OutputChecks = make(map[string]OutputChecks, len(checks))
		for _, output := range sortedKeys(nil, checks) {
			o.OutputChecks[output] = r.outputChecks(output, checks[output])
		}
	}
	r.decode("unsafeDiscardReferences", "object", &o.UnsafeDiscardReferences)
	raw, ok := r.attrs["exportReferencesGraph"]
	if !ok {
		return
	}
	var graph map[string]any
	if strictJSON(raw, "object", &graph) != nil {
		o.Warnings = append(o.Warnings, "'exportReferencesGraph' in structured attrs is not a JSON object, ignoring")
		return
	}
	o.ExportReferencesGraph = make(map[string][]string, len(graph))
	for name, v := range graph {
		paths, err := flatten(nil, v)
		if err != nil {
			r.fail(err)
			return
		}
		slices.Sort(paths)
		o.ExportReferencesGraph[name] = slices.Compact(paths)
	}
}

// flatten gathers the strings of nested lists. encoding/json bounds the depth.
func flatten(paths []string, v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		return append(paths, v), nil
	case []any:
		var err error
		for _, e := range v {
			if paths, err = flatten(paths, e); err != nil {
				return nil, err
			}
		}
		return paths, nil
	}
	return nil, errors.New("'exportReferencesGraph' value is not an array or a string")
}

func (r *optionReader) outputChecks(output string, attrs map[string]json.RawMessage) OutputChecks {
	var c OutputChecks
	get := func(name, want string, v any) bool {
		raw, ok := attrs[name]
		if !ok {
			return false
		}
		if err := strictJSON(raw, want, v); err != nil {
			r.fail(fmt.Errorf("while parsing attribute 'outputChecks.\"%s\".%s': %w", output, name, err))
		}
		return true
	}
	get("maxSize", "number", &c.MaxSize)
	get("maxClosureSize", "number", &c.MaxClosureSize)
	c.HasAllowedReferences = get("allowedReferences", "array", &c.AllowedReferences)
	c.HasAllowedRequisites = get("allowedRequisites", "array", &c.AllowedRequisites)
	get("disallowedReferences", "array", &c.DisallowedReferences)
	get("disallowedRequisites", "array", &c.DisallowedRequisites)
	return c
}

// InputPlaceholders maps the placeholders that stand for outputs of the input
// derivations to those outputs: which derivation, and the names that lead
// from it to the output.
func (d *Derivation) InputPlaceholders(s storepath.Scheme) map[string]InputOutput {
	m := make(map[string]InputOutput)
	for p, in := range d.InputDrvs {
		in.walk(nil, func(names []string) {
			m[s.DynamicPlaceholder(p, names...)] = InputOutput{Drv: p, Names: slices.Clone(names)}
		})
	}
	return m
}

// InputOutput is one output of an input derivation; more than one name leads
// through outputs that are derivations themselves.
type InputOutput struct {
	Drv   storepath.Path
	Names []string
}

// walk calls f with the names that lead to each output.
func (in InputOutputs) walk(prefix []string, f func(names []string)) {
	for _, name := range in.Names {
		f(append(prefix, name))
	}
	for _, name := range sortedKeys(nil, in.Dynamic) {
		in.Dynamic[name].walk(append(prefix, name), f)
	}
}
