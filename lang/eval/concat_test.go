package eval

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/seed192a40f6/glang/lang/ast"
)

// TestListRoom grows lists from one another, in turn and on several machines at
// once: none sees what another one has put behind it.
func TestListRoom(t *testing.T) {
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := func(m *Machine, ns ...int64) Value {
		l := m.newSlots(len(ns))
		for i, n := range ns {
			l[i] = m.NewValue(Int(n))
		}
		return List(l)
	}
	ints := func(v Value) (out []int64) {
		for _, x := range v.List() {
			out = append(out, x.Int())
		}
		return out
	}
	add := func(m *Machine, l Value, ns ...int64) Value {
		return m.appendList(l, list(m, ns...), l.size()+len(ns))
	}
	m := e.Machine(context.Background())
	defer m.Close()
	base := list(m, 0)
	want := []int64{0}
	moved := 0
	for i := range int64(1000) {
		old := base
		base, want = add(m, base, i), append(want, i)
		if &base.List()[0] != &old.List()[0] {
			moved++
		}
		if !slices.Equal(ints(base), want) || old.size() != base.size()-1 {
			t.Fatalf("after %d appends: %v", i+1, ints(base))
		}
	}
	if moved > 30 {
		t.Errorf("1000 appends copied the list %d times", moved)
	}
	if base = add(m, base, 1, 2, 3); base.aux&^listRoom == 0 {
		base = add(m, base, 4)
	}
	var wg sync.WaitGroup
	n := base.size()
	for k := range int64(4) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			m := e.Machine(context.Background())
			defer m.Close()
			for i := range int64(100) {
				l := add(m, add(m, base, k, i), k)
				if got := ints(l); !slices.Equal(got[n:], []int64{k, i, k}) || !slices.Equal(got[:n], ints(base)) {
					t.Errorf("machine %d got %v at the end", k, got[n:])
				}
			}
		}()
	}
	wg.Wait()
	if pos := e.origin(&base); pos != ast.NoPos {
		t.Errorf("a list that ++ made has position %d", pos)
	}
}
