package eval

import (
	"math/bits"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// arithCode is an arithmetic operator or a comparison. In the language these
// are calls of builtins (__sub, __lessThan …), which does the general case;
// integers are computed here.
type arithCode struct {
	eager
	op   ast.Op
	b    *Builtin
	l, r code // in the order in which the builtin takes them
	neg  bool
	pos  ast.Pos
}

func (c *arithCode) eval(m *Machine, f *frame) Value {
	sp := m.sp
	if c.neg { // written as the negation of its opposite
		m.pushText(shadowText, inNot, 0, c.pos)
	}
	m.beginCall(c.pos)
	m.push(shadowBuiltin, unsafe.Pointer(c.b), c.pos)
	l := c.l.eval(m, f)
	r := c.r.eval(m, f)
	var x Value
	if l.tag() == KindInt && r.tag() == KindInt {
		a, b, ok := l.int(), r.int(), true
		switch c.op {
		case ast.OpLess:
			x = Bool((a < b) != c.neg)
		case ast.OpSub:
			n := a - b
			ok = (a^b)&(a^n) >= 0
			x = Int(n)
		case ast.OpMul:
			var n int64
			n, ok = mulInt(a, b)
			x = Int(n)
		case ast.OpDiv:
			ok = b != 0 && !(a == -1<<63 && b == -1)
			if ok {
				x = Int(a / b)
			}
		}
		if ok {
			m.sp = sp
			m.calls--
			return x
		}
	} else if c.op == ast.OpLess && l.tag() == KindString && r.tag() == KindString {
		m.sp = sp
		m.calls--
		return Bool((l.Str() < r.Str()) != c.neg)
	}
	base := m.reserve(2)
	m.args[base], m.args[base+1] = m.NewValue(l), m.NewValue(r)
	x = c.b.Fn(m, ast.NoPos, m.args[base:base+2:base+2])
	m.argTop = base
	m.sp = sp
	m.calls--
	if c.neg {
		x = Bool(!x.bool())
	}
	return x
}

func mulInt(a, b int64) (int64, bool) {
	neg := (a < 0) != (b < 0)
	ua, ub := uint64(a), uint64(b)
	if a < 0 {
		ua = -ua
	}
	if b < 0 {
		ub = -ub
	}
	hi, lo := bits.Mul64(ua, ub)
	if hi != 0 {
		return 0, false
	}
	if neg {
		return -int64(lo), lo <= 1<<63
	}
	return int64(lo), lo < 1<<63
}

// addCode is l + r: of numbers, strings or paths.
type addCode struct {
	eager
	l, r       code
	pos        ast.Pos
	lpos, rpos ast.Pos
}

func (c *addCode) eval(m *Machine, f *frame) Value {
	l := c.l.eval(m, f)
	if l.tag() != KindInt {
		return c.add(m, f, l)
	}
	r := c.r.eval(m, f)
	if r.tag() != KindInt {
		return c.addToInt(m, l, r)
	}
	return c.sum(m, l.int(), r.int())
}

func (c *addCode) sum(m *Machine, l, r int64) Value {
	n := l + r
	if (l^n)&(r^n) < 0 {
		m.Fail(diag.Eval, m.E.openingParen(c.rpos), "integer overflow in adding %d + %d", l, r)
	}
	return Int(n)
}

func (c *addCode) addToInt(m *Machine, l, r Value) Value {
	switch r.tag() {
	case KindInt:
		return c.sum(m, l.int(), r.int())
	case KindFloat:
		return Float(float64(l.int()) + r.Float())
	}
	m.cannotAdd(r, c.rpos, "an integer")
	return Null()
}

// add is eval with the left operand at hand.
func (c *addCode) add(m *Machine, f *frame, l Value) Value {
	switch l.tag() {
	case KindInt:
		return c.addToInt(m, l, c.r.eval(m, f))
	case KindFloat:
		r := c.r.eval(m, f)
		switch r.tag() {
		case KindInt:
			return Float(l.Float() + float64(r.int()))
		case KindFloat:
			return Float(l.Float() + r.Float())
		}
		m.cannotAdd(r, c.rpos, "a float")
	case KindString:
		r := c.r.eval(m, f)
		if r.tag() == KindString {
			return m.concat(l, r)
		}
		s, ctx := m.coerce(r, c.rpos, segment, CoerceOpts{CopyToStore: true, Canonicalise: true, operand: true})
		return m.concat(l, String(s, ctx))
	}
	isPath := l.tag() == KindPath
	s, ctx := m.coerce(l, c.lpos, segment, CoerceOpts{})
	r := c.r.eval(m, f)
	t, ctx2 := m.coerce(r, c.rpos, segment, CoerceOpts{Canonicalise: true, operand: true})
	ctx = m.JoinContexts(ctx, ctx2)
	if isPath {
		return m.pathOf(s+t, ctx, c.pos)
	}
	return m.concat(String(s, ctx), String(t, 0))
}

// addChain is a + b + c + … of many operands: strings are put together once, for
// each + would copy all before it.
type addChain struct {
	eager
	first code
	rest  []*addCode // innermost first; their left operands are not used
}

// longChain is how many operands make a chain.
const longChain = 6

func (c *addChain) eval(m *Machine, f *frame) Value {
	x := c.first.eval(m, f)
	for i, s := range c.rest {
		if x.tag() == KindString {
			return m.joinAdded(f, x, c.rest[i:])
		}
		x = s.add(m, f, x)
	}
	return x
}

// joinAdded adds to a string, which makes strings of all that follows.
func (m *Machine) joinAdded(f *frame, x Value, rest []*addCode) Value {
	parts := make([]string, 1, len(rest)+1)
	parts[0] = x.Str()
	n := len(parts[0])
	var ctxs ContextSet
	ctxs.Add(x.Context())
	for _, s := range rest {
		r := s.r.eval(m, f)
		text, ctx := m.coerce(r, s.rpos, segment, CoerceOpts{CopyToStore: true, Canonicalise: true, operand: true})
		ctxs.Add(ctx)
		parts = append(parts, text)
		n += len(text)
	}
	m.Charge(int64(n))
	return String(m.joinText(n, parts), ctxs.Join(m))
}

func (m *Machine) cannotAdd(x Value, pos ast.Pos, to string) {
	v := m.NewValue(x)
	m.Errorf(diag.Eval, m.E.openingParen(pos), "cannot add %s to "+to, m.showType(v)).about(v).Throw()
}

const segment = "while evaluating a path segment"

func (m *Machine) pathOf(s string, ctx Context, pos ast.Pos) Value {
	if ctx != 0 {
		m.Fail(diag.Eval, pos, "a string that refers to a store path cannot be appended to a path")
	}
	return PathValue(m.cleanPath(s))
}

func (m *Machine) concat(l, r Value) Value {
	ln, rn := l.size(), r.size()
	if rn == 0 && (r.aux == 0 || r.aux == l.aux) {
		return l
	}
	if ln == 0 && (l.aux == 0 || r.aux == l.aux) {
		return r
	}
	n := ln + rn
	m.Charge(int64(n))
	if n > chunkBytes {
		return String(m.joinText(n, []string{l.Str(), r.Str()}), m.JoinContexts(Context(l.aux), Context(r.aux)))
	}
	b := m.newText(n)
	copy(b[copy(b, l.Str()):], r.Str())
	return String(unsafe.String(unsafe.SliceData(b), n), m.JoinContexts(Context(l.aux), Context(r.aux)))
}

// addConst is x + n or x - n of a variable and a literal: if x is known, so
// is the result, and no thunk is needed.
type addConst struct {
	code
	v    code
	n    int64
	self lateIndex
}

func (c *addConst) delay(m *Machine, f *frame) *Value {
	if v := peek(c.v, f); v != nil && v.Kind() == KindInt {
		x := v.Int()
		n := x + c.n
		if (x^n)&(c.n^n) >= 0 {
			return m.NewValue(Int(n))
		}
	}
	return c.self.thunk(m, c.code, f)
}

// interpCode is a string with interpolation, or a path.
type interpCode struct {
	eager
	parts []code
	pos   []ast.Pos
	at    ast.Pos
	path  bool
}

func (c *interpCode) eval(m *Machine, f *frame) Value {
	var buf [8]string
	strs := buf[:0]
	if len(c.parts) > len(buf) {
		strs = make([]string, 0, len(c.parts))
	}
	var ctxs ContextSet
	n := 0
	opts := CoerceOpts{CopyToStore: !c.path, Canonicalise: true}
	for i, p := range c.parts {
		x := p.eval(m, f)
		var s string
		if x.tag() == KindString {
			s = x.Str()
			ctxs.Add(Context(x.aux))
		} else {
			o := opts
			o.Canonicalise = !c.path || i > 0
			var k Context
			s, k = m.coerce(x, c.pos[i], segment, o)
			ctxs.Add(k)
		}
		n += len(s)
		strs = append(strs, s)
	}
	ctx := ctxs.Join(m)
	if len(strs) == 1 && !c.path {
		return String(strs[0], ctx)
	}
	m.Charge(int64(n))
	s := m.joinText(n, strs)
	if c.path {
		return m.pathOf(s, ctx, c.at)
	}
	return String(s, ctx)
}
