package eval

import (
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Value is a value of the language or a computation that will become one. It
// is 16 bytes and is updated in place when it is forced, so everything that
// refers to it sees the result. A Value whose Kind is not [KindUnforced] never
// changes again and may be read by any goroutine and copied freely; an
// unforced one must be reached by pointer only.
//
// What the fields hold depends on the kind; size is the 23 bits of the kind word
// above the low byte:
//
//	Int, Float        size, aux: the number, see number; p: *number or nil
//	Bool              size: the truth value
//	String            p, size: bytes and length; aux: the Context
//	Path              p, size: absolute canonical path
//	List              p, size: first element pointer and length; aux: see listRoom
//	Attrs             p: *Attrs
//	Lambda            p: frame; aux: index of the code
//	Builtin, Partial  p: *Builtin, *partial
//	External          p: *externalBox
//	thunk             p: frame; aux: index of the code
//	apply             p, aux: function and arguments, and how many words
//	nth               p, aux: function and its argument
//	mapped, named     p: function and list or set; aux: which element
//	lazy              p: *func(*Machine) Value
//	failed            p: *diag.Error
//
// A length of maxSize or more does not fit: then size is maxSize, and p a *span.
type Value struct {
	kind uint32 // atomic: low byte a Kind, then the size; see force.go for the unforced
	aux  uint32
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

// The states of a value that is not evaluated. All have the highest bit.
const (
	unforced = uint32(1) << 31

	kindThunk     = unforced | (uint32(KindUnforced) + iota) // code and frame
	kindApply                                                // a function and its arguments
	kindNth                                                  // a function and an integer
	kindLazy                                                 // a Go function
	kindFailed                                               // evaluation failed, with this error
	kindBlackhole                                            // being evaluated; see force.go
	kindLent                                                 // as kindThunk; see lend.go
	kindMapped                                               // a function and an element of a list; see mapping.go
	kindNamed                                                // a function and an attribute: name and value
)

const (
	kindMask  = unforced | 0xff
	sizeShift = 8
	sizeBits  = 23
	maxSize   = 1<<sizeBits - 1
)

// ready makes a value that needs no evaluation look as if it did until it is
// forced: whether a value has been is visible where it is printed.
func ready(x Value) Value {
	x.kind |= unforced
	return x
}

// tag is the kind of a value that has been evaluated and is no other machine's.
func (v Value) tag() Kind { return Kind(uint8(v.kind)) }

// span is a text or list that is too long for a Value to hold its length.
type span struct {
	p unsafe.Pointer
	n int
}

// spanned is a value that has a length.
func spanned(k Kind, aux uint32, p unsafe.Pointer, n int) Value {
	if n >= maxSize {
		p, n = unsafe.Pointer(&span{p, n}), maxSize
	}
	return Value{kind: uint32(k) | uint32(n)<<sizeShift, aux: aux, p: p}
}

func (v *Value) span() (unsafe.Pointer, int) {
	n := atomic.LoadUint32(&v.kind) >> sizeShift & maxSize
	if n == maxSize {
		s := (*span)(v.p)
		return s.p, s.n
	}
	return v.p, int(n)
}

// size is the length of an evaluated text or list that is no other machine's.
func (v Value) size() int {
	n := v.kind >> sizeShift
	if n == maxSize {
		return (*span)(v.p).n
	}
	return int(n)
}

// number holds 64 bits where the 55 of size and aux do not do, or where an
// integer remembers where it was written.
type number struct {
	bits int64
	pos  ast.Pos
}

const numberBits = sizeBits + 32

// numeric is a number of n, which are 55 bits with sign, or of the box p.
func numeric(k Kind, n int64, p *number) Value {
	return Value{kind: uint32(k) | uint32(n>>32)<<sizeShift&^unforced, aux: uint32(n), p: unsafe.Pointer(p)}
}

// bits55 are the bits of a number without a box.
func bits55(kind, aux uint32) int64 {
	return int64(int32(kind<<1)>>(sizeShift+1))<<32 | int64(aux)
}

// Copy is a copy of a value that has been evaluated. (Another machine that is
// late may still try, in vain, to mark it as waited for; so a plain copy would
// be a data race.)
func (v *Value) Copy() Value {
	return Value{kind: atomic.LoadUint32(&v.kind), aux: v.aux, p: v.p}
}

// is tells whether a value that has been evaluated is of a kind; as for Copy,
// the kind is read atomically.
func (v *Value) is(k Kind) bool { return atomic.LoadUint32(&v.kind)&kindMask == uint32(k) }

// Kind is the value's kind; KindUnforced if it has not been evaluated.
func (v *Value) Kind() Kind {
	k := atomic.LoadUint32(&v.kind)
	if k&unforced != 0 {
		return KindUnforced
	}
	return Kind(uint8(k))
}

// Forced tells whether the value has been evaluated.
func (v *Value) Forced() bool { return atomic.LoadUint32(&v.kind)&unforced == 0 }

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
		return Value{kind: uint32(KindBool) | 1<<sizeShift}
	}
	return Value{kind: uint32(KindBool)}
}

// Int returns an integer.
func Int(n int64) Value {
	if n<<(64-numberBits)>>(64-numberBits) != n {
		return numeric(KindInt, 0, &number{bits: n})
	}
	return numeric(KindInt, n, nil)
}

// Float returns a floating-point number. Many have zeros where 64 bits do not fit.
func Float(f float64) Value {
	n := int64(math.Float64bits(f))
	if short := n >> (64 - numberBits); short<<(64-numberBits) == n {
		return numeric(KindFloat, short, nil)
	}
	return numeric(KindFloat, 0, &number{bits: n})
}

// String returns a string with its context (0: none).
func String(s string, c Context) Value {
	return spanned(KindString, uint32(c), unsafe.Pointer(unsafe.StringData(s)), len(s))
}

// PathValue returns a path; abs is absolute and canonical.
func PathValue(abs string) Value {
	return spanned(KindPath, 0, unsafe.Pointer(unsafe.StringData(abs)), len(abs))
}

// List returns a list. The slice belongs to the value from then on.
func List(elems []*Value) Value {
	return spanned(KindList, 0, unsafe.Pointer(unsafe.SliceData(elems)), len(elems))
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
func (v *Value) Bool() bool { return atomic.LoadUint32(&v.kind)>>sizeShift != 0 }

// bool is Bool for a value that is no other machine's.
func (v Value) bool() bool { return v.kind>>sizeShift != 0 }

// Int is the number of an Int.
func (v *Value) Int() int64 {
	if v.p != nil {
		return (*number)(v.p).bits
	}
	return bits55(atomic.LoadUint32(&v.kind), v.aux)
}

// int is Int for a value that is no other machine's.
func (v Value) int() int64 {
	if v.p != nil {
		return (*number)(v.p).bits
	}
	return bits55(v.kind, v.aux)
}

// Float is the number of a Float.
func (v *Value) Float() float64 {
	if v.p != nil {
		return math.Float64frombits(uint64((*number)(v.p).bits))
	}
	return math.Float64frombits(uint64(bits55(atomic.LoadUint32(&v.kind), v.aux) << (64 - numberBits)))
}

// Str is the text of a String.
func (v *Value) Str() string {
	p, n := v.span()
	return unsafe.String((*byte)(p), n)
}

// Context is the context of a String.
func (v *Value) Context() Context { return Context(v.aux) }

// Path is the absolute path of a Path.
func (v *Value) Path() string { return v.Str() }

// List is the elements of a List, to be read only.
func (v *Value) List() []*Value {
	p, n := v.span()
	return unsafe.Slice((**Value)(p), n)
}

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
	*BuiltinDef
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
