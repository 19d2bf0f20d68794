package builtins

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/internal/toml"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

func fromTOML(m *machine, pos ast.Pos, args []*value) value {
	s := m.ForceStringNoCtx(args[0], pos, "while evaluating the argument passed to builtins.fromTOML")
	m.Charge(int64(len(s)) * 4)
	m.Reserve(int64(len(s)) * 64) // what many small values take
	doc, err := toml.Parse(s, m.Check)
	var v value
	if err == nil {
		v, err = tomlValue(m, doc)
	}
	if err != nil {
		m.Fail(diag.Eval, pos, "while parsing TOML: %s", err.Error())
	}
	return v
}

// tomlValue makes a value of what was read.
func tomlValue(m *machine, x *toml.Value) (v value, err error) {
	switch x.Kind {
	case toml.Table:
		b := m.NewAttrs(len(x.Table))
		for _, k := range slices.Sorted(maps.Keys(x.Table)) {
			if strings.IndexByte(k, 0) >= 0 {
				return v, errors.New("error: " + nullByteMessage(k))
			}
			e, err := tomlValue(m, x.Table[k])
			if err != nil {
				return v, err
			}
			b.PutName(k, e)
		}
		return eval.AttrsValue(b.Build()), nil
	case toml.Array:
		out := m.NewList(len(x.List))
		for i, e := range x.List {
			e, err := tomlValue(m, e)
			if err != nil {
				return v, err
			}
			out[i] = m.NewValue(e)
		}
		return eval.List(out), nil
	case toml.String:
		if strings.IndexByte(x.Str, 0) >= 0 {
			return v, errors.New("error: " + nullByteMessage(x.Str))
		}
		return eval.String(x.Str, 0), nil
	case toml.Integer:
		return eval.Int(x.Int), nil
	case toml.Float:
		return eval.Float(x.Float), nil
	case toml.Boolean:
		return eval.Bool(x.Bool), nil
	}
	if !m.E.Options().ExperimentalFeatures["parse-toml-timestamps"] {
		return v, errors.New("Dates and times are not supported")
	}
	b := m.NewAttrs(2)
	b.PutName("_type", eval.String("timestamp", 0))
	b.PutName("value", eval.String(x.Str, 0))
	return eval.AttrsValue(b.Build()), nil
}
