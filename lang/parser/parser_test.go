package parser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

func newParser(opts Options) (*Parser, *ast.Symbols) {
	symbols := new(ast.Symbols)
	return New(symbols, new(ast.Sources), opts), symbols
}

func (p *Parser) parseText(text string) (ast.Node, error) {
	src := &ast.Source{Origin: ast.FromString, Text: func() ([]byte, error) { return []byte(text), nil }}
	return p.Parse(src, []byte(text), BasePaths{Dir: "/dir", Home: "/home/x"})
}

// The window relies on Range giving the slice inside, not a copy.
func TestRangeAliases(t *testing.T) {
	pl, err := lexer.Upgrade(&blanks{3})
	if err != nil {
		t.Fatal(err)
	}
	pl.Range(0, 4)[1].Value = "x"
	pl.Next()
	if got := pl.Peek().Value; got != "x" {
		t.Errorf("Peek sees %q after a write through Range", got)
	}
}

// Every construct must work wherever the window's end falls.
func TestWindowOffsets(t *testing.T) {
	const expr = `{ a, b ? 1, ... }@c: { x.y."z" = 1; inherit (c) d; } ? x.y || [ ./a/${b} "s${a}t" '' i ${b} '' ] == (let e = f: f; in e)`
	p, symbols := newParser(Options{})
	node, err := p.parseText(expr)
	if err != nil {
		t.Fatal(err)
	}
	want := Print(node, symbols)
	for n := 0; n < 2*windowSize; n++ {
		node, err := p.parseText("[" + strings.Repeat(" 1", n) + " (" + expr + ") ]")
		if err != nil {
			t.Fatalf("after %d tokens: %v", n, err)
		}
		if got := Print(node, symbols); got != "[ "+strings.Repeat("(1) ", n)+"("+want+") ]" {
			t.Fatalf("after %d tokens: %s", n, got)
		}
	}
}

// A parser must not carry anything from one text, or error, to the next.
func TestReuse(t *testing.T) {
	p, symbols := newParser(Options{})
	for _, text := range []string{"{ a = [ 1 2", `"${ { a.b = 1; a.b = 2; } }"`, "''${", "[ a/", "{ a, a }: 1"} {
		if _, err := p.parseText(text); err == nil {
			t.Fatalf("%s: no error", text)
		}
		node, err := p.parseText("[ { a = 1; } a ]")
		if err != nil {
			t.Fatalf("after %s: %v", text, err)
		}
		if got := Print(node, symbols); got != "[ ({ a = 1; }) (a) ]" {
			t.Errorf("after %s: %s", text, got)
		}
	}
}

// The tree must not refer to the text, which its reader may overwrite.
func TestTextIsCopied(t *testing.T) {
	p, symbols := newParser(Options{})
	text := []byte(`{ name = "a string" + ''another'' + ./path + x:y + "${z}tail" + <search>; "quoted name" = 1; }`)
	node, err := p.Parse(&ast.Source{}, text, BasePaths{Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	before := Print(node, symbols)
	for i := range text {
		text[i] = '#'
	}
	if after := Print(node, symbols); after != before {
		t.Errorf("changed to %s", after)
	}
}

func TestNesting(t *testing.T) {
	const depth = 1000
	open := []string{"(", "[", "{a=", "x: ", "1+", "- ", "!", "let a=1; in ", "1//", "\"${", "''${", "{x?", "if 1 then 1 else ",
		"with 1; ", "assert 1; ", "a/${", "a.b or ", "{${", "a.${", "f <| ", "rec{a=", "let{a="}
	closed := map[string]string{"(": ")", "[": "]", "{a=": ";}", "\"${": "}\"", "''${": "}''", "{x?": "}:1", "a/${": "}",
		"{${": "+1}=1;}", "a.${": "+1}", "rec{a=": ";}", "let{a=": ";}"}
	p, _ := newParser(Options{MaxDepth: depth, PipeOperators: true})
	for _, o := range open {
		for _, n := range []int{depth / 4, 1_000_00} {
			_, err := p.parseText(strings.Repeat(o, n) + "[]" + strings.Repeat(closed[o], n))
			if deep := n > depth; deep != (err != nil) {
				t.Errorf("%d times %s: %v", n, o, err)
			} else if deep && err.(*diag.Error).Kind != diag.StackOverflow {
				t.Errorf("%d times %s: %v", n, o, err)
			}
		}
	}
}

func TestPositions(t *testing.T) {
	p, _ := newParser(Options{})
	node, err := p.parseText(`(a) + f (b) "x${c}"`)
	if err != nil {
		t.Fatal(err)
	}
	b := node.(*ast.Binary)
	call := b.R.(*ast.Call)
	interp := call.Args[1].(*ast.Interp)
	base := b.LPos
	got := []ast.Pos{b.Pos() - base, b.L.Pos() - base, b.RPos - base, call.Pos() - base, call.Args[0].Pos() - base,
		interp.Pos() - base, interp.PartPos[0] - base, interp.PartPos[1] - base}
	want := []ast.Pos{4, 1, 6, 6, 9, 13, 13, 14}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestDocComments(t *testing.T) {
	const text = `{
  /** of f */
  f = x: /** of y */ y: z: 1;
  /** of g */ # and more
  g = { a }: a;
  /* none */ h = x: x;
}`
	p, symbols := newParser(Options{Keep: true})
	node, err := p.parseText(text)
	if err != nil {
		t.Fatal(err)
	}
	base := node.Pos()
	doc := func(n ast.Node) string {
		d := n.(*ast.Lambda).Doc
		if d == ast.NoPos {
			return ""
		}
		s, _, _ := strings.Cut(text[d-base:], " */")
		return s
	}
	want := map[string]string{"f": "/** of f", "g": "/** of g", "h": ""}
	for _, a := range node.(*ast.Attrs).Set.Attrs {
		name := symbols.Name(a.Name)
		if got := doc(a.Value); got != want[name] {
			t.Errorf("%s: %q", name, got)
		}
		if name == "f" {
			if got := doc(a.Value.(*ast.Lambda).Body); got != "/** of y" {
				t.Errorf("y: %q", got)
			}
		}
	}
	if got := len(p.Comments()); got != 5 {
		t.Errorf("%d comments", got)
	}
}

func TestDiscouraged(t *testing.T) {
	const text = `[ x:y /a ~/b c/d ./e /f/${"g"} ]`
	var got []string
	p, _ := newParser(Options{URLLiterals: Warn, AbsolutePaths: Warn, ShortPaths: Warn,
		Warn: func(e *diag.Error) { got = append(got, e.Error()) }})
	if _, err := p.parseText(text); err != nil {
		t.Fatal(err)
	}
	absolute := " path literals are not portable. Consider replacing path literal '%' by a string, relative path, or parameter (lint-absolute-path-literals)"
	want := []string{
		`URL literals are discouraged. Consider using a string literal "x:y" instead (lint-url-literals)`,
		"absolute" + strings.Replace(absolute, "%", "/a", 1),
		"home" + strings.Replace(absolute, "%", "~/b", 1),
		"relative path literal 'c/d' should be prefixed with '.' for clarity: './c/d' (lint-short-path-literals)",
		"absolute" + strings.Replace(absolute, "%", "/f/", 1),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, opts := range []Options{{URLLiterals: Fatal}, {AbsolutePaths: Fatal}, {ShortPaths: Fatal}} {
		p, _ := newParser(opts)
		if _, err := p.parseText(text); err == nil {
			t.Errorf("%+v: no error", opts)
		}
	}
}

func TestParseBindings(t *testing.T) {
	p, symbols := newParser(Options{})
	for text, want := range map[string]string{
		"a = 1; b.c = 2;": "{ a = 1; b = { c = 2; }; }",
		"inherit (x) y;":  "{ inherit (x) y; }",
		"":                "syntax error, unexpected end of file, expecting 'inherit'",
		"a = 1":           "syntax error, unexpected end of file, expecting ';'",
		"a = 1; b":        "syntax error, unexpected end of file, expecting '.' or '='",
	} {
		set, err := p.ParseBindings(&ast.Source{Origin: ast.FromString}, []byte(text), BasePaths{Dir: "/"})
		var got string
		if err != nil {
			got = err.Error()
		} else {
			got = Print(set, symbols)
		}
		if got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// The definition must work as an ordinary participle lexer too.
func TestDefinition(t *testing.T) {
	l, err := Definition{}.LexString("f", `{ a = "x${./b}"; }`)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := lexer.ConsumeAll(l)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tok := range tokens {
		got = append(got, tok.Value)
	}
	if s := strings.Join(got, "|"); s != `{|a|=|"|x|${|./b||}|"|;|}|` {
		t.Errorf("tokens %s", s)
	}
}

// FuzzParse checks that the parser and the automaton of the grammar accept
// the same texts, and that printing a tree and parsing that gives it again.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../../tests/golden/parse-*.expr")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	p, symbols := newParser(Options{PipeOperators: true, MaxDepth: 1000})
	f.Fuzz(func(t *testing.T, text string) {
		node, err := p.parseText(text)
		problem, scanErr := recognise(text, symbols, true, false)
		if err == nil {
			if problem != nil || scanErr != nil {
				t.Fatalf("parsed, but the automaton says: %v %v", problem, scanErr)
			}
			printed := Print(node, symbols)
			again, err := p.parseText(printed)
			if err != nil {
				return // some trees have no text: __curPos as a name, names with NUL
			}
			if twice := Print(again, symbols); len(twice) < len(printed)/2 {
				t.Fatalf("%s\nprints as\n%s", printed, twice)
			}
			return
		}
		e, ok := err.(*diag.Error)
		if !ok {
			t.Fatalf("error of type %T", err)
		}
		if strings.HasPrefix(e.Message, "syntax error") && problem == nil {
			t.Fatalf("%v, but the automaton accepts it", err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := strings.Repeat(`
  hello = callPackage ({ stdenv, fetchurl, lib, withX ? false, ... }@args: stdenv.mkDerivation rec {
    pname = "hello"; version = "2.10";
    src = fetchurl { url = "mirror://gnu/hello/${pname}-${version}.tar.gz"; sha256 = "0ssi1wpaf7plaswqqjwigppsg5fyh99vdlb9kzl7c9lng89ndq1i"; };
    buildInputs = [ lib.a lib.b ] ++ lib.optionals withX [ args.x ];
    postInstall = ''
      mkdir -p $out/bin # not ''${x}
      ln -s ${src} $out/bin/${pname}
    '';
    meta = { description = "A program"; license = lib.licenses.gpl3; platforms = with lib.platforms; linux ++ darwin; };
  }) { };
`, 1)
	text = "{ callPackage }: {" + text + "}"
	p, _ := newParser(Options{})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.parseText(text); err != nil {
			b.Fatal(err)
		}
	}
}
