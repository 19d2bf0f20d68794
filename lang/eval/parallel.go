package eval

import (
	"sync"
	"sync/atomic"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// Where all of a wide list or set is going to be evaluated (deepSeq, --strict,
// toJSON), other cores help: they evaluate elements further on while the
// machine itself goes through them in order. It finds them evaluated, or waits
// for one that is at it.
//
// What comes out is as if nobody had helped. A helper that fails leaves
// everything unevaluated, so that the machine meets the error itself, in its
// turn and with its own trace. What a program does besides computing a value,
// such as builtins.trace, a helper does not do: it gives up there. It starts
// as deep as the machine, so that depth limits are met by the machine first.

// fanMin is the least number of elements that is worth helpers.
const fanMin = 24

// fanOut is one list or set being evaluated with helpers.
type fanOut struct {
	values  []*Value
	force   func(h *Machine, v *Value)
	at      atomic.Int64 // the element that the machine has come to
	next    atomic.Int64 // the next one for a helper
	helpers []*Machine
	done    sync.WaitGroup
}

// fan begins to evaluate values with helpers; nil if there are none to be had.
// force evaluates an element as far as the machine will.
func (m *Machine) fan(values []*Value, force func(h *Machine, v *Value)) *fanOut {
	n := m.E.opts.Cores - 1
	if n < 1 || len(values) < fanMin || m.helper || m.fanned || m.fuel > 0 {
		return nil
	}
	idle := 0
	for _, v := range values {
		if !v.Forced() {
			idle++
		}
	}
	if idle < fanMin {
		return nil
	}
	m.fanned = true
	f := &fanOut{values: values, force: force}
	for range min(n, idle/2) {
		h := m.E.Machine(m.ctx)
		h.helper = true
		h.calls, h.depth = m.calls, m.depth
		f.helpers = append(f.helpers, h)
		f.done.Add(1)
		go f.help(h)
	}
	return f
}

// help evaluates elements that the machine has not come to yet.
func (f *fanOut) help(h *Machine) {
	defer f.done.Done()
	defer h.Close()
	for !h.stop.Load() {
		i := f.next.Add(1) - 1
		if at := f.at.Load(); i <= at {
			f.next.CompareAndSwap(i+1, at+1)
			continue
		}
		if i >= int64(len(f.values)) {
			return
		}
		h.attempt(func() { f.force(h, f.values[i]) })
	}
}

// reach notes that the machine has come to an element.
func (f *fanOut) reach(i int) {
	if f != nil {
		f.at.Store(int64(i))
	}
}

// end stops the helpers and waits until they are gone.
func (m *Machine) endFan(f *fanOut) {
	if f == nil {
		return
	}
	for _, h := range f.helpers {
		h.stop.Store(true)
	}
	m.E.wake()
	f.done.Wait()
	m.fanned = false
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
}

// Machines is how many machines have been made and not closed.
func (e *Evaluator) Machines() int {
	e.waitMu.Lock()
	defer e.waitMu.Unlock()
	return len(e.live)
}
