package eval

import (
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// A value that is being evaluated is a blackhole: its kind word holds the id
// of the machine that evaluates it and whether others wait for it. Its other
// fields are as before, so that an evaluation that is stopped can be undone by
// restoring the kind.
const (
	ownerShift  = 8
	ownerMask   = 1<<22 - 1
	waitersFlag = 1 << 30
)

// Force evaluates v to a value, in place. pos is where it is needed.
func (m *Machine) Force(v *Value, pos ast.Pos) {
	if !v.Forced() {
		m.force(v, pos)
	}
}

// ownPos stands for the position that a value itself has: an application that
// of its function, other values none before they are evaluated.
const ownPos = ^ast.Pos(0)

// ForceOwn is Force for a value that is needed as part of another one.
func (m *Machine) ForceOwn(v *Value) { m.Force(v, ownPos) }

func (m *Machine) force(v *Value, pos ast.Pos) {
	for {
		k := atomic.LoadUint32(&v.kind)
		switch k & kindMask {
		case kindThunk:
			if atomic.CompareAndSwapUint32(&v.kind, k, m.hole) {
				m.begin(v, k, pos)
				captures := m.captures
				m.publish(v, m.E.codes.at(v.aux).eval(m, v.frame()))
				m.captures = captures
				return
			}
		case kindLent:
			// No other machine knows of it, and what it captures counts for the caller.
			v.kind = m.hole
			m.begin(v, k, pos)
			m.publish(v, m.E.codes.at(v.aux).eval(m, v.frame()))
			return
		case kindApply:
			if atomic.CompareAndSwapUint32(&v.kind, k, m.hole) {
				m.begin(v, k, pos)
				words := unsafe.Slice((**Value)(v.p), int(v.aux))
				if pos == ownPos {
					pos = m.determinePos(words[0], ast.NoPos)
				}
				m.publish(v, m.Call(words[0], pos, words[1:]...))
				return
			}
		case kindNth:
			if atomic.CompareAndSwapUint32(&v.kind, k, m.hole) {
				m.begin(v, k, pos)
				fn := (*Value)(v.p)
				if pos == ownPos {
					pos = m.determinePos(fn, ast.NoPos)
				}
				m.publish(v, m.callNth(fn, int64(v.aux), pos))
				return
			}
		case kindMapped, kindNamed:
			if atomic.CompareAndSwapUint32(&v.kind, k, m.hole) {
				m.begin(v, k, pos)
				mapped := (*mapping)(v.p)
				if pos == ownPos {
					pos = m.determinePos(mapped.fn, ast.NoPos)
				}
				if k == kindMapped {
					m.publish(v, m.Call(mapped.fn, pos, mapped.elem(v.aux)))
				} else {
					m.publish(v, m.callNamed(mapped, int(v.aux), pos))
				}
				return
			}
		case kindLazy:
			if atomic.CompareAndSwapUint32(&v.kind, k, m.hole) {
				m.begin(v, k, pos)
				m.publish(v, (*lazyFunc)(v.p).f(m))
				return
			}
		case kindFailed:
			panic((*Failure)(v.p).again())
		case kindBlackhole:
			if k>>ownerShift&ownerMask == m.id {
				m.infinite(v, pos)
			}
			m.wait(v, pos)
		default:
			if k&unforced == 0 || atomic.CompareAndSwapUint32(&v.kind, k, k&^unforced) { // see ready
				return
			}
		}
	}
}

type lazyFunc struct{ f func(*Machine) Value }

// begin notes on the stack that v is being evaluated.
func (m *Machine) begin(v *Value, kind uint32, pos ast.Pos) {
	m.push(shadowForce, unsafe.Pointer(v), pos)
	m.stack[m.sp-1].n = kind
	if pos == ownPos {
		pos = ast.NoPos
	}
	m.depth++
	if m.depth > m.deep {
		m.deepen(pos)
	}
	m.step()
}

// publish writes the result of an evaluation that begin began.
func (m *Machine) publish(v *Value, x Value) {
	v.aux = x.aux
	v.p = x.p
	if old := atomic.SwapUint32(&v.kind, x.kind); old&waitersFlag != 0 {
		m.E.wake()
	}
	m.sp--
	m.depth--
}

// putBack makes a value unevaluated again whose evaluation was stopped.
func (m *Machine) putBack(v *Value, kind uint32) {
	if old := atomic.SwapUint32(&v.kind, kind); old&waitersFlag != 0 {
		m.E.wake()
	}
}

func (m *Machine) setFailed(v *Value, f *Failure) {
	v.p = unsafe.Pointer(f)
	if old := atomic.SwapUint32(&v.kind, kindFailed); old&waitersFlag != 0 {
		m.E.wake()
	}
}

// wait sleeps until the machine that evaluates v is done with it, unless that
// machine waits, perhaps through others, for this one: then v needs itself.
//
// A cycle through a helper ends with the helper giving up, so that the error is
// found as it would be without.
func (m *Machine) wait(v *Value, pos ast.Pos) {
	e := m.E
	m.team.pause(m)
	e.waitMu.Lock()
	cycle := false
	for {
		k := atomic.LoadUint32(&v.kind)
		if k&kindMask != kindBlackhole || m.stop.Load() {
			break
		}
		if k&waitersFlag == 0 && !atomic.CompareAndSwapUint32(&v.kind, k, k|waitersFlag) {
			continue
		}
		owner := k >> ownerShift & ownerMask
		if e.waitsFor(owner, m.id) && (m.helper || !e.interrupt(owner)) {
			cycle = true
			break
		}
		e.waiting[m.id] = v
		e.waitCond.Wait()
	}
	delete(e.waiting, m.id)
	e.waitMu.Unlock()
	m.team.resume()
	m.Check()
	if cycle {
		m.infinite(v, pos)
	}
}

// await waits while another machine evaluates v, and tells whether v has been
// evaluated. It does not evaluate it.
func (m *Machine) await(v *Value, pos ast.Pos) bool {
	for v.blackhole() {
		m.wait(v, pos)
	}
	return v.Forced()
}

func (m *Machine) infinite(v *Value, pos ast.Pos) {
	if pos == ownPos {
		pos = ast.NoPos
	}
	f := m.Errorf(diag.InfiniteRecursion, pos, "infinite recursion encountered")
	if m.E.opts.Notes {
		at := m.cycle(v, pos)
		f.explain(func(e *diag.Error) { m.E.cycleNotes(e, at) })
	}
	f.Throw()
}

// isApplication tells whether a kind is that of a function applied to something.
func isApplication(kind uint32) bool {
	return kind == kindApply || kind == kindNth || kind == kindMapped || kind == kindNamed
}

// appPos is the position of an application that is not evaluated yet, that of
// its function. Another machine may be evaluating it: then there is none.
func (m *Machine) appPos(v *Value, pos ast.Pos) ast.Pos {
	k := atomic.LoadUint32(&v.kind)
	if !isApplication(k) || !atomic.CompareAndSwapUint32(&v.kind, k, m.hole) {
		return pos
	}
	fn := (*Value)(v.p)
	if k != kindNth {
		fn = *(**Value)(v.p)
	}
	pos = m.determinePos(fn, pos)
	m.putBack(v, k)
	return pos
}

// waitsFor follows from machine to machine what each waits for; e.waitMu is held.
func (e *Evaluator) waitsFor(from, target uint32) bool {
	for range len(e.waiting) + 1 {
		if from == target {
			return true
		}
		v, ok := e.waiting[from]
		if !ok {
			return false
		}
		k := atomic.LoadUint32(&v.kind)
		if k&kindMask != kindBlackhole {
			return false
		}
		from = k >> ownerShift & ownerMask
	}
	return false
}

// interrupt stops the evaluation of a helper; e.waitMu is held.
func (e *Evaluator) interrupt(id uint32) bool {
	for h := range e.live {
		if h.id == id && h.helper {
			h.stop.Store(true)
			e.waitCond.Broadcast()
			return true
		}
	}
	return false
}

func (e *Evaluator) wake() {
	e.waitMu.Lock()
	e.waitCond.Broadcast()
	e.waitMu.Unlock()
}

// newThunk puts off the evaluation of code in an environment.
func (m *Machine) newThunk(code uint32, env *frame) *Value {
	m.captures++
	m.handed++
	v := m.newValue()
	v.kind = kindThunk
	v.aux = code
	v.p = unsafe.Pointer(env)
	return v
}

// Lazy is the application of fn to args, put off until it is needed.
func (m *Machine) Lazy(fn *Value, args ...*Value) *Value {
	p := m.words(len(args) + 1)
	words := unsafe.Slice((**Value)(p), len(args)+1)
	words[0] = fn
	for i, a := range args {
		words[i+1] = a // a copy of the slice costs more
	}
	v := m.newValue()
	v.kind = kindApply
	v.aux = uint32(len(words))
	v.p = p
	return v
}

// LazyNth is the application of fn to an integer, put off until it is needed.
func (m *Machine) LazyNth(fn *Value, n int64) *Value {
	if uint64(n) > math.MaxUint32 {
		return m.Lazy(fn, m.NewValue(Int(n)))
	}
	v := m.newValue()
	v.kind = kindNth
	v.aux = uint32(n)
	v.p = unsafe.Pointer(fn)
	return v
}

// LazyGo is the result of a Go function, put off until it is needed. It may
// run on another machine.
func (m *Machine) LazyGo(f func(*Machine) Value) *Value {
	v := m.newValue()
	v.kind = kindLazy
	v.p = unsafe.Pointer(&lazyFunc{f})
	return v
}

// blackhole tells whether a value is being evaluated.
func (v *Value) blackhole() bool { return atomic.LoadUint32(&v.kind)&kindMask == kindBlackhole }
