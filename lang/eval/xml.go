package eval

import (
	"io"
	"strconv"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// ToXML writes a value as builtins.toXML does. With strict it forces what it
// meets; location adds where attributes and functions were defined.
func (m *Machine) ToXML(v *Value, pos ast.Pos, strict, location bool) (string, Context) {
	w := m.xmlWriter(strict, location)
	w.document(v, pos)
	return w.text(), w.ctxs.Join(m)
}

// WriteXML is ToXML to a writer. When evaluation fails in the midst of it, what
// was written until then comes out, as with the reference: well-formed.
func (m *Machine) WriteXML(out io.Writer, v *Value, pos ast.Pos, strict, location bool) error {
	w := m.xmlWriter(strict, location)
	complete := false
	defer func() {
		if complete {
			return
		}
		for n := len(w.elements); n > 0; n = len(w.elements) {
			w.close(w.elements[n-1])
		}
		_, _ = io.WriteString(out, w.text()) // what unwinds is the error that counts
	}()
	w.document(v, pos)
	complete = true
	_, err := io.WriteString(out, w.text())
	return err
}

func (m *Machine) xmlWriter(strict, location bool) *xmlWriter {
	return &xmlWriter{m: m, strict: strict, location: location, seen: map[string]bool{}, b: m.takeBuf()}
}

func (w *xmlWriter) document(v *Value, pos ast.Pos) {
	w.write("<?xml version='1.0' encoding='utf-8'?>\n")
	w.open("expr", nil)
	w.value(v, pos)
	w.close("expr")
}

type xmlWriter struct {
	m                *Machine
	b                []byte
	full             [][]byte // what was written before b
	ctxs             ContextSet
	strict, location bool
	mute             bool     // nothing is written
	elements         []string // those that are open
	seen             map[string]bool
}

// xmlPiece is about the length of the pieces that a text is written in:
// growing one buffer would cost five times its length in the end.
const xmlPiece = 64 << 10

// spill begins a new piece if the current one is long enough.
func (w *xmlWriter) spill() {
	if len(w.b) >= xmlPiece {
		w.m.Charge(int64(len(w.b)))
		w.full = append(w.full, w.b)
		w.b = make([]byte, 0, xmlPiece+xmlPiece/4)
	}
}

// text puts the pieces together.
func (w *xmlWriter) text() string {
	if w.full == nil {
		return w.m.giveBuf(w.b)
	}
	n := len(w.b)
	for _, p := range w.full {
		n += len(p)
	}
	w.m.Charge(int64(n))
	b := make([]byte, 0, n)
	for _, p := range w.full {
		b = append(b, p...)
	}
	b = append(b, w.b...)
	return unsafe.String(unsafe.SliceData(b), n)
}

// xmlAttr are attributes of an element: name, value, name, value …, by name.
type xmlAttr []string

func (w *xmlWriter) start(name string, attrs xmlAttr) {
	if w.mute {
		return
	}
	w.indent()
	w.b = append(w.b, '<')
	w.write(name)
	for i := 0; i < len(attrs); i += 2 {
		w.b = append(w.b, ' ')
		w.write(attrs[i])
		w.write("=\"")
		w.escape(attrs[i+1])
		w.b = append(w.b, '"')
	}
}

func (w *xmlWriter) write(s string) {
	if !w.mute {
		w.b = append(w.b, s...)
	}
}

func (w *xmlWriter) indent() {
	if w.mute {
		return
	}
	for range len(w.elements) {
		w.b = append(w.b, ' ', ' ')
	}
}

func (w *xmlWriter) escape(s string) {
	for len(s) > xmlPiece { // in pieces, for it may get six times as long
		w.escape(s[:xmlPiece])
		w.spill()
		s = s[xmlPiece:]
	}
	start := 0
	for i := 0; i < len(s); i++ {
		var e string
		switch s[i] {
		case '"':
			e = "&quot;"
		case '<':
			e = "&lt;"
		case '>':
			e = "&gt;"
		case '&':
			e = "&amp;"
		case '\n':
			e = "&#xA;"
		default:
			continue
		}
		w.b = append(append(w.b, s[start:i]...), e...)
		start = i + 1
	}
	w.b = append(w.b, s[start:]...)
}

func (w *xmlWriter) open(name string, attrs xmlAttr) {
	w.start(name, attrs)
	w.write(">\n")
	w.elements = append(w.elements, name)
}

func (w *xmlWriter) close(name string) {
	w.elements = w.elements[:len(w.elements)-1]
	w.indent()
	w.write("</")
	w.write(name)
	w.write(">\n")
	w.spill()
}

func (w *xmlWriter) empty(name string, attrs ...string) {
	w.start(name, attrs)
	w.write(" />\n")
	w.spill()
}

// position gives the attributes column, line and path of a position.
func (w *xmlWriter) position(attrs xmlAttr, pos ast.Pos) xmlAttr {
	loc, ok := w.m.E.Sources.Locate(pos)
	if !ok {
		return attrs
	}
	out := xmlAttr{"column", strconv.Itoa(loc.Column), "line", strconv.Itoa(loc.Line)}
	out = append(out, attrs...)
	if loc.Source.Origin == ast.FromFile {
		out = append(out, "path", loc.Source.Path)
	}
	return out
}

func (w *xmlWriter) value(v *Value, pos ast.Pos) {
	m := w.m
	m.Check()
	m.EnterCall(pos)
	if w.strict {
		m.Force(v, pos)
	}
	switch v.Kind() {
	case KindInt:
		w.empty("int", "value", strconv.FormatInt(v.Int(), 10))
	case KindBool:
		w.empty("bool", "value", strconv.FormatBool(v.Bool()))
	case KindString:
		w.ctxs.Add(v.Context())
		w.empty("string", "value", v.Str())
	case KindPath:
		w.empty("path", "value", m.E.DisplayPath(v.Path()))
	case KindNull:
		w.empty("null")
	case KindFloat:
		w.empty("float", "value", FormatFloat(v.Float()))
	case KindAttrs:
		w.set(v)
	case KindList:
		w.list(v.List(), pos)
	case KindLambda:
		w.function(v)
	default:
		w.empty("unevaluated")
	}
	m.LeaveCall()
}

func (w *xmlWriter) set(v *Value) {
	m := w.m
	if !m.IsDerivation(v) {
		w.open("attrs", nil)
		w.attrs(v.Attrs())
		w.close("attrs")
		return
	}
	var attrs xmlAttr
	drvPath := ""
	if d, pos, ok := v.Attrs().Find(m.E.Sym.DrvPath); ok {
		if w.strict {
			m.Force(d, pos)
		}
		if d.Kind() == KindString {
			drvPath = d.Str()
			attrs = append(attrs, "drvPath", drvPath)
		}
	}
	if o, pos, ok := v.Attrs().Find(m.E.Sym.OutPath); ok {
		if w.strict {
			m.Force(o, pos)
		}
		if o.Kind() == KindString {
			attrs = append(attrs, "outPath", o.Str())
		}
	}
	w.open("derivation", attrs)
	if drvPath != "" && !w.seen[drvPath] {
		w.seen[drvPath] = true
		w.attrs(v.Attrs())
	} else {
		w.empty("repeated")
	}
	w.close("derivation")
}

func (w *xmlWriter) list(values []*Value, pos ast.Pos) {
	w.open("list", nil)
	var fan *Fan
	if w.strict && w.m.WantsFan(len(values)) {
		fan = w.m.FanOutDeep(values, func(h *Machine, i int) { h.visitXML(values[i], pos) })
	}
	defer fan.End()
	for i, x := range values {
		fan.Reach(i)
		w.value(x, pos)
	}
	w.close("list")
}

// visitXML evaluates a value as writing it would.
func (m *Machine) visitXML(v *Value, pos ast.Pos) {
	w := xmlWriter{m: m, strict: true, mute: true, seen: map[string]bool{}}
	w.value(v, pos)
}

func (w *xmlWriter) attrs(a *Attrs) {
	var fan *Fan
	if a = a.flat(); w.strict && w.m.WantsFan(a.Len()) {
		fan = w.m.FanOutSet(a, func(h *Machine, x Attr) { h.visitXML(x.Value, x.Pos) })
	}
	defer fan.End()
	at := -1
	for x := range a.Sorted(w.m) {
		at++
		fan.Reach(at)
		attrs := xmlAttr{"name", w.m.E.Symbols.Name(x.Name)}
		if w.location && x.Pos != ast.NoPos {
			attrs = w.position(attrs, x.Pos)
		}
		w.open("attr", attrs)
		w.value(x.Value, x.Pos)
		w.close("attr")
	}
}

func (w *xmlWriter) function(v *Value) {
	m := w.m
	f := m.Function(v)
	var attrs xmlAttr
	if w.location {
		attrs = w.position(nil, f.Pos)
	}
	w.open("function", attrs)
	if !f.TakesSet {
		w.empty("varpat", "name", m.E.Symbols.Name(f.Arg))
		w.close("function")
		return
	}
	var pat xmlAttr
	if f.Ellipsis {
		pat = append(pat, "ellipsis", "1")
	}
	if f.Arg != ast.NoSymbol {
		pat = append(pat, "name", m.E.Symbols.Name(f.Arg))
	}
	w.open("attrspat", pat)
	for _, n := range m.sortedFormals(f.Formals) {
		w.empty("attr", "name", n)
	}
	w.close("attrspat")
	w.close("function")
}
