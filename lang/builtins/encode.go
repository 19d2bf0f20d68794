package builtins

import (
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

func fromJSON(m *machine, pos ast.Pos, args []*value) value {
	s := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.fromJSON")
	if strings.IndexByte(s, '\\') >= 0 {
		m.Charge(2 * int64(len(s))) // strings with escapes do not share the text
	}
	b := &jsonBuilder{m: m}
	if err := decodeJSON(s, b); err != nil {
		je := err.(*jsonError)
		if !je.plain {
			m.Trace(pos, "while decoding a JSON string")
		}
		m.Fail(diag.Eval, ast.NoPos, "%s", eval.Plain(je.msg))
	}
	return b.result
}

// jsonBuilder makes values of what a decoder reads.
type jsonBuilder struct {
	m      *machine
	result value
	open   []jsonContainer
	elems  []*value     // of the open lists
	names  []ast.Symbol // of the open sets
}

type jsonContainer struct{ elems, names int }

func (b *jsonBuilder) put(v value) {
	if len(b.open) == 0 {
		b.result = v
		return
	}
	b.elems = append(eval.Grow(b.m, b.elems, 1), b.m.NewValue(v))
}

func (b *jsonBuilder) null()           { b.put(eval.Null()) }
func (b *jsonBuilder) boolean(x bool)  { b.put(eval.Bool(x)) }
func (b *jsonBuilder) integer(n int64) { b.put(eval.Int(n)) }
func (b *jsonBuilder) float(f float64) { b.put(eval.Float(f)) }
func (b *jsonBuilder) str(s string)    { b.put(eval.String(s, 0)) }
func (b *jsonBuilder) key(s string)    { b.names = append(eval.Grow(b.m, b.names, 1), b.m.Intern(s)) }

func (b *jsonBuilder) begin(bool) {
	b.open = append(eval.Grow(b.m, b.open, 1), jsonContainer{len(b.elems), len(b.names)})
}

func (b *jsonBuilder) end(object bool) {
	m := b.m
	m.Check()
	c := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	elems := b.elems[c.elems:]
	var v value
	if object {
		// Of equal keys the last one counts; the builder prefers the first.
		names := b.names[c.names:]
		set := m.NewAttrs(len(elems))
		for i := len(elems) - 1; i >= 0; i-- {
			set.Put(names[i], elems[i], ast.NoPos)
		}
		v = eval.AttrsValue(set.Build())
	} else {
		list := m.NewList(len(elems))
		copy(list, elems)
		v = eval.List(list)
	}
	b.elems, b.names = b.elems[:c.elems], b.names[:c.names]
	b.put(v)
}

func toJSON(m *machine, pos ast.Pos, args []*value) value {
	s, ctx := m.ToJSON(args[0], pos, true, true)
	return eval.String(s, ctx)
}

func toXML(m *machine, pos ast.Pos, args []*value) value {
	s, ctx := m.ToXML(args[0], pos, true, false)
	return eval.String(s, ctx)
}
