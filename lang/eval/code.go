package eval

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/packed"
)

// code is a node of the form in which trees are evaluated.
type code interface {
	// eval computes the value in an environment.
	eval(m *Machine, f *frame) Value
	// delay makes a value that eval will compute when it is forced, or one
	// that is at hand. It does nothing that could fail or be observed.
	delay(m *Machine, f *frame) *Value
}

// codeTable gives code that values refer to a number. Reading is lock-free.
type codeTable struct {
	mu       sync.Mutex
	next     uint32
	deferred chunked[deferred]
	origins  chunked[origin] // of the deferred, for notes
	nextL    uint32
	lambdas  chunked[*lambda]
}

func (t *codeTable) at(i uint32) *deferred { return t.deferred.at(i) }

func (t *codeTable) lambda(i uint32) *lambda { return *t.lambdas.at(i) }

// origin is where a deferred comes from, as far as that was noted.
func (t *codeTable) origin(i uint32) (o origin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.origins.peek(i); p != nil {
		o = *p
	}
	return o
}

// add gives out the next deferred, to be filled in.
func (t *codeTable) add() *deferred {
	t.mu.Lock()
	i := t.next
	t.next++
	d := t.deferred.grow(i)
	t.mu.Unlock()
	d.index = i
	return d
}

func (t *codeTable) addLambda(l *lambda) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.nextL
	t.nextL++
	*t.lambdas.grow(i) = l
	return i
}

// deferred is code in a lazy position. It is compiled when it first runs: of a
// big set of packages few are looked at.
type deferred struct {
	index uint32
	// pending is 0 once there is code. Before, code is a laterTree and pending one
	// more than the offset in it, or code is a laterNode.
	pending atomic.Uint32
	code    code
}

// laterTree is a tree of which a part is to be compiled, laterNode a node.
type (
	laterTree packed.Tree
	laterNode struct{ n ast.Node }
)

func (*laterTree) eval(*Machine, *frame) Value   { panic("eval: code that has not been compiled") }
func (*laterTree) delay(*Machine, *frame) *Value { panic("eval: code that has not been compiled") }
func (*laterNode) eval(*Machine, *frame) Value   { panic("eval: code that has not been compiled") }
func (*laterNode) delay(*Machine, *frame) *Value { panic("eval: code that has not been compiled") }

func (d *deferred) get(e *Evaluator) code {
	if d.pending.Load() != 0 {
		d.compile(e)
	}
	return d.code
}

func (d *deferred) compile(e *Evaluator) {
	e.compiling.Lock()
	defer e.compiling.Unlock()
	at := d.pending.Load()
	if at == 0 {
		return
	}
	switch x := d.code.(type) {
	case *laterTree:
		d.code = e.compiler().code(&packed.Node{Tree: (*packed.Tree)(x), Offset: at - 1})
	case *laterNode:
		d.code = e.compiler().code(x.n)
	}
	d.pending.Store(0)
}

func (d *deferred) eval(m *Machine, f *frame) Value { return d.get(m.E).eval(m, f) }

func (d *deferred) delay(m *Machine, f *frame) *Value { return m.newThunk(d.index, f) }

// lateIndex numbers code that only sometimes becomes a thunk, when it does so
// for the first time.
type lateIndex struct{ i atomic.Uint32 }

func (l *lateIndex) thunk(m *Machine, c code, f *frame) *Value { return m.newThunk(l.get(m, c), f) }

// get is the number.
func (l *lateIndex) get(m *Machine, c code) uint32 {
	i := l.i.Load()
	if i == 0 {
		d := m.E.codes.add()
		d.code = c
		d.pending.Store(0)
		i = d.index + 1
		l.i.Store(i) // two machines may both do this: either number will do
	}
	return i - 1
}

// eager is embedded in code that occurs in lazy positions only inside a deferred.
type eager struct{}

func (eager) delay(*Machine, *frame) *Value { panic("eval: delay of code in an eager position") }

// constCode is a value known when the code is made.
type constCode struct{ v *Value }

func (c *constCode) eval(*Machine, *frame) Value   { return *c.v }
func (c *constCode) delay(*Machine, *frame) *Value { return c.v }

func newConst(v Value) *constCode { return &constCode{&v} }

// globalCode is a global that is computed on first use.
type globalCode struct {
	v   *Value
	pos ast.Pos
}

func (c *globalCode) eval(m *Machine, _ *frame) Value {
	m.Force(c.v, c.pos)
	return c.v.Copy()
}

func (c *globalCode) delay(*Machine, *frame) *Value { return c.v }

// localCode is a variable in a frame. The first two levels have types of their own.
type localCode struct {
	level, index uint32
	pos          ast.Pos
	late         lateIndex // for slots not filled yet
}

func (c *localCode) eval(m *Machine, f *frame) Value {
	v := f.ancestor(c.level).get(c.index)
	if !v.Forced() {
		m.force(v, c.pos)
	}
	return v.Copy()
}

func (c *localCode) delay(m *Machine, f *frame) *Value {
	if v := f.ancestor(c.level).get(c.index); v != nil {
		m.handed++
		return v
	}
	return c.late.thunk(m, c, f)
}

type local0 struct{ localCode }

func (c *local0) eval(m *Machine, f *frame) Value {
	v := f.get(c.index)
	if !v.Forced() {
		m.force(v, c.pos)
	}
	return v.Copy()
}

func (c *local0) delay(m *Machine, f *frame) *Value {
	if v := f.get(c.index); v != nil {
		m.handed++
		return v
	}
	return c.late.thunk(m, c, f)
}

type local1 struct{ localCode }

func (c *local1) eval(m *Machine, f *frame) Value {
	v := f.up.get(c.index)
	if !v.Forced() {
		m.force(v, c.pos)
	}
	return v.Copy()
}

func (c *local1) delay(m *Machine, f *frame) *Value {
	if v := f.up.get(c.index); v != nil {
		m.handed++
		return v
	}
	return c.late.thunk(m, c, f)
}

// withCode is a variable that some enclosing with must bring.
type withCode struct {
	level uint32
	name  ast.Symbol
	with  *ast.Scope
	pos   ast.Pos
	self  lateIndex
}

func (c *withCode) lookup(m *Machine, f *frame) *Value {
	f = f.ancestor(c.level)
	start := f
	for w := c.with; ; {
		scope := m.ForceAttrs(f.get(0), w.Start, "while evaluating the first subexpression of a with expression")
		if v, ok := scope.Get(c.name); ok {
			return v
		}
		if w.Parent == nil {
			m.undefined(c, start)
		}
		f = f.ancestor(w.Up)
		w = w.Parent
	}
}

// undefined throws the error of a variable that no with brings.
func (m *Machine) undefined(c *withCode, f *frame) {
	name := m.E.Symbols.Name(c.name)
	m.Errorf(diag.Undefined, c.pos, "undefined variable '%s'", name).explain(func(e *diag.Error) {
		var names []string
		for w := c.with; w != nil; w = w.Parent {
			for n := range f.get(0).Attrs().All() {
				names = append(names, m.E.Symbols.Name(n))
			}
			f = f.ancestor(w.Up)
		}
		e.Similar = diag.Similar(names, name)
	}).Throw()
}

func (c *withCode) eval(m *Machine, f *frame) Value {
	v := c.lookup(m, f)
	m.Force(v, c.pos)
	return v.Copy()
}

// delay looks the name up if the innermost scope is at hand and has a value
// for it that is evaluated; as for selectCode.delayed, it is a copy.
func (c *withCode) delay(m *Machine, f *frame) *Value {
	if s := f.ancestor(c.level).get(0); s != nil && s.Kind() == KindAttrs {
		if v, ok := s.Attrs().Get(c.name); ok && v.Forced() {
			return m.NewValue(ready(v.Copy()))
		}
	}
	return c.self.thunk(m, c, f)
}

// listCode is a list.
type listCode struct {
	eager
	elems []code
	pos   ast.Pos
}

func (c *listCode) eval(m *Machine, f *frame) Value {
	l := m.NewList(len(c.elems))
	for i, e := range c.elems {
		l[i] = e.delay(m, f)
	}
	return List(l).at(c.pos)
}

type ifCode struct {
	eager
	cond, then, els code
	pos             ast.Pos
}

func (c *ifCode) eval(m *Machine, f *frame) Value {
	if m.evalBool(c.cond, f, c.pos, "while evaluating a branch condition") {
		return c.then.eval(m, f)
	}
	return c.els.eval(m, f)
}

// evalBool evaluates a condition; what names it in errors.
func (m *Machine) evalBool(c code, f *frame, pos ast.Pos, what string) bool {
	m.pushText(shadowText, what, 0, pos)
	x := c.eval(m, f)
	if x.tag() != KindBool {
		m.failType(x, "a Boolean", pos)
	}
	m.sp--
	return x.bool()
}

type letCode struct {
	eager
	set  *setCode
	body code
}

func (c *letCode) eval(m *Machine, f *frame) Value {
	return c.body.eval(m, c.set.frame(m, f))
}

type withScope struct {
	eager
	scope, body code
}

func (c *withScope) eval(m *Machine, f *frame) Value {
	n := m.newFrame(f, 1)
	*n.slot(0) = c.scope.delay(m, f)
	return c.body.eval(m, n)
}

type assertCode struct {
	eager
	cond, body code
	eqL, eqR   code // operands, if the condition is an ==
	posL, posR ast.Pos
	pos        ast.Pos
	node       ast.Node // the condition, for text
	e          *Evaluator
}

func (c *assertCode) text() string { return printNode(c.node, c.e.Symbols) }

func (c *assertCode) eval(m *Machine, f *frame) Value {
	if !m.evalBool(c.cond, f, c.pos, "in the condition of the assert statement") {
		if c.eqL != nil {
			m.push(shadowAssert, unsafe.Pointer(c), c.pos)
			l, r := m.NewValue(c.eqL.eval(m, f)), m.NewValue(c.eqR.eval(m, f))
			m.push(shadowOperand, unsafe.Pointer(r), c.posR)
			m.stack[m.sp-1].n = 1
			m.push(shadowOperand, unsafe.Pointer(l), c.posL)
			m.stack[m.sp-1].n = 0
			m.assertEqual(l, r, ast.NoPos, "in an equality assertion")
			m.sp -= 3
		}
		m.Fail(diag.Assertion, c.pos, "assertion '%s' failed", c.text())
	}
	return c.body.eval(m, f)
}

const inNot = "in the argument of the not operator"

type notCode struct {
	eager
	x   code
	pos ast.Pos
}

func (c *notCode) eval(m *Machine, f *frame) Value {
	return Bool(!m.evalBool(c.x, f, c.pos, inNot))
}

type logicCode struct {
	eager
	op   ast.Op
	l, r code
	pos  ast.Pos
}

func (c *logicCode) eval(m *Machine, f *frame) Value {
	switch c.op {
	case ast.OpAnd:
		return Bool(m.evalBool(c.l, f, c.pos, "in the left operand of the AND (&&) operator") &&
			m.evalBool(c.r, f, c.pos, "in the right operand of the AND (&&) operator"))
	case ast.OpOr:
		return Bool(m.evalBool(c.l, f, c.pos, "in the left operand of the OR (||) operator") ||
			m.evalBool(c.r, f, c.pos, "in the right operand of the OR (||) operator"))
	}
	return Bool(!m.evalBool(c.l, f, c.pos, "in the left operand of the IMPL (->) operator") ||
		m.evalBool(c.r, f, c.pos, "in the right operand of the IMPL (->) operator"))
}

type equalCode struct {
	eager
	l, r code
	neg  bool
}

func (c *equalCode) eval(m *Machine, f *frame) Value {
	l, r := c.l.eval(m, f), c.r.eval(m, f)
	if m.calls > m.E.opts.MaxCallDepth { // comparing counts as a call
		m.overflow(ast.NoPos)
	}
	if k := l.tag(); k == r.tag() {
		switch k {
		case KindString:
			return Bool((l.Str() == r.Str()) != c.neg)
		case KindInt:
			return Bool((l.int() == r.int()) != c.neg)
		case KindBool, KindNull:
			return Bool((l.kind == r.kind) != c.neg)
		}
	} else if k == KindNull || r.tag() == KindNull {
		return Bool(c.neg)
	}
	m.EnterCall(ast.NoPos)
	eq := m.equal(l, r, ast.NoPos, "")
	m.LeaveCall()
	return Bool(eq != c.neg)
}

// updateCode is a // b // …; the operands are in source order.
type updateCode struct {
	eager
	operands []updateOperand
}

type updateOperand struct {
	x    code
	pos  ast.Pos
	what string
}

func (c *updateCode) eval(m *Machine, f *frame) Value {
	if len(c.operands) == 2 {
		r := m.evalOperand(&c.operands[1], f)
		l := m.evalOperand(&c.operands[0], f)
		return AttrsValue(m.Update(l, r))
	}
	sets := make([]*Attrs, len(c.operands))
	for i := len(sets) - 1; i >= 0; i-- {
		sets[i] = m.evalOperand(&c.operands[i], f)
	}
	if len(sets) <= longChain {
		a := sets[0]
		for _, b := range sets[1:] {
			a = m.Update(a, b)
		}
		return AttrsValue(a)
	}
	// Neighbours first, then the results, for each // may copy all before it.
	for len(sets) > 1 {
		n := 0
		for i := 0; i < len(sets); i += 2 {
			if sets[n] = sets[i]; i+1 < len(sets) {
				sets[n] = m.Update(sets[i], sets[i+1])
			}
			n++
		}
		sets = sets[:n]
	}
	return AttrsValue(sets[0])
}

func (m *Machine) evalOperand(o *updateOperand, f *frame) *Attrs {
	m.pushText(shadowText, o.what, 0, o.pos)
	x := o.x.eval(m, f)
	if x.tag() != KindAttrs {
		m.failType(x, "a set", ast.NoPos)
	}
	m.sp--
	return x.Attrs()
}

type curPosCode struct {
	eager
	pos ast.Pos
}

func (c *curPosCode) eval(m *Machine, _ *frame) Value { return m.PosValue(c.pos) }
