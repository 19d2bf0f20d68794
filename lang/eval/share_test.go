package eval_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// together runs f on n machines of one evaluator at once.
func together(e *eval.Evaluator, n int, f func(i int, m *eval.Machine)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			m := e.Machine(context.Background())
			defer m.Close()
			f(i, m)
		}()
	}
	wg.Wait()
}

// shared makes a value of an expression that all machines can reach.
func shared(t *testing.T, e *eval.Evaluator, text string) *eval.Value {
	t.Helper()
	m := e.Machine(context.Background())
	node, err := parse(m, text)
	if err != nil {
		t.Fatal(err)
	}
	return m.EvalLater(node)
}

// TestSharedValue has several goroutines evaluate the same value deeply: sets
// in layers, functions, strings with contexts, failures.
func TestSharedValue(t *testing.T) {
	const text = `
		let
		  big = builtins.listToAttrs (builtins.genList (i: { name = "n${toString i}"; value = i; }) 200);
		  layered = builtins.foldl' (s: i: s // { "n${toString i}" = i * 2; "extra${toString i}" = i; }) big (builtins.genList (i: i * 5) 40);
		  fib = n: if n < 2 then n else fib (n - 1) + fib (n - 2);
		  fails = builtins.tryEval (throw "no");
		in {
		  inherit layered fails;
		  lists = map (i: fib (i - i / 12 * 12)) (builtins.genList (i: i) 60);
		  names = builtins.attrNames layered;
		  str = builtins.concatStringsSep "," (map toString (builtins.attrValues layered));
		  sel = with layered; [ n1 n5 extra10 layered.n7 ];
		  sorted = builtins.sort (a: b: a < b) (map (n: n * 7919 - n * n) (builtins.genList (i: i) 100));
		  f = ({ a ? big.n3, b ? a + 1 }: a + b) { };
		}`
	want, err := run(newEvaluator(t, nil).Machine(context.Background()), text)
	if err != nil {
		t.Fatal(err)
	}
	e := newEvaluator(t, nil)
	v := shared(t, e, text)
	got := make([]string, 8)
	together(e, len(got), func(i int, m *eval.Machine) {
		if err := m.Do(func() {
			m.ForceDeep(v)
			got[i] = m.PrintAmbiguous(v, false)
		}); err != nil {
			got[i] = err.Error()
		}
	})
	for i, g := range got {
		if g != want {
			t.Errorf("machine %d: got %.200s, want %.200s", i, g, want)
		}
	}
}

// TestSharedFailure: whoever forces a failed value gets its error.
func TestSharedFailure(t *testing.T) {
	e := newEvaluator(t, nil)
	v := shared(t, e, `let go = n: if n == 0 then throw "deep" else 1 + go (n - 1); in { x = go 50; }.x`)
	together(e, 8, func(i int, m *eval.Machine) {
		err := m.Do(func() { m.Force(v, ast.NoPos) })
		var d *diag.Error
		if !errors.As(err, &d) || d.Kind != diag.Throw || d.Error() != "deep" {
			t.Errorf("machine %d: %v", i, err)
		}
		if len(d.Trace) == 0 || !strings.Contains(d.Trace[0].Text, "throw") {
			t.Errorf("machine %d: trace %v", i, d.Trace)
		}
	})
}

// TestCycleAcrossMachines: two values that need each other, forced from both
// ends by two machines, are infinite recursion and no deadlock.
func TestCycleAcrossMachines(t *testing.T) {
	for range 50 {
		e := newEvaluator(t, nil)
		var ends [2]*eval.Value
		m := e.Machine(context.Background())
		meet := make(chan bool, 2)
		for i := range ends {
			ends[i] = m.LazyGo(func(m *eval.Machine) eval.Value {
				meet <- true
				for len(meet) < 2 {
					time.Sleep(time.Microsecond) // both are being evaluated now
				}
				m.Force(ends[1-i], ast.NoPos)
				return *ends[1-i]
			})
		}
		together(e, 2, func(i int, m *eval.Machine) {
			err := m.Do(func() { m.Force(ends[i], ast.NoPos) })
			var d *diag.Error
			if !errors.As(err, &d) || d.Kind != diag.InfiniteRecursion {
				t.Errorf("machine %d: %v", i, err)
			}
		})
		if t.Failed() {
			return
		}
	}
}

// TestStoppedValue: an evaluation that is cancelled leaves its values as they
// were, and who waits for one takes over.
func TestStoppedValue(t *testing.T) {
	e := newEvaluator(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	begun := make(chan bool)
	var once sync.Once
	first := e.Machine(ctx)
	v := first.LazyGo(func(m *eval.Machine) eval.Value {
		once.Do(func() {
			close(begun)
			for {
				m.Check()
				time.Sleep(time.Millisecond)
			}
		})
		return eval.Int(7)
	})
	done := make(chan error)
	go func() { done <- first.Do(func() { first.Force(v, ast.NoPos) }) }()
	<-begun
	go func() {
		m := e.Machine(context.Background())
		done <- m.Do(func() {
			m.Force(v, ast.NoPos)
			if v.Int() != 7 {
				panic(fmt.Sprint("value ", v.Int()))
			}
		})
	}()
	time.Sleep(20 * time.Millisecond) // the second machine waits by now, mostly
	cancel()
	var errs []error
	for range 2 {
		errs = append(errs, <-done)
	}
	var d *diag.Error
	if errs[0] == nil {
		errs[0], errs[1] = errs[1], errs[0]
	}
	if !errors.As(errs[0], &d) || d.Kind != diag.Interrupted || errs[1] != nil {
		t.Errorf("got %v", errs)
	}
}
