package packed_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/packed"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/lang/resolve"
)

// trip parses texts, packs their trees and holds what comes out against them.
type trip struct {
	symbols *ast.Symbols
	globals map[ast.Symbol]*ast.Builtin
	parser  *parser.Parser
	res     *resolve.Resolver
	late    *resolve.Resolver // of what is resolved later
	opened  int               // that many
	raw     packed.Encoder
	enc     packed.Encoder
	dec     packed.Decoder
}

func newTrip() *trip {
	s := new(ast.Symbols)
	x := &trip{symbols: s, globals: map[ast.Symbol]*ast.Builtin{}, res: resolve.New(s), late: resolve.New(s)}
	x.parser = parser.New(s, new(ast.Sources), parser.Options{PipeOperators: true})
	for i, n := range []string{"builtins", "true", "false", "null", "import", "map", "throw", "toString", "__sub", "__lessThan", "__findFile", "__nixPath"} {
		x.globals[s.Intern(n)] = &ast.Builtin{Name: s.Intern(n), Index: i}
	}
	return x
}

// text does it; ok says whether the text is an expression.
func (x *trip) text(t *testing.T, name, text string) (ok bool) {
	t.Helper()
	src := &ast.Source{Path: name}
	node, err := x.parser.Parse(src, []byte(text), parser.BasePaths{Dir: filepath.Dir(name), Home: "/home/x"})
	if err != nil {
		return false
	}
	in := packed.Text{Base: src.Base, Dir: filepath.Dir(name)}
	x.same(t, name, node, x.enc.Encode(node, in, nil))
	if err := x.res.Resolve(node, resolve.Scope{Globals: x.globals}); err != nil {
		return false
	}
	x.same(t, name, node, x.enc.Encode(node, in, x.res.Scopes()))
	// As files are read: values of large sets are packed, resolved and packed again.
	brief, err := x.parser.ParseBrief(src, []byte(text), parser.BasePaths{Dir: filepath.Dir(name), Home: "/home/x"}, parser.Brief{Packer: &x.raw})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	x.enc.Begin(in)
	x.res.Packer = &x.enc
	defer func() { x.res.Packer = nil }()
	if err := x.res.Resolve(brief, resolve.Scope{Globals: x.globals}); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	x.same(t, name, node, x.enc.Finish(brief, x.res.Scopes()))
	x.lazily(t, name, node, src, text)
	return true
}

// lazily leaves the values of large sets to be resolved when they are decoded.
func (x *trip) lazily(t *testing.T, name string, node ast.Node, src *ast.Source, text string) {
	t.Helper()
	brief, err := x.parser.ParseBrief(src, []byte(text), parser.BasePaths{Dir: filepath.Dir(name), Home: "/home/x"}, parser.Brief{Packer: &x.raw})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	x.enc.Begin(packed.Text{Base: src.Base, Dir: filepath.Dir(name)})
	x.res.Lazy = true
	err = x.res.Resolve(brief, resolve.Scope{Globals: x.globals})
	x.res.Lazy = false
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	tree := x.enc.Finish(brief, x.res.Scopes())
	if got, want := parser.Print(packed.Unpack(tree.Root()), x.symbols), parser.Print(node, x.symbols); got != want {
		t.Fatalf("%s:\n%s\nnot resolved yet:\n%s", name, want, got)
	}
	got := x.open(new(packed.Decoder), tree.Root())
	if !reflect.DeepEqual(unnumbered(got), unnumbered(node)) {
		t.Fatalf("%s: resolved later, the tree is another one", name)
	}
}

// unnumbered takes the numbers of scopes away: what is resolved later has others.
func unnumbered(n ast.Node) ast.Node {
	if w, ok := n.(*ast.With); ok {
		w.Opens.Number = 0
	}
	ast.Children(n, func(c ast.Node) { unnumbered(c) })
	return n
}

func (x *trip) same(t *testing.T, name string, node ast.Node, tree *packed.Tree) {
	t.Helper()
	x.dec.Reset()
	whole := x.dec.Whole(tree.Root())
	if got, want := parser.Print(whole, x.symbols), parser.Print(node, x.symbols); got != want {
		t.Fatalf("%s:\n%s\npacked and unpacked:\n%s", name, want, got)
	}
	if !reflect.DeepEqual(unset(whole), unset(node)) {
		t.Fatalf("%s: unpacked, the tree is another one that prints alike", name)
	}
	// In steps, as evaluation does it.
	x.dec.Reset()
	if got := x.open(&x.dec, tree.Root()); !reflect.DeepEqual(unset(got), unset(node)) {
		t.Fatalf("%s: unpacked in steps, the tree is another one", name)
	}
}

// unset puts the layout of frames into trees that have not been resolved: the
// parser keeps something else in its place.
func unset(n ast.Node) ast.Node {
	set := func(s *ast.Set, rec bool) {
		s.FirstFrom = 0
		if rec {
			s.FirstFrom = uint32(len(s.Attrs))
		}
		s.Frame = s.FirstFrom + uint32(len(s.Froms))
	}
	switch n := n.(type) {
	case *ast.Attrs:
		set(n.Set, n.Rec)
	case *ast.Let:
		set(n.Set, true)
	}
	ast.Children(n, func(c ast.Node) { unset(c) })
	return n
}

// open decodes what is packed in a tree.
func (x *trip) open(d *packed.Decoder, n ast.Node) ast.Node {
	if p, ok := n.(*packed.Node); ok {
		if p.Peek() == packed.Raw {
			raw := new(packed.Decoder).Whole(p)
			x.late.ResolveRaw(raw, p, x.globals)
			p = new(packed.Encoder).Encode(raw, p.Tree.Text(), x.late.Scopes()).Root()
			x.opened++
		}
		return x.open(d, d.Node(p))
	}
	v := reflect.ValueOf(n)
	x.openFields(d, v.Elem())
	return n
}

var nodeType = reflect.TypeFor[ast.Node]()

func (x *trip) openFields(d *packed.Decoder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if v.Type() == nodeType && !v.IsNil() {
			v.Set(reflect.ValueOf(x.open(d, v.Interface().(ast.Node))))
		}
	case reflect.Pointer:
		switch n := v.Interface().(type) {
		case *ast.Set, *ast.Formals:
			if !v.IsNil() {
				x.openFields(d, v.Elem())
			}
		case ast.Node:
			if !v.IsNil() {
				x.open(d, n)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			x.openFields(d, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				x.openFields(d, f)
			}
		}
	}
}

func TestGoldens(t *testing.T) {
	files, err := filepath.Glob("../../tests/golden/*.expr")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	x, n := newTrip(), 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Abs(f)
		if err != nil {
			t.Fatal(err)
		}
		if x.text(t, name, string(text)) {
			n++
		}
	}
	if n < len(files)/4 {
		t.Errorf("%d of %d files are expressions without unknown names", n, len(files))
	}
}

var texts = []string{
	`let x = 1; in x + 1 - 2 == -x && !(x < 2) || x >= 3 -> x != 1.5e3`,
	`with builtins; with { a = 1; }; rec { inherit a; inherit (builtins) map; b = c.d.${a}."e f" or g; ${a} = 1; c = x: y: { z, w ? x, ... }@v: v; }`,
	`rec { __overrides = { a = 2; }; a = 1; b = [ a (a + 1) "s" ./p builtins.map ]; }`,
	`[ ./a ../b ../../c/d ./. /e ~/f ./g/${toString 1}/h <i/j> k:l "m${toString 1}n" ''
	  o ${toString 2}
	  p'' __curPos ]`,
	`let __sub = a: b: a; __lessThan = a: b: true; in [ (1 - 2) (-1) (1 < 2) (1 >= 2) ]`,
	`{ a.b = 1; a.c = x: assert x == 1; x; "q r".s = if true then null else { t = true; } ? t.u; }`,
	`/** doc */ let f = /** of f */ x: x; in f 1 2 3 4 5 6 7 8 9 |> f`,
	`let { body = 1; }`,
}

// largeSet is a set of n attributes, with all that sets may have between them.
func largeSet(n int) string {
	var b strings.Builder
	b.WriteString("with { x = 1; }; rec {\n")
	for i := range n {
		fmt.Fprintf(&b, "a%d = [ x (y: { z, w ? a%d, ... }@v: v.z + y) ./p%d ];\n", i, i/2, i)
		switch i % 7 {
		case 1:
			fmt.Fprintf(&b, "s%d.b = rec { c = \"%d\"; };\n", i, i)
		case 2:
			fmt.Fprintf(&b, "s%d.e = { inherit x; };\n", i/7*7+1)
		case 3:
			fmt.Fprintf(&b, "s%d.b = { d.f = 1; };\n", i/7*7+1)
		case 4:
			fmt.Fprintf(&b, "inherit (builtins) t%d; v%d = a%d; u%d = with s1; x;\n", i, i, i, i)
		case 5:
			fmt.Fprintf(&b, "r%d = { g.h = 1; ${x} = 2; }; \"${toString %d}\" = 3;\n", i, i)
		case 6:
			fmt.Fprintf(&b, "r%d.g.i = 1; m%d = rec { ", i-1, i)
			for k := range 20 {
				fmt.Fprintf(&b, "n%d = %d; ", k, k)
			}
			fmt.Fprintf(&b, "}; m%d.n20 = 1; m%d.n21.o = 2;\n", i, i)
		}
	}
	return b.String() + "}"
}

func TestLargeSets(t *testing.T) {
	x := newTrip()
	for _, n := range []int{60, 64, 65, 80, 81, 300} {
		if !x.text(t, "/some/folder/file.nix", largeSet(n)) {
			t.Errorf("a set of %d attributes is no expression", n)
		}
		x.opened = 0
		text := "a: { b, c ? a }@d: let e = d; f = e; in with e; with f; " + strings.Replace(largeSet(n), "rec {", "{", 1)
		if !x.text(t, "/some/folder/file.nix", text) {
			t.Errorf("a set of %d attributes that is not recursive is no expression", n)
		}
		if n > 80 && x.opened < n/2 {
			t.Errorf("of %d values %d were resolved later", n, x.opened)
		}
	}
	for _, twice := range []string{"a1 = 1;", "r5.g.h = 1;", "m6.n3 = 1;", "a3.b = 1;"} {
		text := strings.TrimSuffix(largeSet(500), "}") + twice + "}"
		src := &ast.Source{Text: func() ([]byte, error) { return []byte(text), nil }}
		_, want := x.parser.Parse(src, []byte(text), parser.BasePaths{Dir: "/"})
		_, err := x.parser.ParseBrief(src, []byte(text), parser.BasePaths{Dir: "/"}, parser.Brief{Packer: &x.raw})
		if err == nil || want == nil || err.Error() != want.Error() {
			t.Errorf("with %s a second time: %v, want %v", twice, err, want)
		}
	}
}

// TestUnknownNames: of several names that nobody knows the one is reported that
// comes first in the order of the attributes' names.
func TestUnknownNames(t *testing.T) {
	x := newTrip()
	text := strings.TrimSuffix(largeSet(300), "}") + "z9 = unknown1; z8 = [ unknown2 z9 ]; z7 = x: unknown3; }"
	text = "z8: z9: " + strings.NewReplacer("with { x = 1; }; rec {", "x: rec { c = unknown4;").Replace(text)
	src := &ast.Source{}
	node, err := x.parser.Parse(src, []byte(text), parser.BasePaths{Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	want := x.res.Resolve(node, resolve.Scope{Globals: x.globals})
	brief, err := x.parser.ParseBrief(src, []byte(text), parser.BasePaths{Dir: "/"}, parser.Brief{Packer: &x.raw})
	if err != nil {
		t.Fatal(err)
	}
	x.enc.Begin(packed.Text{Base: src.Base, Dir: "/"})
	x.res.Packer = &x.enc
	if err := x.res.Resolve(brief, resolve.Scope{Globals: x.globals}); err == nil || !reflect.DeepEqual(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func TestTexts(t *testing.T) {
	x := newTrip()
	for _, s := range texts {
		if !x.text(t, "/some/folder/file.nix", s) {
			t.Errorf("%s is no expression", s)
		}
	}
}

// TestDeep packs deep trees, in time that does not grow with the square of
// their depth.
func TestDeep(t *testing.T) {
	x := newTrip()
	for _, s := range [][2]string{{"[", "]"}, {"{a=", ";}"}, {"x: ", ""}, {"map (", ")"}, {"1+", ""}} {
		const n = 50_000
		src := &ast.Source{}
		node, err := x.parser.Parse(src, []byte(strings.Repeat(s[0], n)+"1"+strings.Repeat(s[1], n)), parser.BasePaths{Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		tree := x.enc.Encode(node, packed.Text{Base: src.Base}, nil)
		if got, want := parser.Print(packed.Unpack(tree.Root()), x.symbols), parser.Print(node, x.symbols); got != want {
			t.Errorf("%s: another tree", s)
		}
	}
}

func FuzzTrip(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	var many strings.Builder
	for i := range 70 {
		fmt.Fprintf(&many, "a%d = %d; ", i, i)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x := newTrip()
		x.text(t, "/some/folder/file.nix", s)
		x.text(t, "/some/folder/file.nix", "rec { "+many.String()+s+"}")
		x.text(t, "/some/folder/file.nix", "a0: with a0; { "+many.String()+"b = "+s+"; c.d = "+s+"; e = x: "+s+"; }")
	})
}
