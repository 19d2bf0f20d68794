package eval_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// TestHelpers evaluates wide values with and without other cores: results,
// errors, traces and what the program prints must be the same.
func TestHelpers(t *testing.T) {
	const prelude = `let
		fib = n: if n < 2 then n else fib (n - 1) + fib (n - 2);
		list = f: builtins.genList f 400;
		set = f: builtins.listToAttrs (list (i: { name = "n${toString i}"; value = f i; }));
		shared = builtins.listToAttrs (builtins.genList (i: { name = "s${toString i}"; value = fib (i - i / 15 * 15); }) 100);
		pick = i: shared."s${toString (i - i / 100 * 100)}";
	in `
	for _, body := range []string{
		`builtins.deepSeq (list (i: pick i + fib 8)) (set pick)`,
		`builtins.toJSON (set (i: { a = pick i; b = [ (fib 7) { outPath = "/x${toString i}"; never = throw "x"; } ]; }))`,
		`list (i: builtins.tryEval (if i - i / 3 * 3 == 0 then throw "t" else fib 9))`,
		`set (i: if i == 250 || i == 390 then throw "first of two: ${toString i}" else { x = [ (pick i) ]; })`,
		`list (i: { deep.er = if i > 100 then builtins.addErrorContext "while at ${toString i}" (1 + "x") else fib 9; })`,
		`list (i: builtins.trace "element ${toString i}" (fib 6))`,
		`let l = list (i: if i == 0 then fib 12 else builtins.elemAt l (i - 1) + 1); in builtins.deepSeq l (builtins.elemAt l 399)`,
		`let l = list (i: if i == 200 then builtins.elemAt l 201 else if i == 201 then builtins.elemAt l 200 else fib 8); in l`,
		`let f = n: f (n + 1); in list (i: if i == 300 then f 0 else fib 8)`,
		`list (i: list (j: i * j))`,
		`let t = f: builtins.add f "x"; once = t 1; in list (i: if i == 350 then once else (builtins.tryEval (throw "n")).success)`,
		`let f = throw "once"; in list (i: if i < 390 then builtins.tryEval (builtins.addErrorContext "at ${toString i}" f) else f)`,
		`let f = throw "once"; in list (i: if i < 390 then pick i else if i > 395 then builtins.tryEval (builtins.addErrorContext "at ${toString i}" f) else f)`,
		`let l = list (i: fib 8 + builtins.elemAt l (i - i / 7 * 7 + 100)); in l`,
		`let d = i: derivation { name = "d${toString i}"; builder = "b"; system = "s"; args = [ (fib 5) "${pick i}" ];
			inputs = if i < 2 then [ ] else [ (builtins.elemAt ds (i / 2)) (builtins.elemAt ds (i - 1)) (fib 6) ]; n = null;
			__structuredAttrs = i == 77; __ignoreNulls = i == 78; }; ds = list d; in map (d: d.drvPath) ds`,
		`let d = i: derivation { name = "d${toString i}"; builder = "b"; system = "s"; a = fib 9; b = fib 10; c = if i == 300 then throw "c" else fib 9;
			d = fib 12; e = if i == 300 then throw "e" else [ (fib 5) ]; f = builtins.trace "f of ${toString i}" i; }; in map (i: (d i).drvPath) (list (i: i))`,
		`builtins.filter (i: pick i + fib 8 > 30) (list (i: i))`,
		`builtins.filter (i: if i == 333 || i == 360 then throw "first of two: ${toString i}" else pick i > 3) (list (i: i))`,
		`builtins.filter (i: builtins.trace "asked for ${toString i}" (fib 6 > i)) (list (i: i))`,
		`builtins.filter (i: if i == 390 then 1 else fib 8 > i) (list (i: i))`,
		`builtins.concatMap (i: if i == 380 then builtins.addErrorContext "while at ${toString i}" (1 + "x") else [ (pick i) i ]) (list (i: i))`,
		`builtins.concatMap (i: [ (fib 9) (i + pick i) ]) (list (i: i))`,
		`builtins.groupBy (i: toString (pick i)) (list (i: i))`,
		`builtins.groupBy (i: if i == 399 then fib 9 else "a") (list (i: i))`,
		`let n = i: builtins.bitAnd (i * 7919) 1023; in builtins.sort (a: b: fib 5 > 0 && n a < n b) (builtins.genList (i: i) 3000)`,
		`let n = i: builtins.bitAnd (i * 7919) 63; in builtins.sort (a: b: n a < n b) (builtins.genList (i: i) 3000)`,
		`builtins.sort (a: b: if a == 2900 || b == 100 then throw "${toString a} and ${toString b}" else builtins.bitAnd (a * 77) 255 < builtins.bitAnd (b * 77) 255) (builtins.genList (i: i) 3000)`,
		`builtins.sort (a: b: if a == 2900 then builtins.trace "at ${toString b}" true else builtins.bitAnd (a * 77) 255 < builtins.bitAnd (b * 77) 255) (builtins.genList (i: i) 3000)`,
		`builtins.sort builtins.lessThan (builtins.genList (i: builtins.bitAnd (i * 7919) 1023) 3000)`,
		`builtins.sort (a: b: fib 5 > 0) (builtins.genList (i: i) 3000)`,
		`let f = i: builtins.filter (j: pick i == pick j) (list (j: j)); in map (i: builtins.length (f i)) (builtins.genList (i: i) 40)`,
		`let l = builtins.filter (i: i == 3 || builtins.length l > 0) (list (i: i)); in l`,
		`builtins.toXML (set (i: { a = pick i; b = [ (fib 7) (x: x) { y = fib 8; } ]; }))`,
		`builtins.toXML (builtins.filter (x: x ? a) (list (i: { a = fib 8; b = { c = if i == 377 then throw "377" else pick i; }; })))`,
		`let d = i: (derivation { name = "d${toString i}"; builder = "b"; system = "s"; a = fib 9; b = "${d (i + 1)} ${fib 5}"; c = d (i + 2); }).drvPath; in d 0`,
	} {
		once := func(cores int) string {
			var traces []string
			e := newEvaluator(t, func(o *eval.Options) {
				o.Cores, o.MaxCallDepth = cores, 1000
				o.Trace = func(s string) { traces = append(traces, s) }
			})
			e.HelpAtOnce()
			m := e.Machine(context.Background())
			defer m.Close()
			out, err := run(m, prelude+body)
			if err != nil {
				out = diag.Format(err, e.Sources, diag.PrintOptions{ShowTrace: true})
			}
			return out + "\n" + strings.Join(traces, "\n")
		}
		want := once(1)
		for _, cores := range []int{2, 4, 4} {
			if got := once(cores); got != want {
				t.Errorf("%s\nwith %d cores:\n%.2000s\nalone:\n%.2000s", body, cores, got, want)
			}
		}
	}
}

// TestHelpersStop: no helper is left over when the evaluation is done.
func TestHelpersStop(t *testing.T) {
	e := newEvaluator(t, func(o *eval.Options) { o.Cores = 4 })
	e.HelpAtOnce()
	m := e.Machine(context.Background())
	node, err := parse(m, `builtins.genList (i: if i == 3 then throw "x" else builtins.foldl' (a: b: a + b) 0 (builtins.genList (x: x) 100000)) 400`)
	if err != nil {
		t.Fatal(err)
	}
	v := m.EvalLater(node)
	err = m.Do(func() { m.ForceDeep(v) })
	if err == nil || err.Error() != "x" {
		t.Fatalf("got %v", err)
	}
	if n := e.Machines(); n != 1 {
		t.Errorf("%d machines are left", n)
	}
	// What the helpers had begun can still be evaluated.
	last := v.List()[399]
	if err := m.Do(func() { m.Force(last, ast.NoPos) }); err != nil || fmt.Sprint(last.Int()) != "4999950000" {
		t.Errorf("last element: %v %v", last.Int(), err)
	}
}
