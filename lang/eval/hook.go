package eval

import "github.com/seed192a40f6/glang/lang/ast"

// CallHook is told of every call of a function, a builtin, an operator that is
// one, or what turns out to be no function: before the call, with the
// arguments of this application, and after it, whether it returned or failed.
// args must not be kept. Calls are told one at a time if [Options].Cores is 1.
type CallHook interface {
	EnterCall(m *Machine, fn *Value, args []*Value, pos ast.Pos)
	LeaveCall(m *Machine, pos ast.Pos)
}

// hookedCall is callCode in an evaluator with a hook. Code is compiled for
// one or the other, so that calls cost nothing more where there is none.
type hookedCall struct{ callCode }

func (c *hookedCall) eval(m *Machine, f *frame) Value {
	fn := c.fn.eval(m, f)
	base := m.reserve(len(c.args))
	for i, a := range c.args {
		v := a.delay(m, f)
		m.args[base+i] = v
	}
	x := m.hookedApply(&fn, base, len(c.args), c.pos)
	m.argTop = base
	return x
}

func (m *Machine) hookedApply(fn *Value, base, n int, pos ast.Pos) Value {
	h := m.E.opts.Calls
	h.EnterCall(m, fn, m.args[base:base+n:base+n], pos)
	defer h.LeaveCall(m, pos)
	return m.apply(fn.Copy(), base, n, pos)
}
