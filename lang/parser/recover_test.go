package parser

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/internal/golden"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// allErrorsOf lists what is wrong with a text, one error a line.
func allErrorsOf(t *testing.T, text string) []string {
	t.Helper()
	var sources ast.Sources
	p := New(new(ast.Symbols), &sources, Options{AllErrors: true})
	src := &ast.Source{Path: "/f", Text: func() ([]byte, error) { return []byte(text), nil }}
	_, err := p.Parse(src, []byte(text), BasePaths{Dir: "/"})
	var e *diag.Error
	if !errors.As(err, &e) {
		return nil
	}
	var out []string
	for _, e := range append([]*diag.Error{e}, e.Also...) {
		loc, _ := sources.Locate(e.Pos)
		out = append(out, fmt.Sprintf("%d:%d %s", loc.Line, loc.Column, e.Error()))
	}
	return out
}

// Each text of testdata/errors.txt has its errors in errors.exp.
func TestAllErrors(t *testing.T) {
	all, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, text := range strings.Split(string(all), "----\n") {
		out.WriteString(strings.Join(allErrorsOf(t, text), "\n") + "\n----\n")
	}
	golden.Check(t, "testdata/errors.exp", []byte(out.String()))
}

// The first error is the same whether all are asked for or not, and those that
// follow it come in order.
func TestAllErrorsFirst(t *testing.T) {
	for name, file := range golden.Inputs(t, "../../tests/golden/parse-fail-*.expr") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "parse-fail-undefined") {
			continue // package resolve finds that
		}
		first := func(all bool) (e *diag.Error) {
			p, _ := newParser(Options{AllErrors: all})
			if _, err := p.parseText(string(text)); !errors.As(err, &e) {
				t.Fatalf("%s: no error", name)
			}
			return e
		}
		one, all := first(false), first(true)
		if one.Also != nil {
			t.Errorf("%s: further errors that nobody asked for", name)
		}
		if d := cmp.Diff([]any{one.Pos, one.Message}, []any{all.Pos, all.Message}); d != "" {
			t.Errorf("%s: another first error (-one +all):\n%s", name, d)
		}
		if n := len(allErrorsOf(t, string(text))); n > maxErrors+1 {
			t.Errorf("%s: %d errors", name, n)
		}
	}
}

// What only the finished tree shows, such as an attribute that is defined
// twice, is found in spite of errors of syntax around it.
func TestAllErrorsOfMeaning(t *testing.T) {
	for text, want := range map[string][]int{
		"{ a = 1; b = ; c = 2; a = 3; c = 4; d = ; }":         {13, 22, 29, 40},
		"{ a = 1; a = 2; b = ; c = 1; c = 2; }":               {9, 20, 29},
		"{ x = { a = 1; a = (1 + ; b = 2; b = 3; }; x = 2; }": {24, 15, 33, 43},
		"let a = 1; b = [ 1 2; a = 3; in { inherit a a; }":    {20, 22, 44},
		"{ a, a }: { b = 1; b.c = }":                          {25, 5},
		"{\n a =\n;\n b = ) ; c = [ 1 ]; c = 2; }":            {200, 305, 320},
		"{ inherit (x ; a = 1; a = 2; }":                      {13, 22},
	} {
		var got []int
		for _, e := range allErrorsOf(t, text) {
			var line, column int
			if _, err := fmt.Sscanf(e, "%d:%d", &line, &column); err != nil {
				t.Fatal(err)
			}
			got = append(got, 100*(line-1)+column-1)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
}

func FuzzAllErrors(f *testing.F) {
	for _, s := range []string{"{ a = ; b = [ 1; }", "let a = 1 in \"${", "''${ ) } '' ]", "{ a, a, }: { x = 1; x.y = 2 }"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		errs := allErrorsOf(t, text)
		p, _ := newParser(Options{})
		if _, err := p.parseText(text); (err != nil) != (len(errs) > 0) {
			t.Errorf("%q: %v, but all errors are %q", text, err, errs)
		}
	})
}

// partial is the tree of a text with errors, printed.
func partial(text string) string {
	var sources ast.Sources
	symbols := new(ast.Symbols)
	p := New(symbols, &sources, Options{AllErrors: true})
	src := &ast.Source{Path: "/f", Text: func() ([]byte, error) { return []byte(text), nil }}
	if _, err := p.Parse(src, []byte(text), BasePaths{Dir: "/"}); err == nil {
		return "no error"
	}
	if p.Partial() == nil {
		return "no tree"
	}
	return Print(p.Partial(), symbols)
}

// What a text with errors says all the same is in its tree.
func TestPartial(t *testing.T) {
	for _, c := range [][2]string{
		{"{ x = a. ; y = 2; }", "{ x = a; y = 2; }"},
		{"{ x = ; y = 2; }", "{ x = 0; y = 2; }"},
		{"{ x = 1; x = 2; z = 3; }", "{ x = 1; z = 3; }"},
		{"{ a = 1", "{ a = 1; }"},
		{"{ a.", "{ a = { _ = _; }; }"},
		{"{ inherit (x", "{ }"},
		{"{ a, b", "({ a, b }: _)"},
		{"{ a ? ", "({ a ? _ }: _)"},
		{"f (x", "(f x)"},
		{"[ a b", "[ (a) (b) ]"},
		{"with x", "(with x; _)"},
		{"let a", "(let a = _; in _)"},
		{"let a = 1; in { x = if a.foo", "(let a = 1; in { x = (if (a).foo then _ else _); })"},
		{"rec", "rec { }"},
		{"x @", "({  } @ x: _)"},
		{"a.b or", "(a).b or (_)"},
		{`"abc`, `"abc"`},
		{"''a${x", `("a" + x)`},
		{"1 +", "(1 + _)"},
	} {
		if d := cmp.Diff(c[1], partial(c[0])); d != "" {
			t.Errorf("%s (-want +got):\n%s", c[0], d)
		}
	}
}
