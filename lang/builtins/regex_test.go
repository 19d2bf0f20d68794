package builtins

import (
	"fmt"
	"strings"
	"testing"
)

// regexShow renders what match and split make of a pattern and a text.
func regexShow(pattern, text string) string {
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
	if r.match() {
		b.WriteString("match")
		groups(r)
	} else {
		b.WriteString("no")
	}
	b.WriteString(" split ")
	r = re.newRun(text, nil)
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
