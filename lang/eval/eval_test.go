package eval_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// newEvaluator makes an evaluator with all builtins.
func newEvaluator(t testing.TB, change func(*eval.Options)) *eval.Evaluator {
	t.Helper()
	o := eval.Options{Builtins: builtins.All(), Overlays: builtins.Overlays(), ReadOnly: true, CurrentSystem: "x86_64-linux"}
	if change != nil {
		change(&o)
	}
	e, err := eval.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// parse parses an expression, in a folder that does not exist.
func parse(m *eval.Machine, text string) (ast.Node, error) {
	src := &ast.Source{Origin: ast.FromString, Size: len(text), Text: func() ([]byte, error) { return []byte(text), nil }}
	return m.Parse(src, []byte(text), "/nowhere")
}

// run evaluates an expression and prints it with all that it contains.
func run(m *eval.Machine, text string) (out string, err error) {
	node, err := parse(m, text)
	if err != nil {
		return "", err
	}
	err = m.Do(func() {
		v := m.NewValue(m.Eval(node))
		m.ForceDeep(v)
		out = m.PrintAmbiguous(v, false)
	})
	return out, err
}

// TestExpressions has one expression or more for each kind of node and each
// way it can be evaluated; the results are the reference's.
func TestExpressions(t *testing.T) {
	for _, c := range [][2]string{
		{`1 + 2 * 3 - 4 / 2`, `5`},
		{`1.5 + 1`, `2.5`},
		{`1 + 1.5`, `2.5`},
		{`-3`, `-3`},
		{`let x = 5; in -x`, `-5`},
		{`9223372036854775807 - 1`, `9223372036854775806`},
		{`[ (1 < 2) (2 <= 1) (1.0 > 0) ("a" >= "b") (/a < /b) ([ 1 2 ] < [ 1 3 ]) ([ ] < [ 1 ]) ]`, `[ true false true false true true true ]`},
		{`[ (1 == 1.0) ("a" == "a") ({ a = [ 1 ]; } == { a = [ 1 ]; }) ((x: x) == (x: x)) (null == null) (1 == "1") ]`, `[ true true true false true false ]`},
		{`let f = x: x; in [ (f == f) ([ f ] == [ f ]) ({ inherit f; } == { inherit f; }) ]`, `[ false true true ]`},
		{`[ (true && false) (false || true) (false -> throw "x") (!true) ]`, `[ false true true false ]`},
		{`[ 1 ] ++ [ ] ++ [ 2 3 ]`, `[ 1 2 3 ]`},
		{`{ a = 1; b = 2; } // { b = 3; c = 4; }`, `{ a = 1; b = 3; c = 4; }`},
		{`{ a.b.c = 1; a.b.d = 2; a.e = 3; }`, `{ a = { b = { c = 1; d = 2; }; e = 3; }; }`},
		{`rec { a = b; b = [ 1 c ]; c = 5; }`, `{ a = [ 1 5 ]; b = [ 1 5 ]; c = 5; }`},
		{`let a = 1; s = { inherit a; inherit ({ x = 2; }) x; }; in s`, `{ a = 1; x = 2; }`},
		{`rec { inherit (s) a; s = { a = 1; b = a; }; b = s.b; }.b`, `1`},
		{`let x = 1; in rec { inherit x; y = x; }`, `{ x = 1; y = 1; }`},
		{`(rec { __overrides = { a = 2; z = 9; }; x = a; a = 1; }) // { __overrides = 0; }`, `{ __overrides = 0; a = 2; x = 2; z = 9; }`},
		{`let n = "k"; in { ${n} = 1; "${n}2" = 2; ${null} = 3; }`, `{ k = 1; k2 = 2; }`},
		{`rec { a = 1; ${"b"} = a; }`, `{ a = 1; b = 1; }`},
		{`with { a = 1; b = 2; }; with { a = 3; }; [ a b ]`, `[ 3 2 ]`},
		{`let a = 1; in with { a = 2; }; a`, `1`},
		{`with { x = { y = 1; }; }; x.y`, `1`},
		{`(x: y: z: x - y - z) 10 3 2`, `5`},
		{`let f = x: y: z: [ x y z ]; g = f 1; h = g 2; in [ (h 3) (g 4 5) (h 6) ]`, `[ [ 1 2 3 ] [ 1 4 5 ] [ 1 2 6 ] ]`},
		{`(x: { y }: z: x + y + z) 1 { y = 2; } 3`, `6`},
		{`({ a, b ? a + c, c ? 10, ... }@s: [ a b c (s ? b) s.d ]) { a = 1; d = 4; }`, `[ 1 11 10 false 4 ]`},
		{`(s@{ a ? 1 }: s) { }`, `{ }`},
		{`({ }: 1) { }`, `1`},
		{`({ ... }: 1) { a = 1; }`, `1`},
		{`let f = { a, b ? 2 }: 0; in builtins.functionArgs f`, `{ a = false; b = true; }`},
		{`{ __functor = self: x: self.n + x; n = 5; } 6`, `11`},
		{`let s = { __functor = self: { a }: b: a + b; }; in s { a = 1; } 2`, `3`},
		{`{ a = { b = 1; }; }.a.c or "no"`, `"no"`},
		{`{ a = 1; }.a.b.c or "no"`, `"no"`},
		{`[ ({ a.b = 1; } ? a.b) ({ a = 1; } ? a.b) ({ } ? "x y") (1 ? a) ]`, `[ true false false false ]`},
		{`{ "a b" = 1; }."a b" + { x = 1; }.${"x"}`, `2`},
		{`if 1 == 1 then "y" else "n"`, `"y"`},
		{`assert true; 1`, `1`},
		{`let { body = a + 1; a = 1; }`, `2`},
		{`"a${"b" + "c"}d${toString 5}"`, `"abcd5"`},
		{`/a + "/b/../c"`, `/a/c`},
		{`/a/${"b"}/c`, `/a/b/c`},
		{`"${{ outPath = "/o"; }}/bin ${{ __toString = s: "str"; }}"`, `"/o/bin str"`},
		{`let x = { a = 1; }; in (builtins.unsafeGetAttrPos "a" x) == null`, `true`},
		{`map (x: x * x) [ 1 2 3 ]`, `[ 1 4 9 ]`},
		{`builtins.foldl' (a: b: a + b) 0 [ 1 2 3 ]`, `6`},
		{`let p = builtins.add 1; in [ (p 2) (map p [ 3 ]) p builtins.add (x: x) ]`, `[ 3 [ 4 ] <PRIMOP-APP> <PRIMOP> <LAMBDA> ]`},
		{`let __sub = a: b: "sub"; __lessThan = a: b: true; in [ (1 - 2) (-1) (2 < 1) (2 >= 1) ]`, `[ "sub" "sub" true false ]`},
		{`builtins.tryEval (throw "x")`, `{ success = false; value = false; }`},
		{`let x = throw "x"; in [ (builtins.tryEval x).success (builtins.tryEval x).success ]`, `[ false false ]`},
		{`(builtins.tryEval (assert false; 1)).success`, `false`},
		{`let l = [ 1 l2 ]; l2 = [ 2 ]; in [ l2 l ]`, `[ [ 2 ] [ 1 «repeated» ] ]`},
		{`{ a-b = 1; "1" = 2; "if" = 3; "" = 4; }`, `{ "" = 4; "1" = 2; a-b = 1; "if" = 3; }`},
		{`builtins.typeOf (x: x)`, `"lambda"`},
		{`let f = n: if n == 0 then 0 else f (n - 1); in f 3000`, `0`},
	} {
		m := newEvaluator(t, nil).Machine(context.Background())
		got, err := run(m, c[0])
		if err != nil {
			got = err.Error()
		}
		if got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

// TestErrors compares messages and traces, as frames "position: text".
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		kind diag.Kind
		want []string // the message, then the frames from the inside out
	}{
		{`let x = x; in x`, diag.InfiniteRecursion, []string{"1:9 infinite recursion encountered"}},
		{`rec { a = b; b = a; }.a`, diag.InfiniteRecursion, []string{"1:11 infinite recursion encountered", "1:7 while evaluating the attribute 'a'"}},
		{`{ a = 1; }.b`, diag.Eval, []string{"1:1 attribute 'b' missing"}},
		{`{ a.b = throw "t"; }.a.b`, diag.Throw, []string{"t", "1:9 while calling the 'throw' builtin", "1:3 while evaluating the attribute 'a.b'"}},
		{`1 2`, diag.Type, []string{"1:1 attempt to call something which is not a function but an integer: 1"}},
		{`({ a }: a) { }`, diag.Type, []string{"1:2 function 'anonymous lambda' called without required argument 'a'", "1:1 from call site"}},
		{`let f = { a }: a; in f { a = 1; bb = 2; }`, diag.Type, []string{"1:9 function 'f' called with unexpected argument 'bb'", "1:22 from call site"}},
		{`if 1 then 2 else 3`, diag.Type, []string{"1:1 expected a Boolean but found an integer: 1", "1:1 while evaluating a branch condition"}},
		{`1 + "a"`, diag.Eval, []string{"1:5 cannot add a string to an integer"}},
		{`"a" + 1`, diag.Type, []string{"cannot coerce an integer to a string: 1", "1:7 while evaluating a path segment"}},
		{`assert 1 == 2; 3`, diag.Assertion, []string{"an integer with value '1' is not equal to an integer with value '2'", "1:1 while evaluating the condition of the assertion '(1 == 2)'"}},
		{`with 1; x`, diag.Type, []string{"expected a set but found an integer: 1", "1:1 while evaluating the first subexpression of a with expression"}},
		{`{ } // 1`, diag.Type, []string{"expected a set but found an integer: 1", "in the right operand of the update (//) operator"}},
		{`[ ] ++ 1`, diag.Type, []string{"expected a list but found an integer: 1", "1:5 while evaluating one of the elements to concatenate"}},
		{`9223372036854775807 + 1`, diag.Eval, []string{"1:23 integer overflow in adding 9223372036854775807 + 1"}},
		{`1 / 0`, diag.Eval, []string{"division by zero", "1:3 while calling the 'div' builtin"}},
		{`nope`, diag.Undefined, []string{"1:1 undefined variable 'nope'"}},
		{`with { }; nope`, diag.Undefined, []string{"1:11 undefined variable 'nope'"}},
		{`let f = n: f (n + 1); in f 0`, diag.StackOverflow, []string{"1:12 stack overflow; max-call-depth exceeded"}},
		{`let n = "a"; in rec { a = 1; ${n} = 2; }`, diag.Eval, []string{"1:30 dynamic attribute 'a' already defined at «string»:1:23"}},
	} {
		e := newEvaluator(t, nil)
		m := e.Machine(context.Background())
		_, err := run(m, c.text)
		var d *diag.Error
		if !errors.As(err, &d) {
			t.Errorf("%s: error %v is no *diag.Error", c.text, err)
			continue
		}
		if d.Kind != c.kind {
			t.Errorf("%s: kind %d, want %d", c.text, d.Kind, c.kind)
		}
		at := func(pos ast.Pos, text string) string {
			if pos == ast.NoPos {
				return diag.FilterANSI(text)
			}
			return strings.TrimPrefix(e.PosText(pos), "«string»:") + " " + diag.FilterANSI(text)
		}
		got := []string{at(d.Pos, d.Message)}
		for _, f := range d.Trace {
			got = append(got, at(f.Pos, f.Text))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
	}
}

// TestLongXML writes a text of many pieces.
func TestLongXML(t *testing.T) {
	m := newEvaluator(t, nil).Machine(context.Background())
	defer m.Close()
	got, err := run(m, `
		let
		  items = builtins.genList (i: i) 20000;
		  line = i: "    <int value=\"${toString i}\" />\n";
		  want = "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <list>\n"
		    + builtins.concatStringsSep "" (map line items) + "  </list>\n</expr>\n";
		in [ (builtins.toXML items == want) (builtins.stringLength want > 500000) ]`)
	if err != nil || got != "[ true true ]" {
		t.Errorf("%s, %v", got, err)
	}
}

// TestFramesUsedAgain has functions that keep their arguments on some paths
// only, called so often that a frame given back too early is used again.
func TestFramesUsedAgain(t *testing.T) {
	m := newEvaluator(t, nil).Machine(context.Background())
	defer m.Close()
	for _, c := range [][2]string{
		{`x: if x - x / 2 * 2 == 0 then { v = x + 0; } else { v = x; }`, `(f i).v == i`},
		{`x: if x > 500 then (y: x + y) else (y: y + x)`, `f i 3 == i + 3`},
		{`{ a, b ? [ a (a + 1) ] }: b`, `f { a = i; } == [ i (i + 1) ]`},
		{`{ a, b ? a }: if a > 500 then b else a`, `f { a = i; } == i`},
		{`a@{ x, ... }: if x > 500 then a else { inherit x; }`, `(f { x = i; y = 1; }).x == i`},
		{`x: let y = x + 1; in if x > 500 then [ y ] else [ (x + 1) ]`, `f i == [ (i + 1) ]`},
		{`x: rec { a = x; b = a; }`, `(f i).b == i`},
		{`x: with { y = x; }; if x > 500 then [ (y + 0) ] else [ y ]`, `f i == [ i ]`},
		{`x: (r: { k = y: x + y; inherit (r) success; }) (builtins.tryEval (if x > 500 then throw "no" else x))`,
			`(f i).k 1 == i + 1 && (f i).success == (i <= 500)`},
		{`x: builtins.seq (builtins.tryEval ((z: if z > 500 then throw "no" else z) x)).success (y: x + y)`, `f i 1 == i + 1`},
		{`x: y: z: if x > 500 then (w: x + y + z + w) else x`, `(let r = f i 1 2; in if i > 500 then r 3 == i + 6 else r == i)`},
	} {
		text := `let f = ` + c[0] + `; g = { a, b }: c: a + b + c; all = builtins.genList (i: i) 1000;
			kept = map (i: let r = ` + c[1] + `; in builtins.seq (g { a = i; b = 1; } 2) r) all;
			values = map f' all; f' = i: [ (` + c[1] + `) ];
			in builtins.all (x: x) kept && builtins.all builtins.head (builtins.deepSeq values values)`
		if got, err := run(m, text); err != nil || got != "true" {
			t.Errorf("%s: %s, %v", c[0], got, err)
		}
	}
}

// TestUnevaluated: what a set or a list holds is not shown to be evaluated
// before anything needs it, even where the evaluator knows it early.
func TestUnevaluated(t *testing.T) {
	for _, c := range [][2]string{
		{`{ a = x: x; b = [ (x: x) ]; }`, `{ a = <CODE>; b = <CODE>; }`},
		{`[ (x: x) builtins.add ((builtins.true)) map null 1 ]`, `[ <CODE> <CODE> <CODE> <PRIMOP> null 1 ]`},
		{`let f = x: x; g = f; in { inherit f g; h = f 1; }`, `{ f = <CODE>; g = <CODE>; h = <CODE>; }`},
		{`let f = x: x; g = f; in builtins.seq (g 1) { inherit f g; }`, `{ f = <LAMBDA>; g = <LAMBDA>; }`},
		{`(a: { inherit a; }) (x: x)`, `{ a = <CODE>; }`},
		{`({ a ? (x: x) }: { inherit a; }) { }`, `{ a = <CODE>; }`},
		{`builtins.listToAttrs [ { name = "a"; value = x: x; } ]`, `{ a = <CODE>; }`},
		{`rec { a = 1; b = a + 1; c = a - 1; ${"d"} = a + 1; }`, `{ a = 1; b = <CODE>; c = <CODE>; d = <CODE>; }`},
		{`let x = 1; in [ x (x + 1) ]`, `[ 1 <CODE> ]`},
	} {
		m := newEvaluator(t, nil).Machine(context.Background())
		node, err := parse(m, c[0])
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := m.Do(func() { got = m.PrintAmbiguous(m.NewValue(m.Eval(node)), false) }); err != nil || got != c[1] {
			t.Errorf("%s: %s %v instead of %s", c[0], got, err, c[1])
		}
		m.Close()
	}
}
