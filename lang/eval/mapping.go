package eval

import (
	"math"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// mapping is a function and the list, or set, that it is applied to each element
// of. The applications, while they are put off, share it and need only tell which
// element is theirs.
type mapping struct {
	fn *Value
	of unsafe.Pointer // the first of a list's elements, or an *Attrs
}

func (m *Machine) newMapping(fn *Value, of unsafe.Pointer) unsafe.Pointer {
	p := m.words(2)
	*(*mapping)(p) = mapping{fn, of}
	return p
}

func (p *mapping) elem(i uint32) *Value {
	return *(**Value)(unsafe.Add(p.of, uintptr(i)*wordSize))
}

func (m *Machine) newMapped(kind uint32, i int, p unsafe.Pointer) *Value {
	v := m.newValue()
	v.kind, v.aux, v.p = kind, uint32(i), p
	return v
}

// LazyMap is the list of a function applied to each element of a list, put off
// until they are needed.
func (m *Machine) LazyMap(fn *Value, list []*Value) []*Value {
	out := m.NewList(len(list))
	if uint64(len(list)) > math.MaxUint32 { // there is no room for the number of each
		for i, x := range list {
			out[i] = m.Lazy(fn, x)
		}
		return out
	}
	p := m.newMapping(fn, unsafe.Pointer(unsafe.SliceData(list)))
	for i := range out {
		out[i] = m.newMapped(kindMapped, i, p)
	}
	return out
}

// LazyMapAttrs is the set of a function applied to each name and value of a set,
// put off until they are needed; it has no positions.
func (m *Machine) LazyMapAttrs(fn *Value, a *Attrs) *Attrs {
	a = a.flat()
	r := m.newAttrs(a.shape.bare())
	vals := r.values()
	p := m.newMapping(fn, unsafe.Pointer(a))
	for i := range vals {
		vals[i] = m.newMapped(kindNamed, i, p)
	}
	return r
}

// callNamed is the function of a mapping applied to the i-th attribute.
func (m *Machine) callNamed(p *mapping, i int, pos ast.Pos) Value {
	a := (*Attrs)(p.of)
	name := String(m.E.Symbols.Name(a.shape.names[i]), 0)
	if !m.frees(p.fn, 2) {
		return m.Call(p.fn, pos, m.NewValue(name), a.val(i))
	}
	arg := m.takeSpare(name)
	handed := m.handed
	x := m.Call(p.fn, pos, arg, a.val(i))
	if m.handed == handed {
		m.spareArg = arg
	}
	return x
}
