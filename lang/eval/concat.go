package eval

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

type concatCode struct {
	eager
	l, r code
	pos  ast.Pos
}

// concatable fails if l ++ r at pos are not two lists.
func (m *Machine) concatable(l, r Value, pos ast.Pos) {
	if l.tag() != KindList || r.tag() != KindList {
		m.Trace(pos, "while evaluating one of the elements to concatenate")
		if l.tag() != KindList {
			m.failType(l, "a list", ast.NoPos)
		}
		m.failType(r, "a list", ast.NoPos)
	}
}

// concatChain is a ++ b ++ c ++ … of many operands, copied once: each ++ would
// copy all after it.
type concatChain struct {
	eager
	operands []code
	pos      []ast.Pos // of the operators
}

func (c *concatChain) eval(m *Machine, f *frame) Value {
	lists := make([]Value, len(c.operands))
	for i, o := range c.operands {
		lists[i] = o.eval(m, f)
	}
	n := 0
	last := len(lists) - 1
	for i := last - 1; i >= 0; i-- { // as the operators, the innermost first
		m.concatable(lists[i], lists[i+1], c.pos[i])
	}
	some := lists[last]
	for i := last; i >= 0; i-- {
		if k := lists[i].size(); k > 0 {
			n += k
			some = lists[i]
		}
	}
	if some.size() == n {
		return some
	}
	out := m.NewList(n)
	at := 0
	for i := range lists {
		at += m.CopyList(out[at:], lists[i].List())
	}
	return List(out)
}

func (c *concatCode) eval(m *Machine, f *frame) Value {
	l, r := c.l.eval(m, f), c.r.eval(m, f)
	if l.tag() != KindList || r.tag() != KindList {
		m.concatable(l, r, c.pos)
	}
	ln, rn := l.size(), r.size()
	if ln == 0 {
		return r
	}
	if rn == 0 {
		return l
	}
	return m.appendList(l, r, ln+rn)
}

// What ++ has made may have room at its end, so that a list that grows by a few
// elements at a time is not copied each time: aux then has listRoom and how
// many words of room there are. They are nil until somebody takes all of them
// for elements, by putting a value into the first. Only a list that is itself
// longer by ++ gets room, since most lists never grow.
const (
	listRoom  = uint32(1) << 31
	minGrowth = 8 // elements from which on a list gets room
	maxRoom   = 1 << 24
)

// appendList is l ++ r, of n elements, where neither is empty.
func (m *Machine) appendList(l, r Value, n int) Value {
	room := 0
	if l.aux&listRoom != 0 {
		room = int(l.aux &^ listRoom)
		if n-l.size() <= room {
			if x, ok := m.appendInPlace(l, r.List()); ok {
				return x
			}
		}
		if room = 0; n >= minGrowth {
			room = min(n/2, maxRoom)
		}
	}
	m.countList(n)
	out := m.newSlots(n + room)
	m.CopyList(out[m.CopyList(out, l.List()):], r.List())
	return List(out[:n]).withRoom(room)
}

// appendInPlace puts elements into the room behind a list, unless that is taken.
func (m *Machine) appendInPlace(l Value, elems []*Value) (Value, bool) {
	p, n := l.span()
	room := int(l.aux &^ listRoom)
	at := unsafe.Slice((**Value)(p), n+room)[n:]
	first := (*unsafe.Pointer)(unsafe.Pointer(&at[0]))
	if atomic.LoadPointer(first) != nil || !atomic.CompareAndSwapPointer(first, nil, unsafe.Pointer(elems[0])) {
		return Value{}, false
	}
	m.CopyList(at[1:], elems[1:])
	n += len(elems)
	m.countList(n)
	return spanned(KindList, 0, p, n).withRoom(room - len(elems)), true
}

func (v Value) withRoom(n int) Value {
	v.aux = listRoom | uint32(n)
	return v
}
