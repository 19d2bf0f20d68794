package lsp

import (
	"sort"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
)

// index is what names in a text mean: which definition each use refers to.
type index struct {
	u       *unit
	symbols *ast.Symbols
	globals map[string]*Builtin

	uses  map[*ast.Var]*def
	withs map[*ast.Var][]ast.Node // scopes of the withs around a name that nothing binds
	// spots are all places that name a variable or an attribute, by offset.
	spots     []spot
	undefined []*ast.Var
	lets      []*def
	inherits  []*ast.Binding
	args      map[*ast.Lambda]*def // those with a name for the whole argument
	calls     []call
	argOf     map[*ast.Attrs]argument // the call that a set is written as an argument of
	sets      []*ast.Attrs            // around what is being walked
}

// argument is the place of an argument in a call.
type argument struct {
	*ast.Call
	i int
}

// call is a call of callPackage or import, and what it sees.
type call struct {
	*ast.Call
	name  string
	scope *scope
	sets  []*ast.Attrs // the sets around it, the innermost last
}

// defKind says what binds a name.
type defKind uint8

const (
	defLet defKind = iota
	defAttr
	defArg
	defFormal
)

// def is a name that an expression binds.
type def struct {
	name  string
	kind  defKind
	pos   ast.Pos
	value ast.Node // nil for arguments but of fixed points; a formal's default
	// from is the set of "inherit (from) name".
	from ast.Node
	// outer is what an inherited name refers to in the scope around.
	outer *ast.Var
	used  bool
	set   *ast.Attrs  // the set whose attribute it is
	fn    *ast.Lambda // the function whose argument it is
	top   bool        // it is the first part of a path in that set
}

// spot is a place in the text that names something.
type spot struct {
	off, n int
	def    *def     // the definition: its own place, or what a variable refers to
	v      *ast.Var // a use of a variable
	sel    *ast.Select
	has    *ast.HasAttr
	scope  *scope // of a use of a variable
	part   int    // which part of the selection's path
	path   *ast.Path
	search *ast.SearchPath
}

// scope is a chain of names that expressions see.
type scope struct {
	parent *scope
	names  map[ast.Symbol]*def
	with   ast.Node
}

func newIndex(u *unit, symbols *ast.Symbols, globals map[string]*Builtin, root ast.Node) *index {
	ix := &index{u: u, symbols: symbols, globals: globals, uses: map[*ast.Var]*def{}, withs: map[*ast.Var][]ast.Node{},
		args: map[*ast.Lambda]*def{}, argOf: map[*ast.Attrs]argument{}}
	ix.walk(root, nil)
	sort.SliceStable(ix.spots, func(i, j int) bool { return ix.spots[i].off < ix.spots[j].off })
	return ix
}

func (ix *index) spot(pos ast.Pos, n int, s spot) {
	if pos == ast.NoPos {
		return
	}
	if s.off, s.n = ix.u.offset(pos), n; s.off+n > len(ix.u.text) {
		return // what the parser has added to close an open text
	}
	ix.spots = append(ix.spots, s)
}

// spotAt is the spot that an offset lies in or right behind.
func (ix *index) spotAt(off int) (spot, bool) {
	i := sort.Search(len(ix.spots), func(i int) bool { return ix.spots[i].off > off }) - 1
	for ; i >= 0 && ix.spots[i].off > off-4096; i-- {
		if s := ix.spots[i]; off <= s.off+s.n {
			return s, true
		}
	}
	return spot{}, false
}

func (ix *index) nameLen(n *ast.AttrName) int {
	l := len(ix.symbols.Name(n.Sym))
	if n.Quoted {
		l += 2
	}
	return l
}

func (ix *index) walk(n ast.Node, sc *scope) {
	switch n := n.(type) {
	case *ast.Interp:
		ix.walkAll(n.Parts, sc)
	case *ast.PathInterp:
		ix.walkAll(n.Parts, sc)
	case *ast.Path:
		ix.spot(n.Pos(), len(n.Text), spot{path: n})
	case *ast.SearchPath:
		ix.spot(n.Pos(), len(n.Name)+2, spot{search: n})
	case *ast.Var:
		ix.variable(n, sc)
	case *ast.Select:
		ix.walk(n.Expr, sc)
		ix.attrPath(n.Path, sc, func(i int) spot { return spot{sel: n, part: i} })
		ix.walk(n.Default, sc)
	case *ast.HasAttr:
		ix.walk(n.Expr, sc)
		ix.attrPath(n.Path, sc, func(i int) spot { return spot{has: n, part: i} })
	case *ast.Attrs:
		ix.attrs(n, sc)
	case *ast.List:
		ix.walkAll(n.Elems, sc)
	case *ast.Lambda:
		ix.lambda(n, sc)
	case *ast.Call:
		ix.call(n, sc)
	case *ast.Let:
		inner := &scope{parent: sc, names: map[ast.Symbol]*def{}}
		ix.bindings(n.Bindings, nil, inner, sc, defLet)
		ix.walk(n.Body, inner)
	case *ast.With:
		ix.walk(n.Scope, sc)
		ix.walk(n.Body, &scope{parent: sc, with: n.Scope})
	case *ast.If:
		ix.walk(n.Cond, sc)
		ix.walk(n.Then, sc)
		ix.walk(n.Else, sc)
	case *ast.Assert:
		ix.walk(n.Cond, sc)
		ix.walk(n.Body, sc)
	case *ast.Unary:
		ix.walk(n.X, sc)
	case *ast.Binary:
		ix.walk(n.L, sc)
		ix.walk(n.R, sc)
	case *ast.Paren:
		ix.walk(n.X, sc)
	}
}

func (ix *index) walkAll(ns []ast.Node, sc *scope) {
	for _, n := range ns {
		ix.walk(n, sc)
	}
}

func (ix *index) attrPath(path []ast.AttrName, sc *scope, at func(i int) spot) {
	for i := range path {
		if path[i].Expr != nil {
			ix.walk(path[i].Expr, sc)
			continue
		}
		ix.spot(path[i].Pos(), ix.nameLen(&path[i]), at(i))
	}
}

// variable binds a use to its definition.
func (ix *index) variable(v *ast.Var, sc *scope) {
	name := ix.symbols.Name(v.Name)
	var withs []ast.Node
	for s := sc; s != nil; s = s.parent {
		if s.with != nil {
			withs = append(withs, s.with)
		} else if d := s.names[v.Name]; d != nil {
			d.used = true
			ix.uses[v] = d
			ix.spot(v.Pos(), len(name), spot{v: v, def: d, scope: sc})
			return
		}
	}
	ix.spot(v.Pos(), len(name), spot{v: v, scope: sc})
	if ix.globals[name] != nil || len(withs) > 0 {
		if len(withs) > 0 {
			ix.withs[v] = withs
		}
		return
	}
	if name != "__curPos" {
		ix.undefined = append(ix.undefined, v)
	}
}

// call notes calls that fill the arguments of files, and what the argument of
// a fixed point is: the result of the call.
func (ix *index) call(n *ast.Call, sc *scope) {
	ix.walk(n.Fn, sc)
	ix.walkAll(n.Args, sc)
	for i, a := range n.Args {
		if set, ok := unparen(a).(*ast.Attrs); ok {
			ix.argOf[set] = argument{n, i}
		}
	}
	switch name := ix.called(n); name {
	case callsPackage, "import":
		ix.calls = append(ix.calls, call{n, name, sc, append([]*ast.Attrs(nil), ix.sets...)})
	case "fix", "fix'", "makeExtensible", "makeExtensibleWithCustomName", "makeScope":
		if f, ok := unparen(n.Args[len(n.Args)-1]).(*ast.Lambda); ok && ix.args[f] != nil && f.Formals == nil {
			ix.args[f].value = n
		}
	}
}

// callsPackage is the name of functions that fill a file's arguments from a
// set of packages, whatever they are called.
const callsPackage = "callPackage"

// called is the name under which a function is called, or empty.
func (ix *index) called(n *ast.Call) string {
	name := ""
	switch f := unparen(n.Fn).(type) {
	case *ast.Var:
		name = ix.symbols.Name(f.Name)
		if d := ix.uses[f]; d != nil && d.value != nil && ix.makesCaller(d.value) {
			return callsPackage
		}
	case *ast.Select:
		if p := f.Path[len(f.Path)-1]; p.Expr == nil {
			name = ix.symbols.Name(p.Sym)
		}
	case *ast.Call: // callPackageWith pkgs, in parentheses
		if ix.makesCaller(f) {
			return callsPackage
		}
	}
	if strings.HasPrefix(name, callsPackage) && !(strings.HasSuffix(name, "With") && len(n.Args) == 1) || name == "newScope" && len(n.Args) > 1 {
		return callsPackage // callPackages, callPackage_i686, callPackageWith pkgs file
	}
	return name
}

// makesCaller tells whether an expression is a callPackage by another name:
// callPackageWith or newScope with a set, or a selection of callPackage.
func (ix *index) makesCaller(n ast.Node) bool {
	switch n := unparen(n).(type) {
	case *ast.Call:
		if len(n.Args) != 1 {
			return false
		}
		switch ix.called(n) {
		case "callPackageWith", "callPackagesWith", "newScope":
			return true
		}
	case *ast.Select:
		p := n.Path[len(n.Path)-1]
		return p.Expr == nil && ix.symbols.Name(p.Sym) == callsPackage
	}
	return false
}

func (ix *index) attrs(n *ast.Attrs, sc *scope) {
	ix.sets = append(ix.sets, n)
	defer func() { ix.sets = ix.sets[:len(ix.sets)-1] }()
	inner := sc
	if n.Rec {
		inner = &scope{parent: sc, names: map[ast.Symbol]*def{}}
	}
	ix.bindings(n.Bindings, n, inner, sc, defAttr)
}

// bindings indexes what a set or let binds: names first, then values, which
// see the names if the set is recursive.
func (ix *index) bindings(bs []ast.Binding, set *ast.Attrs, inner, outer *scope, kind defKind) {
	recursive := inner != outer
	type job struct {
		d *def
		v *ast.Var
	}
	var inherited []job
	for i := range bs {
		b := &bs[i]
		if !b.Inherit {
			if p := &b.Path[0]; p.Expr == nil {
				d := &def{name: ix.symbols.Name(p.Sym), kind: kind, pos: p.Pos(), set: set, top: true}
				if len(b.Path) == 1 {
					d.value = b.Value
				} else {
					d.value = &ast.Attrs{At: b.At, Bindings: []ast.Binding{{At: b.At, Path: b.Path[1:], Value: b.Value}}}
				}
				ix.define(p, d, inner, recursive)
			}
			continue
		}
		ix.inherits = append(ix.inherits, b)
		for j := range b.Names {
			p := &b.Names[j]
			if p.Expr != nil {
				continue
			}
			d := &def{name: ix.symbols.Name(p.Sym), kind: kind, pos: p.Pos(), from: b.From, set: set, top: true}
			if b.From == nil {
				v := &ast.Var{At: p.At, Name: p.Sym}
				d.outer = v
				inherited = append(inherited, job{d, v})
			}
			ix.define(p, d, inner, recursive)
		}
	}
	for _, j := range inherited {
		ix.variable(j.v, outer)
	}
	for i := range bs {
		b := &bs[i]
		if b.Inherit {
			ix.walk(b.From, inner)
			continue
		}
		for j := range b.Path {
			if p := &b.Path[j]; p.Expr != nil {
				ix.walk(p.Expr, inner)
			} else if j > 0 {
				d := &def{name: ix.symbols.Name(p.Sym), kind: defAttr, pos: p.Pos(), set: set}
				if j == len(b.Path)-1 {
					d.value = b.Value
				}
				ix.spot(p.Pos(), ix.nameLen(p), spot{def: d})
			}
		}
		ix.walk(b.Value, inner)
	}
}

func (ix *index) define(p *ast.AttrName, d *def, inner *scope, recursive bool) {
	if recursive {
		if first := inner.names[p.Sym]; first != nil {
			// a.b = 1; a.c = 2; define one a: its first place counts.
			ix.spot(p.Pos(), ix.nameLen(p), spot{def: first})
			first.value = mergeSets(first.value, d.value)
			return
		}
		inner.names[p.Sym] = d
	}
	if d.kind == defLet {
		ix.lets = append(ix.lets, d)
	}
	ix.spot(p.Pos(), ix.nameLen(p), spot{def: d})
}

func mergeSets(a, b ast.Node) ast.Node {
	x, ok1 := a.(*ast.Attrs)
	y, ok2 := b.(*ast.Attrs)
	if !ok1 || !ok2 {
		return a
	}
	return &ast.Attrs{At: x.At, Rec: x.Rec, Bindings: append(append([]ast.Binding(nil), x.Bindings...), y.Bindings...)}
}

func (ix *index) lambda(n *ast.Lambda, sc *scope) {
	inner := &scope{parent: sc, names: map[ast.Symbol]*def{}}
	if n.Arg != ast.NoSymbol {
		inner.names[n.Arg] = &def{name: ix.symbols.Name(n.Arg), kind: defArg, pos: ix.argPos(n), fn: n}
		d := inner.names[n.Arg]
		ix.args[n] = d
		ix.spot(d.pos, len(d.name), spot{def: d})
	}
	if n.Formals != nil {
		for i := range n.Formals.List {
			f := &n.Formals.List[i]
			d := &def{name: ix.symbols.Name(f.Name), kind: defFormal, pos: f.Pos(), value: f.Default, fn: n}
			inner.names[f.Name] = d
			ix.spot(f.Pos(), len(d.name), spot{def: d})
		}
		for i := range n.Formals.List {
			ix.walk(n.Formals.List[i].Default, inner)
		}
	}
	ix.walk(n.Body, inner)
}

// argPos finds the name of a whole argument, whose place the tree does not
// keep: it is the lambda's first token, or follows the formals and an @.
func (ix *index) argPos(n *ast.Lambda) ast.Pos {
	name := ix.symbols.Name(n.Arg)
	start := ix.u.offset(n.Pos())
	if !n.ArgLast || n.Formals == nil {
		return n.Pos()
	}
	end := ix.u.offset(n.Body.Pos())
	text := ix.u.text
	for i := min(end, len(text)) - 1; i > start; i-- {
		if text[i] != '@' {
			continue
		}
		for i++; i < len(text) && !identByte(text[i]); i++ {
		}
		if len(text)-i >= len(name) && text[i:i+len(name)] == name {
			return ix.u.base + ast.Pos(i)
		}
		break
	}
	return ast.NoPos
}

// scopeAt is the scope of the variable at an offset.
func (ix *index) scopeAt(off int) *scope {
	for _, sp := range ix.spots {
		if sp.v != nil && sp.off <= off && off <= sp.off+sp.n {
			return sp.scope
		}
	}
	return nil
}
