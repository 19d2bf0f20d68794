package eval

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed192a40f6/glang/store/storepath"
)

// Context is the string context of a string: the set of store paths and
// derivation outputs that it refers to. Contexts are interned, so that a string
// carries four bytes and equal contexts are the same number. Zero is the empty
// context.
type Context uint32

// ContextKind says what an element of a context stands for.
type ContextKind uint8

// The kinds, in the order in which the reference sorts elements.
const (
	ContextPath   ContextKind = iota // a store path as it is
	ContextAll                       // a derivation with its whole closure and outputs
	ContextOutput                    // one output of a derivation
)

// ContextElem is an element of a context.
type ContextElem struct {
	Kind   ContextKind
	Path   storepath.Path
	Output string // for ContextOutput
}

// String is the element in the reference's encoding, with a base name for a path.
func (e ContextElem) String() string {
	switch e.Kind {
	case ContextAll:
		return "=" + e.Path.String()
	case ContextOutput:
		return "!" + e.Output + "!" + e.Path.String()
	}
	return e.Path.String()
}

// Display is the element as messages show it.
func (e ContextElem) Display(s storepath.Scheme) string {
	switch e.Kind {
	case ContextAll:
		return s.Print(e.Path) + " (deep)"
	case ContextOutput:
		return s.Print(e.Path) + "^" + e.Output
	}
	return s.Print(e.Path)
}

func compareElems(a, b ContextElem) int {
	if a.Kind != b.Kind {
		return int(a.Kind) - int(b.Kind)
	}
	if c := strings.Compare(a.Path.String(), b.Path.String()); c != 0 {
		return c
	}
	return strings.Compare(a.Output, b.Output)
}

// Contexts interns contexts. It is safe for use by several goroutines: what a
// number stands for is read without locks, and different texts mostly look for
// theirs in different shards.
type Contexts struct {
	lists  chunked[contextList] // by Context, from 1
	elems  chunked[ContextElem] // by number
	shards [contextShards]contextShard
	bytes  atomic.Int64

	// growing is held, last of all locks, to give out the next number.
	growing        sync.Mutex
	nLists, nElems uint32
}

// contextList is a context: the numbers of its elements, ascending, and another
// context whose elements have the same hash.
type contextList struct {
	ids  []uint32
	next Context
}

const contextShards = 16

// contextShard has the contexts and the elements of some hashes.
type contextShard struct {
	mu    sync.Mutex
	index map[uint64]Context // by the hash of the elements' numbers
	ids   map[ContextElem]uint32
	_     [5]uint64 // a cache line each
}

func newContexts() *Contexts { return &Contexts{nLists: 1} }

// ids are the numbers of a context's elements.
func (c *Contexts) ids(ctx Context) []uint32 {
	if ctx == 0 {
		return nil
	}
	return c.lists.at(uint32(ctx)).ids
}

// Of interns the context of one element.
func (c *Contexts) Of(e ContextElem) Context {
	return c.intern([]uint32{c.number(e)})
}

// OfAll interns the context of several elements, in any order.
func (c *Contexts) OfAll(elems []ContextElem) Context {
	ids := make([]uint32, len(elems))
	for i, e := range elems {
		ids[i] = c.number(e)
	}
	slices.Sort(ids)
	return c.intern(slices.Compact(ids))
}

// Join is the union of two contexts.
func (c *Contexts) Join(a, b Context) Context {
	if a == b || b == 0 {
		return a
	}
	if a == 0 {
		return b
	}
	return c.JoinAll([]Context{a, b})
}

// JoinAll is the union of several contexts. Only the result is interned, so
// that gathering the contexts of many strings one by one and then joining them
// costs less than joining each with the last.
func (c *Contexts) JoinAll(ctxs []Context) Context {
	var buf [2][64]uint32
	if len(ctxs) > manyContexts {
		return c.intern(c.union(ctxs))
	}
	ids := append(buf[0][:0], c.ids(ctxs[0])...)
	spare := buf[1][:0]
	for i, x := range ctxs[1:] {
		if x == 0 || x == ctxs[i] {
			continue
		}
		spare = mergeIDs(spare[:0], ids, c.ids(x))
		ids, spare = spare, ids
	}
	return c.intern(ids)
}

// manyContexts is how many are joined one after the other: sorting takes longer where
// they have much in common, and shorter where the union grows with each.
const manyContexts = 256

// union is the elements of many contexts.
func (c *Contexts) union(ctxs []Context) []uint32 {
	var ids []uint32
	for _, x := range ctxs {
		ids = append(ids, c.ids(x)...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// mergeIDs appends the union of two lists of elements to out.
func mergeIDs(out, x, y []uint32) []uint32 {
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0] == y[0]:
			out, x, y = append(out, x[0]), x[1:], y[1:]
		case x[0] < y[0]:
			out, x = append(out, x[0]), x[1:]
		default:
			out, y = append(out, y[0]), y[1:]
		}
	}
	return append(append(out, x...), y...)
}

// Elems are the elements of a context, sorted.
func (c *Contexts) Elems(ctx Context) []ContextElem {
	if ctx == 0 {
		return nil
	}
	elems := c.AppendElems(nil, ctx)
	slices.SortFunc(elems, compareElems)
	return elems
}

// AppendElems appends the elements of a context to dst, in any order.
func (c *Contexts) AppendElems(dst []ContextElem, ctx Context) []ContextElem {
	ids := c.ids(ctx)
	dst = slices.Grow(dst, len(ids))
	for _, id := range ids {
		dst = append(dst, *c.elems.at(id))
	}
	return dst
}

// Bytes is the memory that contexts hold, about.
func (c *Contexts) Bytes() int64 { return c.bytes.Load() }

// number is that of an element.
func (c *Contexts) number(e ContextElem) uint32 {
	s := &c.shards[shardOf(e)]
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.ids[e]
	if ok {
		return id
	}
	if s.ids == nil {
		s.ids = map[ContextElem]uint32{}
	}
	c.growing.Lock()
	id = c.nElems
	c.nElems++
	at := c.elems.grow(id)
	c.growing.Unlock()
	*at = e
	s.ids[e] = id
	c.bytes.Add(200)
	return id
}

// shardOf spreads elements by their paths, which begin with a hash.
func shardOf(e ContextElem) (h uint32) {
	p := e.Path.String()
	for i := range min(len(p), 4) {
		h = h*31 + uint32(p[i])
	}
	return h % contextShards
}

func hashIDs(ids []uint32) uint64 {
	h := uint64(14695981039346656037)
	for _, id := range ids {
		h = (h ^ uint64(id)) * 1099511628211
		h ^= h >> 29
	}
	return h
}

// intern finds the context of a list of numbers, or enters it.
func (c *Contexts) intern(ids []uint32) Context {
	if len(ids) == 0 {
		return 0
	}
	h := hashIDs(ids)
	s := &c.shards[h%contextShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.index[h]
	for ctx := first; ctx != 0; {
		l := c.lists.at(uint32(ctx))
		if slices.Equal(l.ids, ids) {
			return ctx
		}
		ctx = l.next
	}
	if s.index == nil {
		s.index = map[uint64]Context{}
	}
	c.growing.Lock()
	ctx := Context(c.nLists)
	c.nLists++
	at := c.lists.grow(uint32(ctx))
	c.growing.Unlock()
	*at = contextList{slices.Clone(ids), first}
	s.index[h] = ctx
	c.bytes.Add(int64(4*len(ids) + 60))
	return ctx
}

// joinCache remembers unions that a machine has made, by the two contexts.
type joinCache [1 << 10]struct{ a, b, r Context }

// JoinContexts is the union of two contexts.
func (m *Machine) JoinContexts(a, b Context) Context {
	if a == b || b == 0 {
		return a
	}
	if a == 0 {
		return b
	}
	if m.joins == nil {
		m.joins = new(joinCache)
	}
	e := &m.joins[(uint32(a)*31+uint32(b))%uint32(len(m.joins))]
	if e.a != a || e.b != b {
		e.a, e.b, e.r = a, b, m.E.Contexts.Join(a, b)
	}
	return e.r
}

// ContextSet gathers the contexts of many strings.
type ContextSet struct {
	few  [4]Context // the first ones, so that few take no memory of their own
	n    int        // how many those are
	more []Context
}

// Add adds a context.
func (s *ContextSet) Add(c Context) {
	if c != 0 {
		s.add(c)
	}
}

func (s *ContextSet) add(c Context) {
	switch {
	case s.n < len(s.few):
		if s.n == 0 || s.few[s.n-1] != c {
			s.few[s.n] = c
			s.n++
		}
	case len(s.more) > 0 && s.more[len(s.more)-1] == c:
	default:
		s.more = append(s.more, c)
	}
}

// Join is the union of what has been added.
func (s *ContextSet) Join(m *Machine) Context {
	switch s.n {
	case 0:
		return 0
	case 1:
		return s.few[0]
	case 2:
		return m.JoinContexts(s.few[0], s.few[1])
	}
	if len(s.more) > 0 {
		return m.E.Contexts.JoinAll(append(s.few[:s.n:s.n], s.more...))
	}
	return m.E.Contexts.JoinAll(s.few[:s.n])
}
