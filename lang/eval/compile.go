package eval

import (
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/packed"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/lang/resolve"
)

// printNode is the text of an expression, packed or not.
func printNode(n ast.Node, symbols *ast.Symbols) string {
	return parser.Print(packed.Unpack(n), symbols)
}

// compiler makes code of trees. Nodes of packed trees are decoded into memory that
// is used again: code keeps none.
type compiler struct {
	*Evaluator
	decoder packed.Decoder
	tree    *packed.Tree // that the nodes at hand come from; nil: none

	// For what has not been resolved.
	resolver *resolve.Resolver
	encoder  packed.Encoder
}

// resolved is a packed expression that has been resolved.
func (e *compiler) resolved(p *packed.Node) *packed.Node {
	if p.Peek() != packed.Raw {
		return p
	}
	if e.resolver == nil {
		e.resolver = resolve.New(e.Symbols)
	}
	x := e.decoder.Whole(p)
	e.resolver.ResolveRaw(x, p, e.globals)
	return e.encoder.Encode(x, p.Tree.Text(), e.resolver.Scopes()).Root()
}

// compiler is the evaluator's own; compiling is held.
func (e *Evaluator) compiler() *compiler {
	if e.compilerMemory == nil {
		e.compilerMemory = &compiler{Evaluator: e}
	}
	return e.compilerMemory
}

// codeOf makes code of a tree, packed or not.
func (e *Evaluator) codeOf(n ast.Node) code {
	e.compiling.Lock()
	defer e.compiling.Unlock()
	return e.compiler().code(n)
}

// lazyCodeOf is codeOf for a position where the tree is delayed.
func (e *Evaluator) lazyCodeOf(n ast.Node) code {
	e.compiling.Lock()
	defer e.compiling.Unlock()
	c := e.compiler()
	c.begin(n)
	return c.compileLazy(n)
}

func (e *compiler) code(n ast.Node) code {
	if p, ok := n.(*packed.Node); ok {
		n = e.resolved(p)
	}
	e.begin(n)
	return e.compile(n)
}

func (e *compiler) begin(n ast.Node) {
	e.tree = nil
	if p, ok := n.(*packed.Node); ok {
		e.tree = p.Tree
		e.decoder.Reset()
	}
}

// open decodes a node if it is packed.
func (e *compiler) open(n ast.Node) ast.Node {
	if p, ok := n.(*packed.Node); ok {
		return e.decoder.Node(p)
	}
	return n
}

// keep is a node that stays valid.
func (e *compiler) keep(n ast.Node) ast.Node {
	if p, ok := n.(*packed.Node); ok {
		return &packed.Node{Tree: p.Tree, Offset: p.Offset}
	}
	if e.tree != nil {
		return e.tree.Cut(n)
	}
	return n
}

// later has d compile a node when it first runs. It returns the node, which stays
// valid as long as packed ones at hand do.
func (e *compiler) later(d *deferred, n ast.Node) ast.Node {
	if _, ok := n.(*packed.Node); !ok && e.tree != nil {
		n = e.tree.Cut(n)
	}
	if p, ok := n.(*packed.Node); ok {
		d.code = (*laterTree)(p.Tree)
		d.pending.Store(p.Offset + 1)
		return n
	}
	d.code = &laterNode{n}
	d.pending.Store(1)
	return n
}

func (e *compiler) newDeferred(n ast.Node) *deferred {
	d := e.codes.add()
	e.note(d, e.later(d, n))
	return d
}

// compile makes code for a node in a position where it is evaluated at once.
// Nothing of where the node stands is needed: resolve has put that into the tree.
func (e *compiler) compile(n ast.Node) code {
	n = e.open(n)
	c := e.compileNode(n)
	if e.opts.Debugger != nil {
		c = e.debugPoint(n, c)
	}
	if e.opts.Counts != nil {
		return e.counting(n, c)
	}
	return c
}

func (e *compiler) compileNode(n ast.Node) code {
	switch n := n.(type) {
	case *ast.Int:
		return newConst(e.numberAt(Int(n.Value), n.Start))
	case *ast.Float:
		return newConst(e.numberAt(Float(n.Value), n.Start))
	case *ast.Str:
		return newConst(String(n.Value, 0))
	case *ast.Path:
		return newConst(PathValue(strings.Clone(n.Abs)).at(n.Start))
	case *ast.Interp:
		return e.compileInterp(n.Parts, n.PartPos, n.Start, false)
	case *ast.PathInterp:
		return e.compileInterp(n.Parts, n.PartPos, n.Start, true)
	case *ast.SearchPath:
		return e.compileCall(&ast.Call{At: n.At, Fn: n.FindFile, Args: []ast.Node{n.NixPath, &ast.Str{At: n.At, Value: n.Name}}})
	case *ast.Var:
		return e.compileVar(n, n.Start)
	case *ast.Select:
		return e.compileSelect(n)
	case *ast.HasAttr:
		return e.compileHasAttr(n)
	case *ast.Attrs:
		c := e.compileSet(n.Set, n.Rec, n.Start, e.compileHeld)
		c.shape = &shape{at: n.Start, inFrame: n.Rec && n.Set.Frame > 0}
		c.shape.names, c.shape.pos = twoLists(len(n.Set.Attrs))
		for i := range n.Set.Attrs {
			c.shape.names[i], c.shape.pos[i] = n.Set.Attrs[i].Name, n.Set.Attrs[i].At
		}
		c.shape.shared.Store(true)
		return c
	case *ast.List:
		if len(n.Elems) == 0 {
			return newConst(List(nil).at(n.Start))
		}
		elems := make([]code, len(n.Elems))
		for i, x := range n.Elems {
			elems[i] = e.compileHeld(x)
		}
		return &listCode{elems: elems, pos: n.Start}
	case *ast.Lambda:
		return e.compileLambda(n, 0)
	case *ast.Call:
		return e.compileCall(n)
	case *ast.Let:
		return &letCode{set: e.compileSet(n.Set, true, n.Start, e.compileLazy), body: e.compile(n.Body)}
	case *ast.With:
		return &withScope{scope: e.compileLazy(n.Scope), body: e.compile(n.Body)}
	case *ast.If:
		return &ifCode{cond: e.compile(n.Cond), then: e.compile(n.Then), els: e.compile(n.Else), pos: n.Start}
	case *ast.Assert:
		return e.compileAssert(n)
	case *ast.Unary:
		return e.compileUnary(n)
	case *ast.Binary:
		return e.compileBinary(n)
	case *ast.CurPos:
		return &curPosCode{pos: n.Start}
	case *ast.Paren:
		return e.compile(n.X)
	}
	panic("eval: unknown node")
}

// compileLazy makes code for a node in a position where it is delayed.
func (e *compiler) compileLazy(n ast.Node) code {
	c := e.compileLater(n)
	if e.opts.Counts != nil {
		if _, ok := c.(*lambda); !ok { // which may yet be given a name
			return &countedLazy{c}
		}
	}
	return c
}

func (e *compiler) compileLater(n ast.Node) code {
	switch n := n.(type) {
	case *ast.Int, *ast.Float, *ast.Str, *ast.Path, *ast.Lambda, *ast.Var, *ast.Select:
		return e.compile(n)
	case *ast.Paren:
		return e.compileLater(n.X)
	case *ast.List:
		if len(n.Elems) == 0 {
			return e.compile(n)
		}
	case *ast.Binary:
		if c := e.compileAddConst(n, n); c != nil {
			return c
		}
	case *packed.Node:
		switch n.Peek() {
		case packed.Early:
			return e.compile(n)
		case packed.AddConst:
			if c := e.compileAddConst(e.open(n).(*ast.Binary), n); c != nil {
				return c
			}
		}
	}
	return e.newDeferred(n)
}

// compileHeld is compileLazy for what a list or a set holds: there it can be
// seen, by printing it, that something has not been evaluated, and what the
// evaluator knows early is not to show.
func (e *compiler) compileHeld(n ast.Node) code {
	c := e.compileLazy(n)
	early := c
	if x, ok := c.(*countedLazy); ok {
		early = x.code
	}
	switch early.(type) {
	case *addConst:
	case *constCode:
		for {
			p, ok := n.(*ast.Paren)
			if !ok {
				break
			}
			n = p.X
		}
		if _, ok := e.open(n).(*ast.Select); !ok {
			return c // a literal
		}
	default:
		return c
	}
	if early != c {
		return &countedLazy{e.newDeferred(n)}
	}
	return e.newDeferred(n)
}

func (e *compiler) compileAllLazy(ns []ast.Node) []code {
	cs := make([]code, len(ns))
	for i, n := range ns {
		cs[i] = e.compileLazy(n)
	}
	return cs
}

func (e *compiler) compileVar(n *ast.Var, pos ast.Pos) code {
	switch n.Kind {
	case ast.VarGlobal:
		v := e.values[n.Index]
		if k := v.Kind(); e.opts.Notes && (k == KindNull || k == KindBool) {
			return newConst(v.at(pos))
		}
		if v.Forced() {
			return &constCode{v}
		}
		return &globalCode{v, pos}
	case ast.VarWith:
		return &withCode{level: n.Level, name: n.Name, with: n.With, pos: pos}
	}
	switch n.Level {
	case 0:
		return &local0{localCode{index: n.Index, pos: pos}}
	case 1:
		return &local1{localCode{level: 1, index: n.Index, pos: pos}}
	}
	return &localCode{level: n.Level, index: n.Index, pos: pos}
}

func (e *compiler) compileInterp(parts []ast.Node, pos []ast.Pos, at ast.Pos, path bool) code {
	c := &interpCode{at: at, path: path, parts: make([]code, len(parts)), pos: slices.Clone(pos)}
	for i, p := range parts {
		c.parts[i] = e.compile(p)
	}
	return c
}

func (e *compiler) compileNames(path []ast.AttrName) []nameCode {
	out := make([]nameCode, len(path))
	for i, n := range path {
		out[i].sym = n.Sym
		if n.Expr != nil {
			x := e.open(n.Expr)
			out[i].expr = &nameExpr{code: e.compile(x), pos: e.posOf(x), node: e.keep(n.Expr)}
		}
	}
	return out
}

func (e *compiler) compileSelect(n *ast.Select) code {
	path := e.compileNames(n.Path)
	base := e.compile(n.Expr)
	if k, ok := base.(*constCode); ok && k.v.Kind() == KindAttrs && len(path) == 1 && path[0].expr == nil {
		if v, ok := k.v.Attrs().Get(path[0].sym); ok && v.Forced() {
			return &constCode{v}
		}
	}
	if len(path) == 1 && path[0].expr == nil && n.Default == nil {
		return &select1{selectCode{base: base, path: path, pos: n.Start}}
	}
	s := &selectCode{base: base, path: path, pos: n.Start}
	if n.Default != nil {
		s.def = e.compile(n.Default)
	}
	return s
}

// compileSet makes the code of a set, but for its shape, or of what a let binds;
// lazy, that of values.
func (e *compiler) compileSet(s *ast.Set, rec bool, pos ast.Pos, lazy func(ast.Node) code) *setCode {
	c := &setCode{rec: rec, pos: pos, firstFrom: s.FirstFrom, slots: int(s.Frame), overrides: -1}
	if rec {
		c.overrides = s.Overrides
	}
	c.attrs = make([]code, len(s.Attrs))
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if a.Kind == ast.AttrInherited {
			if c.outer == nil {
				c.outer = make([]bool, len(s.Attrs))
			}
			c.outer[i] = true
			c.attrs[i] = lazy(a.Value)
		} else if c.overrides >= 0 {
			c.attrs[i] = e.newDeferred(a.Value) // the slots that it refers to will change
		} else {
			c.attrs[i] = lazy(a.Value)
		}
	}
	if len(s.Froms) > 0 {
		c.froms = e.compileAllLazy(s.Froms)
	}
	for _, d := range s.Dynamic {
		c.dynamic = append(c.dynamic, dynamicCode{at: d.At, name: e.compile(d.Name), value: lazy(d.Value)})
	}
	return c
}

// compileLambda makes the code of a function and of those that join its frame;
// slots is the size of the frame around it if it joins that one.
func (e *compiler) compileLambda(n *ast.Lambda, slots int) *lambda {
	l := &lambda{pos: n.Start, doc: n.Doc, argName: n.Arg, slots: slots, joins: n.Joins, first: n.FirstSlot, arg: n.Arg != ast.NoSymbol, nargs: 1}
	l.name.Store(uint32(n.Name))
	if !n.Joins {
		l.first = 0
		l.slots = int(n.Frame)
	}
	if n.Formals != nil {
		l.isSet = true
		l.open = n.Formals.Ellipsis
		l.formals = make([]formal, len(n.Formals.Sorted))
		for i, k := range n.Formals.Sorted {
			f := &n.Formals.List[k]
			l.formals[i] = formal{Formal: Formal{Name: f.Name, Pos: f.Start, Optional: f.Default != nil}}
			if f.Default != nil {
				l.formals[i].def = e.compileLazy(f.Default)
			}
		}
	}
	if in, ok := n.Body.(*ast.Lambda); ok && in.Joins {
		if !n.Joins {
			for x := in; ; {
				l.slots = max(l.slots, int(x.FirstSlot)+1)
				y, ok := x.Body.(*ast.Lambda)
				if !ok || !y.Joins {
					break
				}
				x = y
			}
		}
		l.inner = e.compileLambda(in, l.slots)
		l.nargs += l.inner.nargs
	} else {
		if e.opts.Debugger != nil {
			scope, _ := e.scopeOf(n.Body)
			l.body.code = &bodyPoint{l: l, body: e.newDeferred(n.Body), scope: scope}
		} else {
			e.later(&l.body, n.Body)
		}
		l.recycle = l.slots > 0 && e.opts.Calls == nil && e.opts.Debugger == nil
	}
	l.index = e.codes.addLambda(l)
	return l
}

func (e *compiler) compileCall(n *ast.Call) code {
	fn := e.compile(n.Fn)
	args := e.compileAllLazy(n.Args)
	for _, a := range n.Args {
		if p, ok := a.(*ast.Path); ok && isSource(p.Abs) {
			e.aheadOf(aheadTask{path: strings.Clone(p.Abs)})
		}
	}
	if e.opts.Calls != nil {
		return &hookedCall{callCode{fn: fn, args: args, pos: n.Start}}
	}
	if k, ok := fn.(*constCode); ok && k.v.Kind() == KindBuiltin && len(k.v.Builtin().Args) == len(args) {
		return &builtinCall{b: k.v.Builtin(), args: args, pos: n.Start}
	}
	return &callCode{fn: fn, args: args, pos: n.Start}
}

func (e *compiler) compileAssert(n *ast.Assert) code {
	cond := e.open(n.Cond)
	c := &assertCode{cond: e.compile(cond), body: e.compile(n.Body), pos: n.Start, node: e.keep(n.Cond), e: e.Evaluator}
	if b, ok := cond.(*ast.Binary); ok && b.Op == ast.OpEq {
		c.eqL, c.eqR = e.compile(b.L), e.compile(b.R)
		c.posL, c.posR = b.LPos, b.RPos
	}
	return c
}

func (e *compiler) compileUnary(n *ast.Unary) code {
	if n.Op == ast.OpNot {
		return e.compileNot(n)
	}
	zero := &ast.Int{}
	if n.Fn != nil {
		return e.compileCall(&ast.Call{At: n.At, Fn: n.Fn, Args: []ast.Node{zero, n.X}})
	}
	if i, ok := n.X.(*ast.Int); ok {
		return newConst(Int(-i.Value))
	}
	return e.arith("__sub", ast.OpSub, zero, n.X, false, n.Start)
}

// compileNot is for !x. All of !!!!x are reported where x is, which is looked up once.
func (e *compiler) compileNot(n *ast.Unary) code {
	depth, x := 1, n.X
	for {
		u, ok := x.(*ast.Unary)
		if !ok || u.Op != ast.OpNot {
			break
		}
		depth, x = depth+1, u.X
	}
	pos := e.posOf(x)
	c := e.compile(x)
	for range depth {
		c = &notCode{x: c, pos: pos}
	}
	return c
}

// compileHasAttr is for x ? a; x ? a ? b is reported where x is, too.
func (e *compiler) compileHasAttr(n *ast.HasAttr) code {
	chain := []*ast.HasAttr{n}
	for {
		in, ok := n.Expr.(*ast.HasAttr)
		if !ok {
			break
		}
		n = in
		chain = append(chain, n)
	}
	pos := e.posOf(n)
	c := e.compile(n.Expr)
	for i := len(chain) - 1; i >= 0; i-- {
		c = &hasAttrCode{base: c, path: e.compileNames(chain[i].Path), pos: pos}
	}
	return c
}

// compileConcat is for a ++ b, or many of them.
func (e *compiler) compileConcat(n *ast.Binary) code {
	c := &concatChain{}
	var x ast.Node = n
	for {
		b, ok := x.(*ast.Binary)
		if !ok || b.Op != ast.OpConcat {
			break
		}
		c.operands, c.pos = append(c.operands, e.compile(b.L)), append(c.pos, b.Start)
		x = b.R
	}
	c.operands = append(c.operands, e.compile(x))
	if len(c.operands) >= longChain {
		return c
	}
	k := len(c.operands) - 1
	r := c.operands[k]
	for k--; k >= 0; k-- {
		r = &concatCode{l: c.operands[k], r: r, pos: c.pos[k]}
	}
	return r
}

// compileAdd is for a + b, or many of them.
func (e *compiler) compileAdd(n *ast.Binary) code {
	var steps []*ast.Binary
	for {
		steps = append(steps, n)
		l, ok := n.L.(*ast.Binary)
		if !ok || l.Op != ast.OpAdd {
			break
		}
		n = l
	}
	c := &addChain{first: e.compile(n.L)}
	l := c.first
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		a := &addCode{l: l, r: e.compile(s.R), pos: s.Start, lpos: s.LPos, rpos: s.RPos}
		c.rest = append(c.rest, a)
		l = a
	}
	if len(c.rest)+1 < longChain {
		return l
	}
	for _, a := range c.rest {
		a.l = nil
	}
	return c
}

func (e *compiler) compileBinary(n *ast.Binary) code {
	switch n.Op {
	case ast.OpEq, ast.OpNEq:
		return &equalCode{l: e.compile(n.L), r: e.compile(n.R), neg: n.Op == ast.OpNEq}
	case ast.OpAnd, ast.OpOr, ast.OpImpl:
		return &logicCode{op: n.Op, l: e.compile(n.L), r: e.compile(n.R), pos: n.Start}
	case ast.OpUpdate:
		c := &updateCode{}
		e.updateOperands(c, n)
		return c
	case ast.OpConcat:
		return e.compileConcat(n)
	case ast.OpAdd:
		return e.compileAdd(n)
	}
	l, r, neg := n.L, n.R, false
	name, op := "__lessThan", ast.OpLess
	switch n.Op {
	case ast.OpSub:
		name, op = "__sub", ast.OpSub
	case ast.OpMul:
		name, op = "__mul", ast.OpMul
	case ast.OpDiv:
		name, op = "__div", ast.OpDiv
	case ast.OpLessEq:
		l, r, neg = r, l, true
	case ast.OpGreater:
		l, r = r, l
	case ast.OpGreaterEq:
		neg = true
	}
	if n.Fn != nil {
		call := e.compileCall(&ast.Call{At: n.At, Fn: n.Fn, Args: []ast.Node{l, r}})
		if neg {
			return &notCode{x: call, pos: n.Start}
		}
		return call
	}
	return e.arith(name, op, l, r, neg, n.Start)
}

func (e *compiler) arith(name string, op ast.Op, l, r ast.Node, neg bool, pos ast.Pos) code {
	v, ok := e.Global(name)
	if !ok || v.Kind() != KindBuiltin {
		panic("eval: the operator needs the builtin " + name)
	}
	if e.opts.Calls != nil {
		call := &hookedCall{callCode{fn: &constCode{v}, args: []code{e.compileLazy(l), e.compileLazy(r)}, pos: pos}}
		if neg {
			return &notCode{x: call, pos: pos}
		}
		return call
	}
	return &arithCode{op: op, b: v.Builtin(), l: e.compileArg(l), r: e.compileArg(r), neg: neg, pos: pos}
}

// compileArg is compile for what the reference passes to a builtin: a variable
// is forced there, at no position.
func (e *compiler) compileArg(n ast.Node) code {
	if v, ok := n.(*ast.Var); ok && v.Kind == ast.VarLocal {
		return e.compileVar(v, ast.NoPos)
	}
	return e.compile(n)
}

// updateOperands flattens a // b // c as the reference does.
func (e *compiler) updateOperands(c *updateCode, n *ast.Binary) {
	add := func(x ast.Node, what string) {
		if b, ok := x.(*ast.Binary); ok && b.Op == ast.OpUpdate {
			e.updateOperands(c, b)
			return
		}
		c.operands = append(c.operands, updateOperand{e.compile(x), e.posOf(x), what})
	}
	add(n.L, "in the left operand of the update (//) operator")
	add(n.R, "in the right operand of the update (//) operator")
}

// compileAddConst is for a variable plus or minus a literal; at is the node, which
// may be packed.
func (e *compiler) compileAddConst(n *ast.Binary, at ast.Node) code {
	v, ok := n.L.(*ast.Var)
	if !ok || v.Kind != ast.VarLocal || n.Fn != nil {
		return nil
	}
	i, ok := n.R.(*ast.Int)
	if !ok {
		return nil
	}
	c := &addConst{v: e.compileVar(v, v.Start), n: i.Value}
	switch n.Op {
	case ast.OpSub:
		c.n = -i.Value
	case ast.OpAdd:
	default:
		return nil
	}
	c.code = e.compile(n)
	if e.opts.Notes {
		d := e.codes.add()
		d.code = c.code
		d.pending.Store(0)
		e.note(d, at)
		c.self.i.Store(d.index + 1)
	}
	return c
}

// posOf is the position that the reference reports for a node; some have none.
func (e *compiler) posOf(n ast.Node) ast.Pos {
	switch n := n.(type) {
	case *ast.Int, *ast.Float, *ast.Str, *ast.Path, *ast.Let:
		return ast.NoPos
	case *ast.HasAttr:
		return e.posOf(n.Expr)
	case *ast.List:
		if len(n.Elems) == 0 {
			return ast.NoPos
		}
		return e.posOf(n.Elems[0])
	case *ast.Unary:
		if n.Op == ast.OpNot {
			return e.posOf(n.X)
		}
	case *ast.Binary:
		if n.Op == ast.OpEq || n.Op == ast.OpNEq {
			return ast.NoPos
		}
	case *ast.Paren:
		return e.posOf(n.X)
	}
	return n.Pos()
}
