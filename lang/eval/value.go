package eval

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Value is a value of the language or a computation that will become one. It
// is 24 bytes and is updated in place when it is forced, so everything that
// refers to it sees the result. A Value whose Kind is not [KindUnforced] never
// changes again and may be read by any goroutine and copied freely; an
// unforced one must be reached by pointer only.
//
// What the fields hold depends on the kind:
//
//	Int, Bool, Float  n: the number, the truth value, the float's bits
//	String            p, n: bytes and length; aux: the Context
//	Path              p, n: absolute canonical path
//	List              p, n: first element pointer and length
//	Attrs             p: *Attrs
//	Lambda            p: frame; aux: index of the code
//	Builtin, Partial  p: *Builtin, *partial
//	External          p: *externalBox
//	thunk             p: frame; aux: index of the code
//	apply             p, n: function and arguments, and how many words
//	nth               p, n: function and its argument
//	lazy              p: *func(*Machine) Value
//	failed            p: *diag.Error
type Value struct {
	kind uint32 // atomic: low byte a Kind, see force.go for the rest
	aux  uint32
	n    int64
	p    unsafe.Pointer
}

// Kind is the type of a forced value, or KindUnforced.
type Kind uint32

// The kinds of values. Partial is a builtin with some of its arguments.
const (
	KindInvalid Kind = iota
	KindNull
	KindBool
	KindInt
	KindFloat
	KindString
	KindPath
	KindList
	KindAttrs
	KindLambda
	KindBuiltin
	KindPartial
	KindExternal
	// KindUnforced is any value that has not been evaluated yet.
	KindUnforced
)

// The states of a value that is not evaluated.
const (
	kindThunk     = uint32(KindUnforced) + iota // code and frame
	kindApply                                   // a function and its arguments
	kindNth                                     // a function and an integer
	kindLazy                                    // a Go function
	kindFailed                                  // evaluation failed, with this error
	kindReady                                   // nothing is left to do but to say so; see ready
	kindBlackhole                               // being evaluated; see force.go
)

const kindMask = 0xff

// readyShift is where a kindReady value has the kind that it will be of.
const readyShift = 8

// ready makes a value that needs no evaluation look as if it did until it is
// forced: whether a value has been is visible where it is printed.
func ready(x Value) Value {
	x.kind = kindReady | x.kind<<readyShift
	return x
}

// Copy is a copy of a value that has been evaluated. (Another machine that is
// late may still try, in vain, to mark it as waited for; so a plain copy would
// be a data race.)
func (v *Value) Copy() Value {
	return Value{kind: atomic.LoadUint32(&v.kind), aux: v.aux, n: v.n, p: v.p}
}

// is tells whether a value that has been evaluated is of a kind; as for Copy,
// the kind is read atomically.
func (v *Value) is(k Kind) bool { return atomic.LoadUint32(&v.kind) == uint32(k) }

// Kind is the value's kind; KindUnforced if it has not been evaluated.
func (v *Value) Kind() Kind {
	k := atomic.LoadUint32(&v.kind)
	if k >= uint32(KindUnforced) {
		return KindUnforced
	}
	return Kind(k)
}

// Forced tells whether the value has been evaluated.
func (v *Value) Forced() bool { return atomic.LoadUint32(&v.kind) < uint32(KindUnforced) }

// IsFunction tells whether a forced value is a lambda or a builtin, partially
// applied or not; sets with __functor are not counted.
func (v *Value) IsFunction() bool {
	k := v.Kind()
	return k == KindLambda || k == KindBuiltin || k == KindPartial
}

// Null returns null.
func Null() Value { return Value{kind: uint32(KindNull)} }

// Bool returns a truth value.
func Bool(b bool) Value {
	if b {
		return Value{kind: uint32(KindBool), n: 1}
	}
	return Value{kind: uint32(KindBool)}
}

// Int returns an integer.
func Int(n int64) Value { return Value{kind: uint32(KindInt), n: n} }

// Float returns a floating-point number.
func Float(f float64) Value {
	return Value{kind: uint32(KindFloat), n: *(*int64)(unsafe.Pointer(&f))}
}

// String returns a string with its context (0: none).
func String(s string, c Context) Value {
	return Value{kind: uint32(KindString), aux: uint32(c), n: int64(len(s)), p: unsafe.Pointer(unsafe.StringData(s))}
}

// PathValue returns a path; abs is absolute and canonical.
func PathValue(abs string) Value {
	return Value{kind: uint32(KindPath), n: int64(len(abs)), p: unsafe.Pointer(unsafe.StringData(abs))}
}

// List returns a list. The slice belongs to the value from then on.
func List(elems []*Value) Value {
	return Value{kind: uint32(KindList), n: int64(len(elems)), p: unsafe.Pointer(unsafe.SliceData(elems))}
}

// AttrsValue returns an attribute set.
func AttrsValue(a *Attrs) Value { return Value{kind: uint32(KindAttrs), p: unsafe.Pointer(a)} }

// ExternalValue wraps a Go value that the language can only pass around.
func ExternalValue(x any) Value {
	return Value{kind: uint32(KindExternal), p: unsafe.Pointer(&externalBox{x})}
}

type externalBox struct{ x any }

func lambdaValue(code uint32, env *frame) Value {
	return Value{kind: uint32(KindLambda), aux: code, p: unsafe.Pointer(env)}
}

// Bool is the truth value of a Bool.
func (v *Value) Bool() bool { return v.n != 0 }

// Int is the number of an Int.
func (v *Value) Int() int64 { return v.n }

// Float is the number of a Float.
func (v *Value) Float() float64 { return *(*float64)(unsafe.Pointer(&v.n)) }

// Str is the text of a String.
func (v *Value) Str() string { return unsafe.String((*byte)(v.p), int(v.n)) }

// Context is the context of a String.
func (v *Value) Context() Context { return Context(v.aux) }

// Path is the absolute path of a Path.
func (v *Value) Path() string { return unsafe.String((*byte)(v.p), int(v.n)) }

// List is the elements of a List, to be read only.
func (v *Value) List() []*Value { return unsafe.Slice((**Value)(v.p), int(v.n)) }

// Attrs is the set of an Attrs value.
func (v *Value) Attrs() *Attrs { return (*Attrs)(v.p) }

// External is the Go value of an External.
func (v *Value) External() any { return (*externalBox)(v.p).x }

// Builtin is the builtin of a BuiltinFn or, applied to some arguments, of a Partial.
func (v *Value) Builtin() *Builtin {
	if v.Kind() == KindPartial {
		return (*partial)(v.p).fn
	}
	return (*Builtin)(v.p)
}

// PartialArgs are the arguments that a Partial has been given.
func (v *Value) PartialArgs() []*Value { return (*partial)(v.p).args }

func (v *Value) frame() *frame { return (*frame)(v.p) }

// partial is a builtin applied to fewer arguments than it takes.
type partial struct {
	fn   *Builtin
	args []*Value
}

// Builtin is a function written in Go, as values refer to it.
type Builtin struct {
	BuiltinDef
	index int
	value *Value
}

// Function describes a forced Lambda for messages, functionArgs and documentation.
type Function struct {
	Name ast.Symbol
	Pos  ast.Pos
	// Arg is the name of the whole argument, NoSymbol if it has none.
	Arg ast.Symbol
	// TakesSet tells whether it takes a set with Formals, which come in the order
	// of symbols, and with Ellipsis others too.
	TakesSet bool
	Ellipsis bool
	Formals  []Formal
	Doc      ast.Pos
}

// Formal is an attribute that a function takes.
type Formal struct {
	Name     ast.Symbol
	Pos      ast.Pos
	Optional bool // it has a default
}
