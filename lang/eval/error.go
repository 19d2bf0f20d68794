package eval

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// An error unwinds by panic with a *Failure. Nothing on the way handles the
// panic: what traces need, and which values were being evaluated, stands on
// the machine's stack of shadow entries, pushed and popped by evaluation. Only
// where an error may be caught (tryEval, the API) is there a defer; it takes
// the entries above its own mark for the trace, and marks the values failed.

// shadow is an entry of the machine's stack.
type shadow struct {
	p    unsafe.Pointer
	pos  ast.Pos
	n    uint32
	len  uint32
	kind uint32
}

const (
	shadowForce   = uint32(iota) // p: *Value being evaluated; n: its kind word before
	shadowText                   // p, len: a text
	shadowSymbol                 // p, len: a format with one %s; n: a symbol
	shadowNumber                 // p, len: a format with one %d; n: a number
	shadowBuiltin                // p: *Builtin
	shadowSelect                 // p: *selectCode; at pos the attribute was defined
	shadowEnv                    // p: frame of the shadowSelect above it
	shadowCall                   // p: *lambda, called at pos; shown with ShowTrace
	shadowAssert                 // p: *assertCode; for assertion errors only
	shadowFile                   // p, len: path of a file being evaluated
	shadowAlways                 // as shadowText, and kept when traces are cut
	shadowOperand                // p: *Value, an operand of a failed assert; n: 0 the left one
)

func (m *Machine) push(kind uint32, p unsafe.Pointer, pos ast.Pos) {
	if m.sp == len(m.stack) {
		m.growStack()
	}
	s := &m.stack[m.sp]
	m.sp++
	s.p = p
	s.pos = pos
	s.kind = kind
}

func (m *Machine) growStack() {
	m.stack = append(m.stack, make([]shadow, len(m.stack))...)
}

func (m *Machine) pushText(kind uint32, text string, n uint32, pos ast.Pos) {
	m.push(kind, unsafe.Pointer(unsafe.StringData(text)), pos)
	s := &m.stack[m.sp-1]
	s.len = uint32(len(text))
	s.n = n
}

// Trace puts a frame on the stack that errors show ("while …"); the caller
// takes it off again with Pop.
func (m *Machine) Trace(pos ast.Pos, text string) { m.pushText(shadowText, text, 0, pos) }

// TraceAlways is Trace for a frame that is kept when traces are cut short.
func (m *Machine) TraceAlways(pos ast.Pos, text string) { m.pushText(shadowAlways, text, 0, pos) }

// TraceSymbol is Trace with a name for the %s in format, put in only if needed.
func (m *Machine) TraceSymbol(pos ast.Pos, format string, sym ast.Symbol) {
	m.pushText(shadowSymbol, format, uint32(sym), pos)
}

// TraceIndex is Trace with a number for the %d in format.
func (m *Machine) TraceIndex(pos ast.Pos, format string, n int) {
	m.pushText(shadowNumber, format, uint32(n), pos)
}

// Pop takes off the last frame.
func (m *Machine) Pop() { m.sp-- }

// Failure is the panic value of evaluation, and what a failed value keeps.
type Failure struct {
	e *diag.Error // without the frames of trace
	// trace is what was being evaluated, outermost last. It grows while the
	// failure unwinds further, for the values that have failed with it too.
	trace atomic.Pointer[[]shadow]
	shown bool // to the debugger
	m     *Evaluator
	// note adds notes when the error is shown; nil for most.
	note func(e *diag.Error)
}

func (f *Failure) shadows() []shadow {
	if t := f.trace.Load(); t != nil {
		return *t
	}
	return nil
}

// again is a copy of a failure, to be thrown when a failed value is needed once more.
func (f *Failure) again() *Failure {
	e := *f.e
	c := &Failure{e: &e, m: f.m, note: f.note}
	c.trace.Store(f.trace.Load())
	return c
}

// Plain is text in the arguments of an error message that is not to be
// highlighted.
type Plain string

type highlighted struct{ x any }

func (h highlighted) Format(s fmt.State, verb rune) {
	fmt.Fprintf(s, ansiMagenta+fmt.FormatString(s, verb)+ansiNormal, h.x)
}

const (
	ansiMagenta = "\x1b[35;1m"
	ansiNormal  = "\x1b[0m"
)

// Messagef formats a message as the reference does: each argument is
// highlighted, save those that are Plain.
func Messagef(format string, args ...any) string {
	if len(args) == 0 {
		return format
	}
	as := make([]any, len(args))
	for i, a := range args {
		switch a.(type) {
		case Plain:
			as[i] = a
		default:
			as[i] = highlighted{a}
		}
	}
	return fmt.Sprintf(format, as...)
}

// Errorf makes an error, to be thrown or dressed up first. Arguments are
// highlighted as in Messagef.
func (m *Machine) Errorf(kind diag.Kind, pos ast.Pos, format string, args ...any) *Failure {
	for _, a := range args {
		switch a := a.(type) {
		case string:
			m.ReserveMessage(a)
		case Plain:
			m.ReserveMessage(string(a))
		}
	}
	return &Failure{e: &diag.Error{Kind: kind, Pos: pos, Message: Messagef(format, args...)}, m: m.E}
}

// ReserveMessage asks for what it takes to make a message of a text and show it:
// copies with and without colours, indented, cut to lines.
func (m *Machine) ReserveMessage(text string) {
	if len(text) > chargeUnit {
		m.Reserve(8 * int64(len(text)))
	}
}

// Fail throws an error.
func (m *Machine) Fail(kind diag.Kind, pos ast.Pos, format string, args ...any) {
	m.Errorf(kind, pos, format, args...).Throw()
}

// FailErr throws a Go error: a *diag.Error as it is, others by their text.
func (m *Machine) FailErr(pos ast.Pos, err error) {
	var f *Failure
	if errors.As(err, &f) {
		panic(f)
	}
	var d *diag.Error
	if errors.As(err, &d) {
		c := *d
		c.Trace = slices.Clone(d.Trace)
		panic(&Failure{e: &c, m: m.E})
	}
	(&Failure{e: &diag.Error{Kind: diag.Eval, Pos: pos, Message: err.Error(), Cause: err}, m: m.E}).Throw()
}

// Error is the message, for a Failure that is used as an error.
func (f *Failure) Error() string { return f.e.Error() }

// Kind is the kind of the error.
func (f *Failure) Kind() diag.Kind { return f.e.Kind }

// Message is the message, highlighted.
func (f *Failure) Message() string { return f.e.Message }

// Throw panics with the failure.
func (f *Failure) Throw() { panic(f) }

// WithTrace adds a frame, outside those already there.
func (f *Failure) WithTrace(pos ast.Pos, text string) *Failure {
	f.e.AddTrace(pos, text)
	return f
}

// WithCause sets the Go error behind it.
func (f *Failure) WithCause(err error) *Failure {
	f.e.Cause = err
	return f
}

// WithStatus sets the exit status of a command that ends with it.
func (f *Failure) WithStatus(status int) *Failure {
	f.e.Status = status
	return f
}

// WithSuggestions picks those of names that resemble name.
func (f *Failure) WithSuggestions(name string, names []string) *Failure {
	f.e.Suggestions = diag.BestMatches(names, name)
	return f
}

// Diag is the error with its whole trace.
func (f *Failure) Diag() *diag.Error {
	e := *f.e
	if _, ok := e.Cause.(noRoom); ok && !f.m.opts.Notes {
		e.Trace = nil
		return &e
	}
	e.Trace = slices.Clone(e.Trace)
	trace := f.shadows()
	for i := range trace {
		f.frame(&e, trace, i)
	}
	if f.note != nil {
		f.note(&e)
	}
	return &e
}

// frame turns the i-th entry of the trace into frames.
func (f *Failure) frame(e *diag.Error, trace []shadow, i int) {
	s := &trace[i]
	switch s.kind {
	case shadowText:
		e.AddTrace(s.pos, s.text())
	case shadowAlways:
		e.Trace = append(e.Trace, diag.Frame{Pos: s.pos, Text: s.text(), Always: true})
	case shadowSymbol:
		e.AddTrace(s.pos, Messagef(s.text(), ast.ShowIdentifier(f.m.Symbols.Name(ast.Symbol(s.n)))))
	case shadowNumber:
		e.AddTrace(s.pos, Messagef(s.text(), s.n))
	case shadowFile:
		e.AddTrace(s.pos, Messagef("while evaluating the file '%s':", f.m.DisplayPath(s.text())))
	case shadowBuiltin:
		e.AddTrace(s.pos, Messagef("while calling the '%s' builtin", (*Builtin)(s.p).Name))
	case shadowSelect:
		if f.m.internalPos(s.pos) {
			return
		}
		var env *frame
		if i+1 < len(trace) && trace[i+1].kind == shadowEnv {
			env = (*frame)(trace[i+1].p)
		}
		e.AddTrace(s.pos, Messagef("while evaluating the attribute '%s'", f.m.attrPathText((*selectCode)(s.p), env)))
	case shadowCall:
		l := (*lambda)(s.p)
		e.AddTrace(l.pos, "while calling "+f.m.lambdaTitle(l))
		if s.pos != ast.NoPos {
			e.AddTrace(s.pos, "from call site")
		}
	case shadowForce:
		if s.pos != ast.NoPos && s.pos != ownPos && !(i+1 < len(trace) && trace[i+1].kind == shadowSelect && trace[i+1].pos == s.pos) {
			e.Trace = append(e.Trace, diag.Frame{Pos: s.pos, Forced: true})
		}
	case shadowOperand:
		if f.m.opts.Notes {
			e.Notes = append(e.Notes, diag.Note{Pos: s.pos, Text: f.m.operandText(s)})
		}
	case shadowAssert:
		if e.Kind.Catchable() {
			c := (*assertCode)(s.p)
			e.AddTrace(c.pos, Messagef("while evaluating the condition of the assertion '%s'", c.text()))
		}
	}
}

func (s *shadow) text() string { return unsafe.String((*byte)(s.p), int(s.len)) }

// mark is a state of the machine to which an error is unwound.
type mark struct{ sp, argTop, calls, depth, points, captures int }

func (m *Machine) mark() mark {
	return mark{m.sp, m.argTop, m.calls, m.depth, len(m.points), m.captures}
}

// unwind brings the machine back to a mark and hands the entries above it to
// the failure, if there is one. Values that were being evaluated become failed, or, if the
// evaluation was only stopped, unevaluated again.
func (m *Machine) unwind(k mark, f *Failure) {
	entries := m.stack[k.sp:m.sp]
	if len(entries) > 0 && f != nil {
		old := f.shadows()
		trace := make([]shadow, 0, len(old)+len(entries))
		trace = append(trace, old...)
		for i := len(entries) - 1; i >= 0; i-- {
			s := entries[i]
			if s.kind == shadowForce {
				if !m.E.opts.Notes {
					continue
				}
				s.p = nil
			}
			trace = append(trace, s)
		}
		f.trace.Store(&trace)
	}
	retry := f == nil || m.helper || f.e.Kind == diag.Interrupted || f.e.Kind == diag.Limit
	for i := len(entries) - 1; i >= 0; i-- {
		if s := &entries[i]; s.kind == shadowForce {
			if retry {
				m.putBack((*Value)(s.p), s.n)
			} else {
				m.setFailed((*Value)(s.p), f)
			}
		}
	}
	clear(entries)
	clear(m.args[k.argTop:m.argTop])
	m.sp, m.argTop, m.calls, m.depth, m.captures = k.sp, k.argTop, k.calls, k.depth, k.captures
	m.lentTo = nil
	m.points = m.points[:k.points]
}

// catch runs f and returns the failure that it ended with, or nil.
func (m *Machine) catch(f func()) (failure *Failure) {
	k := m.mark()
	defer func() {
		if r := recover(); r != nil {
			fl, ok := r.(*Failure)
			if !ok {
				fl = m.internalError(r)
			}
			m.debugFailure(fl)
			m.unwind(k, fl)
			failure = fl
		}
	}()
	f()
	return nil
}

// internalError turns a panic of Go, which is a bug of this program or of a
// builtin that a host brought along, into an error that can be reported.
func (m *Machine) internalError(r any) *Failure {
	err, ok := r.(error)
	if !ok {
		err = fmt.Errorf("%v", r)
	}
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var where strings.Builder
	for n := 0; n < 12; {
		fr, more := frames.Next()
		if !strings.HasPrefix(fr.Function, "runtime.") {
			fmt.Fprintf(&where, "\n  %s:%d", fr.Function[strings.LastIndexByte(fr.Function, '/')+1:], fr.Line)
			n++
		}
		if !more {
			break
		}
	}
	return &Failure{e: &diag.Error{Kind: diag.Eval, Message: "internal error: " + err.Error() + where.String(), Cause: err}, m: m.E}
}

// Do runs f, which may evaluate, and returns the error it ends with as a
// *diag.Error. It is the way into a Machine from outside.
func (m *Machine) Do(f func()) error {
	outermost := m.sp == 0
	fl := m.catch(f)
	if outermost {
		m.dismiss()
	}
	if fl != nil {
		return fl.Diag()
	}
	return nil
}

// Catch is Do for builtins that handle errors themselves: it returns the
// failure, which may be thrown again.
func (m *Machine) Catch(f func()) *Failure { return m.catch(f) }

// TryEval forces v; ok is false if it failed with an error that tryEval
// catches. Other errors pass through.
func (m *Machine) TryEval(v *Value, pos ast.Pos) (ok bool) {
	m.trying++
	fl := m.catch(func() { m.Force(v, pos) })
	m.trying--
	if fl != nil {
		if fl.e.Kind.Catchable() {
			m.Effect()
			return false
		}
		panic(fl)
	}
	return true
}
