//go:build unix

package realise

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/internal/lazyre"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

var shellName = lazyre.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// structuredAttrs is what the builder gets of structured attributes: JSON, and
// declarations for bash.
func (b *build) structuredAttrs() (text, shell string, err error) {
	attrs := maps.Clone(b.opts.Structured)
	outputs := []byte{'{'}
	for i, name := range b.drv.OutputNames() {
		if i > 0 {
			outputs = append(outputs, ',')
		}
		outputs = derivation.AppendJSONString(outputs, name)
		outputs = append(outputs, ':')
		outputs = derivation.AppendJSONString(outputs, b.r.scheme.Placeholder(name))
	}
	attrs["outputs"] = append(outputs, '}')
	for name, roots := range b.opts.ExportReferencesGraph {
		paths, err := b.exportedReferences(roots)
		if err != nil {
			return "", "", err
		}
		if attrs[name], err = b.r.pathInfoJSON(paths); err != nil {
			return "", "", err
		}
	}
	names := slices.Sorted(maps.Keys(attrs))
	out := []byte{'{'}
	var sh strings.Builder
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(derivation.AppendJSONString(out, name), ':')
		if out, err = derivation.AppendCanonicalJSON(out, attrs[name]); err != nil {
			return "", "", err
		}
		if shellName().MatchString(name) {
			declare(&sh, name, attrs[name])
		}
	}
	return string(append(out, '}')), sh.String(), nil
}

// pathInfoJSON describes paths in a form that never changes, whatever else
// prints of them.
func (r *Realiser) pathInfoJSON(paths []storepath.Path) (json.RawMessage, error) {
	b := []byte{'['}
	for i, p := range paths {
		if i > 0 {
			b = append(b, ',')
		}
		info, err := r.store.PathInfo(p)
		if err != nil {
			return nil, err
		}
		closure, err := r.store.Closure([]storepath.Path{p}, store.ClosureOptions{})
		if err != nil {
			return nil, err
		}
		var size int64
		for _, c := range closure {
			ci, err := r.store.PathInfo(c)
			if err != nil {
				return nil, err
			}
			size += ci.NarSize
		}
		b = append(b, '{')
		if !info.CA.IsZero() {
			b = append(b, `"ca":`...)
			b = append(derivation.AppendJSONString(b, info.CA.String()), ',')
		}
		b = strconv.AppendInt(append(b, `"closureSize":`...), size, 10)
		b = derivation.AppendJSONString(append(b, `,"narHash":`...), info.NarHash.Prefixed(hash.Nix32))
		b = strconv.AppendInt(append(b, `,"narSize":`...), info.NarSize, 10)
		b = derivation.AppendJSONString(append(b, `,"path":`...), r.print(p))
		b = append(b, `,"references":[`...)
		for j, ref := range info.References {
			if j > 0 {
				b = append(b, ',')
			}
			b = derivation.AppendJSONString(b, r.print(ref))
		}
		b = append(b, `],"valid":true}`...)
	}
	return append(b, ']'), nil
}

// declare writes an attribute as bash's declare, if it is simple, a list of
// simple values, or an object of such.
func declare(sh *strings.Builder, name string, raw json.RawMessage) {
	value, err := parseJSON(raw)
	if err != nil {
		return
	}
	if s, ok := simple(value); ok {
		sh.WriteString("declare " + name + "=" + s + "\n")
		return
	}
	var elems strings.Builder
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			s, ok := simple(e)
			if !ok {
				return
			}
			elems.WriteString(s + " ")
		}
		sh.WriteString("declare -a " + name + "=(" + elems.String() + ")\n")
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			s, ok := simple(v[key])
			if !ok {
				return
			}
			elems.WriteString("[" + shellQuote(key) + "]=" + s + " ")
		}
		sh.WriteString("declare -A " + name + "=(" + elems.String() + ")\n")
	}
}

func parseJSON(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// simple writes a value that is one word of a shell. Numbers are taken as the
// reference takes them: whole ones only, cut to 32 bits.
func simple(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return shellQuote(v), true
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return strconv.Itoa(int(int32(n))), true
		}
		f, err := v.Float64()
		if err != nil || float32(math.Ceil(float64(float32(f)))) != float32(f) {
			return "", false
		}
		return strconv.Itoa(int(int32(int64(f)))), true
	case nil:
		return "''", true
	case bool:
		if v {
			return "1", true
		}
		return "", true
	}
	return "", false
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
