package eval

import (
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Most sets that //, listToAttrs and other builtins make have the names and
// positions of one made before. A table of recent shapes finds that one. It is
// a cache: shapes in the way of others are forgotten, and two equal shapes do
// no harm.

const (
	shapeBits = 12
	partBits  = 6
	maxKept   = 128 // names of a shape in the table
)

// shapeTable has parts that are made when they are first needed: a small
// evaluator has few shapes.
type shapeTable [1 << (shapeBits - partBits)]atomic.Pointer[[1 << partBits]atomic.Pointer[shape]]

// slot is where a shape of that hash may be.
func (t *shapeTable) slot(hash uint64) *atomic.Pointer[shape] {
	part := &t[hash>>(64-shapeBits+partBits)]
	for part.Load() == nil {
		part.CompareAndSwap(nil, new([1 << partBits]atomic.Pointer[shape]))
	}
	return &part.Load()[hash>>(64-shapeBits)%(1<<partBits)]
}

// plannedShape is a shape being put together: memory for its names and
// positions, to be filled in.
type plannedShape struct {
	names []ast.Symbol
	pos   []ast.Pos // nil: none
}

// plan begins a shape of n attributes, with positions or without, in memory
// that is used again or, for big ones, in the shape's own. m is nil where no
// machine is at hand.
func (m *Machine) plan(n int, pos bool) plannedShape {
	var p plannedShape
	if m != nil && n > maxKept {
		m.Charge(int64(n)*8 + int64(unsafe.Sizeof(shape{})))
	}
	if m != nil && n <= maxKept {
		if m.planned.names == nil {
			m.planned.names, m.planned.pos = twoLists(maxKept)
		}
		p = m.planned
	} else if pos {
		p.names, p.pos = twoLists(n)
	} else {
		p.names = make([]ast.Symbol, n)
	}
	p.names = p.names[:n]
	if pos {
		p.pos = p.pos[:n]
	} else {
		p.pos = nil
	}
	return p
}

func (p plannedShape) hash(at ast.Pos) uint64 {
	h := uint64(at)
	for i, n := range p.names {
		x := uint64(n) << 32
		if p.pos != nil {
			x |= uint64(p.pos[i])
		}
		h = (h ^ x) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h * 0x9e3779b97f4a7c15
}

// shapeOf is the shape that was planned.
func (m *Machine) shapeOf(p plannedShape, at ast.Pos) *shape {
	n := len(p.names)
	if m == nil {
		return &shape{names: p.names, pos: p.pos, at: at}
	}
	if n > maxKept {
		return &shape{names: p.names, pos: p.pos, at: at}
	}
	slot := m.E.shapes.slot(p.hash(at))
	if s := slot.Load(); s != nil && s.at == at && slices.Equal(s.names, p.names) &&
		(s.pos == nil) == (p.pos == nil) && slices.Equal(s.pos, p.pos) {
		if !s.shared.Load() {
			s.shared.Store(true)
		}
		return s
	}
	m.Charge(int64(n)*8 + int64(unsafe.Sizeof(shape{})))
	s := &shape{at: at}
	if p.pos != nil {
		s.names, s.pos = twoLists(n)
		copy(s.pos, p.pos)
	} else {
		s.names = make([]ast.Symbol, n)
	}
	copy(s.names, p.names)
	slot.Store(s)
	return s
}

// twoLists makes room for n names and positions in one piece; both are 32 bits.
func twoLists(n int) ([]ast.Symbol, []ast.Pos) {
	if n == 0 {
		return nil, nil
	}
	buf := make([]ast.Symbol, 2*n)
	return buf[:n:n], unsafe.Slice((*ast.Pos)(unsafe.Pointer(&buf[n])), n)
}
