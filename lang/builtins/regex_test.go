package builtins

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// regexShow renders what match and split make of a pattern and a text.
func regexShow(pattern, text string) string { return regexShowGrace(pattern, text, freeVisits) }

// regexShowGrace does so with that many visits before the memo is kept.
func regexShowGrace(pattern, text string, grace int) string {
	re, err := compileRegex(pattern)
	if err != nil {
		return "error"
	}
	var b strings.Builder
	groups := func(r *regexRun) {
		for i := 1; i < re.groups; i++ {
			if s, e, ok := r.group(i); ok {
				fmt.Fprintf(&b, "[%s]", text[s:e])
			} else {
				b.WriteString("[-]")
			}
		}
	}
	r := re.newRun(text, nil)
	r.grace = grace
	if r.match() {
		b.WriteString("match")
		groups(r)
	} else {
		b.WriteString("no")
	}
	b.WriteString(" split ")
	r.release()
	r = re.newRun(text, nil)
	r.grace = grace
	last := 0
	r.searchAll(func() {
		s, e, _ := r.group(0)
		b.WriteString("<" + text[last:s] + ">")
		groups(r)
		last = e
	})
	b.WriteString("<" + text[last:] + ">")
	return b.String()
}

func TestRegex(t *testing.T) {
	for _, c := range []struct{ pattern, text, want string }{
		{"(a*)*", "aa", "match[] split <>[]<>[]<>"},
		{"(a*)(ab)*", "aaab", "match[aa][ab] split <>[aaa][-]<>[][-]<b>[][-]<>"},
		{"(a|ab)(c|bcd)(d*)", "abcd", "match[a][bcd][] split <>[a][bcd][]<>"},
		{"(a)|(c)", "abc", "no split <>[a][-]<b>[-][c]<>"},
		{"]", "]", "match split <><>"},
		{`\.`, ".", "match split <><>"},
		{`\]`, "]", "error"},
		{"[a-]", "-", "match split <><>"},
		{"[[:foo:]]", "", "error"},
		{"[z-a]", "", "error"},
		{"a{2,1}", "", "error"},
		{"{", "", "error"},
		{"*a", "", "error"},
		{"[[.space.][=a=]]", "A", "match split <><>"},
		{"^a", "aa", "no split <><a>"},
	} {
		if got := regexShow(c.pattern, c.text); got != c.want {
			t.Errorf("%q on %q:\n got  %s\n want %s", c.pattern, c.text, got, c.want)
		}
	}
}

// A search gives the same whether it keeps its memo from the start, from some
// point on, or not at all.
func TestRegexMemo(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	atoms := []string{"a", "b", "ab", ".", "[ab]", "(a)", "(a|b)", "(ab|a)", "(a*)", "(b?)", "(a|ab|b)"}
	marks := []string{"", "", "*", "+", "?", "{1,2}"}
	for range 3000 {
		var pattern, text strings.Builder
		for range 1 + rnd.IntN(4) {
			if pattern.Len() > 0 && rnd.IntN(5) == 0 {
				pattern.WriteString("|")
			}
			pattern.WriteString(atoms[rnd.IntN(len(atoms))] + marks[rnd.IntN(len(marks))])
		}
		for range rnd.IntN(9) {
			text.WriteByte("aab"[rnd.IntN(3)])
		}
		want := regexShowGrace(pattern.String(), text.String(), 0)
		for _, grace := range []int{1, 3, 10, 1 << 30} {
			if got := regexShowGrace(pattern.String(), text.String(), grace); got != want {
				t.Fatalf("%q on %q with %d visits:\n got  %s\n want %s", pattern.String(), text.String(), grace, got, want)
			}
		}
	}
}

// A search that tries every path takes 2^40 steps here.
func TestRegexLinear(t *testing.T) {
	re, err := compileRegex("((a|a)*(a|a)*)*b")
	if err != nil {
		t.Fatal(err)
	}
	if r := re.newRun(strings.Repeat("a", 10000), nil); r.match() {
		t.Error("matched")
	}
}
