package eval_test

import (
	"context"
	"testing"
)

// TestReuse: what a function makes of its arguments stays as it is, however it
// keeps them, when the next call gets others.
func TestReuse(t *testing.T) {
	const language = `
		let
		  fold = f: acc: list: if list == [ ] then acc else fold f (f acc (builtins.head list)) (builtins.tail list);
		  through = f: x: f x;
		  pick = { a, b ? a }: [ a b ];
		in `
	m := newEvaluator(t, nil).Machine(context.Background())
	defer m.Close()
	same := func(a, b string) {
		t.Helper()
		got, err := run(m, language+a)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		if want, err := run(m, language+b); err != nil || got != want {
			t.Errorf("%s is %s, want %s (%v)", a, got, want, err)
		}
	}
	for _, body := range []string{
		`i`, `i + 1`, `i * 2`, `[ i ]`, `[ (i + 0) i ]`, `{ x = i; }`, `{ inherit i; }`, `rec { x = i; y = x; }`,
		`let y = i; in [ y ]`, `let y = [ i ]; in y`, `let y = i + 1; in { inherit y; }`, `with { x = i; }; [ x ]`,
		`with { x = i; }; x`, `if i < 2 then i else [ i ]`, `through (x: [ x ]) i`, `(x: [ x ]) i`, `((x: y: [ x y ]) i) i`,
		`pick { a = i; }`, `pick { a = i; b = i + 1; }`, `(s@{ a }: s) { a = i; }`, `builtins.head [ i ]`,
		`map (x: i) [ 1 ]`, `map (x: [ x ]) [ i ]`, `builtins.seq i [ i ]`, `(builtins.tryEval i).value`, `builtins.tryEval i`,
		`builtins.elemAt [ i ] 0`, `(x: x) (i - 1)`, `builtins.genList (k: [ i k ]) 3`, `builtins.genList (k: k) i`,
		`builtins.foldl' (a: b: a + b) i [ 1 2 ]`, `builtins.foldl' (a: b: [ a b ]) i [ 1 2 ]`, `"${toString i}"`,
		`(assert i >= 0; i)`, `{ x = i; }.x`, `{ x.y = [ i ]; }.x.y or 0`, `(builtins.add i) 1`, `map (builtins.add i) [ 1 2 ]`,
		`{ f = builtins.add i; }.f 2`, `[ (let f = x: i; in f 0) ]`, `builtins.listToAttrs [ { name = "n"; value = i; } ]`,
		`builtins.mapAttrs (n: v: [ i v ]) { a = i; }`, `builtins.toJSON [ i ]`, `builtins.sort (a: b: a < b) [ 2 i 1 ]`,
		`{ a = 1; } // { b = i; }`, `(x: x // { b = i; }) { a = i; }`, `builtins.concatMap (x: [ x i ]) [ 1 i ]`,
	} {
		f := `(i: ` + body + `)`
		same(`builtins.genList `+f+` 4`, `map `+f+` [ 0 1 2 3 ]`)
		same(`builtins.mapAttrs (n: `+f+`) { a = 0; b = 1; c = 2; }`, `let f = `+f+`; in { a = f 0; b = f 1; c = f 2; }`)
		same(`builtins.mapAttrs (i: x: `+body+`) { }`, `{ }`)
		same(`let f = `+f+`; in builtins.genList f 4`, `let f = `+f+`; in [ (f 0) (f 1) (f 2) (f 3) ]`)
	}
	// Names are arguments that are used again, too.
	for _, body := range []string{`n`, `n + v`, `[ n v ]`, `{ ${n} = v; }`, `x: n`, `let m = n; in [ m ]`, `through (x: [ x ]) n`, `builtins.seq v n`} {
		f := `(n: v: ` + body + `)`
		call := `(r: if builtins.isFunction r then r 0 else r)`
		same(`map `+call+` (builtins.attrValues (builtins.mapAttrs `+f+` rec { a = "1"; b = a; c = "3"; }))`,
			`let f = `+f+`; in map `+call+` [ (f "a" "1") (f "b" "1") (f "c" "3") ]`)
	}
	for _, f := range []string{
		`(a: b: a + b)`, `(a: b: a * b + 1)`, `(a: b: [ a b ])`, `(a: b: { inherit a b; })`, `(a: b: if b == 2 then [ a ] else b)`,
		`(a: b: b)`, `(a: b: a)`, `(a: b: x: a)`, `(a: b: let y = a; in [ y b ])`, `(a: b: let y = [ a ]; in y)`,
		`(a: b: [ a ] ++ [ b ])`, `(a: b: builtins.seq a [ b ])`, `(a: b: through (x: [ x ]) a)`, `(a: b: with { x = a; }; [ x ])`,
		`(a: b: builtins.genList (k: [ a k ]) 2)`, `(a: b: (builtins.tryEval a).value)`, `(a: b: if b == 2 then { x = a; } else { x = b; })`,
		`builtins.add`, `(a: builtins.add 1)`, `(a: { __functor = self: b: [ b ]; })`, `(a: { x ? 1 }: [ a x ])`,
	} {
		list := `[ 1 2 3 4 ]`
		if f == `(a: { x ? 1 }: [ a x ])` {
			list = `[ { } { x = 2; } { } ]`
		}
		same(`let r = builtins.foldl' `+f+` 7 `+list+`; in if builtins.isFunction r then r 0 else r`,
			`let r = fold `+f+` 7 `+list+`; in if builtins.isFunction r then r 0 else r`)
	}
}
