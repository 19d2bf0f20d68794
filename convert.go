package glang

import (
	"context"
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

var (
	valueType   = reflect.TypeFor[Value]()
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()

	marshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// maxGoDepth bounds the nesting of converted values: Go values may be cyclic.
const maxGoDepth = 10000

// global makes a builtin of a Go value. Values other than functions are
// converted when they are first used.
func (ev *Evaluator) global(name string, x any) (eval.BuiltinDef, error) {
	if rv := reflect.ValueOf(x); rv.IsValid() && rv.Kind() == reflect.Func {
		def, err := ev.function(rv)
		def.Name, def.Global = name, true
		return def, err
	}
	if _, ok := x.(Value); ok {
		return eval.BuiltinDef{}, fmt.Errorf("a Value belongs to the evaluator that made it")
	}
	return eval.BuiltinDef{Name: name, Global: true, Value: func(m *eval.Machine) eval.Value {
		v, err := ev.fromGo(m, x)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		m.Force(v, ast.NoPos)
		return v.Copy()
	}}, nil
}

// function makes a builtin of a Go function.
func (ev *Evaluator) function(fn reflect.Value) (eval.BuiltinDef, error) {
	t := fn.Type()
	var params []reflect.Type
	withContext := t.NumIn() > 0 && t.In(0) == contextType
	for i := 0; i < t.NumIn(); i++ {
		if i > 0 || !withContext {
			params = append(params, t.In(i))
		}
	}
	outs := t.NumOut()
	fails := outs == 2 && t.Out(1) == errorType
	switch {
	case t.IsVariadic() || len(params) == 0:
		return eval.BuiltinDef{}, fmt.Errorf("%s cannot be called: it needs a fixed number of parameters, at least one", t)
	case outs != 1 && !fails:
		return eval.BuiltinDef{}, fmt.Errorf("%s must return a value, or a value and an error", t)
	}
	args := make([]string, len(params))
	for i := range args {
		args[i] = fmt.Sprintf("arg%d", i+1)
	}
	return eval.BuiltinDef{Args: args, Fn: func(m *eval.Machine, pos ast.Pos, in []*eval.Value) eval.Value {
		var goArgs []reflect.Value
		if withContext {
			goArgs = append(goArgs, reflect.ValueOf(context.WithValue(m.Context(), machineKey{ev}, m)))
		}
		for i, p := range params {
			target := reflect.New(p)
			if err := (&decoder{ev: ev, m: m}).into(in[i], target.Elem(), 0); err != nil {
				m.Fail(diag.Type, pos, "argument %d: %s", i+1, err.Error())
			}
			goArgs = append(goArgs, target.Elem())
		}
		results := fn.Call(goArgs)
		if fails {
			if err, _ := results[1].Interface().(error); err != nil {
				m.FailErr(pos, err)
			}
		}
		v, err := ev.fromReflect(m, results[0], 0)
		if err != nil {
			m.FailErr(pos, err)
		}
		m.Force(v, pos)
		return v.Copy()
	}}, nil
}

func (ev *Evaluator) fromGo(m *eval.Machine, x any) (*eval.Value, error) {
	return ev.fromReflect(m, reflect.ValueOf(x), 0)
}

func (ev *Evaluator) fromReflect(m *eval.Machine, x reflect.Value, depth int) (*eval.Value, error) {
	if depth > maxGoDepth {
		return nil, fmt.Errorf("a Go value is nested too deeply")
	}
	if !x.IsValid() {
		return m.NewValue(eval.Null()), nil
	}
	if x.Type() == valueType {
		v := x.Interface().(Value)
		switch {
		case v.v == nil:
			return nil, errNoValue
		case v.ev != ev:
			return nil, fmt.Errorf("a Value belongs to the evaluator that made it")
		}
		return v.v, nil
	}
	if x.Type().Implements(marshalerType) && !(x.Kind() == reflect.Pointer && x.IsNil()) && x.CanInterface() {
		text, err := x.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return nil, err
		}
		return stringValue(m, string(text))
	}
	switch x.Kind() {
	case reflect.Bool:
		return m.NewValue(eval.Bool(x.Bool())), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return m.NewValue(eval.Int(x.Int())), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if x.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("%d does not fit an integer of the language", x.Uint())
		}
		return m.NewValue(eval.Int(int64(x.Uint()))), nil
	case reflect.Float32, reflect.Float64:
		return m.NewValue(eval.Float(x.Float())), nil
	case reflect.String:
		return stringValue(m, x.String())
	case reflect.Pointer, reflect.Interface:
		if x.IsNil() {
			return m.NewValue(eval.Null()), nil
		}
		return ev.fromReflect(m, x.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		elems := m.NewList(x.Len())
		for i := range elems {
			v, err := ev.fromReflect(m, x.Index(i), depth+1)
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
			elems[i] = v
		}
		return m.NewValue(eval.List(elems)), nil
	case reflect.Map:
		if x.Type().Key().Kind() != reflect.String {
			break
		}
		set := m.NewAttrs(x.Len())
		for it := x.MapRange(); it.Next(); {
			if err := ev.put(m, set, it.Key().String(), it.Value(), depth); err != nil {
				return nil, err
			}
		}
		return m.NewValue(eval.AttrsValue(set.Build())), nil
	case reflect.Struct:
		fields := ev.fields(x.Type())
		set := m.NewAttrs(len(fields))
		for _, f := range fields {
			field, err := x.FieldByIndexErr(f.index)
			if err != nil {
				continue // of an embedded pointer that is nil
			}
			if err := ev.put(m, set, f.name, field, depth); err != nil {
				return nil, err
			}
		}
		return m.NewValue(eval.AttrsValue(set.Build())), nil
	case reflect.Func:
		if x.IsNil() {
			return m.NewValue(eval.Null()), nil
		}
		def, err := ev.function(x)
		if err != nil {
			return nil, err
		}
		return m.NewValue(m.Func(def)), nil
	}
	return nil, fmt.Errorf("a %s cannot be a value of the language", x.Type())
}

func (ev *Evaluator) put(m *eval.Machine, set *eval.AttrsBuilder, name string, x reflect.Value, depth int) error {
	v, err := ev.fromReflect(m, x, depth+1)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	set.Put(m.E.Symbols.Intern(name), v, ast.NoPos)
	return nil
}

func stringValue(m *eval.Machine, s string) (*eval.Value, error) {
	if strings.ContainsRune(s, 0) {
		return nil, fmt.Errorf("a string with a NUL byte cannot be a value of the language")
	}
	return m.NewValue(eval.String(s, 0)), nil
}

// field is a struct's field that stands for an attribute.
type field struct {
	name  string
	index []int
}

// fields lists the fields of a struct, those of embedded structs included as
// if they were its own. A name means the outermost field that has it.
func (ev *Evaluator) fields(t reflect.Type) []field {
	if known, ok := ev.structs.Load(t); ok {
		return known.([]field)
	}
	var all []field
	named := map[string]bool{}
	around := map[reflect.Type]bool{}
	for level := []embedded{{t, nil}}; len(level) > 0; {
		var next []embedded
		for _, e := range level {
			if around[e.t] {
				continue
			}
			around[e.t] = true
			for i := range e.t.NumField() {
				f := e.t.Field(i)
				index := append(slices.Clone(e.index), i)
				tag := f.Tag.Get("glang")
				if inner := f.Type; f.Anonymous && tag == "" {
					if inner.Kind() == reflect.Pointer && f.IsExported() {
						inner = inner.Elem()
					}
					if inner.Kind() == reflect.Struct && inner != valueType && !reflect.PointerTo(inner).Implements(marshalerType) {
						next = append(next, embedded{inner, index})
						continue
					}
				}
				if !f.IsExported() || tag == "-" {
					continue
				}
				name := tag
				if name == "" {
					r, n := utf8.DecodeRuneInString(f.Name)
					name = string(unicode.ToLower(r)) + f.Name[n:]
				}
				if !named[name] {
					named[name] = true
					all = append(all, field{name, index})
				}
			}
		}
		level = next
	}
	ev.structs.Store(t, all)
	return all
}

// embedded is a struct type whose fields are taken for those of another.
type embedded struct {
	t     reflect.Type
	index []int
}

// toGo makes a Go value of all of v.
func (ev *Evaluator) toGo(m *eval.Machine, v *eval.Value, depth int) any {
	if depth > maxGoDepth {
		m.Fail(diag.StackOverflow, ast.NoPos, "a value is nested too deeply for Go")
	}
	m.Force(v, ast.NoPos)
	switch v.Kind() {
	case eval.KindNull:
		return nil
	case eval.KindBool:
		return v.Bool()
	case eval.KindInt:
		return v.Int()
	case eval.KindFloat:
		return v.Float()
	case eval.KindString:
		return v.Str()
	case eval.KindPath:
		return v.Path()
	case eval.KindExternal:
		return v.External()
	case eval.KindList:
		list := make([]any, len(v.List()))
		for i, e := range v.List() {
			list[i] = ev.toGo(m, e, depth+1)
		}
		return list
	case eval.KindAttrs:
		set := make(map[string]any, v.Attrs().Len())
		for a := range v.Attrs().Sorted(m) {
			set[m.E.Symbols.Name(a.Name)] = ev.toGo(m, a.Value, depth+1)
		}
		return set
	}
	return Value{ev, v}
}
