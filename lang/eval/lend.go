package eval

import (
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Most builtins look at their arguments while they run and never again. What a
// caller makes for such an argument, a thunk or a function, is lent: it lies in memory of the
// machine that serves the next call, no other machine can come across it, and the
// frame of a thunk is not captured for longer than the call. BuiltinDef.Borrows
// says which arguments these are.
//
// An evaluation that fails may leave references to what was lent, in the error
// and its notes: then all of that memory is given up.

const lentSlab = 63 // 63*16+8 fill a size class

// lent makes a value that is in use until the builtin returns.
func (m *Machine) lent(x Value) *Value {
	if m.lentNext == lentSlab || m.lentTo == nil {
		m.Charge(1024)
		m.lentTo, m.lentNext = new([lentSlab]Value), 0
	}
	v := &m.lentTo[m.lentNext]
	m.lentNext++
	*v = x
	return v
}

// lentThunk puts off code until a builtin forces it.
func (m *Machine) lentThunk(code uint32, f *frame) *Value {
	return m.lent(Value{kind: kindLent, aux: code, p: unsafe.Pointer(f)})
}

// lend is delay for an argument that a builtin does not keep.
func (m *Machine) lend(c code, f *frame) *Value {
	switch c := c.(type) {
	case *local0, *local1, *localCode:
		if v := peek(c, f); v != nil {
			return v
		}
	case *deferred:
		return m.lentThunk(c.index, f)
	case *lambda:
		return m.lent(c.eval(m, f))
	case *select1:
		return c.lend(m, f, c)
	case *selectCode:
		return c.lend(m, f, c)
	}
	return c.delay(m, f)
}

func (c *selectCode) lend(m *Machine, f *frame, self code) *Value {
	if v := c.atHand(f); v != nil {
		return v
	}
	return m.lentThunk(c.self.get(m, self), f)
}

// callLending calls a builtin with as many arguments as it takes.
func (m *Machine) callLending(b *Builtin, args []code, f *frame, pos ast.Pos) Value {
	base := m.reserve(len(args))
	slab, next := m.lentTo, m.lentNext
	for i, a := range args {
		var v *Value
		if b.Borrows>>i&1 != 0 {
			v = m.lend(a, f)
		} else {
			v = a.delay(m, f)
		}
		m.args[base+i] = v
	}
	m.beginCall(pos)
	x := m.callBuiltin(b, base, len(args), pos)
	m.calls--
	m.argTop = base
	switch {
	case m.lentTo != slab:
		m.lentNext = 0 // nothing that was lent before is in this slab
	case slab != nil:
		clear(slab[next:m.lentNext])
		m.lentNext = next
	}
	return x
}
