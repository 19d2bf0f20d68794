package eval

import (
	"strconv"
	"sync/atomic"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/store/storepath"
)

// ShowType is a value's type with an article, as messages give it: "a set".
func (m *Machine) ShowType(v *Value) string { return m.showType(v) }

func (m *Machine) showType(v *Value) string {
	switch v.Kind() {
	case KindNull:
		return "null"
	case KindBool:
		return "a Boolean"
	case KindInt:
		return "an integer"
	case KindFloat:
		return "a float"
	case KindString:
		if v.aux != 0 {
			return "a string with context"
		}
		return "a string"
	case KindPath:
		return "a path"
	case KindList:
		return "a list"
	case KindAttrs:
		return "a set"
	case KindLambda:
		return "a function"
	case KindBuiltin:
		return "the built-in function '" + v.Builtin().Name + "'"
	case KindPartial:
		return "the partially applied built-in function '" + v.Builtin().Name + "'"
	case KindExternal:
		return "an external value"
	}
	if isApplication(atomic.LoadUint32(&v.kind)) {
		return "a function application"
	}
	return "a thunk"
}

// TypeName is a forced value's type without an article, as in builtins.typeOf.
func TypeName(k Kind) string {
	switch k {
	case KindNull:
		return "null"
	case KindBool:
		return "bool"
	case KindInt:
		return "int"
	case KindFloat:
		return "float"
	case KindString:
		return "string"
	case KindPath:
		return "path"
	case KindList:
		return "list"
	case KindAttrs:
		return "set"
	case KindLambda, KindBuiltin, KindPartial:
		return "lambda"
	}
	return "external"
}

// wrongType is the error "expected X but found Y: value".
func (m *Machine) wrongType(v *Value, want string, pos ast.Pos) *Failure {
	return m.Errorf(diag.Type, pos, "expected %s but found %s: %s", Plain(want), m.showType(v), Plain(m.errorValue(v))).about(v)
}

// failType throws wrongType for a value that is not on the heap. Inlined, it
// would put its caller's there.
//
//go:noinline
func (m *Machine) failType(x Value, want string, pos ast.Pos) {
	m.wrongType(m.NewValue(x), want, pos).Throw()
}

// forceTraced forces v under a frame.
func (m *Machine) forceTraced(v *Value, pos ast.Pos, what string) {
	if !v.Forced() {
		m.Trace(pos, what)
		m.force(v, pos)
		m.sp--
	}
}

// ForceInt forces v, which must be an integer. what is the frame of an error
// ("while evaluating …"), as in the methods that follow.
func (m *Machine) ForceInt(v *Value, pos ast.Pos, what string) int64 {
	m.forceTraced(v, pos, what)
	if !v.is(KindInt) {
		m.wrongType(v, "an integer", pos).WithTrace(pos, what).Throw()
	}
	return v.Int()
}

// ForceFloat forces v to a float; an integer is converted.
func (m *Machine) ForceFloat(v *Value, pos ast.Pos, what string) float64 {
	m.forceTraced(v, pos, what)
	switch v.Kind() {
	case KindInt:
		return float64(v.Int())
	case KindFloat:
		return v.Float()
	}
	m.wrongType(v, "a float", pos).WithTrace(pos, what).Throw()
	return 0
}

// ForceBool forces v, which must be a truth value.
func (m *Machine) ForceBool(v *Value, pos ast.Pos, what string) bool {
	m.forceTraced(v, pos, what)
	if !v.is(KindBool) {
		m.wrongType(v, "a Boolean", pos).WithTrace(pos, what).Throw()
	}
	return v.Bool()
}

// ForceString forces v, which must be a string.
func (m *Machine) ForceString(v *Value, pos ast.Pos, what string) (string, Context) {
	m.forceTraced(v, pos, what)
	if !v.is(KindString) {
		m.wrongType(v, "a string", pos).WithTrace(pos, what).Throw()
	}
	return v.Str(), Context(v.aux)
}

// ForceStringNoCtx forces v, which must be a string without context.
func (m *Machine) ForceStringNoCtx(v *Value, pos ast.Pos, what string) string {
	s, ctx := m.ForceString(v, pos, what)
	if ctx != 0 {
		m.noContext(s, ctx, pos, what)
	}
	return s
}

func (m *Machine) noContext(s string, ctx Context, pos ast.Pos, what string) {
	m.Errorf(diag.Eval, ast.NoPos, "the string '%s' is not allowed to refer to a store path (such as '%s')",
		s, m.E.Contexts.Elems(ctx)[0].Display(m.E.opts.Scheme)).WithTrace(pos, what).Throw()
}

// stringNoCtx is ForceStringNoCtx for an evaluated value.
func (m *Machine) stringNoCtx(x Value, pos ast.Pos, what string) string {
	if x.is(KindString) && x.aux == 0 {
		return x.Str()
	}
	return m.ForceStringNoCtx(m.NewValue(x), pos, what)
}

// ForceList forces v, which must be a list.
func (m *Machine) ForceList(v *Value, pos ast.Pos, what string) []*Value {
	m.Force(v, pos)
	if !v.is(KindList) {
		m.wrongType(v, "a list", ast.NoPos).WithTrace(pos, what).Throw()
	}
	return v.List()
}

// ForceAttrs forces v, which must be a set.
func (m *Machine) ForceAttrs(v *Value, pos ast.Pos, what string) *Attrs {
	m.Force(v, pos)
	if !v.is(KindAttrs) {
		m.wrongType(v, "a set", ast.NoPos).WithTrace(pos, what).Throw()
	}
	return v.Attrs()
}

// ForceFunction forces v, which must be a function or a set with __functor.
func (m *Machine) ForceFunction(v *Value, pos ast.Pos, what string) {
	m.forceTraced(v, pos, what)
	if !v.IsFunction() && !m.IsFunctor(v) {
		m.wrongType(v, "a function", pos).WithTrace(pos, what).Throw()
	}
}

// IsFunctor tells whether a forced value is a set with __functor.
func (m *Machine) IsFunctor(v *Value) bool {
	if v.Kind() != KindAttrs {
		return false
	}
	_, ok := v.Attrs().Get(m.E.Sym.Functor)
	return ok
}

// GetAttr is the attribute of a set that a builtin was given; what is the
// frame of the error if there is none.
func (m *Machine) GetAttr(a *Attrs, sym ast.Symbol, what string) (*Value, ast.Pos) {
	v, pos, ok := a.Find(sym)
	if !ok {
		m.Errorf(diag.Type, ast.NoPos, "attribute '%s' missing", ast.ShowIdentifier(m.E.Symbols.Name(sym))).WithTrace(ast.NoPos, what).Throw()
	}
	return v, pos
}

// IsDerivation tells whether a forced value is a set whose type is "derivation".
func (m *Machine) IsDerivation(v *Value) bool {
	return v.Kind() == KindAttrs && m.isDerivation(v.Attrs())
}

func (m *Machine) isDerivation(a *Attrs) bool {
	t, pos, ok := a.Find(m.E.Sym.Type)
	if !ok {
		return false
	}
	m.Force(t, pos)
	return t.Kind() == KindString && t.Str() == "derivation"
}

// CoerceOpts says what may become a string, and how.
type CoerceOpts struct {
	// More coerces also null, truth values, numbers and lists (toString).
	More bool
	// CopyToStore copies a path to the store and gives its store path.
	CopyToStore bool
	// Canonicalise makes a path that is not copied canonical.
	Canonicalise bool

	operand bool // the right operand of +, whose position may be a parenthesis
}

// CoerceToString makes a string of v: strings, paths, sets with __toString or
// outPath and, with More, other values.
func (m *Machine) CoerceToString(v *Value, pos ast.Pos, what string, opts CoerceOpts) (string, Context) {
	if v.Kind() == KindString {
		return v.Str(), Context(v.aux)
	}
	return m.coerceValue(v, pos, what, opts)
}

// coerce is CoerceToString for an evaluated value that is not on the heap.
func (m *Machine) coerce(x Value, pos ast.Pos, what string, opts CoerceOpts) (string, Context) {
	if x.tag() == KindString {
		return x.Str(), Context(x.aux)
	}
	return m.coerceValue(m.NewValue(x), pos, what, opts)
}

func (m *Machine) coerceValue(v *Value, pos ast.Pos, what string, opts CoerceOpts) (s string, ctx Context) {
	m.EnterCall(pos)
	m.Force(v, pos)
	switch v.Kind() {
	case KindString:
		s, ctx = v.Str(), Context(v.aux)
	case KindPath:
		if opts.CopyToStore {
			p := m.CopyPathToStore(v.Path())
			s, ctx = m.E.opts.Scheme.Print(p), m.E.Contexts.Of(ContextElem{Kind: ContextPath, Path: p})
		} else if opts.Canonicalise {
			s = CleanPath(m.E.plainPath(v.Path()))
		} else {
			s = v.Path()
		}
	case KindAttrs:
		if t, c, ok := m.tryToString(v, pos, opts); ok {
			s, ctx = t, c
			break
		}
		out, ok := v.Attrs().Get(m.E.Sym.OutPath)
		if !ok {
			if opts.operand {
				pos = m.E.openingParen(pos)
			}
			m.cannotCoerce(v, pos, what)
		}
		s, ctx = m.CoerceToStringDeep(out, pos, what, opts)
	default:
		if !opts.More {
			if opts.operand {
				pos = m.E.openingParen(pos)
			}
			m.cannotCoerce(v, pos, what)
		}
		s, ctx = m.coerceMore(v, pos, what, opts)
	}
	m.LeaveCall()
	return s, ctx
}

// CoerceToStringDeep is CoerceToString counted as a level of recursion.
func (m *Machine) CoerceToStringDeep(v *Value, pos ast.Pos, what string, opts CoerceOpts) (string, Context) {
	return m.coerceValue(v, pos, what, opts)
}

func (m *Machine) cannotCoerce(v *Value, pos ast.Pos, what string) {
	m.Errorf(diag.Type, ast.NoPos, "cannot coerce %s to a string: %s", m.showType(v), Plain(m.errorValue(v))).about(v).WithTrace(pos, what).Throw()
}

// tryToString calls the __toString of a set that has one.
func (m *Machine) tryToString(v *Value, pos ast.Pos, opts CoerceOpts) (string, Context, bool) {
	f, ok := v.Attrs().Get(m.E.Sym.ToString)
	if !ok {
		return "", 0, false
	}
	r := m.NewValue(m.Call(f, pos, m.NewValue(v.Copy()))) // v may be lent
	opts.Canonicalise = true
	s, ctx := m.coerceValue(r, pos, "while evaluating the result of the `__toString` attribute", opts)
	return s, ctx, true
}

func (m *Machine) coerceMore(v *Value, pos ast.Pos, what string, opts CoerceOpts) (string, Context) {
	switch v.Kind() {
	case KindBool:
		if v.Bool() {
			return "1", 0
		}
		return "", 0
	case KindInt:
		var buf [20]byte
		return m.text(strconv.AppendInt(buf[:0], v.Int(), 10)), 0
	case KindFloat:
		return strconv.FormatFloat(v.Float(), 'f', 6, 64), 0
	case KindNull:
		return "", 0
	case KindList:
		b := m.takeBuf()
		var ctxs ContextSet
		l := v.List()
		fan := m.fanOutCoerce(l, pos, opts)
		if fan != nil {
			defer fan.End()
		}
		for i, x := range l {
			fan.Reach(i)
			m.Trace(pos, what)
			s, c := m.coerceValue(x, pos, "while evaluating one element of the list", opts)
			m.sp--
			ctxs.Add(c)
			b = m.AppendText(b, s)
			// An empty list in between leaves no space, as in the reference.
			if i < len(l)-1 && (x.Kind() != KindList || len(x.List()) != 0) {
				b = append(b, ' ')
			}
		}
		return m.giveBuf(b), ctxs.Join(m)
	}
	m.cannotCoerce(v, pos, what)
	return "", 0
}

// fanOutCoerce has helpers make strings of elements.
func (m *Machine) fanOutCoerce(l []*Value, pos ast.Pos, opts CoerceOpts) *Fan {
	if !m.WantsFan(len(l)) {
		return nil
	}
	return m.FanOut(l, func(h *Machine, i int) { h.coerceValue(l[i], pos, "", opts) })
}

// CoerceToPath makes an absolute path of v; a string's context is returned.
func (m *Machine) CoerceToPath(v *Value, pos ast.Pos, what string) (string, Context) {
	m.forceTraced(v, pos, what)
	switch v.Kind() {
	case KindPath:
		return CleanPath(v.Path()), 0
	case KindAttrs:
		if f, ok := v.Attrs().Get(m.E.Sym.ToString); ok {
			return m.CoerceToPath(m.NewValue(m.Call(f, pos, v)), pos, what)
		}
	}
	s, ctx := m.CoerceToString(v, pos, what, CoerceOpts{Canonicalise: true})
	if s == "" || s[0] != '/' {
		m.Errorf(diag.Eval, ast.NoPos, "string '%s' doesn't represent an absolute path", s).WithTrace(pos, what).Throw()
	}
	return m.cleanPath(s), ctx
}

// CoerceToStorePath makes a store path of v.
func (m *Machine) CoerceToStorePath(v *Value, pos ast.Pos, what string) (storepath.Path, Context) {
	s, ctx := m.CoerceToString(v, pos, what, CoerceOpts{Canonicalise: true})
	p, err := m.E.opts.Scheme.Parse(s)
	if err != nil {
		m.Errorf(diag.Eval, ast.NoPos, "path '%s' is not in the Nix store", s).WithTrace(pos, what).Throw()
	}
	return p, ctx
}
