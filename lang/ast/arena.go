package ast

import "unsafe"

// Arena is memory for the nodes of trees. What it hands out is used again after
// [Arena.Reset]; who wants to keep a tree keeps its arena for it alone.
type Arena struct {
	Ints        Slab[Int]
	Floats      Slab[Float]
	Strs        Slab[Str]
	Interps     Slab[Interp]
	Paths       Slab[Path]
	PathInterps Slab[PathInterp]
	SearchPaths Slab[SearchPath]
	Vars        Slab[Var]
	Selects     Slab[Select]
	HasAttrs    Slab[HasAttr]
	AttrSets    Slab[Attrs]
	Sets        Slab[Set]
	Lists       Slab[List]
	Lambdas     Slab[Lambda]
	FormalSets  Slab[Formals]
	Calls       Slab[Call]
	Lets        Slab[Let]
	Withs       Slab[With]
	Ifs         Slab[If]
	Asserts     Slab[Assert]
	Unaries     Slab[Unary]
	Binaries    Slab[Binary]
	CurPoss     Slab[CurPos]
	Parens      Slab[Paren]

	Nodes    Slab[Node]
	Attrs    Slab[Attr]
	Names    Slab[AttrName]
	Dynamics Slab[DynamicAttr]
	Formals  Slab[Formal]
	Poss     Slab[Pos]
	Indices  Slab[int]
	Text     Slab[byte]

	all []slab
}

type slab interface {
	mark() Mark
	release(Mark)
}

// Mark is how far a slab has been used.
type Mark struct{ chunk, at int }

func (a *Arena) slabs() []slab {
	if a.all == nil {
		a.all = []slab{&a.Ints, &a.Floats, &a.Strs, &a.Interps, &a.Paths, &a.PathInterps, &a.SearchPaths, &a.Vars,
			&a.Selects, &a.HasAttrs, &a.AttrSets, &a.Sets, &a.Lists, &a.Lambdas, &a.FormalSets, &a.Calls, &a.Lets,
			&a.Withs, &a.Ifs, &a.Asserts, &a.Unaries, &a.Binaries, &a.CurPoss, &a.Parens,
			&a.Nodes, &a.Attrs, &a.Names, &a.Dynamics, &a.Formals, &a.Poss, &a.Indices, &a.Text}
	}
	return a.all
}

// Reset takes everything back.
func (a *Arena) Reset() {
	for _, s := range a.slabs() {
		s.release(Mark{})
	}
}

// Mark appends how far the arena has been used to marks.
func (a *Arena) Mark(marks []Mark) []Mark {
	for _, s := range a.slabs() {
		marks = append(marks, s.mark())
	}
	return marks
}

// Release takes back what was handed out since marks were made.
func (a *Arena) Release(marks []Mark) {
	for i, s := range a.slabs() {
		s.release(marks[i])
	}
}

// Slab hands out values of one type. It is a list of chunks that grow up to
// maxChunk.
type Slab[T any] struct {
	chunks [][]T
	cur    []T // the chunk in use
	chunk  int // its number, from 1; 0: none
	at     int // how much of it is used
}

const (
	minChunk = 512
	maxChunk = 32 << 10
)

// New hands out a value, zero.
func (s *Slab[T]) New() *T {
	if s.at == len(s.cur) {
		s.more(1)
	}
	x := &s.cur[s.at]
	s.at++
	var zero T
	*x = zero
	return x
}

// Put hands out a copy of x.
func (s *Slab[T]) Put(x T) *T {
	if s.at == len(s.cur) {
		s.more(1)
	}
	p := &s.cur[s.at]
	s.at++
	*p = x
	return p
}

// Take hands out n values in a row, which may hold anything; nil if n is 0.
func (s *Slab[T]) Take(n int) []T {
	if n == 0 {
		return nil
	}
	if n > len(s.cur)-s.at {
		s.more(n)
	}
	list := s.cur[s.at : s.at+n : s.at+n]
	s.at += n
	return list
}

// Copy copies a list; nil if it is empty.
func (s *Slab[T]) Copy(list []T) []T {
	c := s.Take(len(list))
	copy(c, list)
	return c
}

// Append is append to a list of the slab.
func (s *Slab[T]) Append(list []T, x ...T) []T {
	n := len(list) + len(x)
	if n > cap(list) {
		bigger := s.Take(max(n, 2*len(list)))
		copy(bigger, list)
		list = bigger[:len(list)]
	}
	return append(list, x...)
}

// more goes on to a chunk with room for n.
func (s *Slab[T]) more(n int) {
	for s.chunk < len(s.chunks) {
		s.cur, s.at = s.chunks[s.chunk], 0
		s.chunk++
		if n <= len(s.cur) {
			return
		}
	}
	var zero T
	size := max(1, minChunk/int(unsafe.Sizeof(zero)))
	if k := len(s.chunks); k > 0 {
		size = min(2*len(s.chunks[k-1]), maxChunk/int(unsafe.Sizeof(zero)))
	}
	s.cur, s.at = make([]T, max(n, size)), 0
	s.chunks = append(s.chunks, s.cur)
	s.chunk = len(s.chunks)
}

// Reset takes everything back.
func (s *Slab[T]) Reset() { s.release(Mark{}) }

func (s *Slab[T]) mark() Mark { return Mark{s.chunk, s.at} }

func (s *Slab[T]) release(m Mark) {
	s.chunk, s.at, s.cur = m.chunk, m.at, nil
	if m.chunk > 0 {
		s.cur = s.chunks[m.chunk-1]
	}
}
