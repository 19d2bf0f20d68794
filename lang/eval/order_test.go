package eval_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
)

// TestSortedNames: names come byte by byte, whatever they have in common.
func TestSortedNames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var symbols ast.Symbols
	word := func(n int) string {
		var b strings.Builder
		for range r.IntN(n) {
			b.WriteByte("\x00a\xffb"[r.IntN(4)])
		}
		return b.String()
	}
	for round := range 3000 {
		common := word(8)
		seen := map[string]bool{}
		for range r.IntN(40) {
			seen[common+word(1+round%12)] = true
		}
		var names []ast.Symbol
		for name := range seen {
			names = append(names, symbols.Intern(name))
		}
		var got, want []string
		for _, i := range eval.SortedNames(&symbols, names) {
			got = append(got, symbols.Name(names[i]))
		}
		for name := range seen {
			want = append(want, name)
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%q sorted is %q", want, got)
		}
	}
}

// TestLargeSets: attributes of a set are found whether or not its symbols follow
// each other.
func TestLargeSets(t *testing.T) {
	m := newEvaluator(t, nil).Machine(t.Context())
	defer m.Close()
	for _, step := range []int{1, 2, 7} {
		text := fmt.Sprintf(`
			let
			  all = builtins.genList (i: "n%d-${toString i}") 8000;
			  known = builtins.length (map (n: builtins.seq { ${n} = 1; } n) all) - 8000;
			  some = builtins.filter (i: i - i / %[1]d * %[1]d == 0) (builtins.genList (i: i) 8000);
			  set = builtins.seq (builtins.deepSeq all known)
			    (builtins.listToAttrs (map (i: { name = builtins.elemAt all i; value = i; }) some));
			in [
			  (builtins.length (builtins.attrNames set) == builtins.length some)
			  (builtins.all (i: set.${builtins.elemAt all i} == i) some)
			  (builtins.length (builtins.filter (n: set ? ${n}) all) == builtins.length some)
			]`, step)
		if got, err := run(m, text); err != nil || got != "[ true true true ]" {
			t.Errorf("step %d: %s, %v", step, got, err)
		}
	}
}

// TestManyAttributes: of attributes with one name the first counts, in whatever
// order names come and however many there are.
func TestManyAttributes(t *testing.T) {
	m := newEvaluator(t, nil).Machine(t.Context())
	defer m.Close()
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 60 {
		var pairs []string
		first := map[string]int{}
		for i := range n {
			name := fmt.Sprint("x", r.IntN(1+n*2/3))
			if _, ok := first[name]; !ok {
				first[name] = i
			}
			pairs = append(pairs, fmt.Sprintf("{ name = %q; value = %d; }", name, i))
		}
		var names []string
		for name := range first {
			names = append(names, name)
		}
		slices.Sort(names)
		want := "{ "
		for _, name := range names {
			want += fmt.Sprintf("%s = %d; ", name, first[name])
		}
		got, err := run(m, "builtins.listToAttrs [ "+strings.Join(pairs, " ")+" ]")
		if want += "}"; err != nil || got != want {
			t.Fatalf("%v: %s, %v; want %s", pairs, got, err, want)
		}
	}
}
