package eval_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// TestAheadOrder parses files ahead, in whatever order the workers come to
// them: names must be met in the order of evaluation nonetheless.
func TestAheadOrder(t *testing.T) {
	dir := t.TempDir()
	const files = 40
	var list strings.Builder
	for i := range files {
		// Half of the files come with names that the other half has, in another order.
		k := i / 2
		text := fmt.Sprintf("z%d: a%d: { z%d = throw \"z%d\"; b%d = throw \"b%d\"; a%d = throw \"a%d\"; }", k, k, k, k, k, k, k, k)
		if i%2 == 1 {
			text = fmt.Sprintf("{ b%d, a%d ? c%d, z%d, c%d }: { z%d = throw \"z%d\"; c%d = throw \"c%d\"; a%d = throw \"a%d\"; }", k, k, k, k, k, k, k, k, k, k, k)
		}
		name := fmt.Sprintf("f%02d.nix", (i*7)%files)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "(import ./f%02d.nix)\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.nix"), []byte("{ b0 = u1; a0 = u2; z0 = u3; }"), 0o666); err != nil {
		t.Fatal(err)
	}
	text := "let all = [ " + list.String() + ` ];
		call = f: if builtins.functionArgs f == { } then f 1 2 else f (builtins.mapAttrs (n: v: 1) (builtins.functionArgs f));
		first = builtins.concatMap (f: [ (builtins.seq f null) ]) all;
	in [ (builtins.deepSeq first 1) (map call all) (import ./bad.nix) ]`
	once := func(cores, element int) string {
		e := newEvaluator(t, func(o *eval.Options) { o.Cores = cores })
		m := e.Machine(context.Background())
		defer m.Close()
		_, err := run(m, "builtins.elemAt ("+strings.ReplaceAll(text, "./", dir+"/")+fmt.Sprintf(") %d", element))
		if err == nil {
			return ""
		}
		return diag.Format(err, e.Sources, diag.PrintOptions{ShowTrace: true})
	}
	for element := range 3 {
		want := once(1, element)
		if element > 0 && want == "" {
			t.Fatalf("element %d: no error", element)
		}
		for range 10 {
			if got := once(4, element); got != want {
				t.Fatalf("element %d, parsed ahead:\n%s\nin turn:\n%s", element, got, want)
			}
		}
	}
}
