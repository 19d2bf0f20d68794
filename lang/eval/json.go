package eval

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// ToJSON writes a value as JSON, without spaces, attributes sorted by name.
// With strict it forces what it meets; copyToStore copies paths to the store.
// The context is that of all strings in it.
func (m *Machine) ToJSON(v *Value, pos ast.Pos, strict, copyToStore bool) (string, Context) {
	w := jsonWriter{m: m, strict: strict, copy: copyToStore, b: m.takeBuf()}
	w.value(v, pos)
	return m.giveBuf(w.b), w.ctxs.Join(m)
}

type jsonWriter struct {
	m            *Machine
	b            []byte
	ctxs         ContextSet
	strict, copy bool
}

func (w *jsonWriter) value(v *Value, pos ast.Pos) {
	m := w.m
	m.EnterCall(pos)
	w.b = Grow(m, w.b, 64)
	if w.strict {
		m.Force(v, pos)
	}
	switch v.Kind() {
	case KindInt:
		w.b = strconv.AppendInt(w.b, v.Int(), 10)
	case KindBool:
		w.b = strconv.AppendBool(w.b, v.Bool())
	case KindNull:
		w.b = append(w.b, "null"...)
	case KindFloat:
		w.b = AppendJSONFloat(w.b, v.Float())
	case KindString:
		w.text(v.Str(), Context(v.aux))
	case KindPath:
		if w.copy {
			p := m.CopyPathToStore(v.Path())
			w.text(m.E.opts.Scheme.Print(p), m.E.Contexts.Of(ContextElem{Path: p}))
		} else {
			w.text(CleanPath(v.Path()), 0)
		}
	case KindList:
		w.list(v, pos)
	case KindAttrs:
		w.set(v, pos)
	default:
		m.Fail(diag.Type, m.determinePos(v, pos), "cannot convert %s to JSON", m.showType(v))
	}
	m.LeaveCall()
}

// fanOut has helpers write elements, to no end but their evaluation.
func (w *jsonWriter) fanOut(values []*Value) *Fan {
	if !w.strict || !w.m.WantsFan(len(values)) {
		return nil
	}
	copyToStore := w.copy
	return w.m.FanOutDeep(values, func(h *Machine, i int) { h.writeNothing(values[i], copyToStore) })
}

// fanOutSet is fanOut for the attributes of a flat set.
func (w *jsonWriter) fanOutSet(set *Attrs) *Fan {
	if !w.strict || !w.m.WantsFan(set.Len()) {
		return nil
	}
	copyToStore := w.copy
	return w.m.FanOutSet(set, func(h *Machine, a Attr) { h.writeNothing(a.Value, copyToStore) })
}

// writeNothing evaluates a value as writing it would.
func (m *Machine) writeNothing(v *Value, copyToStore bool) {
	d := jsonWriter{m: m, strict: true, copy: copyToStore, b: m.takeBuf()}
	d.value(v, ast.NoPos)
	m.buf = d.b
}

func (w *jsonWriter) list(v *Value, pos ast.Pos) {
	m := w.m
	w.b = append(w.b, '[')
	fan := w.fanOut(v.List())
	if fan != nil {
		defer fan.End()
	}
	for i, x := range v.List() {
		fan.Reach(i)
		if i > 0 {
			w.b = append(w.b, ',')
		}
		m.TraceIndex(pos, "while evaluating list element at index %d", i)
		w.value(x, pos)
		m.sp--
	}
	w.b = append(w.b, ']')
}

func (w *jsonWriter) set(v *Value, pos ast.Pos) {
	m := w.m
	if s, ctx, ok := m.tryToString(v, pos, CoerceOpts{}); ok {
		w.text(s, ctx)
		return
	}
	if out, at, ok := v.Attrs().Find(m.E.Sym.OutPath); ok {
		w.value(out, at)
		return
	}
	w.b = append(w.b, '{')
	first := true
	set := v.Attrs().flat()
	fan := w.fanOutSet(set)
	if fan != nil {
		defer fan.End()
	}
	at := 0
	for a := range set.Sorted(m) {
		fan.Reach(at)
		at++
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
		w.text(m.E.Symbols.Name(a.Name), 0)
		w.b = append(w.b, ':')
		m.TraceSymbol(a.Pos, "while evaluating attribute '%s'", a.Name)
		w.value(a.Value, a.Pos)
		m.sp--
	}
	w.b = append(w.b, '}')
}

func (w *jsonWriter) text(s string, ctx Context) {
	w.ctxs.Add(ctx)
	n := len(s) + 16
	if n > 1<<12 { // escapes seldom make much of a short one
		n += jsonEscapes(s)
	}
	w.b = Grow(w.m, w.b, n)
	var bad int
	w.b, bad = AppendJSONString(w.b, s)
	if bad >= 0 {
		w.m.Fail(diag.Eval, ast.NoPos, "JSON serialization error: [json.exception.type_error.316] %s", Plain(badUTF8(s, bad)))
	}
}

// badUTF8 says what is wrong with a string whose first wrong sequence begins at
// start: the byte that cannot go on from there, or that it ends too early.
func badUTF8(s string, start int) string {
	for i := start; i < len(s); i++ {
		if utf8.FullRuneInString(s[start : i+1]) {
			return fmt.Sprintf("invalid UTF-8 byte at index %d: 0x%02X", i, s[i])
		}
	}
	return fmt.Sprintf("incomplete UTF-8 string; last byte: 0x%02X", s[len(s)-1])
}

// jsonEscapes is by how much escapes make a string longer.
func jsonEscapes(s string) (n int) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\', c >= '\b' && c <= '\r' && c != '\v':
			n++
		case c < 0x20:
			n += 5
		}
	}
	return n
}

// AppendJSONString appends a string with quotes; bad is the index of the first
// byte that is not UTF-8, or -1.
func AppendJSONString(b []byte, s string) (out []byte, bad int) {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				return b, i
			}
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"'), -1
}

// AppendJSONFloat appends a float as the reference's JSON library writes it:
// digits that read back the same, with .0 for whole numbers.
func AppendJSONFloat(b []byte, f float64) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return append(b, "null"...)
	}
	if f == 0 {
		if math.Signbit(f) {
			return append(b, "-0.0"...)
		}
		return append(b, "0.0"...)
	}
	if f < 0 {
		b = append(b, '-')
		f = -f
	}
	digits, n := grisu2(f)
	k := len(digits)
	switch {
	case k <= n && n <= 15:
		b = append(b, digits...)
		for i := k; i < n; i++ {
			b = append(b, '0')
		}
		return append(b, '.', '0')
	case 0 < n && n <= 15:
		b = append(b, digits[:n]...)
		b = append(b, '.')
		return append(b, digits[n:]...)
	case -4 < n && n <= 0:
		b = append(b, '0', '.')
		for i := n; i < 0; i++ {
			b = append(b, '0')
		}
		return append(b, digits...)
	}
	b = append(b, digits[0])
	if k > 1 {
		b = append(b, '.')
		b = append(b, digits[1:]...)
	}
	b = append(b, 'e')
	e := n - 1
	if e < 0 {
		b = append(b, '-')
		e = -e
	} else {
		b = append(b, '+')
	}
	if e < 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(e), 10)
}
