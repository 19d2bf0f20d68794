package parser

import (
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// allocator hands out the commonest nodes and small slices from slabs, which
// saves most of the cost of allocating them. A slab lives as long as one of its
// elements, and with it all that the others refer to: of the trees of many
// files, whose code has been made or will never be, little could so be dropped.
// So after the first maxSlabs, what refers to other nodes is allocated piece by
// piece; of all packages of nixpkgs 86 MB of trees are then alive instead of 125.
type allocator struct {
	slabs   int // so far
	vars    []ast.Var
	strs    []ast.Str
	selects []ast.Select
	calls   []ast.Call
	nodes   []ast.Node
	attrs   []ast.Attr
	names   []ast.AttrName
	text    []byte
}

const (
	slabSize = 64
	maxSlabs = 2000
)

// leaf cuts a node without children from a slab.
func leaf[T any](a *allocator, slab *[]T) *T {
	if len(*slab) == 0 {
		a.slabs++
		*slab = make([]T, slabSize)
	}
	x := &(*slab)[0]
	*slab = (*slab)[1:]
	return x
}

// inner makes a node that has children.
func inner[T any](a *allocator, slab *[]T) *T {
	if a.slabs > maxSlabs {
		return new(T)
	}
	return leaf(a, slab)
}

// keep copies a slice; small copies share slabs.
func keep[T any](a *allocator, slab *[]T, s []T) []T {
	n := len(s)
	if n == 0 {
		return nil
	}
	if n > slabSize/4 || a.slabs > maxSlabs {
		return append(make([]T, 0, n), s...)
	}
	if len(*slab) < n {
		a.slabs++
		*slab = make([]T, slabSize)
	}
	c := (*slab)[:n:n]
	*slab = (*slab)[n:]
	copy(c, s)
	return c
}

const textSlab = 4096

// keepText copies a string of the source, so that the tree does not hold on
// to the source, which its reader may reuse.
func (a *allocator) keepText(s string) string {
	n := len(s)
	if n == 0 {
		return ""
	}
	if n > textSlab/8 {
		return string([]byte(s))
	}
	if len(a.text) < n {
		a.text = make([]byte, textSlab)
	}
	c := a.text[:n:n]
	a.text = a.text[n:]
	copy(c, s)
	return view(c) // these bytes are never written again
}

// view is a string of the same bytes, without a copy: right for as long as
// nobody writes to them.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
