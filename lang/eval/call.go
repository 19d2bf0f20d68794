package eval

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// lambda is the code of a function. Functions of plain arguments written one
// directly in the other (a: b: …) share one frame and form a chain by inner.
type lambda struct {
	index uint32
	name  atomic.Uint32
	pos   ast.Pos
	doc   ast.Pos

	inner   *lambda // the body, if it joins this one's frame
	nargs   int     // arguments until the body at the end of the chain is reached
	slots   int     // of the frame
	first   uint32  // slot of the argument
	joins   bool    // the frame is that of the lambda around it: copy it
	formals []formal
	isSet   bool // takes a set, with formals
	open    bool // …
	arg     bool // the whole set has a slot, 0
	argName ast.Symbol
	recycle bool // the frame may be used again if nothing captured it
	body    deferred
}

type formal struct {
	Formal
	def code // nil: required
}

func (l *lambda) eval(m *Machine, f *frame) Value {
	m.captures++
	m.handed++
	return lambdaValue(l.index, f)
}

func (l *lambda) delay(m *Machine, f *frame) *Value { return m.NewValue(ready(l.eval(m, f))) }

// setName names a function after the computed attribute it is bound to.
func (l *lambda) setName(sym ast.Symbol) {
	for ; l != nil; l = l.inner {
		l.name.Store(uint32(sym))
	}
}

func (l *lambda) symbol() ast.Symbol { return ast.Symbol(l.name.Load()) }

// last is the lambda whose body runs when all arguments of the chain are there.
func (l *lambda) last() *lambda {
	for l.inner != nil {
		l = l.inner
	}
	return l
}

// open makes a frame for a call, with the arguments that the functions
// around l have been given already.
func (m *Machine) openFrame(l *lambda, env *frame) *frame {
	if !l.joins {
		return m.newFrame(env, l.slots)
	}
	f := m.newFrame(env.up, l.slots)
	for i := uint32(0); i < l.first; i++ {
		*f.slot(i) = env.get(i)
	}
	return f
}

// run evaluates the body of a function whose frame is complete; captures is how
// often the frame has been captured so far.
func (m *Machine) run(l *lambda, f *frame, captures int, pos ast.Pos) Value {
	if m.E.opts.ShowTrace {
		m.push(shadowCall, unsafe.Pointer(l), pos)
		x := l.body.get(m.E).eval(m, f)
		m.sp--
		return x
	}
	outer := m.captures
	m.captures = captures
	x := l.body.get(m.E).eval(m, f)
	if m.captures == 0 && l.recycle {
		m.releaseFrame(f, l.slots)
	}
	m.captures = outer
	return x
}

// beginCall counts a call; end with m.calls--.
func (m *Machine) beginCall(pos ast.Pos) {
	if m.calls > m.E.opts.MaxCallDepth {
		m.overflow(pos)
	}
	m.calls++
	m.step()
}

// bindFormals makes the frame of a function that takes a set, and tells how
// often it has been captured.
func (m *Machine) bindFormals(l *lambda, env *frame, arg *Value, pos ast.Pos) (f *frame, captures int) {
	if atomic.LoadUint32(&arg.kind) != uint32(KindAttrs) {
		if pos != ast.NoPos {
			m.Trace(pos, "from call site")
			m.ForceAttrs(arg, l.pos, "while evaluating the value passed for the lambda argument")
			m.sp--
		} else {
			m.ForceAttrs(arg, l.pos, "while evaluating the value passed for the lambda argument")
		}
	}
	a := arg.Attrs()
	f = env
	if l.slots > 0 {
		f = m.newFrame(env, l.slots)
	}
	outer := m.captures
	m.captures = 0
	i := uint32(0)
	if l.arg {
		*f.slot(0) = arg
		i = 1
	}
	used := 0
	for k := range l.formals {
		fm := &l.formals[k]
		if v, ok := a.Get(fm.Name); ok {
			used++
			*f.slot(i) = v
		} else if fm.def != nil {
			*f.slot(i) = fm.def.delay(m, f)
		} else {
			m.missingArgument(l, a, pos)
		}
		i++
	}
	if !l.open && used != a.Len() {
		m.unexpectedArgument(l, a, pos)
	}
	captures, m.captures = m.captures, outer
	return f, captures
}

func (m *Machine) functionName(l *lambda) string {
	if s := l.symbol(); s != ast.NoSymbol {
		return m.E.Symbols.Name(s)
	}
	return "anonymous lambda"
}

// missingArgument throws the error of a call that lacks an argument: the first
// one, if there are several.
func (m *Machine) missingArgument(l *lambda, a *Attrs, pos ast.Pos) {
	name := m.E.Symbols.Name(m.missingFormal(l, a).Name)
	m.Errorf(diag.Type, l.pos, "function '%s' called without required argument '%s'",
		m.functionName(l), ast.ShowIdentifier(name)).WithTrace(pos, "from call site").
		explain(func(e *diag.Error) { m.E.misspeltArgument(e, l, a, name) }).Throw()
}

// missingFormal is the first formal of a function that has neither a default nor an
// argument in a set; nil if there is none.
func (m *Machine) missingFormal(l *lambda, a *Attrs) *formal {
	var first *formal
	for i := range l.formals {
		fm := &l.formals[i]
		if _, ok := a.Get(fm.Name); !ok && fm.def == nil && (first == nil || m.compare(fm.Name, first.Name) < 0) {
			first = fm
		}
	}
	return first
}

func (m *Machine) unexpectedArgument(l *lambda, a *Attrs, pos ast.Pos) {
	var names []string
	known := map[ast.Symbol]bool{}
	for _, fm := range l.formals {
		known[fm.Name] = true
		names = append(names, m.E.Symbols.Name(fm.Name))
	}
	a = a.flat()
	order := m.order(a.shape)
	for k := range a.shape.names {
		if n := a.shape.names[nth(order, k)]; !known[n] {
			name := m.E.Symbols.Name(n)
			m.Errorf(diag.Type, l.pos, "function '%s' called with unexpected argument '%s'",
				m.functionName(l), ast.ShowIdentifier(name)).WithTrace(pos, "from call site").WithSuggestions(name, names).Throw()
		}
	}
}

// callCode is a function applied to arguments.
type callCode struct {
	eager
	fn   code
	args []code
	pos  ast.Pos
}

func (c *callCode) eval(m *Machine, f *frame) Value {
	fn := c.fn.eval(m, f)
	if fn.tag() == KindLambda {
		l := m.E.codes.lambda(fn.aux)
		switch {
		case l.isSet:
			if len(c.args) == 1 {
				m.beginCall(c.pos)
				env, captures := m.bindFormals(l, fn.frame(), c.delaySet(m, f), c.pos)
				x := m.run(l, env, captures, c.pos)
				m.calls--
				return x
			}
		case l.nargs == len(c.args):
			env := m.openFrame(l, fn.frame())
			for i, a := range c.args {
				*env.slot(l.first + uint32(i)) = a.delay(m, f)
			}
			m.beginCall(c.pos)
			x := m.run(l.last(), env, 0, c.pos)
			m.calls--
			return x
		}
	}
	if fn.tag() == KindBuiltin {
		if b := (*Builtin)(fn.p); b.Borrows != 0 && len(b.Args) == len(c.args) {
			return m.callLending(b, c.args, f, c.pos)
		}
	}
	base := m.reserve(len(c.args))
	for i, a := range c.args {
		v := a.delay(m, f)
		m.args[base+i] = v
	}
	x := m.apply(fn, base, len(c.args), c.pos)
	m.argTop = base
	return x
}

// delaySet delays the argument of a function that takes a set and so will
// force it at once: a set expression is evaluated directly.
func (c *callCode) delaySet(m *Machine, f *frame) *Value {
	if d, ok := c.args[0].(*deferred); ok {
		if s, ok := d.get(m.E).(*setCode); ok && s.dynamic == nil && s.overrides < 0 {
			return m.NewValue(s.eval(m, f))
		}
	}
	return c.args[0].delay(m, f)
}

// reserve makes room for n arguments and returns where they start.
func (m *Machine) reserve(n int) int {
	base := m.argTop
	m.argTop += n
	if m.argTop > len(m.args) {
		m.args = append(m.args, make([]*Value, max(len(m.args), n))...)
	}
	return base
}

// builtinCall is a builtin, known when the code is made, with all its arguments.
type builtinCall struct {
	eager
	b    *Builtin
	args []code
	pos  ast.Pos
}

func (c *builtinCall) eval(m *Machine, f *frame) Value { return m.callLending(c.b, c.args, f, c.pos) }

func (m *Machine) callBuiltin(b *Builtin, base, n int, pos ast.Pos) Value {
	if b.NoTrace {
		return b.Fn(m, ast.NoPos, m.args[base:base+n:base+n])
	}
	m.push(shadowBuiltin, unsafe.Pointer(b), pos)
	x := b.Fn(m, ast.NoPos, m.args[base:base+n:base+n])
	m.sp--
	return x
}

// Call applies fn, which it forces, to arguments, at least one.
func (m *Machine) Call(fn *Value, pos ast.Pos, args ...*Value) Value {
	if fn.is(KindLambda) && m.E.opts.Calls == nil {
		if l := m.E.codes.lambda(fn.aux); !l.isSet && l.nargs == len(args) {
			m.beginCall(pos)
			f := m.openFrame(l, fn.frame())
			for i, a := range args {
				*f.slot(l.first + uint32(i)) = a
			}
			x := m.run(l.last(), f, 0, pos)
			m.calls--
			return x
		}
	}
	base := m.reserve(len(args))
	copy(m.args[base:], args)
	m.Force(fn, pos)
	if m.E.opts.Calls != nil {
		x := m.hookedApply(fn, base, len(args), pos)
		m.argTop = base
		return x
	}
	x := m.apply(fn.Copy(), base, len(args), pos)
	m.argTop = base
	return x
}

// apply applies a function to the n arguments from base on.
func (m *Machine) apply(fn Value, base, n int, pos ast.Pos) Value {
	m.beginCall(pos)
	for n > 0 {
		switch fn.tag() {
		case KindLambda:
			l := m.E.codes.lambda(fn.aux)
			if l.isSet {
				f, captures := m.bindFormals(l, fn.frame(), m.args[base], pos)
				fn = m.run(l, f, captures, pos)
				base, n = base+1, n-1
				continue
			}
			f := m.openFrame(l, fn.frame())
			for {
				*f.slot(l.first) = m.args[base]
				base, n = base+1, n-1
				if l.inner == nil {
					fn = m.run(l, f, 0, pos)
					break
				}
				l = l.inner
				if n == 0 {
					fn = lambdaValue(l.index, f)
					break
				}
			}
		case KindBuiltin:
			b := (*Builtin)(fn.p)
			if need := len(b.Args); n < need {
				fn = m.partial(b, nil, base, n)
				n = 0
			} else {
				fn = m.callBuiltin(b, base, need, pos)
				base, n = base+need, n-need
			}
		case KindPartial:
			p := (*partial)(fn.p)
			need := len(p.fn.Args) - len(p.args)
			if n < need {
				fn = m.partial(p.fn, p.args, base, n)
				n = 0
				break
			}
			at := m.reserve(len(p.fn.Args))
			copy(m.args[at+copy(m.args[at:], p.args):], m.args[base:base+need])
			fn = m.callBuiltin(p.fn, at, len(p.fn.Args), pos)
			m.argTop = at
			base, n = base+need, n-need
		case KindAttrs:
			functor, at, ok := fn.Attrs().Find(m.E.Sym.Functor)
			if !ok {
				m.notFunction(fn, pos)
			}
			m.Trace(pos, "while calling a functor (an attribute set with a '__functor' attribute)")
			arg := m.args[base]
			fn = m.Call(functor, at, m.NewValue(fn), arg)
			m.sp--
			base, n = base+1, n-1
		default:
			m.notFunction(fn, pos)
		}
	}
	m.calls--
	return fn
}

func (m *Machine) notFunction(x Value, pos ast.Pos) {
	v := m.NewValue(x)
	m.Errorf(diag.Type, pos, "attempt to call something which is not a function but %s: %s",
		m.showType(v), Plain(m.errorValue(v))).about(v).Throw()
}

func (m *Machine) partial(b *Builtin, have []*Value, base, n int) Value {
	args := m.newSlots(len(have) + n)
	copy(args[copy(args, have):], m.args[base:base+n])
	return Value{kind: uint32(KindPartial), p: unsafe.Pointer(&partial{b, args})}
}

func builtinValue(b *Builtin) Value {
	return Value{kind: uint32(KindBuiltin), p: unsafe.Pointer(b)}
}

// Func makes a function of a builtin that is in no scope.
func (m *Machine) Func(def BuiltinDef) Value {
	v := new(Value)
	*v = builtinValue(&Builtin{BuiltinDef: &def, value: v})
	return v.Copy()
}

// Function describes a forced Lambda.
func (m *Machine) Function(v *Value) Function {
	l := m.E.codes.lambda(v.aux)
	f := Function{Name: l.symbol(), Pos: l.pos, Doc: l.doc, Arg: l.argName, TakesSet: l.isSet, Ellipsis: l.open}
	for i := range l.formals {
		f.Formals = append(f.Formals, l.formals[i].Formal)
	}
	return f
}

// AutoCall applies fn, if it is a function that takes a set, to those of args
// that it has formals for; other values are returned as they are.
func (m *Machine) AutoCall(fn *Value, args *Attrs) *Value {
	pos := m.determinePos(fn, ast.NoPos)
	m.Force(fn, pos)
	if fn.Kind() == KindAttrs {
		if functor, ok := fn.Attrs().Get(m.E.Sym.Functor); ok {
			return m.AutoCall(m.NewValue(m.Call(functor, pos, fn)), args)
		}
	}
	if fn.Kind() != KindLambda {
		return fn
	}
	l := m.E.codes.lambda(fn.aux)
	if !l.isSet {
		return fn
	}
	set := args
	if !l.open {
		if fm := m.missingFormal(l, args); fm != nil {
			m.Fail(diag.MissingArgument, fm.Pos, `cannot evaluate a function that has an argument without a value ('%s')
Nix attempted to evaluate a function as a top level expression; in
this case it must have its arguments supplied either by default
values, or passed explicitly with '--arg' or '--argstr'. See
https://nix.dev/manual/nix/stable/language/syntax.html#functions.`, m.E.Symbols.Name(fm.Name))
		}
		b := m.NewAttrs(len(l.formals))
		for _, fm := range l.formals {
			if v, at, ok := args.Find(fm.Name); ok {
				b.Put(fm.Name, v, at)
			}
		}
		set = b.Build()
	}
	return m.NewValue(m.Call(fn, pos, m.NewValue(AttrsValue(set))))
}

// determinePos is the position that a value itself has: where a set or
// function was written, also the function of an application to come.
func (m *Machine) determinePos(v *Value, pos ast.Pos) ast.Pos {
	switch v.Kind() {
	case KindAttrs:
		return v.Attrs().At()
	case KindLambda:
		return m.E.codes.lambda(v.aux).pos
	case KindUnforced:
		return m.appPos(v, pos)
	}
	return pos
}

// PosOf is where a value was written if that is known, else pos.
func (m *Machine) PosOf(v *Value, pos ast.Pos) ast.Pos { return m.determinePos(v, pos) }
