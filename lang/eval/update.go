package eval

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// layers is the body of a set made by //: a small flat set laid over another
// one. Looking a name up walks the layers; whoever needs all attributes
// flattens, and publishes the flat set for those who come later.
type layers struct {
	top   *Attrs // flat
	base  *Attrs // flat or layered
	size  int
	depth int
	flat  atomic.Pointer[Attrs]
}

const (
	maxLayers  = 6 // beyond, lookups cost more than copying saves
	layerRatio = 4 // the top has at most 1/4 of the base's size
)

// merge remembers how this shape was last merged with a right-hand one: a
// set built by // at one place mostly meets the same two shapes again.
type merge struct {
	right  *shape
	result *shape
	from   []int32 // for each result attribute: i from the left, ^i from the right
}

// flat gives the set without layers.
func (a *Attrs) flat() *Attrs {
	if a.shape != nil {
		return a
	}
	l := (*layers)(a.vals)
	if f := l.flat.Load(); f != nil {
		return f
	}
	f := mergeFlat(nil, l.flatBase(), l.top)
	l.flat.Store(f)
	return f
}

// flatBase flattens from the small end: the tops that lie over the first flat
// set below are merged among themselves before they meet it.
func (l *layers) flatBase() *Attrs {
	b := l.base
	if b.shape != nil {
		return b
	}
	bl := (*layers)(b.vals)
	if f := bl.flat.Load(); f != nil {
		return f
	}
	tops := []*Attrs{bl.top}
	base := bl.base
	for base.shape == nil {
		x := (*layers)(base.vals)
		if f := x.flat.Load(); f != nil {
			base = f
			break
		}
		tops = append(tops, x.top)
		base = x.base
	}
	top := tops[0]
	for _, t := range tops[1:] {
		top = mergeFlat(nil, t, top)
	}
	return mergeFlat(nil, base, top)
}

// Update is left // right.
func (m *Machine) Update(left, right *Attrs) *Attrs {
	ln, rn := left.Len(), right.Len()
	if rn == 0 {
		return left
	}
	if ln == 0 {
		return right
	}
	if rn*layerRatio <= ln && ln > 16 {
		depth := 1
		if left.shape == nil {
			if l := (*layers)(left.vals); l.flat.Load() == nil {
				depth = l.depth + 1
			}
		}
		if depth <= maxLayers {
			r := right.flat()
			added := 0
			for _, n := range r.shape.names {
				if _, ok := left.Get(n); !ok {
					added++
				}
			}
			m.Charge(64)
			return &Attrs{vals: unsafe.Pointer(&layers{top: r, base: left, size: ln + added, depth: depth})}
		}
	}
	return mergeFlat(m, left.flat(), right.flat())
}

// mergeFlat is // on flat sets. m is nil where no machine is at hand: flattening
// must not depend on who happens to do it.
func mergeFlat(m *Machine, left, right *Attrs) *Attrs {
	mg := left.shape.merge.Load()
	if mg == nil || mg.right != right.shape {
		mg = newMerge(left.shape, right.shape)
		if m != nil {
			m.Charge(int64(len(mg.from)) * 12)
		}
		left.shape.merge.Store(mg)
	}
	var a *Attrs
	if m != nil {
		a = m.newAttrs(mg.result)
	} else {
		s := make([]unsafe.Pointer, len(mg.from))
		a = &Attrs{shape: mg.result, vals: unsafe.Pointer(unsafe.SliceData(s))}
	}
	vals := a.values()
	for i, f := range mg.from {
		if f >= 0 {
			vals[i] = left.val(int(f))
		} else {
			vals[i] = right.val(int(^f))
		}
	}
	return a
}

func newMerge(l, r *shape) *merge {
	s := &shape{}
	n := len(l.names) + len(r.names)
	for i, j := 0, 0; i < len(l.names) && j < len(r.names); {
		switch {
		case l.names[i] == r.names[j]:
			n--
			i++
			j++
		case l.names[i] < r.names[j]:
			i++
		default:
			j++
		}
	}
	s.names = make([]ast.Symbol, 0, n)
	from := make([]int32, 0, n)
	if l.pos != nil || r.pos != nil {
		s.pos = make([]ast.Pos, 0, n)
	}
	put := func(src *shape, i int, code int32) {
		s.names = append(s.names, src.names[i])
		from = append(from, code)
		if s.pos != nil {
			s.pos = append(s.pos, src.posAt(i))
		}
	}
	i, j := 0, 0
	for i < len(l.names) && j < len(r.names) {
		switch {
		case l.names[i] < r.names[j]:
			put(l, i, int32(i))
			i++
		case l.names[i] == r.names[j]:
			i++
			fallthrough
		default:
			put(r, j, ^int32(j))
			j++
		}
	}
	for ; i < len(l.names); i++ {
		put(l, i, int32(i))
	}
	for ; j < len(r.names); j++ {
		put(r, j, ^int32(j))
	}
	return &merge{right: r, result: s, from: from}
}
