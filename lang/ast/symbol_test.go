package ast

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// TestSymbols: whoever enters a name, in whatever order, gets the same symbol,
// and no two names share one.
func TestSymbols(t *testing.T) {
	const names, workers = 5000, 8
	var s Symbols
	if _, ok := s.Lookup("n0"); ok {
		t.Fatal("a name is known before it was entered")
	}
	var got [workers][names]Symbol
	var wg sync.WaitGroup
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range names {
				n := (i*(2*w+1) + w) % names // odd steps reach them all, save multiples of 5
				got[w][n] = s.Intern(fmt.Sprint("n", n))
			}
			for n := range names {
				got[w][n] = s.Intern(fmt.Sprint("n", n))
			}
		}()
	}
	wg.Wait()
	for w := 1; w < workers; w++ {
		if got[w] != got[0] {
			t.Errorf("worker %d has other symbols", w)
		}
	}
	if s.Len() != names {
		t.Errorf("%d symbols for %d names", s.Len(), names)
	}
	all := got[0][:]
	for n, sym := range all {
		if x, ok := s.Lookup(fmt.Sprint("n", n)); !ok || x != sym || s.Name(sym) != fmt.Sprint("n", n) {
			t.Fatalf("n%d: symbol %d, looked up %d %v, its name %q", n, sym, x, ok, s.Name(sym))
		}
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != names {
		t.Error("names share symbols")
	}
}

// TestSymbolsCopy: a copy has the names of its origin, with their places, and
// what either learns later is not the other's.
func TestSymbolsCopy(t *testing.T) {
	const names = 2000
	var origin, s Symbols
	for i := range names {
		sym := origin.Enter(fmt.Sprint("n", i), HashName(fmt.Sprint("n", i)))
		if i%3 > 0 {
			origin.Meet(sym)
		}
	}
	s.Copy(&origin)
	if s.Len() != names || s.Met() != origin.Met() || s.Bytes() != origin.Bytes() {
		t.Errorf("%d names, %d met, %d bytes; want those of the origin", s.Len(), s.Met(), s.Bytes())
	}
	for i := range names {
		name := fmt.Sprint("n", i)
		want, _ := origin.Lookup(name)
		if got, ok := s.Lookup(name); !ok || got != want || s.Name(got) != name || s.Place(got) != origin.Place(want) {
			t.Fatalf("%s is symbol %d (%v) in place %d, want %d in %d", name, got, ok, s.Place(got), want, origin.Place(want))
		}
	}
	a, b := s.Intern("one"), origin.Intern("another")
	if a != b || s.Name(a) != "one" || origin.Name(b) != "another" {
		t.Errorf("new names are %d %q and %d %q", a, s.Name(a), b, origin.Name(b))
	}
	if _, ok := origin.Lookup("one"); ok {
		t.Error("the origin has a name of the copy")
	}
}

// BenchmarkSymbols shows how the table bears several goroutines (-cpu 1,2,4):
// nearly all names that a scanner meets are known, and code asks for the text
// of symbols far more often than it enters any.
func BenchmarkSymbols(b *testing.B) {
	var s Symbols
	names := make([]string, 10000)
	for i := range names {
		names[i] = fmt.Sprintf("name%d", i)
		s.Intern(names[i])
	}
	b.Run("known", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				s.Intern(names[i%len(names)])
			}
		})
	})
	b.Run("name", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				_ = s.Name(Symbol(1 + i%len(names)))
			}
		})
	})
}
