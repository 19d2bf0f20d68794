package ast

import (
	"sort"
	"sync"
)

// Pos is a place in one of the texts of a [Sources] table: the text's base
// plus a byte offset. The zero Pos means "no position". It is four bytes, so
// that every node and every attribute can carry one.
type Pos uint32

// NoPos is the position of what was not written in any text.
const NoPos Pos = 0

// Origin says where a text came from.
type Origin uint8

// The origins, which decide how a position is shown: a file by its path,
// standard input as «stdin», an expression given as text as «string».
const (
	FromFile Origin = iota
	FromStdin
	FromString
)

// Source is one text that was parsed.
type Source struct {
	Origin Origin
	// Path is the absolute path of a file; empty for other origins.
	Path string
	// Base is the Pos of the text's first byte.
	Base Pos
	// Size is the text's length in bytes.
	Size int
	// Text gives the text again for excerpts and line numbers. It is called
	// only when a position is shown, so files need not stay in memory. It may
	// be nil: then there are no excerpts.
	Text func() ([]byte, error)

	lines []int32 // offsets of line starts, made on first use
	once  sync.Once
}

// Location is a position as people read it. Line and Column count from 1;
// Column counts bytes, as the reference does.
type Location struct {
	Source *Source
	Offset int
	Line   int
	Column int
}

// Sources gives each parsed text a range of positions. It is safe for use by
// several goroutines.
type Sources struct {
	mu   sync.RWMutex
	list []*Source
	next uint64
}

// Add enters a text and gives it its base.
func (s *Sources) Add(src *Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == 0 {
		s.next = 1
	}
	if s.next+uint64(src.Size)+1 > 1<<32 {
		// Beyond 4 GiB of source, positions are no longer told apart.
		src.Base = NoPos
		return
	}
	src.Base = Pos(s.next)
	s.next += uint64(src.Size) + 1
	s.list = append(s.list, src)
}

// Of finds the text that a position lies in; nil for NoPos. Unlike Locate it
// does not look into the text.
func (s *Sources) Of(p Pos) *Source {
	if p == NoPos {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := sort.Search(len(s.list), func(i int) bool { return s.list[i].Base > p }) - 1; i >= 0 {
		return s.list[i]
	}
	return nil
}

// Locate finds line and column of a position; ok is false for NoPos.
func (s *Sources) Locate(p Pos) (loc Location, ok bool) {
	if p == NoPos {
		return Location{}, false
	}
	s.mu.RLock()
	i := sort.Search(len(s.list), func(i int) bool { return s.list[i].Base > p }) - 1
	var src *Source
	if i >= 0 {
		src = s.list[i]
	}
	s.mu.RUnlock()
	if src == nil {
		return Location{}, false
	}
	off := int(p - src.Base)
	src.once.Do(src.findLines)
	l := sort.Search(len(src.lines), func(i int) bool { return int(src.lines[i]) > off })
	if l == 0 {
		return Location{Source: src, Offset: off, Line: 1, Column: off + 1}, true
	}
	return Location{Source: src, Offset: off, Line: l, Column: off - int(src.lines[l-1]) + 1}, true
}

func (s *Source) findLines() {
	if s.Text == nil {
		return
	}
	text, err := s.Text()
	if err != nil {
		return
	}
	s.lines = append(s.lines, 0)
	for i, c := range text {
		// As the reference counts: LF, CR LF and a lone CR end a line.
		if c == '\n' || c == '\r' && (i+1 >= len(text) || text[i+1] != '\n') {
			s.lines = append(s.lines, int32(i+1))
		}
	}
}
