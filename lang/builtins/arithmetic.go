package builtins

import (
	"math"
	"math/bits"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// The binary operations on numbers: if one is a float, both are taken as floats.

func anyFloat(m *machine, pos ast.Pos, args []*value) bool {
	m.Force(args[0], pos)
	m.Force(args[1], pos)
	return args[0].Kind() == eval.KindFloat || args[1].Kind() == eval.KindFloat
}

func add(m *machine, pos ast.Pos, args []*value) value {
	const first, second = "while evaluating the first argument of the addition", "while evaluating the second argument of the addition"
	if anyFloat(m, pos, args) {
		return eval.Float(m.ForceFloat(args[0], pos, first) + m.ForceFloat(args[1], pos, second))
	}
	a, b := m.ForceInt(args[0], pos, first), m.ForceInt(args[1], pos, second)
	r := a + b
	if (r > a) != (b > 0) {
		m.Fail(diag.Eval, pos, "integer overflow in adding %d + %d", a, b)
	}
	return eval.Int(r)
}

func sub(m *machine, pos ast.Pos, args []*value) value {
	const first, second = "while evaluating the first argument of the subtraction", "while evaluating the second argument of the subtraction"
	if anyFloat(m, pos, args) {
		return eval.Float(m.ForceFloat(args[0], pos, first) - m.ForceFloat(args[1], pos, second))
	}
	a, b := m.ForceInt(args[0], pos, first), m.ForceInt(args[1], pos, second)
	r := a - b
	if (r < a) != (b > 0) {
		m.Fail(diag.Eval, pos, "integer overflow in subtracting %d - %d", a, b)
	}
	return eval.Int(r)
}

func mul(m *machine, pos ast.Pos, args []*value) value {
	const second = "while evaluating the second argument of the multiplication"
	if anyFloat(m, pos, args) {
		return eval.Float(m.ForceFloat(args[0], pos, "while evaluating the first of the multiplication") * m.ForceFloat(args[1], pos, second))
	}
	a := m.ForceInt(args[0], pos, "while evaluating the first argument of the multiplication")
	b := m.ForceInt(args[1], pos, second)
	r, ok := mulInt(a, b)
	if !ok {
		m.Fail(diag.Eval, pos, "integer overflow in multiplying %d * %d", a, b)
	}
	return eval.Int(r)
}

// mulInt multiplies; ok is false on overflow.
func mulInt(a, b int64) (r int64, ok bool) {
	neg := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 {
		return 0, false
	}
	if neg {
		return -int64(lo), lo <= 1<<63
	}
	return int64(lo), lo < 1<<63
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

func div(m *machine, pos ast.Pos, args []*value) value {
	const first, second = "while evaluating the first operand of the division", "while evaluating the second operand of the division"
	floats := anyFloat(m, pos, args)
	f := m.ForceFloat(args[1], pos, second)
	if f == 0 {
		m.Fail(diag.Eval, pos, "division by zero")
	}
	if floats {
		return eval.Float(m.ForceFloat(args[0], pos, first) / f)
	}
	a, b := m.ForceInt(args[0], pos, first), m.ForceInt(args[1], pos, second)
	if a == math.MinInt64 && b == -1 {
		m.Fail(diag.Eval, pos, "integer overflow in dividing %d / %d", a, b)
	}
	return eval.Int(a / b)
}

func bitAnd(m *machine, pos ast.Pos, args []*value) value {
	return eval.Int(m.ForceInt(args[0], pos, "while evaluating the first argument passed to builtins.bitAnd") &
		m.ForceInt(args[1], pos, "while evaluating the second argument passed to builtins.bitAnd"))
}

func bitOr(m *machine, pos ast.Pos, args []*value) value {
	return eval.Int(m.ForceInt(args[0], pos, "while evaluating the first argument passed to builtins.bitOr") |
		m.ForceInt(args[1], pos, "while evaluating the second argument passed to builtins.bitOr"))
}

func bitXor(m *machine, pos ast.Pos, args []*value) value {
	return eval.Int(m.ForceInt(args[0], pos, "while evaluating the first argument passed to builtins.bitXor") ^
		m.ForceInt(args[1], pos, "while evaluating the second argument passed to builtins.bitXor"))
}

func lessThan(m *machine, pos ast.Pos, args []*value) value {
	m.Force(args[0], pos)
	m.Force(args[1], pos)
	return eval.Bool(m.Less(args[0], args[1], ast.NoPos, ""))
}

func ceil(m *machine, pos ast.Pos, args []*value) value {
	return round(m, pos, args[0], math.Ceil, "while evaluating the first argument passed to builtins.ceil")
}

func floor(m *machine, pos ast.Pos, args []*value) value {
	return round(m, pos, args[0], math.Floor, "while evaluating the first argument passed to builtins.floor")
}

// round makes an integer. Integers go through a float as they do in the
// reference, and are refused if that changes them.
func round(m *machine, pos ast.Pos, v *value, f func(float64) float64, context string) value {
	r := f(m.ForceFloat(v, m.PosOf(v, pos), context))
	isInt := v.Kind() == eval.KindInt
	const bug = "Due to a bug (see https://github.com/NixOS/nix/issues/12899) "
	if !(r >= math.MinInt64 && r < -math.MinInt64) {
		if isInt {
			m.Fail(diag.Eval, pos, bug+"the NixInt argument %d caused undefined behavior in previous Nix versions.\n\tFuture Nix versions might implement the correct behavior.", v.Int())
		}
		m.Fail(diag.Eval, pos, "NixFloat argument %s is not in the range of NixInt", formatFloatG(v.Float()))
	}
	n := int64(r)
	if isInt && n != v.Int() {
		m.Fail(diag.Eval, pos, bug+"a loss of precision occurred in previous Nix versions because the NixInt argument %d was rounded to %d.\n\tFuture Nix versions might implement the correct behavior.", v.Int(), n)
	}
	return eval.Int(n)
}
