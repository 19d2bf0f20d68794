package glang

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// decoder stores values of the language in Go variables.
type decoder struct {
	ev     *Evaluator
	m      *eval.Machine
	strict bool // an attribute without a field is an error
}

func (d *decoder) decode(v *eval.Value, target any) error {
	rv := reflect.ValueOf(target)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("Decode needs a pointer, not a %T", target)
	}
	return d.into(v, rv.Elem(), 0)
}

func (d *decoder) into(v *eval.Value, to reflect.Value, depth int) error {
	if depth > maxGoDepth {
		return fmt.Errorf("a value is nested too deeply for Go")
	}
	d.m.Force(v, ast.NoPos)
	kind := v.Kind()
	mismatch := func() error { return fmt.Errorf("%s does not fit a Go %s", d.m.ShowType(v), to.Type()) }
	if to.Type() == valueType {
		to.Set(reflect.ValueOf(Value{d.ev, v}))
		return nil
	}
	switch to.Kind() {
	case reflect.Interface:
		x := reflect.ValueOf(d.ev.toGo(d.m, v, depth))
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
		return d.into(v, to.Elem(), depth+1)
	}
	if kind == eval.KindNull {
		to.SetZero()
		return nil
	}
	if kind == eval.KindString && to.CanAddr() && to.Addr().Type().Implements(unmarshalerType) {
		return to.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(v.Str()))
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
			return d.list(v, to, depth)
		}
	case reflect.Array:
		if kind == eval.KindList && len(v.List()) == to.Len() {
			return d.elements(v, to, depth)
		}
	case reflect.Map:
		if kind == eval.KindAttrs && to.Type().Key().Kind() == reflect.String {
			return d.mapping(v, to, depth)
		}
	case reflect.Struct:
		if kind == eval.KindAttrs {
			return d.structure(v, to, depth)
		}
	}
	return mismatch()
}

func (d *decoder) list(v *eval.Value, to reflect.Value, depth int) error {
	s := reflect.MakeSlice(to.Type(), len(v.List()), len(v.List()))
	if err := d.elements(v, s, depth); err != nil {
		return err
	}
	to.Set(s)
	return nil
}

func (d *decoder) elements(v *eval.Value, to reflect.Value, depth int) error {
	for i, e := range v.List() {
		if err := d.into(e, to.Index(i), depth+1); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

func (d *decoder) mapping(v *eval.Value, to reflect.Value, depth int) error {
	result := reflect.MakeMapWithSize(to.Type(), v.Attrs().Len())
	for a := range v.Attrs().Sorted(d.m) {
		name := d.m.E.Symbols.Name(a.Name)
		elem := reflect.New(to.Type().Elem()).Elem()
		if err := d.into(a.Value, elem, depth+1); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		result.SetMapIndex(reflect.ValueOf(name).Convert(to.Type().Key()), elem)
	}
	to.Set(result)
	return nil
}

func (d *decoder) structure(v *eval.Value, to reflect.Value, depth int) error {
	fields := d.ev.fields(to.Type())
	for _, f := range fields {
		a, ok := v.Attrs().Get(d.m.E.Symbols.Intern(f.name))
		if !ok {
			continue
		}
		if err := d.into(a, settable(to, f.index), depth+1); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if !d.strict {
		return nil
	}
	for a := range v.Attrs().Sorted(d.m) {
		name := d.m.E.Symbols.Name(a.Name)
		if !slices.ContainsFunc(fields, func(f field) bool { return f.name == name }) {
			names := make([]string, len(fields))
			for i, f := range fields {
				names[i] = f.name
			}
			return fmt.Errorf("a Go %s has no field for the attribute '%s'%s", to.Type(), name, meant(diag.Similar(names, name)))
		}
	}
	return nil
}

func meant(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// settable is the field at an index; embedded pointers on the way are made.
func settable(x reflect.Value, index []int) reflect.Value {
	for i, n := range index {
		if i > 0 && x.Kind() == reflect.Pointer {
			if x.IsNil() {
				x.Set(reflect.New(x.Type().Elem()))
			}
			x = x.Elem()
		}
		x = x.Field(n)
	}
	return x
}
