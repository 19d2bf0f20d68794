// Package resolve finds out where each variable of a tree lives.
//
// It walks the tree once, after parsing, with the chain of frames that
// evaluation will have at each point (see package ast), and fills the fields
// that ast declares below "resolved". A name that no frame has and no "with"
// might bring is an error, before anything is evaluated.
//
// A lexical binding always wins over "with", however near that is, and so does
// a global. The innermost binding of every symbol is kept in one table, which
// is changed on the way into a frame and restored on the way out, so a lookup
// costs the same at any depth.
package resolve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/packed"
)

// Scope is what a tree may refer to from outside.
type Scope struct {
	// Globals are the base scope. It is not changed, so goroutines may share it.
	Globals map[ast.Symbol]*ast.Builtin
	// Locals are frames around the tree, innermost first: from each name to
	// its slot. The session of a REPL and scopedImport have one. Evaluation
	// must start with that many frames.
	Locals []map[ast.Symbol]uint32
}

// Resolve fills the resolved fields of a tree that the parser returned. The
// error is a *diag.Error of kind Undefined.
func Resolve(node ast.Node, scope Scope, symbols *ast.Symbols) error {
	return New(symbols).Resolve(node, scope)
}

// Resolver resolves one tree after another and reuses its memory. It is for
// one goroutine at a time.
type Resolver struct {
	symbols *ast.Symbols
	globals map[ast.Symbol]*ast.Builtin
	sub     [4]ast.Symbol // __sub, __mul, __div, __lessThan
	find    [2]ast.Symbol // __findFile, __nixPath
	// overrides is __overrides.
	overrides ast.Symbol

	// pages hold the innermost binding of each symbol, pageSize symbols each.
	pages [][]binding
	undo  []change
	// depth is the number of frames around the node at hand; the frame at
	// depth d is the d-th from outside, from 1.
	depth uint32
	with  *ast.Scope // the innermost
	// withDepth is the depth of that with's frame; where the others are, the
	// withs know themselves.
	withDepth uint32
	scopes    []*ast.Scope // of the tree so far
	// Packer packs packed expressions again, resolved; it has begun a tree. nil: there
	// are none.
	Packer *packed.Encoder
	// Lazy leaves packed expressions to ResolveRaw where that cannot fail.
	Lazy    bool
	decoder packed.Decoder
	err     *diag.Error
	ordered bool // go through names in the order in which they were met
}

// binding says that a symbol is slot of the frame at depth; depth 0 means unbound.
type binding struct{ depth, slot uint32 }

type change struct {
	sym ast.Symbol
	old binding
}

const pageSize = 1024

// New makes a resolver for trees whose names are in symbols.
func New(symbols *ast.Symbols) *Resolver {
	r := &Resolver{symbols: symbols, overrides: symbols.Intern("__overrides")}
	for i, n := range []string{"__sub", "__mul", "__div", "__lessThan"} {
		r.sub[i] = symbols.Intern(n)
	}
	r.find[0], r.find[1] = symbols.Intern("__findFile"), symbols.Intern("__nixPath")
	return r
}

// Resolve fills the resolved fields of a tree, as the function Resolve does.
// Of several errors the one is first that comes first if attributes are gone
// through in the order in which their names were met.
func (r *Resolver) Resolve(node ast.Node, scope Scope) error {
	err := r.resolve(node, scope)
	if err == nil {
		return nil
	}
	if r.Packer != nil {
		r.Packer.Seal(r.Scopes())
	}
	r.ordered = true
	defer func() { r.ordered = false }()
	return r.resolve(node, scope)
}

// Scopes are those that the last tree opens, by their numbers.
func (r *Resolver) Scopes() []*ast.Scope { return slices.Clone(r.scopes) }

func (r *Resolver) resolve(node ast.Node, scope Scope) error {
	r.globals, r.err = scope.Globals, nil
	r.depth, r.with, r.withDepth = 0, nil, 0
	clear(r.scopes)
	r.scopes = r.scopes[:0]
	for i := len(scope.Locals) - 1; i >= 0; i-- {
		r.depth++
		for name, slot := range scope.Locals[i] {
			r.bind(name, slot)
		}
	}
	r.node(node)
	r.leave(0, r.depth)
	if r.err != nil {
		return r.err
	}
	return nil
}

func (r *Resolver) slot(sym ast.Symbol) *binding {
	page := int(sym / pageSize)
	for page >= len(r.pages) {
		r.pages = append(r.pages, nil)
	}
	if r.pages[page] == nil {
		r.pages[page] = make([]binding, pageSize)
	}
	return &r.pages[page][sym%pageSize]
}

// bind makes a symbol a slot of the innermost frame.
func (r *Resolver) bind(sym ast.Symbol, slot uint32) {
	b := r.slot(sym)
	r.undo = append(r.undo, change{sym, *b})
	*b = binding{r.depth, slot}
}

// leave undoes what was bound since mark and goes frames out.
func (r *Resolver) leave(mark int, frames uint32) {
	for i := len(r.undo) - 1; i >= mark; i-- {
		*r.slot(r.undo[i].sym) = r.undo[i].old
	}
	r.undo = r.undo[:mark]
	r.depth -= frames
}

func (r *Resolver) variable(v *ast.Var) {
	b := *r.slot(v.Name)
	if b.depth != 0 {
		v.Kind, v.Level, v.Index = ast.VarLocal, r.depth-b.depth, b.slot
		return
	}
	r.free(v)
}

// free resolves a variable that no frame has.
func (r *Resolver) free(v *ast.Var) {
	if g, ok := r.globals[v.Name]; ok {
		v.Kind, v.Index = ast.VarGlobal, uint32(g.Index)
		return
	}
	if r.with == nil {
		r.undefined(v)
		return
	}
	v.Kind, v.With, v.Level = ast.VarWith, r.with, r.depth-r.withDepth
}

// maxErrors is how many undefined variables of a tree are reported.
const maxErrors = 20

// undefined notes that a variable is nowhere defined. The first one is the
// error; others, each name once, are in its Also.
func (r *Resolver) undefined(v *ast.Var) {
	name := r.symbols.Name(v.Name)
	err := &diag.Error{Kind: diag.Undefined, Pos: v.Start, Message: "undefined variable '" + diag.Quote(ast.ShowIdentifier(name)) + "'"}
	if r.err == nil {
		r.err = err
	} else {
		if len(r.err.Also) >= maxErrors || r.err.Message == err.Message ||
			slices.ContainsFunc(r.err.Also, func(e *diag.Error) bool { return e.Message == err.Message }) {
			return
		}
		r.err.Also = append(r.err.Also, err)
	}
	var names []string
	for page, bindings := range r.pages {
		for i, b := range bindings {
			if b.depth != 0 {
				names = append(names, r.symbols.Name(ast.Symbol(page*pageSize+i)))
			}
		}
	}
	for g := range r.globals {
		if n := r.symbols.Name(g); !strings.HasPrefix(n, "__") || strings.HasPrefix(name, "_") {
			names = append(names, n)
		}
	}
	err.Similar = diag.Similar(names, name)
}

// shadowed resolves the name of a builtin that an operator stands for, and
// returns nil if it is the builtin.
func (r *Resolver) shadowed(name ast.Symbol) *ast.Var {
	b := *r.slot(name)
	if b.depth == 0 {
		if _, ok := r.globals[name]; ok || r.with == nil {
			return nil
		}
	}
	v := &ast.Var{Name: name}
	r.variable(v)
	return v
}

func (r *Resolver) nodes(nodes []ast.Node) {
	for _, n := range nodes {
		r.node(n)
	}
}

func (r *Resolver) path(path []ast.AttrName) {
	for i := range path {
		if path[i].Expr != nil {
			r.node(path[i].Expr)
		}
	}
}

// node resolves a tree. The recursion is as deep as the parser's.
func (r *Resolver) node(node ast.Node) {
	switch n := node.(type) {
	case *ast.Var:
		r.variable(n)
	case *ast.Select:
		r.node(n.Expr)
		if n.Default != nil {
			r.node(n.Default)
		}
		r.path(n.Path)
	case *ast.Call:
		r.node(n.Fn)
		r.nodes(n.Args)
	case *ast.Attrs:
		r.set(n.Set, n.Rec)
	case *ast.List:
		r.nodes(n.Elems)
	case *ast.Interp:
		r.nodes(n.Parts)
	case *ast.PathInterp:
		r.nodes(n.Parts)
	case *ast.Lambda:
		r.lambda(n)
	case *ast.Let:
		mark := len(r.undo)
		frames := r.openSet(n.Set, true)
		r.attrs(n.Set, mark, frames)
		r.node(n.Body)
		r.leave(mark, frames)
	case *ast.With:
		r.withNode(n)
	case *ast.If:
		r.node(n.Cond)
		r.node(n.Then)
		r.node(n.Else)
	case *ast.Assert:
		r.node(n.Cond)
		r.node(n.Body)
	case *ast.Binary:
		r.binary(n)
	case *ast.Unary:
		if n.Op == ast.OpNegate {
			n.Fn = r.shadowed(r.sub[0])
		}
		r.node(n.X)
	case *ast.HasAttr:
		r.node(n.Expr)
		r.path(n.Path)
	case *ast.SearchPath:
		n.FindFile = &ast.Var{Name: r.find[0]}
		n.NixPath = &ast.Var{Name: r.find[1]}
		r.variable(n.FindFile)
		r.variable(n.NixPath)
	case *ast.Paren:
		r.node(n.X)
	}
}

// maxAround bounds the names around an expression that is resolved later: each
// time all of them are bound.
const maxAround = 64

// piece resolves a packed expression, or leaves it for later: most values of a
// large set are never looked at. Within a with no name can be wrong. around is
// what stands around all values of the set, nil as long as nobody has asked.
func (r *Resolver) piece(n *packed.Node, around **packed.Around) {
	if r.Lazy && r.with != nil && len(r.undo) <= maxAround && n.Peek() != packed.Early {
		if *around == nil {
			*around = r.surroundings()
		}
		if raw, ok := r.Packer.AddRaw(n, *around); ok {
			*n = raw
			return
		}
	}
	r.decoder.Reset()
	x := r.decoder.Whole(n)
	r.node(x)
	*n = r.Packer.Add(x)
}

func (r *Resolver) surroundings() *packed.Around {
	a := &packed.Around{Depth: r.depth, With: r.with, WithDepth: r.withDepth}
	for _, c := range r.undo {
		if !slices.Contains(a.Names, c.sym) {
			b := r.slot(c.sym)
			a.Names, a.Slots = append(a.Names, c.sym), append(a.Slots, packed.Slot{Depth: b.depth, Slot: b.slot})
		}
	}
	return a
}

// ResolveRaw resolves an expression that was left for later. The scopes that it
// opens are numbered after those of its tree.
func (r *Resolver) ResolveRaw(x ast.Node, n *packed.Node, globals map[ast.Symbol]*ast.Builtin) {
	a := n.Around()
	r.globals, r.err = globals, nil
	r.scopes = append(r.scopes[:0], n.Tree.Scopes()...)
	for i, name := range a.Names {
		r.depth = a.Slots[i].Depth
		r.bind(name, a.Slots[i].Slot)
	}
	r.depth, r.with, r.withDepth = a.Depth, a.With, a.WithDepth
	r.node(x)
	r.leave(0, r.depth)
	r.with = nil
}

func (r *Resolver) binary(n *ast.Binary) {
	switch n.Op {
	case ast.OpSub, ast.OpMul, ast.OpDiv:
		n.Fn = r.shadowed(r.sub[n.Op-ast.OpSub])
	case ast.OpLess, ast.OpLessEq, ast.OpGreater, ast.OpGreaterEq:
		n.Fn = r.shadowed(r.sub[3])
		if n.Op == ast.OpGreater || n.Op == ast.OpLessEq {
			r.node(n.R) // the builtin's first argument
			r.node(n.L)
			return
		}
	}
	r.node(n.L)
	r.node(n.R)
}

// lambda resolves a function. Functions of plain names whose bodies are such
// functions again share one frame, that of the first.
func (r *Resolver) lambda(n *ast.Lambda) {
	mark := len(r.undo)
	if n.Formals == nil {
		r.depth++
		slots := uint32(0)
		outer := n
		for {
			n.FirstSlot = slots
			r.bind(n.Arg, slots)
			slots++
			inner, ok := n.Body.(*ast.Lambda)
			if !ok || inner.Formals != nil {
				break
			}
			inner.Joins = true
			n = inner
		}
		outer.Frame = slots
		r.node(n.Body)
		r.leave(mark, 1)
		return
	}
	slots := uint32(len(n.Formals.List))
	if n.Arg != ast.NoSymbol {
		slots++
	}
	n.Frame = slots
	frames := uint32(0)
	if slots > 0 {
		frames = 1
		r.depth++
	}
	slot := uint32(0)
	if n.Arg != ast.NoSymbol {
		r.bind(n.Arg, 0)
		slot = 1
	}
	for _, i := range n.Formals.Sorted {
		r.bind(n.Formals.List[i].Name, slot)
		slot++
	}
	visit := n.Formals.Sorted
	if r.ordered {
		visit = r.order(len(n.Formals.List), func(i int) ast.Symbol { return n.Formals.List[i].Name })
	}
	for _, i := range visit {
		if d := n.Formals.List[i].Default; d != nil {
			r.node(d)
		}
	}
	r.node(n.Body)
	r.leave(mark, frames)
}

func (r *Resolver) withNode(n *ast.With) {
	r.node(n.Scope)
	parent, parentDepth := r.with, r.withDepth
	r.depth++
	n.Opens = &ast.Scope{At: n.At, Parent: parent, Number: uint32(len(r.scopes))}
	r.scopes = append(r.scopes, n.Opens)
	if parent != nil {
		n.Opens.Up = r.depth - parentDepth
	}
	r.with, r.withDepth = n.Opens, r.depth
	r.node(n.Body)
	r.with, r.withDepth = parent, parentDepth
	r.depth--
}

func (r *Resolver) set(set *ast.Set, rec bool) {
	mark := len(r.undo)
	frames := r.openSet(set, rec)
	r.attrs(set, mark, frames)
	r.leave(mark, frames)
}

// openSet puts a set's attributes in order, lays out its frame and enters it.
// It returns how many frames that are, 0 or 1.
func (r *Resolver) openSet(set *ast.Set, rec bool) uint32 {
	sortAttrs(set.Attrs)
	set.FirstFrom, set.Frame, set.Overrides = 0, uint32(len(set.Froms)), -1
	if rec {
		set.FirstFrom = uint32(len(set.Attrs))
		set.Frame += set.FirstFrom
	}
	if set.Frame == 0 {
		return 0
	}
	r.depth++
	if rec {
		for i := range set.Attrs {
			r.bind(set.Attrs[i].Name, uint32(i))
			if set.Attrs[i].Name == r.overrides {
				set.Overrides = i
			}
		}
	}
	return 1
}

// attrs resolves the attributes of a set whose frame has been entered; what
// its names were before lies in undo from mark on.
func (r *Resolver) attrs(set *ast.Set, mark int, frames uint32) {
	for _, f := range set.Froms {
		r.node(f)
	}
	bound := len(r.undo) > mark
	var around *packed.Around
	var order []int
	if r.ordered {
		order = r.order(len(set.Attrs), func(i int) ast.Symbol { return set.Attrs[i].Name })
	}
	for i := range set.Attrs {
		if order != nil {
			i = order[i]
		}
		a := &set.Attrs[i]
		if p, ok := a.Value.(*packed.Node); ok {
			r.piece(p, &around)
			continue
		}
		switch a.Kind {
		case ast.AttrPlain:
			r.node(a.Value)
		case ast.AttrInherited:
			v := a.Value.(*ast.Var)
			r.depth -= frames
			b := *r.slot(v.Name)
			if bound {
				b = r.undo[mark+i].old
			}
			if b.depth != 0 {
				v.Kind, v.Level, v.Index = ast.VarLocal, r.depth-b.depth, b.slot
			} else {
				r.free(v)
			}
			r.depth += frames
		case ast.AttrInheritFrom:
			v := a.Value.(*ast.Select).Expr.(*ast.Var)
			v.Kind, v.Level, v.Index = ast.VarLocal, 0, set.FirstFrom+a.From
		}
	}
	for i := range set.Dynamic {
		r.node(set.Dynamic[i].Name)
		r.node(set.Dynamic[i].Value)
	}
}

// order is the order in which n names were met.
func (r *Resolver) order(n int, name func(i int) ast.Symbol) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int {
		return cmp.Compare(r.symbols.Place(name(a)), r.symbols.Place(name(b)))
	})
	return out
}

func sortAttrs(attrs []ast.Attr) {
	if len(attrs) > 12 {
		slices.SortFunc(attrs, func(a, b ast.Attr) int { return int(a.Name) - int(b.Name) })
		return
	}
	for i := 1; i < len(attrs); i++ {
		if attrs[i].Name >= attrs[i-1].Name {
			continue
		}
		a, j := attrs[i], i
		for j > 0 && a.Name < attrs[j-1].Name {
			attrs[j] = attrs[j-1]
			j--
		}
		attrs[j] = a
	}
}
