package parser

import (
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// allocator hands out the commonest nodes and small slices from slabs, which
// saves most of the cost of allocating them. A slab lives as long as one of
// its elements, which is as it should be: trees are kept or dropped by file.
type allocator struct {
	vars    []ast.Var
	strs    []ast.Str
	selects []ast.Select
	calls   []ast.Call
	nodes   []ast.Node
	attrs   []ast.Attr
	names   []ast.AttrName
	text    []byte
}

const slabSize = 64

func take[T any](slab *[]T) *T {
	if len(*slab) == 0 {
		*slab = make([]T, slabSize)
	}
	x := &(*slab)[0]
	*slab = (*slab)[1:]
	return x
}

// keep copies a slice; small copies share slabs.
func keep[T any](slab *[]T, s []T) []T {
	n := len(s)
	if n == 0 {
		return nil
	}
	if n > slabSize/4 {
		return append([]T(nil), s...)
	}
	if len(*slab) < n {
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
