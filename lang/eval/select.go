package eval

import (
	"context"
	"slices"
	"strings"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// nameCode is a part of an attribute path: a symbol, or code that computes it.
type nameCode struct {
	sym  ast.Symbol
	expr *nameExpr
}

type nameExpr struct {
	code code
	pos  ast.Pos  // of the expression
	node ast.Node // the expression, for messages
}

func (n *nameCode) get(m *Machine, f *frame) ast.Symbol {
	if n.expr == nil {
		return n.sym
	}
	x := n.expr.code.eval(m, f)
	return m.Intern(m.stringNoCtx(x, n.expr.pos, "while evaluating an attribute name"))
}

// selectCode is e.a.b.
type selectCode struct {
	base code
	path []nameCode
	def  code
	pos  ast.Pos
	self lateIndex
}

func (c *selectCode) delay(m *Machine, f *frame) *Value { return c.delayed(m, f, c) }

func (c *select1) delay(m *Machine, f *frame) *Value { return c.delayed(m, f, c) }

// delayed makes no thunk where the value is there and evaluated. It copies the
// value, for what it selects counts as unevaluated, and is not the same function.
func (c *selectCode) delayed(m *Machine, f *frame, self code) *Value {
	if x := c.atHand(f); x != nil {
		return m.NewValue(ready(x.Copy()))
	}
	return c.self.thunk(m, self, f)
}

// atHand is the value if it is there and evaluated, else nil.
func (c *selectCode) atHand(f *frame) *Value {
	if len(c.path) == 1 && c.path[0].expr == nil {
		if v := peek(c.base, f); v != nil && v.Kind() == KindAttrs {
			if x, ok := v.Attrs().Get(c.path[0].sym); ok && x.Forced() {
				return x
			}
		}
	}
	return nil
}

// peek is the value of a variable if it is in its slot already.
func peek(c code, f *frame) *Value {
	switch c := c.(type) {
	case *local0:
		return f.get(c.index)
	case *local1:
		return f.up.get(c.index)
	case *localCode:
		return f.ancestor(c.level).get(c.index)
	}
	return nil
}

// select1 is the common case: one static name and no default.
type select1 struct{ selectCode }

func (c *select1) eval(m *Machine, f *frame) Value {
	x := c.base.eval(m, f)
	if x.tag() == KindAttrs {
		if v, pos, ok := x.Attrs().Find(c.path[0].sym); ok {
			if !v.Forced() {
				if pos != ast.NoPos {
					m.push(shadowSelect, unsafe.Pointer(&c.selectCode), pos)
					m.force(v, pos)
					m.sp--
				} else {
					m.force(v, c.pos)
				}
			}
			return v.Copy()
		}
	}
	return c.fail(m, x, 0, c.path[0].sym)
}

// fail throws the error of a selection from x that does not work out
// at the i-th part of its path.
func (c *selectCode) fail(m *Machine, x Value, i int, sym ast.Symbol) Value {
	if x.tag() != KindAttrs {
		m.Trace(c.pos, "while selecting an attribute")
		m.failType(x, "a set", ast.NoPos)
	}
	m.missing(x.Attrs(), sym, c, i)
	panic("unreachable")
}

// missing throws "attribute 'x' missing".
func (m *Machine) missing(a *Attrs, sym ast.Symbol, c *selectCode, i int) {
	names := make([]string, 0, a.Len())
	for n := range a.All() {
		names = append(names, m.E.Symbols.Name(n))
	}
	name := m.E.Symbols.Name(sym)
	m.Errorf(diag.Eval, c.pos, "attribute '%s' missing", ast.ShowIdentifier(name)).WithSuggestions(name, names).
		explain(func(e *diag.Error) { m.E.missingNotes(e, a, name, names, c, i) }).Throw()
}

func (c *selectCode) eval(m *Machine, f *frame) Value {
	x := c.base.eval(m, f)
	pos := ast.NoPos
	k := m.sp
	for i := range c.path {
		n := &c.path[i]
		sym := n.sym
		if n.expr != nil {
			m.traceSelect(k, c, f, pos)
			sym = n.get(m, f)
		}
		var v *Value
		ok := false
		if x.is(KindAttrs) {
			var p ast.Pos
			if v, p, ok = x.Attrs().Find(sym); ok {
				pos = p
			}
		}
		if !ok {
			m.traceSelect(k, c, f, pos)
			if c.def == nil {
				return c.fail(m, x, i, sym)
			}
			// The default too is evaluated inside of the reference's handler.
			d := c.def.eval(m, f)
			m.sp = k
			return d
		}
		if !v.Forced() {
			m.traceSelect(k, c, f, pos)
			if i+1 < len(c.path) || pos == ast.NoPos {
				m.force(v, c.pos)
			} else {
				m.force(v, pos)
			}
		}
		x = v.Copy()
	}
	m.sp = k
	return x
}

// traceSelect notes that the attribute found so far at pos is being evaluated.
func (m *Machine) traceSelect(k int, c *selectCode, f *frame, pos ast.Pos) {
	m.sp = k
	if pos == ast.NoPos {
		return
	}
	if slices.ContainsFunc(c.path, func(n nameCode) bool { return n.expr != nil }) {
		m.push(shadowEnv, unsafe.Pointer(f), ast.NoPos)
	}
	m.push(shadowSelect, unsafe.Pointer(c), pos)
}

// attrPathText is the attribute path of a selection as messages show it.
func (e *Evaluator) attrPathText(c *selectCode, f *frame) string {
	var b strings.Builder
	for i := range c.path {
		n := &c.path[i]
		if i > 0 {
			b.WriteByte('.')
		}
		if n.expr == nil {
			b.WriteString(ast.ShowIdentifier(e.Symbols.Name(n.sym)))
			continue
		}
		name, ok := "", false
		if f != nil {
			m := e.Machine(context.Background())
			if fl := m.catch(func() { name, ok = ast.ShowIdentifier(e.Symbols.Name(n.get(m, f))), true }); fl != nil {
				ok = false
			}
			m.Close()
		}
		if !ok {
			name = "\"${" + printNode(n.expr.node, e.Symbols) + "}\""
		}
		b.WriteString(name)
	}
	return b.String()
}

// hasAttrCode is e ? a.b.
type hasAttrCode struct {
	eager
	base code
	path []nameCode
	pos  ast.Pos
}

func (c *hasAttrCode) eval(m *Machine, f *frame) Value {
	x := c.base.eval(m, f)
	for i := range c.path {
		sym := c.path[i].get(m, f)
		if !x.is(KindAttrs) {
			return Bool(false)
		}
		v, ok := x.Attrs().Get(sym)
		if !ok {
			return Bool(false)
		}
		if i+1 < len(c.path) {
			m.Force(v, c.pos)
			x = v.Copy()
		}
	}
	return Bool(true)
}
