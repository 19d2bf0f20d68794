package eval

import "github.com/seed192a40f6/glang/lang/ast"

// Calls are offered to helpers where each of the first few has taken callsSteps
// on the average: values for the results of cheap calls would cost more.
const (
	callsFew   = 8
	callsSteps = 16
)

// Calls are the applications of a function to each element of a list, all of
// which are going to be evaluated in order unless one fails. If helpers work on
// them too, their results come from there.
type Calls struct {
	m     *Machine
	f     *Value
	list  []*Value
	pos   ast.Pos
	began int // how many steps m had taken
	fan   *Fan
	// results are those applications as values of their own, from the
	// offered-th on; nil without helpers.
	results []*Value
	offered int
}

// FanOutCalls prepares to call f with each element of a list; pos is where. The
// caller asks for all results by Call, in order, and ends with End even if
// evaluation fails.
func (m *Machine) FanOutCalls(f *Value, list []*Value, pos ast.Pos) Calls {
	return Calls{m: m, f: f, list: list, pos: pos, began: m.steps()}
}

// Call is the result for the i-th element.
func (c *Calls) Call(i int) Value {
	if c.results == nil {
		if i >= callsFew && i&(i-1) == 0 && c.m.steps()-c.began >= i*callsSteps {
			c.offer(i)
		}
		return c.m.Call(c.f, c.pos, c.list[i])
	}
	c.fan.Reach(i - c.offered)
	if v := c.results[i-c.offered]; c.m.await(v, c.pos) {
		return v.Copy()
	}
	// Not by way of v: it is as if that was not there.
	return c.m.Call(c.f, c.pos, c.list[i])
}

// offer lets helpers make the calls from the i-th element on, if there are any.
func (c *Calls) offer(i int) {
	m, list, pos := c.m, c.list[i:], c.pos
	if !m.WantsFan(len(list)) {
		return
	}
	f := m.NewValue(c.f.Copy()) // which may be lent, and helpers that are late still use it
	results := m.newSlots(len(list))
	for k, x := range list {
		results[k] = m.Lazy(f, x)
	}
	c.results, c.offered = results, i
	c.fan = m.startFan(len(list), func(h *Machine, k int) { h.Force(results[k], pos) })
}

// End takes the calls from the helpers.
func (c *Calls) End() { c.fan.End() }

// Fork is a computation that was offered to helpers, since it will be needed
// after what the machine itself does first.
type Fork struct {
	m   *Machine
	v   *Value
	fan *Fan
}

// Fork offers f to helpers; n is how many values it goes over. Where nobody does
// it, what is to be done after Join is for the caller to do. It is nil where
// helpers are of no use.
func (m *Machine) Fork(n int, f func(h *Machine)) *Fork {
	if !m.WantsFan(n) {
		return nil
	}
	v := m.LazyGo(func(h *Machine) Value {
		f(h)
		return Null()
	})
	return &Fork{m, v, m.startFan(2, func(h *Machine, _ int) { h.Force(v, ast.NoPos) })}
}

// Join waits for a helper that is at it, and tells whether one has done it.
func (f *Fork) Join() bool {
	if f == nil {
		return false
	}
	f.fan.Reach(1)
	return f.m.await(f.v, ast.NoPos)
}

// End takes the computation from the helpers.
func (f *Fork) End() {
	if f != nil {
		f.fan.End()
	}
}
