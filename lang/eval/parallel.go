package eval

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// Where all of a list or set is going to be evaluated (deepSeq, --strict,
// toJSON, the attributes of a derivation), other cores help: they evaluate
// elements from the end while the machine itself goes through them in order.
// It finds them evaluated, or waits for one that is at it. From the end,
// because a helper that kept just ahead would be waited for all the time.
//
// A fan-out is such a list or set; they nest. Helpers take from the outermost
// one that has elements left, where the work is coarsest. They evaluate
// fan-outs of their own in the same way. A helper ends when there is nothing
// left to take and is started anew by the next fan-out; one machine more than
// there are cores may run for each that waits for another's value. Calls and
// Fork offer what no value of the program stands for.
//
// What comes out is as if nobody had helped. A helper that fails leaves
// everything unevaluated, so that the machine meets the error itself, in its
// turn and with its own trace; it gives up too where an error would be caught,
// since the trace of a failed value is that of whoever evaluated it first.
// What a program does besides computing a value, such as builtins.trace, a
// helper does not do: it gives up there. It may go half as
// deep as the machine: what it has evaluated far down would let the machine get
// further before it meets a limit. Only the store may tell: where
// evaluation fails, it may hold derivations further on.

// fanWide is from how many elements on a list or set is offered to helpers
// even if no core is free at the moment.
const fanWide = 24

// alone is how many steps a machine takes before it has helpers, some
// milliseconds. Names that are first met while there are helpers have no order
// that would be the same in each run (see Machine.order); small programs, whose
// errors may depend on that order, end before. No small one has a list of
// fanVast elements.
const (
	alone   = 64 * tickSteps
	fanVast = 1024
)

// maxHelpers bounds the helpers of a machine for each core, those included that
// wait: with too few, all of them wait for a value deep in an element of the
// outermost fan-out while what that is made of could be shared.
const maxHelpers = 8

// Fan is one list or set being evaluated with helpers. A nil Fan is one
// without.
type Fan struct {
	m            *Machine
	n            int
	force        func(h *Machine, i int)
	calls, depth int          // what helpers begin with
	at           atomic.Int64 // the element that m has come to
	next         int          // the next one for a helper; team.mu is held
}

// team is a machine and its helpers.
type team struct {
	cores int
	// busy counts machines that do not wait for another one's value. It is
	// written with mu held.
	busy atomic.Int32

	mu      sync.Mutex
	fans    []*Fan // outermost first, without those that have nothing left
	helpers []*Machine
	spare   []*Machine // helpers without a goroutine
	ending  bool
	done    sync.WaitGroup
}

// WantsFan tells whether a list or set of n elements is worth a fan-out now. It
// is asked first where making the function for FanOut would cost something.
func (m *Machine) WantsFan(n int) bool {
	if n < 2 || m.E.opts.Cores < 2 || m.fuel > 0 {
		return false
	}
	t := m.team
	if t == nil {
		return n >= fanVast || m.looks*m.ticks >= m.E.alone
	}
	return n >= fanWide || int(t.busy.Load()) < t.cores
}

// FanOut begins to evaluate values with helpers. All of them must be going to be
// evaluated, in order, unless one fails. force evaluates the i-th as far as the
// machine will. The caller tells how far it is with Reach, and ends with
// End even if evaluation fails.
func (m *Machine) FanOut(values []*Value, force func(h *Machine, i int)) *Fan {
	return m.fanOut(values, force, func(v *Value) bool { return !v.Forced() })
}

// FanOutDeep is FanOut where more than the values themselves is evaluated.
func (m *Machine) FanOutDeep(values []*Value, force func(h *Machine, i int)) *Fan {
	return m.fanOut(values, force, func(v *Value) bool { return !v.Forced() || v.holdsUnforced() })
}

// fanOut begins a fan-out if there is something to do for at least two values.
func (m *Machine) fanOut(values []*Value, force func(h *Machine, i int), todo func(v *Value) bool) *Fan {
	if !m.WantsFan(len(values)) {
		return nil
	}
	idle := 0
	for _, v := range values {
		if todo(v) {
			if idle++; idle == 2 {
				return m.startFan(len(values), force)
			}
		}
	}
	return nil
}

// holdsUnforced tells whether something in a list or set is not evaluated.
func (v *Value) holdsUnforced() bool {
	switch v.Kind() {
	case KindAttrs:
		a := v.Attrs()
		if a.shape == nil {
			return true
		}
		for i := range a.shape.names {
			if !a.val(i).Forced() {
				return true
			}
		}
	case KindList:
		return slices.ContainsFunc(v.List(), func(x *Value) bool { return !x.Forced() })
	}
	return false
}

// FanOutSet is FanOut for the attributes of a set in the order of [Attrs.Sorted].
func (m *Machine) FanOutSet(a *Attrs, force func(h *Machine, a Attr)) *Fan {
	if !m.WantsFan(a.Len()) {
		return nil
	}
	a = a.flat()
	return m.fanOutSet(a, a.shape.byName(m), force)
}

// fanOutSet is FanOut for the attributes of a flat set in an order.
func (m *Machine) fanOutSet(a *Attrs, order []uint32, force func(h *Machine, a Attr)) *Fan {
	n := len(a.shape.names)
	if !m.WantsFan(n) {
		return nil
	}
	idle := 0
	for i := range n {
		if !a.val(i).Forced() {
			if idle++; idle == 2 {
				return m.startFan(n, func(h *Machine, k int) { force(h, a.Index(nth(order, k))) })
			}
		}
	}
	return nil
}

func (m *Machine) startFan(n int, force func(h *Machine, i int)) *Fan {
	m.E.certain.CompareAndSwap(0, m.E.Symbols.Met())
	if m.team == nil {
		m.team = &team{cores: m.E.opts.Cores}
		m.team.busy.Store(1)
	}
	f := &Fan{m: m, n: n, force: force, calls: m.calls, depth: m.depth, next: n - 1}
	if !m.helper {
		f.calls += m.E.opts.MaxCallDepth / 2
		f.depth += m.E.opts.MaxForceDepth / 2
	}
	t := m.team
	t.mu.Lock()
	t.fans = append(t.fans, f)
	t.recruit(m)
	t.mu.Unlock()
	return f
}

// Reach notes that the machine has come to the i-th element.
func (f *Fan) Reach(i int) {
	if f != nil {
		f.at.Store(int64(i))
	}
}

// End takes the fan-out from the helpers; those that are at an element of it
// leave it.
func (f *Fan) End() {
	if f == nil {
		return
	}
	t := f.m.team
	stopped := false
	t.mu.Lock()
	for i := len(t.fans) - 1; i >= 0; i-- {
		if t.fans[i] == f {
			t.fans = slices.Delete(t.fans, i, i+1)
			break
		}
	}
	for _, h := range t.helpers {
		if h.helps == f {
			h.stop.Store(true)
			stopped = true
		}
	}
	t.mu.Unlock()
	if stopped {
		f.m.E.wake()
	}
}

// recruit starts a helper if a core is free and there is something to do; mu is held.
func (t *team) recruit(m *Machine) {
	if int(t.busy.Load()) >= t.cores || len(t.helpers) >= maxHelpers*t.cores || t.ending || !t.work() {
		return
	}
	var h *Machine
	if n := len(t.spare); n > 0 {
		h = t.spare[n-1]
		t.spare = t.spare[:n-1]
	} else {
		h = m.E.Machine(m.ctx)
		h.helper = true
		h.slabs = m.slabs
		h.team = t
	}
	t.helpers = append(t.helpers, h)
	t.busy.Add(1)
	t.done.Add(1)
	go t.help(h)
}

// work tells whether any fan-out has an element left; mu is held.
func (t *team) work() bool {
	for len(t.fans) > 0 && !t.fans[0].left() {
		t.fans[0] = nil
		t.fans = t.fans[1:]
	}
	return slices.ContainsFunc(t.fans, (*Fan).left)
}

// left tells whether there is an element that m has not come to yet.
func (f *Fan) left() bool { return f.next > int(f.at.Load()) }

// take finds something to do; mu is held.
func (t *team) take() (f *Fan, i int) {
	if t.work() {
		for _, f := range t.fans {
			if f.left() {
				f.next--
				return f, f.next + 1
			}
		}
	}
	return nil, 0
}

// help evaluates elements as long as there are any.
func (t *team) help(h *Machine) {
	defer t.done.Done()
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.ending && int(t.busy.Load()) <= t.cores {
		f, i := t.take()
		if f == nil {
			break
		}
		h.helps = f
		t.mu.Unlock()
		h.calls, h.depth = f.calls, f.depth
		h.deep = min(f.depth+firstDeep, h.E.opts.MaxForceDepth)
		h.attempt(func() { f.force(h, i) })
		t.mu.Lock()
		h.helps = nil
		h.stop.Store(h.ctx.Err() != nil)
	}
	t.busy.Add(-1)
	i := slices.Index(t.helpers, h)
	t.helpers = slices.Delete(t.helpers, i, i+1)
	t.spare = append(t.spare, h)
}

// pause lets another helper run while the machine waits for a value.
func (t *team) pause(m *Machine) {
	if t != nil {
		t.mu.Lock()
		t.busy.Add(-1)
		t.recruit(m)
		t.mu.Unlock()
	}
}

func (t *team) resume() {
	if t != nil {
		t.mu.Lock()
		t.busy.Add(1)
		t.mu.Unlock()
	}
}

// dismiss ends a machine's helpers and waits until they are gone.
func (m *Machine) dismiss() {
	t := m.team
	if t == nil || m.helper {
		return
	}
	t.mu.Lock()
	t.ending = true
	for _, h := range t.helpers {
		h.stop.Store(true)
	}
	t.mu.Unlock()
	m.E.wake()
	t.done.Wait()
	for _, h := range t.spare {
		h.Close()
	}
	t.spare = nil
	t.ending = false
}

// attempt runs f, and if it fails leaves all values as they were before.
func (m *Machine) attempt(f func()) {
	k := m.mark()
	defer func() {
		if r := recover(); r != nil {
			m.unwind(k, nil)
		}
	}()
	f()
}

// Effect is called by builtins that do more than compute a value, before they
// do it: a helper must leave that to the machine whose turn it will be.
func (m *Machine) Effect() {
	if m.helper {
		m.Fail(diag.Interrupted, ast.NoPos, "left to the main evaluation")
	}
	if m.beforeEffect != nil {
		m.beforeEffect()
	}
}

// Machines is how many machines have been made and not closed.
func (e *Evaluator) Machines() int {
	e.waitMu.Lock()
	defer e.waitMu.Unlock()
	return len(e.live)
}
