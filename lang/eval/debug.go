package eval

import (
	"slices"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// Debugger is told where evaluation stops: where an error was thrown, where
// builtins.break is called, or, when it steps, where the next point begins.
//
// Points are what the machine keeps a second stack of when there is a
// debugger: calls, bodies of functions and of let, selected attributes, files.
// Code is compiled with them or without, so that evaluation is as fast as ever
// when nobody debugs.
type Debugger interface {
	// Stop lets somebody look around, evaluating with m. An error that it
	// returns ends the evaluation, if that does not end already.
	Stop(m *Machine, s DebugStop) error
}

// DebugStop says why evaluation stopped.
type DebugStop struct {
	// Err is the error that was thrown, or at a breakpoint one that says so;
	// nil at a step.
	Err *diag.Error
	// Break is a breakpoint, InTry an error that a tryEval may catch.
	Break, InTry bool
}

// DebugPoint is a point that evaluation passed and has not left.
type DebugPoint struct {
	Pos   ast.Pos
	Hint  string
	scope *debugScope
	frame *frame
}

// debugScope says what the slots of a frame are called, and of those around it.
type debugScope struct {
	up    *debugScope
	names []debugName // sorted by name
	with  bool        // a frame of with, whose slot is the set
}

type debugName struct {
	name string
	sym  ast.Symbol
	slot uint32
}

// DebugLevel is a frame as a debugger shows it.
type DebugLevel struct {
	Names []string
	// With is what a with brings into scope, nil if it is none, or not
	// evaluated yet.
	With   []string
	IsWith bool
}

// DebugPoints are the points on the way to where evaluation is, innermost first.
func (m *Machine) DebugPoints() []DebugPoint {
	out := slices.Clone(m.points)
	slices.Reverse(out)
	return out
}

// Levels are the frames that a point sees, innermost first.
func (p *DebugPoint) Levels(m *Machine) []DebugLevel {
	var out []DebugLevel
	f := p.frame
	for s := p.scope; s != nil && f != nil; s, f = s.up, f.up {
		var l DebugLevel
		for _, n := range s.names {
			l.Names = append(l.Names, n.name)
		}
		if l.IsWith = s.with; s.with {
			if set := withSet(f); set != nil {
				for a := range set.Sorted(m) {
					l.With = append(l.With, m.E.Symbols.Name(a.Name))
				}
			}
		}
		out = append(out, l)
	}
	return out
}

func withSet(f *frame) *Attrs {
	v := f.get(0)
	if !v.Forced() || v.Kind() != KindAttrs {
		return nil
	}
	return v.Attrs()
}

// Variables are those that a point sees, inner ones before outer.
func (p *DebugPoint) Variables(m *Machine) map[ast.Symbol]*Value {
	vars := map[ast.Symbol]*Value{}
	add := func(sym ast.Symbol, v *Value) {
		if _, ok := vars[sym]; !ok && v != nil {
			vars[sym] = v
		}
	}
	f := p.frame
	for s := p.scope; s != nil && f != nil; s, f = s.up, f.up {
		for _, n := range s.names {
			add(n.sym, f.get(n.slot))
		}
		if s.with {
			if set := withSet(f); set != nil {
				for a := range set.Sorted(m) {
					add(a.Name, a.Value)
				}
			}
		}
	}
	return vars
}

// Step has the debugger called again where the next point begins.
func (m *Machine) Step(on bool) { m.stepping = on }

// Break stops at a breakpoint, if there is a debugger.
func (m *Machine) Break() {
	if m.debuggable() {
		m.debugStop(DebugStop{Err: &diag.Error{Message: "breakpoint reached"}, Break: true})
	}
}

func (m *Machine) debuggable() bool {
	return m.E.opts.Debugger != nil && !m.debugging && !m.E.debugOver.Load()
}

// debugFailure stops at an error, once, where nothing has been unwound yet.
func (m *Machine) debugFailure(f *Failure) {
	if !m.debuggable() || f.shown || f.e.Kind == diag.Syntax || f.e.Kind == diag.Interrupted ||
		m.trying > 0 && m.E.opts.DebugIgnoreTry {
		return
	}
	f.shown = true
	e := *f.e
	m.debugStop(DebugStop{Err: &e, InTry: m.trying > 0})
}

func (m *Machine) debugStop(s DebugStop) {
	m.debugging, m.stepping = true, false
	err := m.E.opts.Debugger.Stop(m, s)
	m.debugging = false
	if err == nil {
		return
	}
	m.E.debugOver.Store(true)
	if s.Err == nil || s.Break {
		m.FailErr(ast.NoPos, err)
	}
}

// enterPoint begins a point; leavePoint ends it.
func (m *Machine) enterPoint(pos ast.Pos, hint string, s *debugScope, f *frame) {
	m.points = append(m.points, DebugPoint{Pos: pos, Hint: hint, scope: s, frame: f})
	if m.stepping && m.debuggable() {
		m.debugStop(DebugStop{})
	}
}

func (m *Machine) leavePoint() { m.points = m.points[:len(m.points)-1] }

// debugCode is code that is a point.
type debugCode struct {
	code
	pos   ast.Pos
	hint  string
	path  *selectCode // of an attribute that is selected, for the hint; or nil
	scope *debugScope
	late  lateIndex
}

func (c *debugCode) eval(m *Machine, f *frame) Value {
	hint := c.hint
	if c.path != nil {
		hint = Messagef(hint, m.E.attrPathText(c.path, f))
	}
	m.enterPoint(c.pos, hint, c.scope, f)
	x := c.code.eval(m, f)
	m.leavePoint()
	return x
}

func (c *debugCode) delay(m *Machine, f *frame) *Value { return c.late.thunk(m, c, f) }

// bodyPoint is the body of a function, a point.
type bodyPoint struct {
	eager
	l     *lambda
	body  *deferred
	scope *debugScope
}

func (c *bodyPoint) eval(m *Machine, f *frame) Value {
	m.enterPoint(c.l.pos, "while calling "+m.E.lambdaTitle(c.l), c.scope, f)
	x := c.body.eval(m, f)
	m.leavePoint()
	return x
}

// debugPoint makes a point of the code of a node, if it is one.
func (e *Evaluator) debugPoint(n ast.Node, c code) code {
	scope, ok := e.scopeOf(n)
	if !ok {
		return c
	}
	switch n := n.(type) {
	case *ast.Call:
		return &debugCode{code: c, pos: n.Start, hint: "while calling a function", scope: scope}
	case *ast.Select:
		switch s := c.(type) {
		case *select1:
			return &debugCode{code: c, pos: n.Start, hint: "while evaluating the attribute '%s'", path: &s.selectCode, scope: scope}
		case *selectCode:
			return &debugCode{code: c, pos: n.Start, hint: "while evaluating the attribute '%s'", path: s, scope: scope}
		}
	case *ast.Let:
		if l, ok := c.(*letCode); ok {
			inner, _ := e.scopeOf(n.Body)
			l.body = &debugCode{code: l.body, hint: Messagef("while evaluating a '%s' expression", "let"), scope: inner}
		}
	}
	return c
}

func (e *Evaluator) scopeOf(n ast.Node) (*debugScope, bool) {
	e.debugMu.Lock()
	defer e.debugMu.Unlock()
	s, ok := e.debugScopes[n]
	return s, ok
}

// noteScopes walks a resolved tree and remembers what each node sees.
func (e *Evaluator) noteScopes(root ast.Node, locals []map[ast.Symbol]uint32) {
	e.debugMu.Lock()
	defer e.debugMu.Unlock()
	if e.debugScopes == nil {
		e.debugScopes = map[ast.Node]*debugScope{}
	}
	var scope *debugScope
	for i := len(locals) - 1; i >= 0; i-- {
		scope = &debugScope{up: scope}
		for sym, slot := range locals[i] {
			scope.add(e, sym, slot)
		}
		scope.sort()
	}
	e.scopes(root, scope)
}

func (s *debugScope) add(e *Evaluator, sym ast.Symbol, slot uint32) {
	s.names = append(s.names, debugName{e.Symbols.Name(sym), sym, slot})
}

func (s *debugScope) sort() {
	slices.SortFunc(s.names, func(a, b debugName) int {
		switch {
		case a.name < b.name:
			return -1
		case a.name > b.name:
			return 1
		}
		return 0
	})
}

// scopes follows resolve: it opens frames where that does.
func (e *Evaluator) scopes(n ast.Node, s *debugScope) {
	if n == nil {
		return
	}
	e.debugScopes[n] = s
	all := func(ns []ast.Node) {
		for _, x := range ns {
			e.scopes(x, s)
		}
	}
	path := func(p []ast.AttrName) {
		for _, a := range p {
			if a.Expr != nil {
				e.scopes(a.Expr, s)
			}
		}
	}
	switch n := n.(type) {
	case *ast.Select:
		e.scopes(n.Expr, s)
		if n.Default != nil {
			e.scopes(n.Default, s)
		}
		path(n.Path)
	case *ast.HasAttr:
		e.scopes(n.Expr, s)
		path(n.Path)
	case *ast.Call:
		e.scopes(n.Fn, s)
		all(n.Args)
	case *ast.List:
		all(n.Elems)
	case *ast.Interp:
		all(n.Parts)
	case *ast.PathInterp:
		all(n.Parts)
	case *ast.Attrs:
		e.setScopes(n.Set, n.Rec, s)
	case *ast.Let:
		e.scopes(n.Body, e.setScopes(n.Set, true, s))
	case *ast.With:
		e.scopes(n.Scope, s)
		e.scopes(n.Body, &debugScope{up: s, with: true})
	case *ast.If:
		e.scopes(n.Cond, s)
		e.scopes(n.Then, s)
		e.scopes(n.Else, s)
	case *ast.Assert:
		e.scopes(n.Cond, s)
		e.scopes(n.Body, s)
	case *ast.Binary:
		e.scopes(n.L, s)
		e.scopes(n.R, s)
	case *ast.Unary:
		e.scopes(n.X, s)
	case *ast.Paren:
		e.scopes(n.X, s)
	case *ast.Lambda:
		e.lambdaScopes(n, s)
	}
}

func (e *Evaluator) setScopes(set *ast.Set, rec bool, s *debugScope) *debugScope {
	inner := s
	if set.Frame > 0 {
		inner = &debugScope{up: s}
		if rec {
			for i := range set.Attrs {
				inner.add(e, set.Attrs[i].Name, uint32(i))
			}
			inner.sort()
		}
	}
	for _, f := range set.Froms {
		e.scopes(f, inner)
	}
	for i := range set.Attrs {
		a := &set.Attrs[i]
		if a.Kind == ast.AttrInherited {
			e.scopes(a.Value, s)
		} else {
			e.scopes(a.Value, inner)
		}
	}
	for i := range set.Dynamic {
		e.scopes(set.Dynamic[i].Name, inner)
		e.scopes(set.Dynamic[i].Value, inner)
	}
	return inner
}

func (e *Evaluator) lambdaScopes(n *ast.Lambda, s *debugScope) {
	inner := s
	if n.Formals == nil {
		if n.Joins {
			// The frame of the function around it, with one slot more.
			inner = &debugScope{up: s.up, names: slices.Clone(s.names)}
		} else {
			inner = &debugScope{up: s}
		}
		inner.add(e, n.Arg, n.FirstSlot)
		inner.sort()
	} else if n.Frame > 0 {
		inner = &debugScope{up: s}
		slot := uint32(0)
		if n.Arg != ast.NoSymbol {
			inner.add(e, n.Arg, 0)
			slot = 1
		}
		for _, i := range n.Formals.Sorted {
			inner.add(e, n.Formals.List[i].Name, slot)
			slot++
		}
		inner.sort()
		for i := range n.Formals.List {
			if d := n.Formals.List[i].Default; d != nil {
				e.scopes(d, inner)
			}
		}
	}
	e.scopes(n.Body, inner)
}
