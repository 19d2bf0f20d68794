package derivation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// JSONVersion is the version of the JSON form of derivations.
const JSONVersion = 4

// MarshalJSON writes the derivation in the JSON form: members sorted, store
// paths as base names, hashes as SRI, structured attributes as an object of
// their own instead of a variable.
func (d *Derivation) MarshalJSON() ([]byte, error) {
	b := append([]byte(nil), `{"args":`...)
	b = jsonStrings(b, d.Args)
	b = append(b, `,"builder":`...)
	b = AppendJSONString(b, d.Builder)
	b = append(b, `,"env":`...)
	b = jsonObject(b, d.Env, func(b []byte, key string) []byte { return AppendJSONString(b, d.Env[key]) }, StructuredAttrsKey)
	b = append(b, `,"inputs":{"drvs":{`...)
	drvs := make([]storepath.Path, 0, len(d.InputDrvs))
	for p := range d.InputDrvs {
		drvs = append(drvs, p)
	}
	slices.SortFunc(drvs, storepath.Compare)
	for i, p := range drvs {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendJSONString(b, p.String())
		b = append(b, ':')
		b = jsonInputs(b, d.InputDrvs[p])
	}
	b = append(b, `},"srcs":`...)
	srcs := make([]string, 0, len(d.InputSrcs))
	for _, p := range d.InputSrcs {
		srcs = append(srcs, p.String())
	}
	slices.Sort(srcs)
	b = jsonStrings(b, slices.Compact(srcs))
	b = append(b, `},"name":`...)
	b = AppendJSONString(b, d.Name)
	b = append(b, `,"outputs":`...)
	b = jsonObject(b, d.Outputs, func(b []byte, key string) []byte { return jsonOutput(b, d.Outputs[key]) }, "")
	if attrs, ok := d.Env[StructuredAttrsKey]; ok {
		b = append(b, `,"structuredAttrs":`...)
		var err error
		if b, err = appendCanonicalJSON(b, []byte(attrs)); err != nil {
			return nil, fmt.Errorf("cannot process %s attribute: %w", StructuredAttrsKey, err)
		}
	}
	b = append(b, `,"system":`...)
	b = AppendJSONString(b, d.Platform)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, JSONVersion, 10)
	return append(b, '}'), nil
}

func jsonObject[V any](b []byte, m map[string]V, member func([]byte, string) []byte, except string) []byte {
	b = append(b, '{')
	first := true
	for _, key := range sortedKeys(nil, m) {
		if key == except && except != "" {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = AppendJSONString(b, key)
		b = append(b, ':')
		b = member(b, key)
	}
	return append(b, '}')
}

func jsonStrings(b []byte, ss []string) []byte {
	b = append(b, '[')
	for i, s := range ss {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendJSONString(b, s)
	}
	return append(b, ']')
}

func jsonInputs(b []byte, in InputOutputs) []byte {
	b = append(b, `{"dynamicOutputs":`...)
	b = jsonObject(b, in.Dynamic, func(b []byte, key string) []byte { return jsonInputs(b, in.Dynamic[key]) }, "")
	b = append(b, `,"outputs":`...)
	b = jsonStrings(b, in.Names)
	return append(b, '}')
}

func jsonOutput(b []byte, o Output) []byte {
	switch o.Kind {
	case InputAddressed:
		b = append(b, `{"path":`...)
		b = AppendJSONString(b, o.Path.String())
	case Fixed:
		b = append(b, `{"hash":`...)
		b = AppendJSONString(b, o.Hash.SRI())
		b = append(b, `,"method":`...)
		b = AppendJSONString(b, o.Method.String())
	case Floating, Impure:
		b = append(b, `{"hashAlgo":`...)
		b = AppendJSONString(b, o.Algo.String())
		if o.Kind == Impure {
			b = append(b, `,"impure":true`...)
		}
		b = append(b, `,"method":`...)
		b = AppendJSONString(b, o.Method.String())
	default:
		b = append(b, '{')
	}
	return append(b, '}')
}

// AppendJSONString appends s in quotes, escaping what JSON demands and no
// more: the quote, the backslash and control characters. Bytes that are not
// UTF-8 become U+FFFD.
func AppendJSONString(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		i++
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i-1]...)
		start = i
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendCanonicalJSON appends a JSON text without white space and with the
// members of objects sorted, as structured attributes are stored.
func appendCanonicalJSON(b, text []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("garbage after the JSON value")
	}
	return appendJSON(b, v), nil
}

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return AppendJSONString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case json.Number:
		return appendJSONNumber(b, string(v))
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case map[string]any:
		return jsonObject(b, v, func(b []byte, key string) []byte { return appendJSON(b, v[key]) }, "")
	}
	return append(b, "null"...)
}

// appendJSONNumber writes integers of 64 bits as they are and other numbers
// in the shortest form that reads back as the same float, always with a point
// or an exponent.
func appendJSONNumber(b []byte, s string) []byte {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return strconv.AppendInt(b, n, 10)
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return strconv.AppendUint(b, n, 10)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return append(b, s...)
	}
	digits := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(digits, "e")
	exp, _ := strconv.Atoi(exponent)
	if exp < -4 || exp > 14 {
		b = append(b, mantissa...)
		b = append(b, 'e')
		b = append(b, exponent...)
		return b
	}
	plain := strconv.FormatFloat(f, 'f', -1, 64)
	b = append(b, plain...)
	if !strings.Contains(plain, ".") {
		b = append(b, ".0"...)
	}
	return b
}

// UnmarshalJSON reads the JSON form. Paths of fixed outputs are left to
// [Hasher.FillOutputs].
func (d *Derivation) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	r := jsonReader{}
	n := r.derivation(v)
	if r.err != nil {
		return r.err
	}
	*d = *n
	return nil
}

// jsonReader takes decoded JSON apart; its first error sticks, and what is
// read after it is empty. The texts name the JSON values as the reference's do.
type jsonReader struct{ err error }

func (r *jsonReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// within runs f; an error from it is said to have come up in a member.
func (r *jsonReader) within(key string, f func()) {
	if r.err != nil {
		return
	}
	if f(); r.err != nil {
		r.err = &jsonError{key: key, err: r.err}
	}
}

// jsonError is an error within a member of the JSON form.
type jsonError struct {
	key string
	err error
}

func (e *jsonError) Error() string { return e.err.Error() }
func (e *jsonError) Unwrap() error { return e.err }

// Context says where the error came up, for a trace.
func (e *jsonError) Context() string { return fmt.Sprintf("while reading key '%s'", e.key) }

func (r *jsonReader) wrongType(v any, want string) {
	r.fail("Expected JSON value to be of type '%s' but it is of type '%s': %s", want, jsonType(v), appendJSON(nil, v))
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func (r *jsonReader) object(v any) map[string]any {
	o, ok := v.(map[string]any)
	if !ok {
		r.wrongType(v, "object")
	}
	return o
}

func (r *jsonReader) array(v any) []any {
	a, ok := v.([]any)
	if !ok {
		r.wrongType(v, "array")
	}
	return a
}

func (r *jsonReader) str(v any) string {
	s, ok := v.(string)
	if !ok {
		r.wrongType(v, "string")
	}
	return s
}

func (r *jsonReader) strs(v any) []string {
	a := r.array(v)
	ss := make([]string, 0, len(a))
	for _, e := range a {
		ss = append(ss, r.str(e))
	}
	return ss
}

func (r *jsonReader) at(o map[string]any, key string) any {
	v, ok := o[key]
	if !ok && r.err == nil {
		r.fail("Expected JSON object to contain key '%s' but it doesn't: %s", key, appendJSON(nil, o))
	}
	return v
}

func (r *jsonReader) path(v any) storepath.Path {
	s := r.str(v)
	if r.err != nil {
		return storepath.Path{}
	}
	p, err := storepath.ParseBase(s)
	if err != nil {
		r.err = err
	}
	return p
}

func (r *jsonReader) derivation(v any) *Derivation {
	o := r.object(v)
	d := &Derivation{
		Name:      r.str(r.at(o, "name")),
		Outputs:   make(map[string]Output),
		InputDrvs: make(map[storepath.Path]InputOutputs),
		Env:       make(map[string]string),
	}
	if n, ok := r.at(o, "version").(json.Number); !ok {
		r.fail("Expected JSON value to be an unsigned integral number but it is of type '%s': %s", jsonType(o["version"]), appendJSON(nil, o["version"]))
	} else if n != json.Number(strconv.Itoa(JSONVersion)) {
		r.fail("Unsupported derivation JSON format version %s, only format version %d is currently supported.", n, JSONVersion)
	}
	r.within("outputs", func() {
		outputs := r.object(r.at(o, "outputs"))
		for _, name := range sortedKeys(nil, outputs) {
			d.Outputs[name] = r.output(outputs[name])
		}
	})
	r.within("inputs", func() {
		inputs := r.object(r.at(o, "inputs"))
		r.within("srcs", func() {
			for _, src := range r.array(r.at(inputs, "srcs")) {
				d.InputSrcs = append(d.InputSrcs, r.path(src))
			}
			slices.SortFunc(d.InputSrcs, storepath.Compare)
			d.InputSrcs = slices.Compact(d.InputSrcs)
		})
		r.within("drvs", func() {
			drvs := r.object(r.at(inputs, "drvs"))
			for _, base := range sortedKeys(nil, drvs) {
				d.InputDrvs[r.path(base)] = r.inputs(drvs[base], 0)
			}
		})
	})
	d.Platform = r.str(r.at(o, "system"))
	d.Builder = r.str(r.at(o, "builder"))
	d.Args = r.strs(r.at(o, "args"))
	r.within("env", func() {
		env := r.object(r.at(o, "env"))
		for _, key := range sortedKeys(nil, env) {
			d.Env[key] = r.str(env[key])
		}
	})
	if _, ok := d.Env[StructuredAttrsKey]; ok {
		r.fail("Cannot have an environment variable named '%s'. This key is reserved for encoding structured attrs", StructuredAttrsKey)
	}
	if attrs, ok := o["structuredAttrs"]; ok {
		d.Env[StructuredAttrsKey] = string(appendJSON(nil, r.object(attrs)))
	}
	return d
}

func (r *jsonReader) inputs(v any, depth int) InputOutputs {
	var in InputOutputs
	if depth >= maxDynamic {
		r.fail("dynamic outputs in derivation are nested too deeply")
		return in
	}
	o := r.object(v)
	for _, name := range r.strs(r.at(o, "outputs")) {
		in.Add(name)
	}
	dynamic := r.object(r.at(o, "dynamicOutputs"))
	for _, name := range sortedKeys(nil, dynamic) {
		if in.Dynamic == nil {
			in.Dynamic = make(map[string]InputOutputs)
		}
		in.Dynamic[name] = r.inputs(dynamic[name], depth+1)
	}
	return in
}

// output tells the kinds of outputs apart by the members they have.
func (r *jsonReader) output(v any) Output {
	o := r.object(v)
	switch strings.Join(sortedKeys(nil, o), ",") {
	case "":
		return Output{}
	case "path":
		return Output{Kind: InputAddressed, Path: r.path(o["path"])}
	case "hash,method":
		method := r.method(o["method"])
		h, err := hash.ParseSRI(r.str(o["hash"]))
		if err != nil {
			r.fail("%w", err)
		}
		return FixedOutput(method, h)
	case "hashAlgo,method":
		return Output{Kind: Floating, Method: r.method(o["method"]), Algo: r.algo(o["hashAlgo"])}
	case "hashAlgo,impure,method":
		return Output{Kind: Impure, Method: r.method(o["method"]), Algo: r.algo(o["hashAlgo"])}
	}
	r.fail("invalid JSON for derivation output")
	return Output{}
}

func (r *jsonReader) method(v any) storepath.Method {
	m, err := storepath.ParseMethod(r.str(v))
	if err != nil {
		r.fail("%w", err)
	}
	return m
}

func (r *jsonReader) algo(v any) hash.Algo {
	a, err := hash.ParseAlgo(r.str(v))
	if err != nil {
		r.fail("%w", err)
	}
	return a
}

// AppendCanonicalJSON appends JSON as the reference writes it: compact, names
// sorted, numbers and strings in their shortest forms.
func AppendCanonicalJSON(b, text []byte) ([]byte, error) { return appendCanonicalJSON(b, text) }
