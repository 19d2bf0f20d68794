package eval

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/seed192a40f6/glang/store/storepath"
)

// TestJoinContexts joins few contexts and many, one by one and all at once; the
// elements come out sorted, each once.
func TestJoinContexts(t *testing.T) {
	c := newContexts()
	rnd := rand.New(rand.NewSource(1))
	var elems []ContextElem
	for i := range 60 {
		// Hashes that differ at the beginning, late, and not at all.
		base := []string{"0123456789abcdfghijklmnpqrsvwxyz", "0123456789abcdfghijklmnpqrsvwxy0", "z123456789abcdfghijklmnpqrsvwxyz"}[i%3]
		p, err := storepath.ParseBase(fmt.Sprintf("%s-n%d", base, i%7))
		if err != nil {
			t.Fatal(err)
		}
		e := ContextElem{Kind: ContextKind(i % 3), Path: p}
		if e.Kind == ContextOutput {
			e.Output = []string{"out", "dev"}[i/3%2]
		}
		elems = append(elems, e)
	}
	for n := 1; n < 3*manyContexts; n += 1 + n/8 {
		var ctxs []Context
		one := Context(0)
		var want []ContextElem
		for range n {
			var some []ContextElem
			for range rnd.Intn(4) {
				some = append(some, elems[rnd.Intn(len(elems))])
			}
			ctx := c.OfAll(some)
			ctxs, want = append(ctxs, ctx), append(want, some...)
			one = c.Join(one, ctx)
		}
		slices.SortFunc(want, compareElems)
		want = slices.Compact(want)
		if all := c.JoinAll(ctxs); all != one || !slices.Equal(c.Elems(all), want) {
			t.Fatalf("%d contexts: %v at once, %v one by one, want %v", n, c.Elems(all), c.Elems(one), want)
		}
	}
}
