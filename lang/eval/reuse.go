package eval

import "github.com/seed192a40f6/glang/lang/ast"

// A value made to be the argument of one call is most often of no use after it:
// the accumulator of a fold, the index that an element of genList is made of. It is
// used again if nothing can refer to it by then. A function gets at its argument
// through its frame, so there is a reference to it only if the value of a variable was
// handed on unevaluated, or the frame was, with a thunk or a function.
// Machine.handed counts these, of whatever variable and in whatever function:
// where the count has not changed during a call, the arguments are free.

// frees tells whether calls of a function with n arguments may leave them free.
// Builtins get the arguments themselves.
func (m *Machine) frees(fn *Value, n int) bool {
	if !fn.is(KindLambda) || m.E.opts.Calls != nil || m.E.opts.Debugger != nil {
		return false
	}
	l := m.E.codes.lambda(fn.aux)
	return !l.isSet && l.nargs == n
}

// callNth is a function applied to an integer.
func (m *Machine) callNth(fn *Value, n int64, pos ast.Pos) Value {
	if !m.frees(fn, 1) {
		return m.Call(fn, pos, m.NewValue(Int(n)))
	}
	arg := m.takeSpare(Int(n))
	handed := m.handed
	x := m.Call(fn, pos, arg)
	if m.handed == handed {
		m.spareArg = arg
	}
	return x
}

// takeSpare is an argument that may be used again.
func (m *Machine) takeSpare(x Value) *Value {
	arg := m.spareArg
	m.spareArg = nil
	if arg == nil {
		arg = m.newValue()
	}
	*arg = x
	return arg
}

// Fold applies a function to an accumulator and each element of a list, at least
// one, in turn. Accumulators are evaluated, the first one is as it comes.
func (m *Machine) Fold(fn, acc *Value, list []*Value, pos ast.Pos) Value {
	last := len(list) - 1
	frees, free := m.frees(fn, 2), false
	for _, e := range list[:last] {
		handed := m.handed
		x := m.Call(fn, pos, acc, e)
		if free && m.handed == handed {
			*acc = x
			continue
		}
		acc, free = m.NewValue(x), frees
	}
	return m.Call(fn, pos, acc, list[last])
}
