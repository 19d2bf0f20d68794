package glang

import (
	"context"
	"fmt"
	"math"
	"reflect"
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
			if err := ev.decodeInto(m, in[i], target.Elem(), 0); err != nil {
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
		set := m.NewAttrs(x.NumField())
		for i := 0; i < x.NumField(); i++ {
			if name, ok := fieldName(x.Type().Field(i)); ok {
				if err := ev.put(m, set, name, x.Field(i), depth); err != nil {
					return nil, err
				}
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

// fieldName is the attribute that a struct's field stands for.
func fieldName(f reflect.StructField) (string, bool) {
	tag := f.Tag.Get("glang")
	switch {
	case !f.IsExported() || tag == "-":
		return "", false
	case tag != "":
		return tag, true
	}
	r, n := utf8.DecodeRuneInString(f.Name)
	return string(unicode.ToLower(r)) + f.Name[n:], true
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

func (ev *Evaluator) decode(m *eval.Machine, v *eval.Value, target any) error {
	rv := reflect.ValueOf(target)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("Decode needs a pointer, not a %T", target)
	}
	return ev.decodeInto(m, v, rv.Elem(), 0)
}

func (ev *Evaluator) decodeInto(m *eval.Machine, v *eval.Value, to reflect.Value, depth int) error {
	if depth > maxGoDepth {
		return fmt.Errorf("a value is nested too deeply for Go")
	}
	m.Force(v, ast.NoPos)
	kind := v.Kind()
	mismatch := func() error { return fmt.Errorf("%s does not fit a Go %s", m.ShowType(v), to.Type()) }
	if to.Type() == valueType {
		to.Set(reflect.ValueOf(Value{ev, v}))
		return nil
	}
	switch to.Kind() {
	case reflect.Interface:
		x := reflect.ValueOf(ev.toGo(m, v, depth))
		if !x.IsValid() {
			to.SetZero()
			return nil
		}
		if !x.Type().AssignableTo(to.Type()) {
			return mismatch()
		}
		to.Set(x)
		return nil
	case reflect.Pointer:
		if kind == eval.KindNull {
			to.SetZero()
			return nil
		}
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		return ev.decodeInto(m, v, to.Elem(), depth+1)
	}
	if kind == eval.KindNull {
		to.SetZero()
		return nil
	}
	switch to.Kind() {
	case reflect.Bool:
		if kind == eval.KindBool {
			to.SetBool(v.Bool())
			return nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if kind == eval.KindInt && !to.OverflowInt(v.Int()) {
			to.SetInt(v.Int())
			return nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if kind == eval.KindInt && v.Int() >= 0 && !to.OverflowUint(uint64(v.Int())) {
			to.SetUint(uint64(v.Int()))
			return nil
		}
	case reflect.Float32, reflect.Float64:
		switch kind {
		case eval.KindFloat:
			to.SetFloat(v.Float())
			return nil
		case eval.KindInt:
			to.SetFloat(float64(v.Int()))
			return nil
		}
	case reflect.String:
		switch kind {
		case eval.KindString:
			to.SetString(v.Str())
			return nil
		case eval.KindPath:
			to.SetString(v.Path())
			return nil
		}
	case reflect.Slice:
		if kind == eval.KindList {
			return ev.decodeList(m, v, to, depth)
		}
	case reflect.Map:
		if kind == eval.KindAttrs && to.Type().Key().Kind() == reflect.String {
			return ev.decodeMap(m, v, to, depth)
		}
	case reflect.Struct:
		if kind == eval.KindAttrs {
			return ev.decodeStruct(m, v, to, depth)
		}
	}
	return mismatch()
}

func (ev *Evaluator) decodeList(m *eval.Machine, v *eval.Value, to reflect.Value, depth int) error {
	list := v.List()
	s := reflect.MakeSlice(to.Type(), len(list), len(list))
	for i, e := range list {
		if err := ev.decodeInto(m, e, s.Index(i), depth+1); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	to.Set(s)
	return nil
}

func (ev *Evaluator) decodeMap(m *eval.Machine, v *eval.Value, to reflect.Value, depth int) error {
	result := reflect.MakeMapWithSize(to.Type(), v.Attrs().Len())
	for a := range v.Attrs().Sorted(m) {
		name := m.E.Symbols.Name(a.Name)
		elem := reflect.New(to.Type().Elem()).Elem()
		if err := ev.decodeInto(m, a.Value, elem, depth+1); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		result.SetMapIndex(reflect.ValueOf(name).Convert(to.Type().Key()), elem)
	}
	to.Set(result)
	return nil
}

func (ev *Evaluator) decodeStruct(m *eval.Machine, v *eval.Value, to reflect.Value, depth int) error {
	for i := 0; i < to.NumField(); i++ {
		name, ok := fieldName(to.Type().Field(i))
		if !ok {
			continue
		}
		a, ok := v.Attrs().Get(m.E.Symbols.Intern(name))
		if !ok {
			continue
		}
		if err := ev.decodeInto(m, a, to.Field(i), depth+1); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
