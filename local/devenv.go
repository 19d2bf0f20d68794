package local

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// The environment of a build, as a shell is to have it, is found out by a
// build of its own: of the same derivation with another script, which notes
// the variables and functions that bash has when the build would begin.

//go:embed devenv.sh
var devEnvScript []byte

// WriteDevDerivation writes the derivation whose build yields the environment
// in which drv is built.
func (s *Session) WriteDevDerivation(drv storepath.Path) (storepath.Path, error) {
	orig, err := s.API.ReadDerivation(drv)
	if err != nil {
		return storepath.Path{}, err
	}
	if path.Base(orig.Builder) != "bash" {
		return storepath.Path{}, errors.New("'nix develop' only works on derivations that use 'bash' as their builder")
	}
	script, err := s.API.AddText("get-env.sh", devEnvScript, nil)
	if err != nil {
		return storepath.Path{}, err
	}
	d := orig.Clone()
	d.Args = []string{s.Scheme.Print(script)}
	if text, ok := d.Env[derivation.StructuredAttrsKey]; ok {
		if d.Env[derivation.StructuredAttrsKey], err = withoutMember(text, "outputChecks"); err != nil {
			return storepath.Path{}, err
		}
	} else {
		for _, k := range []string{"allowedReferences", "allowedRequisites", "disallowedReferences", "disallowedRequisites"} {
			delete(d.Env, k)
		}
		if _, ok := d.Env["outputs"]; !ok {
			d.Env["outputs"] = strings.Join(d.OutputNames(), " ")
		}
	}
	d.Name += "-env"
	d.Env["name"] = d.Name
	d.InputSrcs = append(d.InputSrcs, script)
	slices.SortFunc(d.InputSrcs, storepath.Compare)
	d.InputSrcs = slices.Compact(d.InputSrcs)
	for name, o := range d.Outputs {
		if o.Kind == derivation.InputAddressed || o.Kind == derivation.Fixed {
			d.Outputs[name] = derivation.Output{Kind: derivation.Deferred}
			d.Env[name] = ""
		}
	}
	h := derivation.NewHasher(s.Scheme, s.API.ReadDerivation)
	p, text, err := h.Finish(d)
	if err != nil {
		return storepath.Path{}, err
	}
	return p, s.API.AddDerivation(p, d, text)
}

// withoutMember is the JSON text of an object less one member.
func withoutMember(text, name string) (string, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return "", fmt.Errorf("structured attributes: %w", err)
	}
	delete(m, name)
	b, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	b, err = derivation.AppendCanonicalJSON(nil, b)
	return string(b), err
}

// DevEnv is the environment of a build.
type DevEnv struct {
	BashFunctions   map[string]string      `json:"bashFunctions"`
	StructuredAttrs map[string]string      `json:"structuredAttrs,omitempty"` // .attrs.sh, .attrs.json
	Variables       map[string]DevVariable `json:"variables"`
}

// DevVariable is a variable of bash. Type is var, exported, array or
// associative, and Value a string, []string or map[string]string accordingly.
type DevVariable struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// UnmarshalJSON reads a variable; the type says what the value is.
func (v *DevVariable) UnmarshalJSON(b []byte) error {
	var raw struct {
		Type  string
		Value json.RawMessage
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	v.Type = raw.Type
	var err error
	switch raw.Type {
	case "var", "exported":
		var s string
		err = json.Unmarshal(raw.Value, &s)
		v.Value = s
	case "array":
		s := []string{}
		err = json.Unmarshal(raw.Value, &s)
		v.Value = s
	case "associative":
		s := map[string]string{}
		err = json.Unmarshal(raw.Value, &s)
		v.Value = s
	default:
		err = fmt.Errorf("'%s' is no type of variable", raw.Type)
	}
	return err
}

// DevEnvPath finds the output that the environment was written to.
func (s *Session) DevEnvPath(results []realise.Result) (storepath.Path, error) {
	for _, r := range results {
		for _, name := range slices.Sorted(maps.Keys(r.Outputs)) {
			p := r.Outputs[name]
			fi, err := os.Lstat(s.Store.RealPath(p))
			if err == nil && fi.Mode().IsRegular() && fi.Size() > 0 {
				return p, nil
			}
		}
	}
	return storepath.Path{}, errors.New("get-env.sh failed to produce an environment")
}

// ReadDevEnv reads an environment that was built.
func (s *Session) ReadDevEnv(p storepath.Path) (*DevEnv, error) {
	text, err := os.ReadFile(s.Store.RealPath(p))
	if err != nil {
		return nil, err
	}
	e := &DevEnv{}
	if err := json.Unmarshal(text, e); err != nil {
		return nil, fmt.Errorf("'%s' is no build environment: %w", s.Scheme.Print(p), err)
	}
	return e, nil
}

// devIgnored are variables that a shell keeps as they are.
var devIgnored = []string{"BASHOPTS", "HOME", "NIX_BUILD_TOP", "NIX_ENFORCE_PURITY", "NIX_LOG_FD", "NIX_REMOTE", "PPID", "SHELLOPTS",
	"SSL_CERT_FILE", "TEMP", "TEMPDIR", "TERM", "TMP", "TMPDIR", "TZ", "UID"}

// DevScript says how WriteBash writes an environment.
type DevScript struct {
	// Outputs is the folder that stands for those of the derivation.
	Outputs string
	// Attrs is a folder for the files of structured attributes.
	Attrs string
	// Redirects has paths, to be replaced by others wherever they occur.
	Redirects map[string]string
}

// Bash writes an environment as a script to be sourced. PATH is prepended to.
func (e *DevEnv) Bash(o DevScript) (string, error) {
	var b strings.Builder
	b.WriteString("unset shellHook\n")
	saved := []string{"PATH", "XDG_DATA_DIRS"}
	for _, v := range saved {
		fmt.Fprintf(&b, "%[1]s=${%[1]s:-}\nnix_saved_%[1]s=\"$%[1]s\"\n", v)
	}
	e.declare(&b)
	for _, v := range saved {
		fmt.Fprintf(&b, "%[1]s=\"$%[1]s${nix_saved_%[1]s:+:$nix_saved_%[1]s}\"\n", v)
	}
	b.WriteString("export NIX_BUILD_TOP=\"$(mktemp -d -t nix-shell.XXXXXX)\"\n")
	for _, v := range []string{"TMP", "TMPDIR", "TEMP", "TEMPDIR"} {
		fmt.Fprintf(&b, "export %s=\"$NIX_BUILD_TOP\"\n", v)
	}
	b.WriteString("eval \"${shellHook:-}\"\n")
	script := b.String()

	rewrites := maps.Clone(o.Redirects)
	if rewrites == nil {
		rewrites = map[string]string{}
	}
	outputs, err := e.outputs()
	if err != nil {
		return "", err
	}
	for name, path := range outputs {
		rewrites[path] = filepath.Join(o.Outputs, name)
	}
	for file, variable := range map[string]string{".attrs.sh": "NIX_ATTRS_SH_FILE", ".attrs.json": "NIX_ATTRS_JSON_FILE"} {
		text, ok := e.StructuredAttrs[file]
		if !ok {
			continue
		}
		name := filepath.Join(o.Attrs, file)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return "", err
		}
		if v, ok := e.Variables[variable].Value.(string); ok {
			rewrites[v] = name
		}
	}
	var pairs []string
	for _, from := range slices.Sorted(maps.Keys(rewrites)) {
		if from != "" {
			pairs = append(pairs, from, rewrites[from])
		}
	}
	return strings.NewReplacer(pairs...).Replace(script), nil
}

// declare writes variables and functions.
func (e *DevEnv) declare(w io.Writer) {
	for _, name := range slices.Sorted(maps.Keys(e.Variables)) {
		if slices.Contains(devIgnored, name) {
			continue
		}
		switch v := e.Variables[name]; val := v.Value.(type) {
		case string:
			fmt.Fprintf(w, "%s=%s\n", name, bashQuote(val))
			if v.Type == "exported" {
				fmt.Fprintf(w, "export %s\n", name)
			}
		case []string:
			fmt.Fprintf(w, "declare -a %s=(", name)
			for _, s := range val {
				fmt.Fprintf(w, "%s ", bashQuote(s))
			}
			fmt.Fprint(w, ")\n")
		case map[string]string:
			fmt.Fprintf(w, "declare -A %s=(", name)
			for _, k := range slices.Sorted(maps.Keys(val)) {
				fmt.Fprintf(w, "[%s]=%s ", bashQuote(k), bashQuote(val[k]))
			}
			fmt.Fprint(w, ")\n")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.BashFunctions)) {
		fmt.Fprintf(w, "%s ()\n{\n%s}\n", name, e.BashFunctions[name])
	}
}

func bashQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// outputs maps the names of the derivation's outputs to their paths.
func (e *DevEnv) outputs() (map[string]string, error) {
	out := map[string]string{}
	switch v := e.Variables["outputs"].Value.(type) {
	case map[string]string:
		return v, nil
	case string:
		for _, name := range strings.Fields(v) {
			p, ok := e.Variables[name].Value.(string)
			if !ok {
				return nil, fmt.Errorf("bash variable '%s' is not a string", name)
			}
			out[name] = p
		}
		return out, nil
	}
	return nil, errors.New("the build environment does not say which outputs there are")
}
