package eval

import (
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// Equal compares two values as == does, forcing what it must.
func (m *Machine) Equal(a, b *Value, pos ast.Pos, what string) bool {
	m.EnterCall(pos)
	m.Force(a, pos)
	m.Force(b, pos)
	r := a == b || m.equal(a.Copy(), b.Copy(), pos, what)
	m.LeaveCall()
	return r
}

// equal is Equal for evaluated values.
func (m *Machine) equal(a, b Value, pos ast.Pos, what string) bool {
	ka, kb := a.tag(), b.tag()
	if ka != kb {
		switch {
		case ka == KindInt && kb == KindFloat:
			return float64(a.Int()) == b.Float()
		case ka == KindFloat && kb == KindInt:
			return a.Float() == float64(b.Int())
		}
		return false
	}
	switch ka {
	case KindInt:
		return a.int() == b.int()
	case KindBool:
		return a.bool() == b.bool()
	case KindNull:
		return true
	case KindFloat:
		return a.Float() == b.Float()
	case KindString:
		return m.sameText(a.Str(), b.Str())
	case KindPath:
		return a.Path() == b.Path()
	case KindList:
		x, y := a.List(), b.List()
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !m.Equal(x[i], y[i], pos, what) {
				return false
			}
		}
		return true
	case KindAttrs:
		x, y := a.Attrs(), b.Attrs()
		if m.isDerivation(x) && m.isDerivation(y) {
			o, ok := x.Get(m.E.Sym.OutPath)
			p, ok2 := y.Get(m.E.Sym.OutPath)
			if ok && ok2 {
				return m.Equal(o, p, pos, what)
			}
		}
		if x.Len() != y.Len() {
			return false
		}
		x, y = x.flat(), y.flat()
		ox, oy := m.order(x.shape), m.order(y.shape)
		for k := range x.shape.names {
			i, j := nth(ox, k), nth(oy, k)
			if x.shape.names[i] != y.shape.names[j] || !m.Equal(x.val(i), y.val(j), pos, what) {
				return false
			}
		}
		return true
	case KindExternal:
		return a.p == b.p
	}
	return false // functions
}

// assertEqual throws an error that says how two values, which Equal has found
// different, differ. It goes the same way as Equal.
func (m *Machine) assertEqual(a, b *Value, pos ast.Pos, what string) {
	m.EnterCall(pos)
	m.Force(a, pos)
	m.Force(b, pos)
	if a != b {
		m.assertEqualForced(a, b, pos, what)
	}
	m.LeaveCall()
}

func (m *Machine) assertEqualForced(a, b *Value, pos ast.Pos, what string) {
	fail := func(format string, args ...any) { m.Fail(diag.Assertion, ast.NoPos, format, args...) }
	show := func(v *Value) Plain { return Plain(m.errorValue(v)) }
	ka, kb := a.Kind(), b.Kind()
	number := func(k Kind) bool { return k == KindInt || k == KindFloat }
	if number(ka) && number(kb) {
		if m.equal(a.Copy(), b.Copy(), pos, what) {
			return
		}
		fail("%s with value '%s' is not equal to %s with value '%s'", m.showType(a), show(a), m.showType(b), show(b))
	}
	if ka != kb && !(a.IsFunction() && b.IsFunction()) {
		fail("%s of value '%s' is not equal to %s of value '%s'", m.showType(a), show(a), m.showType(b), show(b))
	}
	switch ka {
	case KindBool:
		if a.Bool() != b.Bool() {
			fail("boolean '%s' is not equal to boolean '%s'", show(a), show(b))
		}
	case KindString:
		if a.Str() != b.Str() {
			fail("string '%s' is not equal to string '%s'", show(a), show(b))
		}
	case KindPath:
		if a.Path() != b.Path() {
			fail("path '%s' is not equal to path '%s'", show(a), show(b))
		}
	case KindNull:
	case KindList:
		x, y := a.List(), b.List()
		if len(x) != len(y) {
			fail("list of size '%d' is not equal to list of size '%d', left hand side is '%s', right hand side is '%s'",
				len(x), len(y), show(a), show(b))
		}
		for i := range x {
			m.TraceIndex(pos, "while comparing list element %d", i)
			m.assertEqual(x[i], y[i], pos, what)
			m.sp--
		}
	case KindAttrs:
		m.assertEqualSets(a, b, pos, what)
	case KindExternal:
		if a.p != b.p {
			fail("external value '%s' is not equal to external value '%s'", show(a), show(b))
		}
	default:
		fail("distinct functions and immediate comparisons of identical functions compare as unequal")
	}
}

func (m *Machine) assertEqualSets(a, b *Value, pos ast.Pos, what string) {
	fail := func(format string, args ...any) { m.Fail(diag.Assertion, ast.NoPos, format, args...) }
	show := func(v *Value) Plain { return Plain(m.errorValue(v)) }
	if m.IsDerivation(a) && m.IsDerivation(b) {
		x, ok := a.Attrs().Get(m.E.Sym.OutPath)
		y, ok2 := b.Attrs().Get(m.E.Sym.OutPath)
		if ok && ok2 {
			m.Trace(pos, Messagef("while comparing a derivation by its '%s' attribute", "outPath"))
			m.assertEqual(x, y, pos, what)
			m.sp--
			return
		}
	}
	x, y := a.Attrs(), b.Attrs()
	if x.Len() != y.Len() {
		fail("attribute names of attribute set '%s' differs from attribute set '%s'", show(a), show(b))
	}
	x, y = x.flat(), y.flat()
	ox, oy := m.order(x.shape), m.order(y.shape)
	for k := range x.shape.names {
		i, j := nth(ox, k), nth(oy, k)
		n := x.shape.names[i]
		if o := y.shape.names[j]; n != o {
			if _, ok := y.Get(n); !ok {
				fail("attribute name '%s' is contained in '%s', but not in '%s'", ast.ShowIdentifier(m.E.Symbols.Name(n)), show(a), show(b))
			}
			fail("attribute name '%s' is missing in '%s', but is contained in '%s'", ast.ShowIdentifier(m.E.Symbols.Name(o)), show(a), show(b))
		}
		sp := m.sp
		m.TraceSymbol(pos, "while comparing attribute '%s'", n)
		if p := x.shape.posAt(i); p != ast.NoPos {
			m.Trace(p, "where left hand side is")
		}
		if p := y.shape.posAt(j); p != ast.NoPos {
			m.Trace(p, "where right hand side is")
		}
		m.assertEqual(x.val(i), y.val(j), pos, what)
		m.sp = sp
	}
}

// Less orders two values as builtins.lessThan does. Only numbers, strings,
// paths and lists of them have an order. Errors show the frame what, unless it
// is empty.
func (m *Machine) Less(a, b *Value, pos ast.Pos, what string) bool {
	m.Force(a, pos)
	m.Force(b, pos)
	if k := a.Kind(); k == b.Kind() {
		switch k {
		case KindInt:
			return a.Int() < b.Int()
		case KindString, KindPath:
			return a.Str() < b.Str()
		case KindFloat:
			return a.Float() < b.Float()
		}
	}
	k := m.sp
	if what != "" {
		m.Trace(ast.NoPos, what)
	}
	r := m.lessSlow(a, b, pos, what)
	m.sp = k
	return r
}

// Compare is Less in three values: below 0, 0 or above 0.
func (m *Machine) Compare(a, b *Value, pos ast.Pos, what string) int {
	if m.Less(a, b, pos, what) {
		return -1
	}
	if m.Less(b, a, pos, what) {
		return 1
	}
	return 0
}

func (m *Machine) lessSlow(a, b *Value, pos ast.Pos, what string) bool {
	ka, kb := a.Kind(), b.Kind()
	switch {
	case ka == KindInt && kb == KindFloat:
		return float64(a.Int()) < b.Float()
	case ka == KindFloat && kb == KindInt:
		return a.Float() < float64(b.Int())
	case ka != kb && !(a.IsFunction() && b.IsFunction()):
		m.Fail(diag.Eval, ast.NoPos, "cannot compare %s with %s; values are %s and %s",
			m.showType(a), m.showType(b), Plain(m.errorValue(a)), Plain(m.errorValue(b)))
	case ka == KindList:
		m.enter(pos)
		x, y := a.List(), b.List()
		less := false
		for i := 0; ; i++ {
			if i == len(y) {
				break
			}
			if i == len(x) {
				less = true
				break
			}
			if !m.Equal(x[i], y[i], pos, what) {
				less = m.Less(x[i], y[i], pos, "while comparing two list elements")
				break
			}
		}
		m.depth--
		return less
	}
	m.Fail(diag.Eval, ast.NoPos, "cannot compare %s with %s; values of that type are incomparable (values are %s and %s)",
		m.showType(a), m.showType(b), Plain(m.errorValue(a)), Plain(m.errorValue(b)))
	return false
}
