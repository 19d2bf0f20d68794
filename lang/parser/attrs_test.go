package parser

import (
	"math/rand"
	"testing"

	"github.com/seed192a40f6/glang/lang/ast"
)

// TestSetIndex holds the index of large sets against maps.
func TestSetIndex(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	var x setIndex
	for range 3 {
		x.reset()
		type set struct {
			id    uint32
			attrs []ast.Attr
			has   map[ast.Symbol]int
		}
		sets := make([]set, 20)
		for i := range sets {
			sets[i] = set{x.newID(), nil, map[ast.Symbol]int{}}
		}
		for range 20_000 {
			s := &sets[r.Intn(len(sets))]
			name := ast.Symbol(1 + r.Intn(3000))
			want, known := s.has[name]
			if len(s.attrs) > 0 {
				if got, ok := x.get(s.id, name, s.attrs); ok != known || ok && got != want {
					t.Fatalf("set %d has %d at %d: %v; want %d: %v", s.id, name, got, ok, want, known)
				}
			}
			if !known {
				s.has[name] = len(s.attrs)
				s.attrs = append(s.attrs, ast.Attr{Name: name})
				x.put(s.id, name, len(s.attrs)-1)
			}
		}
	}
}
