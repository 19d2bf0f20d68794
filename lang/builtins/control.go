package builtins

import (
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

func abort(m *machine, pos ast.Pos, args []*value) value {
	s, _ := m.CoerceToString(args[0], pos, "while evaluating the error message passed to builtins.abort", coerceStrict)
	m.Fail(diag.Abort, ast.NoPos, "evaluation aborted with the following error message: '%s'", s)
	return value{}
}

func throw(m *machine, pos ast.Pos, args []*value) value {
	s, _ := m.CoerceToString(args[0], pos, "while evaluating the error message passed to builtin.throw", coerceStrict)
	m.Fail(diag.Throw, ast.NoPos, "%s", eval.Plain(s))
	return value{}
}

// addErrorContext evaluates the context only when there is an error.
func addErrorContext(m *machine, pos ast.Pos, args []*value) value {
	context, v := args[0], args[1]
	if !v.Forced() {
		if f := m.Catch(func() { m.Force(v, pos) }); f != nil {
			s, _ := m.CoerceToString(context, pos, "while evaluating the error message passed to builtins.addErrorContext", coerceLoose)
			m.TraceAlways(ast.NoPos, s)
			f.Throw()
		}
	}
	return v.Copy()
}

func tryEval(m *machine, pos ast.Pos, args []*value) value {
	v := args[0]
	ok := m.TryEval(v, pos)
	if !ok {
		v = m.NewValue(eval.Bool(false))
	}
	b := m.NewAttrs(2)
	b.Put(m.E.Sym.Value, v, ast.NoPos)
	b.Put(m.E.Sym.Success, m.NewValue(eval.Bool(ok)), ast.NoPos)
	return eval.AttrsValue(b.Build())
}

func seq(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	m.Force(args[1], pos)
	return args[1].Copy()
}

func deepSeq(m *machine, pos ast.Pos, args []*value) value {
	m.ForceDeep(args[0])
	m.Force(args[1], pos)
	return args[1].Copy()
}

func trace(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	m.Effect()
	if f := m.E.Options().Trace; f != nil {
		if args[0].Kind() == eval.KindString {
			m.ReserveMessage(args[0].Str())
			f("trace: " + args[0].Str())
		} else {
			f("trace: " + m.PrintValue(args[0], eval.PrintOptions{}))
		}
	}
	if m.E.Options().DebugTrace {
		m.Break()
	}
	m.Force(args[1], pos)
	return args[1].Copy()
}

func traceVerbose(m *machine, pos ast.Pos, args []*value) value {
	if m.E.Options().TraceVerbose {
		return trace(m, pos, args)
	}
	m.Force(args[1], pos)
	return args[1].Copy()
}

func warn(m *machine, pos ast.Pos, args []*value) value {
	s, _ := m.ForceString(args[0], pos, "while evaluating the first argument; the message passed to builtins.warn")
	o := m.E.Options()
	m.Effect()
	if o.Warn != nil {
		o.Warn(&diag.Error{Pos: pos, Message: s, FromExpr: true})
	}
	if o.AbortOnWarn {
		m.Fail(diag.Eval, ast.NoPos, "aborting to reveal stack trace of warning, as abort-on-warn is set")
	}
	if o.DebugTrace || o.DebugWarn {
		m.Break()
	}
	m.Force(args[1], pos)
	return args[1].Copy()
}

// warnf warns of something that is not the program's own message.
func warnf(m *machine, format string, args ...any) {
	m.Effect()
	if w := m.E.Options().Warn; w != nil {
		w(&diag.Error{Message: eval.Messagef(format, args...)})
	}
}

// breakpoint stops here, if there is a debugger.
func breakpoint(m *machine, pos ast.Pos, args []*value) value {
	m.Break()
	m.Force(args[0], pos)
	return args[0].Copy()
}

func getEnv(m *machine, pos ast.Pos, args []*value) value {
	name := m.ForceStringNoCtx(args[0], pos, "while evaluating the first argument passed to builtins.getEnv")
	o := m.E.Options()
	if o.Pure || o.Restrict {
		return eval.String("", 0)
	}
	return eval.String(o.Getenv(name), 0)
}
