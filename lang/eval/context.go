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

// Contexts interns contexts. It is safe for use by several goroutines.
type Contexts struct {
	mu     sync.RWMutex
	elems  map[ContextElem]uint32
	byID   []ContextElem
	sets   map[string]Context
	lists  [][]uint32 // of each Context: element ids, sorted by compareElems
	joined map[[2]Context]Context
	bytes  atomic.Int64
}

func newContexts() *Contexts {
	return &Contexts{
		elems:  map[ContextElem]uint32{},
		sets:   map[string]Context{},
		lists:  [][]uint32{nil},
		joined: map[[2]Context]Context{},
	}
}

// Of interns the context of one element.
func (c *Contexts) Of(e ContextElem) Context {
	c.mu.RLock()
	if id, ok := c.elems[e]; ok {
		if ctx, ok := c.sets[setKey([]uint32{id})]; ok {
			c.mu.RUnlock()
			return ctx
		}
	}
	c.mu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.intern([]uint32{c.elem(e)})
}

// OfAll interns the context of several elements, in any order.
func (c *Contexts) OfAll(elems []ContextElem) Context {
	if len(elems) == 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]uint32, len(elems))
	for i, e := range elems {
		ids[i] = c.elem(e)
	}
	slices.SortFunc(ids, func(a, b uint32) int { return compareElems(c.byID[a], c.byID[b]) })
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
	if a > b {
		a, b = b, a
	}
	key := [2]Context{a, b}
	c.mu.RLock()
	r, ok := c.joined[key]
	c.mu.RUnlock()
	if ok {
		return r
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	x, y := c.lists[a], c.lists[b]
	ids := make([]uint32, 0, len(x)+len(y))
	for len(x) > 0 && len(y) > 0 {
		switch d := compareElems(c.byID[x[0]], c.byID[y[0]]); {
		case d < 0:
			ids, x = append(ids, x[0]), x[1:]
		case d > 0:
			ids, y = append(ids, y[0]), y[1:]
		default:
			ids, x, y = append(ids, x[0]), x[1:], y[1:]
		}
	}
	ids = append(append(ids, x...), y...)
	r = c.intern(ids)
	c.joined[key] = r
	c.bytes.Add(32)
	return r
}

// Elems are the elements of a context, sorted.
func (c *Contexts) Elems(ctx Context) []ContextElem {
	if ctx == 0 {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	ids := c.lists[ctx]
	out := make([]ContextElem, len(ids))
	for i, id := range ids {
		out[i] = c.byID[id]
	}
	return out
}

// Bytes is the memory that contexts hold, about.
func (c *Contexts) Bytes() int64 { return c.bytes.Load() }

func (c *Contexts) elem(e ContextElem) uint32 {
	id, ok := c.elems[e]
	if !ok {
		id = uint32(len(c.byID))
		c.byID = append(c.byID, e)
		c.elems[e] = id
		c.bytes.Add(200)
	}
	return id
}

func (c *Contexts) intern(ids []uint32) Context {
	key := setKey(ids)
	ctx, ok := c.sets[key]
	if !ok {
		ctx = Context(len(c.lists))
		c.lists = append(c.lists, ids)
		c.sets[key] = ctx
		c.bytes.Add(int64(8*len(ids) + 80))
	}
	return ctx
}

func setKey(ids []uint32) string {
	b := make([]byte, 0, 64)
	for _, id := range ids {
		b = append(b, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	return string(b)
}

// JoinContexts is the union of two contexts.
func (m *Machine) JoinContexts(a, b Context) Context {
	if a == b || b == 0 {
		return a
	}
	if a == 0 {
		return b
	}
	return m.E.Contexts.Join(a, b)
}
