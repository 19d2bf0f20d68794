package eval

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

func miniBuiltins() []BuiltinDef {
	arith := func(name string, f func(a, b int64) Value) BuiltinDef {
		return BuiltinDef{Name: name, Args: []string{"a", "b"}, Fn: func(m *Machine, pos ast.Pos, args []*Value) Value {
			return f(m.ForceInt(args[0], pos, "a"), m.ForceInt(args[1], pos, "b"))
		}}
	}
	return []BuiltinDef{
		{Name: "true", Global: true, Value: func(*Machine) Value { return Bool(true) }},
		{Name: "false", Global: true, Value: func(*Machine) Value { return Bool(false) }},
		{Name: "null", Global: true, Value: func(*Machine) Value { return Null() }},
		arith("sub", func(a, b int64) Value { return Int(a - b) }),
		arith("mul", func(a, b int64) Value { return Int(a * b) }),
		arith("div", func(a, b int64) Value { return Int(a / b) }),
		arith("lessThan", func(a, b int64) Value { return Bool(a < b) }),
		{Name: "throw", Global: true, Args: []string{"s"}, Fn: func(m *Machine, pos ast.Pos, args []*Value) Value {
			s, _ := m.ForceString(args[0], pos, "x")
			m.Fail(diag.Throw, ast.NoPos, "%s", s)
			return Value{}
		}},
		{Name: "import", Global: true, Args: []string{"p"}, Fn: func(m *Machine, pos ast.Pos, args []*Value) Value {
			p, _ := m.CoerceToPath(args[0], pos, "x")
			return m.ImportPath(p)
		}},
		{Name: "foldl'", Args: []string{"op", "nul", "list"}, Fn: func(m *Machine, pos ast.Pos, args []*Value) Value {
			l := m.ForceList(args[2], pos, "x")
			acc := args[1]
			for _, x := range l {
				acc = m.NewValue(m.Call(args[0], pos, acc, x))
			}
			m.Force(acc, pos)
			return *acc
		}},
		{Name: "genList", Args: []string{"f", "n"}, Fn: func(m *Machine, pos ast.Pos, args []*Value) Value {
			n := m.ForceInt(args[1], pos, "x")
			l := m.NewList(int(n))
			for i := range l {
				l[i] = m.Lazy(args[0], m.NewValue(Int(int64(i))))
			}
			return List(l)
		}},
	}
}

func TestMini(t *testing.T) {
	e, err := New(Options{Builtins: miniBuiltins()})
	if err != nil {
		t.Fatal(err)
	}
	m := e.Machine(context.Background())
	for _, s := range []string{
		"1 + 2", "let a = 1; b = a + 1; in a + b", "{ a = 1; b.c = 2; }.b.c", "(x: y: x - y) 5 3",
		"let f = x: y: x - y; g = f 10; in g 1 + g 2", "rec { a = b; b = [ 1 2 a ]; c = 5; }.c", "with { x = 3; }; x",
		"({ a, b ? a + 1, ... }@s: a + b + s.c) { a = 1; c = 5; }", "let inherit ({ q = 4; }) q; in q",
		"\"a${\"b\"}c\" + \"d\"", "let fib = n: if n < 2 then n else fib (n - 1) + fib (n - 2); in fib 20",
		"{ a = 1; } // { b = 2; a = 3; }", "[ 1 ] ++ [ 2 3 ]", "1 == 1.0", "{ a = [ 1 ]; } == { a = [ 1 ]; }",
		"let x = x; in x", "{ a.b = 1; }.a.c or 7", "{ a = 1; } ? a.b", "(rec { x = { y = throw \"hi\"; }; z = x.y; }).z",
		"let x = { a = 1; inherit (x) b; b = 2; }; in x.b", "assert 1 == 2; 3", "builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: x * 2) 100)",
		"({}: 1) {}", "({...}: 1) { a = 1; }", "let in 5", "rec {}",
	} {
		err := m.Do(func() {
			n, err := m.Parse(&ast.Source{Origin: ast.FromString, Size: len(s), Text: func() ([]byte, error) { return []byte(s), nil }}, []byte(s), "/")
			if err != nil {
				m.FailErr(0, err)
			}
			v := m.NewValue(m.Eval(n))
			m.ForceDeep(v)
			t.Logf("%s = %s", s, m.PrintValue(v, PrintOptions{}))
		})
		if err != nil {
			t.Logf("%s: %s", s, diag.Format(err, e.Sources, diag.PrintOptions{ShowTrace: true}))
		}
	}
}

func TestMiniBench(t *testing.T) {
	for _, f := range []string{"fib", "fold"} {
		e, _ := New(Options{Builtins: miniBuiltins()})
		m := e.Machine(context.Background())
		b, _ := os.ReadFile("../../tests/bench/" + f + ".expr")
		start := time.Now()
		err := m.Do(func() {
			n, err := m.Parse(&ast.Source{Origin: ast.FromString}, b, "/")
			if err != nil {
				m.FailErr(0, err)
			}
			v := m.NewValue(m.Eval(n))
			t.Logf("%s = %s", f, m.PrintValue(v, PrintOptions{}))
		})
		t.Log(f, time.Since(start), err)
	}
}
