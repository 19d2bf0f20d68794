package eval

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// layers is a set made by //: a small flat set laid over another one. Looking a
// name up walks the layers. Whoever needs all attributes flattens, and puts the
// flat set where the base was and nil where the top was, in this order: who reads
// in the other order meanwhile finds the old top over the flat set, which is the same.
type layers struct {
	Attrs                             // without a shape
	top         atomic.Pointer[Attrs] // flat
	base        atomic.Pointer[Attrs] // flat or layered
	size, depth int32
}

const (
	maxLayers  = 8 // beyond, lookups cost more than copying saves
	layerRatio = 4 // the top has at most 1/4 of the base's size
)

// layerLimit is how many layers a set of n attributes may have. It grows with
// the logarithm of n, slowly: then a set that grows by one attribute at a time
// costs n log n in all, for compact merges each attribute once a layer.
func layerLimit(n int) int { return maxLayers + bits.Len(uint(n)>>12) }

// merge remembers how this shape was last merged with a right-hand one: a
// set built by // at one place mostly meets the same two shapes again.
type merge struct {
	right  *shape
	result *shape
	// from is, for each attribute of the result, i from the left or ^i from the
	// right; nil if the shapes have met only once.
	from []int32
}

// flat gives the set without layers.
func (a *Attrs) flat() *Attrs {
	if a.shape != nil {
		return a
	}
	l := a.layers()
	top, base := l.get()
	if top == nil {
		return base
	}
	f := mergeFlat(nil, base.flatBase(), top)
	l.base.Store(f)
	l.top.Store(nil)
	return f
}

// get is the two sets that a set consists of: nil and itself if it is flat by now.
func (l *layers) get() (top, base *Attrs) {
	top = l.top.Load()
	return top, l.base.Load()
}

// flatBase flattens from the small end: the tops that lie over the first flat
// set below are merged among themselves before they meet it.
func (a *Attrs) flatBase() *Attrs {
	var top *Attrs
	for a.shape == nil {
		t, base := a.layers().get()
		switch {
		case t == nil:
		case top == nil:
			top = t
		default:
			top = mergeFlat(nil, t, top)
		}
		a = base
	}
	if top == nil {
		return a
	}
	return mergeFlat(nil, a, top)
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
		r := right.flat()
		if top, _ := left.unflattened(); top != nil && int(left.layers().depth) >= layerLimit(ln) {
			left, r = m.compact(left, r)
		}
		if r.Len()*layerRatio <= left.Len() {
			return m.layer(left, r)
		}
		return mergeFlat(m, left.flat(), r)
	}
	return mergeFlat(m, left.flat(), right.flat())
}

// unflattened gives the two sets that a set consists of, or nil if it is flat.
func (a *Attrs) unflattened() (top, base *Attrs) {
	if a.shape != nil {
		return nil, nil
	}
	return a.layers().get()
}

// layer lays a flat set over another one.
func (m *Machine) layer(base, top *Attrs) *Attrs {
	depth, size := int32(1), int32(base.Len())
	if t, _ := base.unflattened(); t != nil {
		depth = base.layers().depth + 1
	} else {
		base = base.flat() // what it was made of need not be kept
	}
	for _, n := range top.shape.names {
		if _, ok := base.Get(n); !ok {
			size++
		}
	}
	m.Charge(int64(unsafe.Sizeof(layers{})))
	l := &layers{size: size, depth: depth}
	l.top.Store(top)
	l.base.Store(base)
	return &l.Attrs
}

// compact makes room for the layer top on a set that has as many as it may:
// the set's topmost layer becomes part of it, and so does each below that is
// not more than twice as big as what is gathered by then.
func (m *Machine) compact(base, top *Attrs) (newBase, newTop *Attrs) {
	for first := true; ; first = false {
		t, under := base.unflattened()
		if t == nil || !first && t.Len() > 2*top.Len() {
			return base, top
		}
		top = mergeFlat(m, t, top)
		base = under
	}
}

// mergeFlat is // on flat sets. m is nil where no machine is at hand: flattening
// must not depend on who happens to do it. Where both shapes come from one place
// in a program and have met before, the merge of shapes is remembered.
func mergeFlat(m *Machine, left, right *Attrs) *Attrs {
	l, r := left.shape, right.shape
	if !l.shared.Load() || !r.shared.Load() {
		return mergeOnce(m, left, right)
	}
	mg := l.merge.Load()
	if mg == nil || mg.right != r {
		a := mergeOnce(m, left, right)
		l.merge.Store(&merge{right: r, result: a.shape})
		return a
	}
	if mg.from == nil {
		mg = mg.complete(l)
		l.merge.Store(mg)
	}
	a, vals := m.newFlat(len(mg.from))
	a.shape = mg.result
	for i, f := range mg.from {
		if f >= 0 {
			vals[i] = left.val(int(f))
		} else {
			vals[i] = right.val(int(^f))
		}
	}
	return a
}

// complete notes where each attribute of the result comes from. The result's
// shape is then one that is worth remembering merges for.
func (mg *merge) complete(l *shape) *merge {
	s := mg.result
	from := make([]int32, len(s.names))
	for i, n := range s.names {
		if j, ok := mg.right.find(n); ok {
			from[i] = ^int32(j)
		} else {
			j, _ := l.find(n)
			from[i] = int32(j)
		}
	}
	s.shared.Store(true)
	return &merge{right: mg.right, result: s, from: from}
}

// mergeOnce merges two sets and their shapes in one go.
func mergeOnce(m *Machine, left, right *Attrs) *Attrs {
	l, r := left.shape, right.shape
	n := len(l.names) + len(r.names)
	for i, j := 0, 0; i < len(l.names) && j < len(r.names); {
		switch x, y := l.names[i], r.names[j]; {
		case x == y:
			n--
			i++
			j++
		case x < y:
			i++
		default:
			j++
		}
	}
	p := m.plan(n, l.pos != nil || r.pos != nil)
	a, vals := m.newFlat(n)
	lv, rv := left.values(), right.values()
	i, j := 0, 0
	for k := range p.names {
		if j < len(r.names) && (i == len(l.names) || l.names[i] >= r.names[j]) {
			if i < len(l.names) && l.names[i] == r.names[j] {
				i++
			}
			p.names[k], vals[k] = r.names[j], rv[j]
			if p.pos != nil {
				p.pos[k] = r.posAt(j)
			}
			j++
			continue
		}
		p.names[k], vals[k] = l.names[i], lv[i]
		if p.pos != nil {
			p.pos[k] = l.posAt(i)
		}
		i++
	}
	a.shape = m.shapeOf(p, ast.NoPos)
	return a
}
