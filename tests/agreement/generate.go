package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// kind is what an expression is meant to evaluate to.
type kind int

const (
	anything kind = iota
	number
	float
	boolean
	text
	list
	set
	function // of one argument
	null
	path
	kinds
)

type variable struct {
	name string
	kind kind
}

type generator struct {
	rand  *rand.Rand
	scope []variable
}

// builtin functions with the kinds of their results and arguments.
var functions = []struct {
	name   string
	result kind
	args   []kind
}{
	{"builtins.add", number, []kind{number, number}},
	{"builtins.sub", number, []kind{number, number}},
	{"builtins.mul", number, []kind{number, number}},
	{"builtins.div", number, []kind{number, number}},
	{"builtins.bitAnd", number, []kind{number, number}},
	{"builtins.bitXor", number, []kind{number, number}},
	{"builtins.length", number, []kind{list}},
	{"builtins.stringLength", number, []kind{text}},
	{"builtins.ceil", number, []kind{float}},
	{"builtins.floor", number, []kind{float}},
	{"builtins.compareVersions", number, []kind{text, text}},
	{"builtins.foldl' (a: b: b)", anything, []kind{anything, list}},
	{"builtins.foldl' builtins.add", number, []kind{number, list}},
	{"builtins.isInt", boolean, []kind{anything}},
	{"builtins.isString", boolean, []kind{anything}},
	{"builtins.isFunction", boolean, []kind{anything}},
	{"builtins.isAttrs", boolean, []kind{anything}},
	{"builtins.hasAttr", boolean, []kind{text, set}},
	{"builtins.elem", boolean, []kind{anything, list}},
	{"builtins.all", boolean, []kind{function, list}},
	{"builtins.any (x: true)", boolean, []kind{list}},
	{"builtins.lessThan", boolean, []kind{anything, anything}},
	{"builtins.hasContext", boolean, []kind{text}},
	{"builtins.pathExists", boolean, []kind{path}},
	{"toString", text, []kind{anything}},
	{"builtins.toJSON", text, []kind{anything}},
	{"builtins.toXML", text, []kind{anything}},
	{"builtins.typeOf", text, []kind{anything}},
	{"builtins.substring", text, []kind{number, number, text}},
	{"builtins.concatStringsSep", text, []kind{text, list}},
	{"builtins.replaceStrings", text, []kind{list, list, text}},
	{"builtins.hashString \"sha256\"", text, []kind{text}},
	{"baseNameOf", text, []kind{text}},
	{"dirOf", anything, []kind{path}},
	{"builtins.map", list, []kind{function, list}},
	{"builtins.filter (x: x == 1)", list, []kind{list}},
	{"builtins.filter", list, []kind{function, list}},
	{"builtins.sort (a: b: builtins.lessThan a b)", list, []kind{list}},
	{"builtins.sort builtins.lessThan", list, []kind{list}},
	{"(f: n: builtins.genList f (builtins.bitAnd 7 n))", list, []kind{function, number}}, // few, for the sake of memory
	{"builtins.concatMap (x: [ x ])", list, []kind{list}},
	{"builtins.concatMap", list, []kind{function, list}},
	{"builtins.concatLists", list, []kind{list}},
	{"builtins.attrNames", list, []kind{set}},
	{"builtins.attrValues", list, []kind{set}},
	{"builtins.split \"[ab]\"", list, []kind{text}},
	{"builtins.match \"(a|b)*(c)?\"", anything, []kind{text}},
	{"builtins.match", anything, []kind{text, text}},
	{"builtins.splitVersion", list, []kind{text}},
	{"builtins.catAttrs", list, []kind{text, list}},
	{"builtins.tail", list, []kind{list}},
	{"builtins.head", anything, []kind{list}},
	{"builtins.elemAt", anything, []kind{list, number}},
	{"builtins.getAttr", anything, []kind{text, set}},
	{"builtins.seq", anything, []kind{anything, anything}},
	{"builtins.deepSeq", anything, []kind{anything, anything}},
	{"builtins.tryEval", set, []kind{anything}},
	{"builtins.fromJSON", anything, []kind{text}},
	{"builtins.throw", anything, []kind{text}},
	{"throw", anything, []kind{text}},
	{"abort", anything, []kind{text}},
	{"builtins.addErrorContext \"doing it\"", anything, []kind{anything}},
	{"builtins.trace", anything, []kind{anything, anything}},
	{"builtins.warn", anything, []kind{text, anything}},
	{"builtins.mapAttrs", set, []kind{function, set}},
	{"builtins.mapAttrs (n: v: v)", set, []kind{set}},
	{"builtins.removeAttrs", set, []kind{set, list}},
	{"builtins.intersectAttrs", set, []kind{set, set}},
	{"builtins.listToAttrs", set, []kind{list}},
	{"builtins.listToAttrs (map (x: { name = toString x; value = x; }))", set, []kind{list}},
	{"builtins.functionArgs", set, []kind{function}},
	{"builtins.parseDrvName", set, []kind{text}},
	{"builtins.groupBy", set, []kind{function, list}},
	{"builtins.groupBy toString", set, []kind{list}},
	{"builtins.partition", set, []kind{function, list}},
	{"builtins.zipAttrsWith (n: v: v)", set, []kind{list}},
	{"builtins.zipAttrsWith", set, []kind{function, list}},
	{"builtins.genericClosure", list, []kind{set}},
	{"builtins.toPath", path, []kind{text}},
	{"builtins.unsafeDiscardStringContext", text, []kind{text}},
	{"builtins.convertHash", text, []kind{set}},
	{"derivation", set, []kind{set}},
	{"builtins.fromTOML", set, []kind{text}},
}

var names = []string{"a", "b", "c", "d", "name", "value", "outPath", "__toString", "__functor", "type", "key", "\"x y\"", "or"}

func (g *generator) one(of ...string) string { return of[g.rand.IntN(len(of))] }

// program is an expression on one line.
func (g *generator) program() string {
	g.scope = g.scope[:0]
	e := g.expr(kind(g.rand.IntN(int(kinds))), 2+g.rand.IntN(4))
	switch g.rand.IntN(6) {
	case 0:
		return "builtins.toJSON (" + e + ")"
	case 1:
		return "builtins.toXML (" + e + ")"
	case 2:
		return "builtins.deepSeq (" + e + ") 1"
	case 3:
		return ":p " + e
	}
	return e
}

// with generates with one more variable in scope.
func (g *generator) with(v variable, f func() string) string {
	n := len(g.scope)
	g.scope = append(g.scope, v)
	s := f()
	g.scope = g.scope[:n]
	return s
}

// expr is an expression of a kind, now and then of another one.
func (g *generator) expr(k kind, depth int) string {
	if k == anything || g.rand.IntN(25) == 0 {
		k = kind(1 + g.rand.IntN(int(kinds)-1))
	}
	if g.rand.IntN(8) == 0 {
		for _, v := range g.scope {
			if (v.kind == k || v.kind == anything) && g.rand.IntN(2) == 0 {
				return v.name
			}
		}
	}
	if depth <= 0 {
		return g.atom(k)
	}
	switch g.rand.IntN(14) {
	case 0:
		return fmt.Sprintf("(if %s then %s else %s)", g.expr(boolean, depth-1), g.expr(k, depth-1), g.expr(k, depth-1))
	case 1:
		return g.let(k, depth-1)
	case 2:
		return fmt.Sprintf("(assert %s; %s)", g.expr(boolean, depth-2), g.expr(k, depth-1))
	case 3:
		name := g.one("a", "b", "c", "d")
		return fmt.Sprintf("%s.%s", g.setWith(name, k, depth-1), name)
	case 4:
		return fmt.Sprintf("(%s.%s or %s)", g.expr(set, depth-1), g.one(names[:6]...), g.expr(k, depth-2))
	case 5:
		return g.apply(k, depth-1)
	case 6:
		return fmt.Sprintf("(with %s; %s)", g.setWith(g.one("a", "b", "c"), k, depth-1), g.one("a", "b", g.expr(k, depth-1)))
	case 7, 8, 9:
		return g.call(k, depth-1)
	}
	return g.composed(k, depth-1)
}

func (g *generator) let(k kind, depth int) string {
	v := variable{g.one("a", "b", "x", "y"), kind(g.rand.IntN(int(kinds)))}
	value := g.expr(v.kind, depth)
	if g.rand.IntN(5) == 0 {
		value = g.with(v, func() string { return g.expr(v.kind, depth) })
	}
	body := g.with(v, func() string { return g.expr(k, depth) })
	return fmt.Sprintf("(let %s = %s; in %s)", v.name, value, body)
}

// setWith is a set that has a certain attribute.
func (g *generator) setWith(name string, k kind, depth int) string {
	rest := ""
	if g.rand.IntN(2) == 0 {
		rest = fmt.Sprintf(" e%s = %s;", name, g.expr(anything, depth-1))
	}
	return fmt.Sprintf("{ %s = %s;%s }", name, g.expr(k, depth), rest)
}

// apply calls a function that is written out.
func (g *generator) apply(k kind, depth int) string {
	v := variable{g.one("x", "y", "a"), kind(g.rand.IntN(int(kinds)))}
	body := g.with(v, func() string { return g.expr(k, depth) })
	switch g.rand.IntN(4) {
	case 0:
		return fmt.Sprintf("(({ %s, b ? %s%s }: %s) %s)", v.name, g.expr(anything, depth-1), g.one("", ", ..."), body, g.setWith(v.name, v.kind, depth-1))
	case 1:
		return fmt.Sprintf("(({ %s ? %s, ... }@args: %s) %s)", v.name, g.expr(v.kind, depth-1), body, g.expr(set, depth-1))
	}
	return fmt.Sprintf("((%s: %s) %s)", v.name, body, g.expr(v.kind, depth-1))
}

// call is a call of a builtin function with a result of kind k.
func (g *generator) call(k kind, depth int) string {
	for range 40 {
		f := functions[g.rand.IntN(len(functions))]
		if f.result != k && f.result != anything {
			continue
		}
		var b strings.Builder
		b.WriteString("(" + f.name)
		for _, a := range f.args {
			b.WriteString(" " + g.argument(a, depth))
		}
		return b.String() + ")"
	}
	return g.composed(k, depth)
}

func (g *generator) argument(k kind, depth int) string {
	e := g.expr(k, depth-1)
	if strings.ContainsAny(e[:1], "-!") || strings.Contains(e, " ") && !strings.ContainsAny(e[:1], "([{\"'") {
		e = "(" + e + ")"
	}
	return e
}

// composed is what a kind's own syntax and operators can make.
func (g *generator) composed(k kind, depth int) string {
	two := func(k kind, operators ...string) string {
		return fmt.Sprintf("(%s %s %s)", g.expr(k, depth), g.one(operators...), g.expr(k, depth))
	}
	switch k {
	case number:
		return two(k, "+", "-", "*", "/", "+", "-")
	case float:
		return fmt.Sprintf("(%s %s %s)", g.expr(float, depth), g.one("+", "-", "*", "/"), g.expr(number, depth))
	case boolean:
		switch g.rand.IntN(4) {
		case 0:
			return two(boolean, "&&", "||", "->")
		case 1:
			return "(!" + g.expr(boolean, depth) + ")"
		case 2:
			return fmt.Sprintf("(%s ? %s)", g.expr(set, depth), g.one(names...))
		}
		return two(kind(1+g.rand.IntN(int(kinds)-1)), "==", "!=", "<", ">", "<=", ">=")
	case text:
		switch g.rand.IntN(3) {
		case 0:
			return two(text, "+")
		case 1:
			return fmt.Sprintf("\"%s${%s}%s\"", g.one("", "x", "\\n", "$$"), g.expr(text, depth), g.one("", " y", "\\\"", "é"))
		}
		return fmt.Sprintf("''%s${%s}''", g.one("", "  x", "''$", "'''"), g.expr(text, depth))
	case list:
		if g.rand.IntN(3) == 0 {
			return two(list, "++")
		}
		var b strings.Builder
		element := kind(g.rand.IntN(int(kinds)))
		for range g.rand.IntN(4) {
			b.WriteString(" " + g.argument(element, depth))
		}
		return "[" + b.String() + " ]"
	case set:
		return g.attributes(depth)
	case function:
		v := variable{g.one("x", "y", "n"), anything}
		return g.with(v, func() string { return fmt.Sprintf("(%s: %s)", v.name, g.expr(anything, depth)) })
	}
	return g.atom(k)
}

func (g *generator) attributes(depth int) string {
	if g.rand.IntN(4) == 0 {
		return fmt.Sprintf("(%s // %s)", g.expr(set, depth), g.expr(set, depth))
	}
	var b strings.Builder
	seen := map[string]bool{}
	for range g.rand.IntN(5) {
		n := g.one(names...)
		if seen[n] {
			continue
		}
		seen[n] = true
		switch {
		case n == "outPath":
			fmt.Fprintf(&b, " outPath = %s;", g.expr(text, depth-1))
		case n == "__toString":
			fmt.Fprintf(&b, " __toString = self: %s;", g.expr(text, depth-1))
		case n == "__functor":
			fmt.Fprintf(&b, " __functor = self: x: %s;", g.expr(anything, depth-1))
		case g.rand.IntN(12) == 0:
			fmt.Fprintf(&b, " %s.%s = %s;", n, g.one("a", "b", "${\"z\"}"), g.expr(anything, depth-1))
		case g.rand.IntN(20) == 0:
			fmt.Fprintf(&b, " ${%s} = %s;", g.expr(text, depth-1), g.expr(anything, depth-1))
		default:
			fmt.Fprintf(&b, " %s = %s;", n, g.expr(anything, depth-1))
		}
	}
	return g.one("", "", "rec ") + "{" + b.String() + " }"
}

func (g *generator) atom(k kind) string {
	switch k {
	case number:
		return g.one("0", "1", "2", "7", "(-3)", "10", "9223372036854775807")
	case float:
		return g.one("0.5", "1.0", "2.25", "(-1.5)", "1e20", "0.1", "1e-7")
	case boolean:
		return g.one("true", "false")
	case text:
		return g.one(`""`, `"a"`, `"b"`, `"abc"`, `"1.2.3"`, `"x-1.0pre"`, `"[1,{}]"`, `"é"`, `"a b\n"`, `"name"`, `"k = 1"`, `"(a)"`, `"/x/y"`)
	case list:
		return g.one("[ ]", "[ 1 2 3 ]", `[ "a" "b" ]`, "[ [ ] [ 1 ] ]", "[ { a = 1; } { b = 2; } ]", "[ null true ]", "[ 2 1 ]")
	case set:
		return g.one("{ }", "{ a = 1; }", "{ a = 1; b = 2; }", `{ name = "n"; value = 1; }`, "{ a.b = 1; }", `{ name = "n"; system = "s"; builder = "/b"; }`,
			`{ startSet = [ { key = 1; } ]; operator = x: [ ]; }`)
	case function:
		return g.one("(x: x)", "(x: 1)", "(x: true)", "(x: y: x)", "({ a ? 1, ... }: a)", "({ a, b }: a)", "toString", "(x: [ x ])", "builtins.isInt", "(builtins.add 1)", "import")
	case null:
		return "null"
	case path:
		// None is in the root itself: dirOf would give that, and all of it be copied.
		return g.one("/x/y", "/x/y/z", "/nonexistent/z", "/x/../y/z")
	}
	return g.atom(kind(1 + g.rand.IntN(int(kinds)-1)))
}
