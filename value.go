package glang

import (
	"context"
	"fmt"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// Value is a value of the language, evaluated to its outermost layer: the
// names of a set and the length of a list are known, what they hold need not
// be. It belongs to one [Evaluator] and may be used by several goroutines. The
// zero Value is none; its methods fail.
type Value struct {
	ev *Evaluator
	v  *eval.Value
}

// Type is what builtins.typeOf says: null, bool, int, float, string, path,
// list, set or lambda; and external for Go values that only pass through.
func (v Value) Type() string {
	if v.v == nil {
		return "none"
	}
	return eval.TypeName(v.v.Kind())
}

// Len is the number of elements of a list or attributes of a set, else 0.
func (v Value) Len() int {
	switch v.Type() {
	case "list":
		return len(v.v.List())
	case "set":
		return v.v.Attrs().Len()
	}
	return 0
}

// Names are the names of a set's attributes in order; nil for other values.
func (v Value) Names() []string {
	if v.Type() != "set" {
		return nil
	}
	names := make([]string, 0, v.Len())
	_ = v.ev.do(context.Background(), func(m *eval.Machine) {
		for a := range v.v.Attrs().Sorted(m) {
			names = append(names, m.E.Symbols.Name(a.Name))
		}
	})
	return names
}

// Attr evaluates the attribute at a path of names.
func (v Value) Attr(ctx context.Context, names ...string) (Value, error) {
	if v.v == nil {
		return Value{}, errNoValue
	}
	return v.ev.result(ctx, func(m *eval.Machine) *eval.Value {
		at := v.v
		for _, name := range names {
			m.Force(at, ast.NoPos)
			if at.Kind() != eval.KindAttrs {
				m.Fail(diag.Type, ast.NoPos, "expected a set but found %s while selecting '%s'", m.ShowType(at), name)
			}
			next, ok := at.Attrs().Get(m.E.Symbols.Intern(name))
			if !ok {
				m.Fail(diag.Type, ast.NoPos, "attribute '%s' missing", name)
			}
			at = next
		}
		return at
	})
}

// Lookup is Attr for an attribute that may be missing: ok tells whether it is
// there. Whatever else goes wrong is an error.
func (v Value) Lookup(ctx context.Context, names ...string) (attr Value, ok bool, err error) {
	if v.v == nil {
		return Value{}, false, errNoValue
	}
	at := v.v
	err = v.ev.do(ctx, func(m *eval.Machine) {
		for _, name := range names {
			m.Force(at, ast.NoPos)
			if ok = at.Kind() == eval.KindAttrs; !ok {
				return
			}
			if at, ok = at.Attrs().Get(m.E.Symbols.Intern(name)); !ok {
				return
			}
		}
		m.Force(at, ast.NoPos)
		ok = true
	})
	if !ok || err != nil {
		return Value{}, false, err
	}
	return Value{v.ev, at}, true, nil
}

// Index evaluates an element of a list, counting from 0.
func (v Value) Index(ctx context.Context, i int) (Value, error) {
	if v.Type() != "list" || i < 0 || i >= v.Len() {
		return Value{}, fmt.Errorf("no element %d in a %s of %d", i, v.Type(), v.Len())
	}
	return v.ev.result(ctx, func(*eval.Machine) *eval.Value { return v.v.List()[i] })
}

// Call applies a function, or a set with __functor, to Go values or Values.
func (v Value) Call(ctx context.Context, args ...any) (Value, error) {
	if v.v == nil {
		return Value{}, errNoValue
	}
	return v.ev.result(ctx, func(m *eval.Machine) *eval.Value {
		in := make([]*eval.Value, len(args))
		for i, a := range args {
			x, err := v.ev.fromGo(m, a)
			if err != nil {
				m.FailErr(ast.NoPos, fmt.Errorf("argument %d: %w", i+1, err))
			}
			in[i] = x
		}
		return m.NewValue(m.Call(v.v, ast.NoPos, in...))
	})
}

// String shows a value as the language writes it, without evaluating more
// than has been evaluated. The text of a string is quoted: [Value.Go] has it plain.
func (v Value) String() string {
	if v.v == nil {
		return "<none>"
	}
	var s string
	err := v.ev.do(context.Background(), func(m *eval.Machine) { s = m.PrintValue(v.v, eval.PrintOptions{}) })
	if err != nil {
		return "<" + err.Error() + ">"
	}
	return s
}

// JSON evaluates all of a value and writes it as builtins.toJSON does.
func (v Value) JSON(ctx context.Context) ([]byte, error) {
	if v.v == nil {
		return nil, errNoValue
	}
	var s string
	err := v.ev.do(ctx, func(m *eval.Machine) { s, _ = m.ToJSON(v.v, ast.NoPos, true, false) })
	return []byte(s), err
}

// Go evaluates all of a value and returns it as a Go value: nil, bool, int64,
// float64, string (paths too), []any, map[string]any; functions stay Values,
// external values are what the host made them of.
func (v Value) Go(ctx context.Context) (any, error) {
	if v.v == nil {
		return nil, errNoValue
	}
	var x any
	err := v.ev.do(ctx, func(m *eval.Machine) { x = v.ev.toGo(m, v.v, 0) })
	return x, err
}

// Decode evaluates a value and stores it in what target points to, by the
// rules of [Evaluator.Value] backwards: sets go into structs and maps, lists
// into slices and arrays, ints into any numeric type that can hold them, strings
// into what has UnmarshalText; an any takes what [Value.Go] returns. Attributes
// without a field are not evaluated; fields without an attribute keep their
// value. null leaves the zero value.
func (v Value) Decode(ctx context.Context, target any) error { return v.decode(ctx, target, false) }

// DecodeStrict is Decode for sets whose names somebody typed: an attribute
// that a struct has no field for is an error.
func (v Value) DecodeStrict(ctx context.Context, target any) error {
	return v.decode(ctx, target, true)
}

func (v Value) decode(ctx context.Context, target any, strict bool) error {
	if v.v == nil {
		return errNoValue
	}
	return v.ev.do(ctx, func(m *eval.Machine) {
		d := decoder{ev: v.ev, m: m, strict: strict}
		if err := d.decode(v.v, target); err != nil {
			m.FailErr(ast.NoPos, err)
		}
	})
}

// As is a value as a T, by the rules of [Value.Decode].
func As[T any](ctx context.Context, v Value) (T, error) {
	var x T
	err := v.Decode(ctx, &x)
	return x, err
}
