package eval_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/lang/builtins"
)

// TestLend calls builtins with arguments that are lent, one call after and within
// the other, and again with variables, which nobody lends.
func TestLend(t *testing.T) {
	calls := map[string][]string{
		"typeOf": {`(k + 1)`}, "isAttrs": {`(s k)`}, "isList": {`[ k ]`}, "isString": {`(toString k)`}, "isInt": {`(k * 2)`},
		"isFloat": {`(k * 1.5)`}, "isBool": {`(k == 1)`}, "isPath": {`(./. + "/x")`}, "isNull": {`(id null)`},
		"isFunction": {`(x: k)`}, "functionArgs": {`({ a, b ? k }: a)`},
		"map": {`(x: [ x k ])`, `(l k)`}, "filter": {`(x: x != k)`, `(l k)`}, "length": {`(l k)`}, "head": {`(l k)`}, "tail": {`(l k)`},
		"elemAt": {`(l k)`, `(k - k + 1)`}, "elem": {`(k + 1)`, `(l k)`}, "concatLists": {`[ (l k) [ ] (l 2) ]`},
		"concatMap": {`(x: [ x (x + k) ])`, `(l k)`}, "foldl'": {`(a: x: a + x + k)`, `(k + 0)`, `(l k)`}, "any": {`(x: x == k)`, `(l k)`},
		"all": {`(x: x > k)`, `(l k)`}, "genList": {`(i: i + k)`, `(k + 2)`}, "sort": {`(a: b: a - k < b - k)`, `(l k ++ l 0)`},
		"partition": {`(x: x > k)`, `(l k)`}, "groupBy": {`(x: toString (x - k))`, `(l k)`}, "attrNames": {`(s k)`}, "attrValues": {`(s k)`},
		"getAttr": {`("a" + "")`, `(s k)`}, "hasAttr": {`("a" + "")`, `(s k)`}, "removeAttrs": {`(s k)`, `[ ("a" + "") ]`},
		"listToAttrs": {`[ { name = "n"; value = k; } ]`}, "intersectAttrs": {`(s 1)`, `(s k)`}, "catAttrs": {`("a" + "")`, `[ (s k) (s 1) ]`},
		"mapAttrs": {`(n: v: [ n v k ])`, `(s k)`}, "toString": {`({ __toString = self: self.t; t = "t" + toString k; })`},
		"substring": {`(k - k)`, `(k + 1)`, `("abcdefgh" + toString k)`}, "stringLength": {`("abc" + toString (k * 10))`},
		"concatStringsSep": {`("," + toString k)`, `(map toString (l k))`}, "replaceStrings": {`[ ("a" + "") ]`, `[ (toString k) ]`, `("banana" + "")`},
	}
	m := newEvaluator(t, nil).Machine(context.Background())
	defer m.Close()
	eval := func(text string) string {
		got, err := run(m, `let id = x: x; l = k: [ k (k + 1) (k + 2) ]; s = k: { a = k; b = [ k ]; }; in builtins.toJSON (`+text+`)`)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return got
	}
	for _, b := range builtins.All() {
		args, ok := calls[b.Name]
		if !ok {
			if b.Borrows != 0 {
				t.Errorf("%s borrows arguments and is not tried", b.Name)
			}
			continue
		}
		name := "builtins." + b.Name
		direct, vars, values := name, name, ""
		for i, a := range args {
			v := fmt.Sprintf("v%d", i)
			direct += " " + a
			vars += " " + v
			values += fmt.Sprintf("(%s: ", v)
		}
		vars = values + vars + strings.Repeat(")", len(args))
		for _, a := range args {
			vars = "(" + vars + " " + a + ")"
		}
		// In each other, in turn, and around one that fails within.
		around := func(f, x string) string {
			if b.Name == "functionArgs" {
				x = f
			}
			return `(k: let r = ` + f + `; in if builtins.isFunction r then r 0 else [ r (` + x + `) ])`
		}
		inner := `builtins.tryEval (builtins.elemAt (l (builtins.length (throw "x"))) (k - k))`
		for _, calls := range []string{`[ (f 1) (f 2) (f 3) ]`, `builtins.head [ (f (builtins.elemAt (l 1) (0 + 1))) ]`, `map f (l 1) ++ [ (f 3) ]`} {
			text := func(call string) string { return `let f = ` + around(call, inner) + `; in ` + calls }
			if got, want := eval(text(direct)), eval(text(vars)); got != want {
				t.Errorf("%s\nis   %s\nwant %s", text(direct), got, want)
			}
		}
	}
}

// TestLendFrames: a function that only lends what it makes leaves its frame to be used again.
func TestLendFrames(t *testing.T) {
	measure := func(n int) float64 {
		m := newEvaluator(t, nil).Machine(context.Background())
		defer m.Close()
		text := fmt.Sprintf(`let f = a: b: builtins.substring 0 (builtins.stringLength a) b == a; in builtins.all (x: f "a" "b" || true) (builtins.genList (i: 1) %d)`, n)
		return testing.AllocsPerRun(1, func() {
			if _, err := run(m, text); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := measure(1000), measure(11000); many-few > 2500 {
		t.Errorf("10000 calls more allocate %.0f times more", many-few)
	}
}
