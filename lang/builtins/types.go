package builtins

import (
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

type (
	machine = eval.Machine
	value   = eval.Value
)

// ofKind makes the predicate that tells whether a value is of a kind.
func ofKind(kind eval.Kind) func(m *machine, pos ast.Pos, args []*value) value {
	return func(m *machine, pos ast.Pos, args []*value) value {
		m.Force(args[0], pos)
		return eval.Bool(args[0].Kind() == kind)
	}
}

func isFunction(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	return eval.Bool(args[0].IsFunction())
}

func typeOf(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	return eval.String(eval.TypeName(args[0].Kind()), 0)
}

func functionArgs(m *machine, pos ast.Pos, args []*value) value {
	v := args[0]
	m.Force(v, pos)
	switch v.Kind() {
	case eval.KindBuiltin, eval.KindPartial:
		return eval.AttrsValue(m.NewAttrs(0).Build())
	case eval.KindLambda:
	default:
		m.Fail(diag.Type, pos, "'functionArgs' requires a function")
	}
	fn := m.Function(v)
	b := m.NewAttrs(len(fn.Formals))
	for _, f := range fn.Formals {
		b.Put(f.Name, m.NewValue(eval.Bool(f.Optional)), f.Pos)
	}
	return eval.AttrsValue(b.Build())
}
