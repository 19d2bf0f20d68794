package resolve_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/lang/resolve"
)

// slots walks a tree and describes where each variable was found: name=level.index
// for slots, name=with.level, name=global.
type slots struct {
	symbols *ast.Symbols
	out     []string
}

func (s *slots) variable(v *ast.Var) {
	name := s.symbols.Name(v.Name)
	switch v.Kind {
	case ast.VarLocal:
		s.out = append(s.out, fmt.Sprintf("%s=%d.%d", name, v.Level, v.Index))
	case ast.VarWith:
		s.out = append(s.out, fmt.Sprintf("%s=with.%d", name, v.Level))
	case ast.VarGlobal:
		s.out = append(s.out, name+"=global")
	default:
		s.out = append(s.out, name+"=?")
	}
}

func (s *slots) set(set *ast.Set) {
	s.out = append(s.out, fmt.Sprintf("{%d", set.Frame))
	for _, f := range set.Froms {
		s.walk(f)
	}
	for _, a := range set.Attrs {
		s.walk(a.Value)
	}
	for _, d := range set.Dynamic {
		s.walk(d.Name)
		s.walk(d.Value)
	}
	s.out = append(s.out, "}")
}

func (s *slots) walk(n ast.Node) {
	switch n := n.(type) {
	case *ast.Var:
		s.variable(n)
	case *ast.Select:
		s.walk(n.Expr)
	case *ast.Call:
		s.walk(n.Fn)
		for _, a := range n.Args {
			s.walk(a)
		}
	case *ast.List:
		for _, e := range n.Elems {
			s.walk(e)
		}
	case *ast.Attrs:
		s.set(n.Set)
	case *ast.Let:
		s.set(n.Set)
		s.walk(n.Body)
	case *ast.Lambda:
		joins := ""
		if n.Joins {
			joins = fmt.Sprintf("+%d", n.FirstSlot)
		}
		s.out = append(s.out, fmt.Sprintf("(%d%s", n.Frame, joins))
		if n.Formals != nil {
			for _, i := range n.Formals.Sorted {
				if d := n.Formals.List[i].Default; d != nil {
					s.walk(d)
				}
			}
		}
		s.walk(n.Body)
		s.out = append(s.out, ")")
	case *ast.With:
		s.walk(n.Scope)
		s.out = append(s.out, fmt.Sprintf("<%d", n.Opens.Up))
		s.walk(n.Body)
		s.out = append(s.out, ">")
	case *ast.Binary:
		if n.Fn != nil {
			s.variable(n.Fn)
		}
		s.walk(n.L)
		s.walk(n.R)
	case *ast.Unary:
		if n.Fn != nil {
			s.variable(n.Fn)
		}
		s.walk(n.X)
	case *ast.SearchPath:
		s.variable(n.FindFile)
		s.variable(n.NixPath)
	}
}

func TestSlots(t *testing.T) {
	tests := []struct{ expr, want string }{
		{"x: x", "(1 x=0.0 )"},
		{"x: y: z: [ x y z ]", "(3 (0+1 (0+2 x=0.0 y=0.1 z=0.2 ) ) )"},
		{"x: x: x", "(2 (0+1 x=0.1 ) )"},
		{"x: { y }: z: [ x y z ]", "(1 (1 (1 x=2.0 y=1.0 z=0.0 ) ) )"},
		{"{ }: 1", "(0 )"},
		{"x: { }: x", "(1 (0 x=0.0 ) )"},
		{"{ b, a ? b }@c: [ a b c ]", "(3 b=0.2 a=0.1 b=0.2 c=0.0 )"},
		{"let a = b; b = 1; in a", "{2 b=0.1 } a=0.0"},
		{"let in true", "{0 } true=global"},
		{"a: rec { inherit a; b = a; }", "(1 {2 a=0.0 a=0.0 } )"},
		{"a: { inherit a; b = a; }", "(1 {0 a=0.0 a=0.0 } )"},
		{"a: { inherit (a) x; b = a; }", "(1 {1 a=1.0 a=1.0 x?=0.0 } )"},
		{"a: rec { inherit (a) x; b = x; }", "(1 {3 a=1.0 x=0.1 x?=0.2 } )"},
		{"a: with a; b", "(1 a=0.0 <0 b=with.0 > )"},
		{"a: with a; c: with c; [ a b true ]", "(1 a=0.0 <0 (1 c=0.0 <2 a=3.0 b=with.0 true=global > ) > )"},
		{"with true; x: y", "true=global <0 (1 y=with.1 ) >"},
		{"1 - 2", ""},
		{"__sub: 1 - 2", "(1 __sub=0.0 )"},
		{"let __lessThan = 1; in 1 >= 2", "{1 } __lessThan=0.0"},
		{"with true; -true", "true=global <0 true=global >"},
		{"<x>", "__findFile=global __nixPath=global"},
		{"__nixPath: <x>", "(1 __findFile=global __nixPath=0.0 )"},
		{"outer inner", "outer=1.0 inner=0.5"},
		{"inner: inner", "(1 inner=0.0 )"},
		{"x: outer", "(1 outer=2.0 )"},
	}
	symbols := new(ast.Symbols)
	for _, name := range strings.Fields("a b c x y z") {
		symbols.Intern(name) // slots are in the order of symbols
	}
	p := parser.New(symbols, new(ast.Sources), parser.Options{})
	scope := resolve.Scope{Globals: map[ast.Symbol]*ast.Builtin{}, Locals: []map[ast.Symbol]uint32{
		{symbols.Intern("inner"): 5}, {symbols.Intern("outer"): 0, symbols.Intern("inner"): 1}}}
	for _, name := range strings.Fields("true __sub __findFile __nixPath __lessThan") {
		scope.Globals[symbols.Intern(name)] = &ast.Builtin{Name: symbols.Intern(name)}
	}
	r := resolve.New(symbols)
	for _, tt := range tests {
		node, err := p.Parse(&ast.Source{Origin: ast.FromString}, []byte(tt.expr), parser.BasePaths{Dir: "/"})
		if err != nil {
			t.Fatalf("%s: %v", tt.expr, err)
		}
		if err := r.Resolve(node, scope); err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		s := slots{symbols: symbols}
		s.walk(node)
		// Sources of inherit (e) have no name.
		got := strings.ReplaceAll(" "+strings.Join(s.out, " "), " =", " x?=")
		if diff := cmp.Diff(tt.want, got[1:]); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.expr, diff)
		}
	}
}

// After an error the resolver must not remember the frames it was in.
func TestReuseAfterError(t *testing.T) {
	symbols := new(ast.Symbols)
	p := parser.New(symbols, new(ast.Sources), parser.Options{})
	r := resolve.New(symbols)
	for _, expr := range []string{"a: with a; let b = a; in c: d", "a: { b = e; }", "a"} {
		node, err := p.Parse(&ast.Source{Origin: ast.FromString}, []byte(expr), parser.BasePaths{Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		err = r.Resolve(node, resolve.Scope{})
		if ok := strings.HasPrefix(expr, "a: with"); ok != (err == nil) {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

func TestOverrides(t *testing.T) {
	symbols := new(ast.Symbols)
	p := parser.New(symbols, new(ast.Sources), parser.Options{})
	for expr, want := range map[string]bool{"rec { __overrides = 1; a = 2; }": true, "{ __overrides = 1; }": false, "rec { a = 1; }": false} {
		node, err := p.Parse(&ast.Source{Origin: ast.FromString}, []byte(expr), parser.BasePaths{Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		if err := resolve.Resolve(node, resolve.Scope{}, symbols); err != nil {
			t.Fatal(err)
		}
		set := node.(*ast.Attrs).Set
		if has := set.Overrides >= 0; has != want || has && symbols.Name(set.Attrs[set.Overrides].Name) != "__overrides" {
			t.Errorf("%s: %d", expr, set.Overrides)
		}
	}
}
