package eval_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// FuzzEval: any text at all, under limits, gives a value or a *diag.Error that
// is no internal one, and the same one twice.
func FuzzEval(f *testing.F) {
	for _, s := range []string{
		`let f = { a ? 1, ... }@s: s // { inherit a; }; in f { b = [ 1 "x" ./y ]; }`,
		`with builtins; foldl' add 0 (genList (x: x * x) 10)`,
		`rec { a = b; b = "${c}"; c = "x" + toString (1 / 2.5); __overrides = { c = "y"; }; }`,
		`builtins.tryEval (assert 1 == 2; throw "x")`,
		`{ __functor = self: x: x; } (x: y: { } ? a.b or (-1 <= 2 -> !true))`,
		`builtins.fromJSON (builtins.toJSON { a = null; b = [ 1.5 true ]; })`,
		`builtins.match "(a+)(b*)" "aab" ++ builtins.split "x" "axb"`,
		`derivation { name = "n"; system = "s"; builder = "/b"; }`,
		`let x = x; in x`, `''  a ''${b} ${"c"}''`, `<nix/fetchurl.nix>`, `__curPos`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		watch := time.AfterFunc(20*time.Second, func() { panic("still evaluating " + text) })
		defer watch.Stop()
		once := func() (string, error) {
			e := newEvaluator(t, func(o *eval.Options) {
				o.Pure = true
				o.Fuel = 20000
				o.MemoryBudget = 16 << 20
				o.MaxCallDepth, o.MaxForceDepth = 500, 5000
			})
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			m := e.Machine(ctx)
			defer m.Close()
			return run(m, text)
		}
		out, err := once()
		if err != nil {
			var d *diag.Error
			if !errors.As(err, &d) {
				t.Fatalf("%q: error of another kind: %v", text, err)
			}
			if strings.Contains(err.Error(), "internal error") || d.Kind == diag.Interrupted {
				t.Fatalf("%q: %v", text, err)
			}
		}
		out2, err2 := once()
		if out != out2 || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("%q: %q %v, then %q %v", text, out, err, out2, err2)
		}
	})
}
