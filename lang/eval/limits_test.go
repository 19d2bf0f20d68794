package eval_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

func kindOf(err error) (k diag.Kind, ok bool) {
	var d *diag.Error
	if !errors.As(err, &d) {
		return 0, false
	}
	return d.Kind, true
}

const endless = `let f = n: if n == 0 then 0 else f (n - 1); loop = n: builtins.seq (f 100) (loop2 (n + 1)); loop2 = n: builtins.foldl' (a: x: a + f 50) 0 (builtins.genList (x: x) 1000000); in loop 0`

// TestFuel: a bound on steps ends evaluation, at the same step each time.
func TestFuel(t *testing.T) {
	calls := func(fuel int64) (n int, err error) {
		e := newEvaluator(t, func(o *eval.Options) {
			o.Fuel = fuel
			o.Trace = func(string) { n++ }
		})
		_, err = run(e.Machine(context.Background()), `let f = n: builtins.seq (builtins.trace "x" n) (f (n + 1)); in f 0`)
		return n, err
	}
	last := 0
	for _, fuel := range []int64{1, 10, 1000, 5000, 20000} {
		n, err := calls(fuel)
		if k, ok := kindOf(err); !ok || k != diag.Limit {
			t.Fatalf("fuel %d: %v", fuel, err)
		}
		if again, _ := calls(fuel); again != n {
			t.Errorf("fuel %d: %d steps, then %d", fuel, n, again)
		}
		if n < last {
			t.Errorf("fuel %d: %d steps, less than with less fuel", fuel, n)
		}
		last = n
	}
	if _, err := calls(0); err == nil {
		t.Error("no fuel limit, but also no call depth")
	} else if k, _ := kindOf(err); k != diag.StackOverflow {
		t.Errorf("fuel 0: %v", err)
	}
}

// TestMemory: a budget ends evaluation before the memory is taken.
func TestMemory(t *testing.T) {
	for _, text := range []string{
		`builtins.length (builtins.genList (x: x) 1000000000)`,
		`builtins.stringLength (builtins.foldl' (s: x: s + s) "0123456789" (builtins.genList (x: x) 100))`,
		`builtins.foldl' (l: x: l ++ l) [ 1 2 3 ] (builtins.genList (x: x) 100)`,
		`builtins.foldl' (s: x: s // { "a${toString x}" = s; }) { } (builtins.genList (x: x) 100000000)`,
		`builtins.concatStringsSep "," (builtins.genList (x: "0123456789") 100000000)`,
	} {
		e := newEvaluator(t, func(o *eval.Options) { o.MemoryBudget = 64 << 20 })
		_, err := run(e.Machine(context.Background()), text)
		if k, ok := kindOf(err); !ok || k != diag.Limit {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

// TestRoom: whoever needs much memory asks for it before it takes it.
func TestRoom(t *testing.T) {
	const large = 8 << 20 // refused at once; and in all:
	const total = 128 << 20
	file := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 1<<40); err != nil {
		t.Fatal(err)
	}
	const s = `let s = builtins.foldl' (s: x: s + s) "0\"34567" (builtins.genList (x: x) 19); l = builtins.genList (x: x) 800000; in `
	for _, text := range []string{
		`builtins.length (builtins.genList (x: x) 4000000000)`,
		`builtins.foldl' (s: x: s + s) "0123456789" (builtins.genList (x: x) 100)`,
		`builtins.foldl' (s: x: "${s}${s}") "0123456789" (builtins.genList (x: x) 100)`,
		`builtins.foldl' (l: x: l ++ l) [ 1 2 3 ] (builtins.genList (x: x) 100)`,
		`builtins.foldl' (l: x: l // { "a${toString x}" = x; }) { } (builtins.genList (x: x) 400000)`,
		s + `builtins.replaceStrings [ "0" ] [ s ] s`,
		s + `builtins.concatStringsSep s (map (x: s) l)`,
		s + `toString [ s s s ]`,
		s + `builtins.toJSON [ s s s s ]`,
		s + `builtins.toXML [ s s s s ]`,
		s + `builtins.fromTOML s`,
		s + `builtins.fromJSON ("[" + builtins.replaceStrings [ "0\"34567" ] [ "1,1,1,1," ] s + "1]")`,
		s + `builtins.split "0" s`,
		s + `builtins.match "(.|0)*" s`,
		s + `{ ${s + s} = 1; }`,
		s + `throw s`,
		s + `builtins.readFile s`,
		s + `builtins.concatMap (x: [ x x x ]) l`,
		s + `builtins.concatLists (map (x: l) l)`,
		s + `builtins.groupBy toString l`,
		s + `builtins.genericClosure { startSet = map (key: { inherit key; }) l; operator = x: [ ]; }`,
		s + `[ s s s s ]`,
		`builtins.readFile "` + file + `"`,
		`import "` + file + `"`,
		`import ` + file,
	} {
		var asked atomic.Int64
		e := newEvaluator(t, func(o *eval.Options) {
			o.Cores = 2
			o.Room = func(n int64) error {
				if asked.Add(n) > total || n > large {
					return errors.New("there is no room")
				}
				return nil
			}
		})
		sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(sample)
		before := sample[0].Value.Uint64()
		_, err := run(e.Machine(context.Background()), text)
		metrics.Read(sample)
		var d *diag.Error
		if !errors.As(err, &d) || d.Kind != diag.Limit || d.Message != "out of memory" || len(d.Trace) > 0 {
			t.Errorf("%.100s: %v", text, err)
		}
		if taken := sample[0].Value.Uint64() - before; taken > 2*total {
			t.Errorf("%.100s: took %d MB", text, taken>>20)
		}
	}
}

// TestDepth: what nests too deeply is an error, whatever nests.
func TestDepth(t *testing.T) {
	for _, text := range []string{
		`let f = n: 1 + f (n + 1); in f 0`,
		`let f = n: { x = f (n + 1); }; in builtins.deepSeq (f 0) 1`,
		`let f = n: [ (f (n + 1)) ]; in builtins.toJSON (f 0)`,
		`let f = n: [ (f (n + 1)) ]; in f 0 == f 0`,
		`let f = n: { outPath = f (n + 1); }; in "${f 0}"`,
		`let f = n: { __toString = _: f (n + 1); }; in toString (f 0)`,
		`let f = n: { __functor = f (n + 1); }; in f 0 1`,
		`let xs = builtins.genList (i: if i == 0 then 0 else builtins.elemAt xs (i - 1) + 1) 1000000; in builtins.elemAt xs 999999`,
		`let s = { a = 0; }; f = n: if n == 0 then s else { inherit (f (n - 1)) a; }; in (f 1000000).a`,
		`builtins.foldl' (f: x: y: f (y + 1)) (y: y) (builtins.genList (x: x) 1000000) 0`,
	} {
		_, err := run(newEvaluator(t, nil).Machine(context.Background()), text)
		if k, ok := kindOf(err); !ok || k != diag.StackOverflow {
			t.Errorf("%.80s: %v", text, err)
		}
	}
}

// TestGrowingSet: a set that grows by one attribute at a time costs n log n,
// in time and in what is charged, and holds what it should.
func TestGrowingSet(t *testing.T) {
	const n = 100000 // 100 times the budget if each step copied the set
	e := newEvaluator(t, func(o *eval.Options) { o.MemoryBudget = 400 << 20 })
	got, err := run(e.Machine(context.Background()), fmt.Sprintf(`let
	  s = builtins.foldl' (s: x: s // { "n${toString x}" = x; ${if x == %[1]d / 2 then "n7" else null} = "seven"; }) { } (builtins.genList (x: x) %[1]d);
	in [ (builtins.length (builtins.attrNames s)) s.n0 s.n7 s.n%[2]d (s ? n%[1]d)
	  (builtins.foldl' (a: b: a + b) 0 (builtins.attrValues (removeAttrs s [ "n7" ]))) ]`, n, n-1))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("[ %d 0 \"seven\" %d false %d ]", n, n-1, int64(n)*(n-1)/2-7); got != want {
		t.Errorf("%s instead of %s", got, want)
	}
}

// TestUpdateSequences: sets made by many // of random width hold what a plain
// map holds, whether they are looked at on the way or not.
func TestUpdateSequences(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		want := map[string]int{}
		var text strings.Builder
		text.WriteString("let s0 = { }; ")
		const steps = 60
		for i := range steps {
			fmt.Fprintf(&text, "s%d = ", i+1)
			if rnd.IntN(8) == 0 { // flattens
				fmt.Fprintf(&text, "builtins.seq (builtins.attrNames s%d) ", i)
			}
			fmt.Fprintf(&text, "(s%d // {", i)
			width := 1 << rnd.IntN(1+rnd.IntN(6))
			seen := map[string]bool{}
			for range width {
				name := fmt.Sprintf("n%d", rnd.IntN(300))
				if seen[name] {
					continue
				}
				seen[name] = true
				v := rnd.IntN(1000)
				want[name] = v
				fmt.Fprintf(&text, " %s = %d;", name, v)
			}
			text.WriteString(" }); ")
		}
		fmt.Fprintf(&text, "in builtins.toJSON s%d", steps)
		got, err := run(newEvaluator(t, nil).Machine(context.Background()), text.String())
		if err != nil {
			t.Fatal(err)
		}
		js, _ := json.Marshal(want)
		if text, _ := json.Marshal(string(js)); got != string(text) {
			t.Errorf("seed %d: %s instead of %s", seed, got, text)
		}
	}
}
