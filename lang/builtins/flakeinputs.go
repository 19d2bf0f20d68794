package builtins

import (
	"path"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
)

// readInputs reads the inputs of the flake.nix in a folder; at is the path of
// the flake from the root, which what it says of following is relative to.
func (l *flakeLocker) readInputs(dir string, at []string) map[string]flakeInput {
	m := l.m
	file := path.Join(dir, "flake.nix")
	flake := m.ImportPath(file)
	set := m.ForceAttrs(m.NewValue(flake), ast.NoPos, "")
	for a := range set.Ordered(m) {
		switch name := m.E.Symbols.Name(a.Name); name {
		case "description", "inputs", "outputs", "nixConfig":
		default:
			m.Fail(diag.Eval, ast.NoPos, "flake '%s' has an unsupported attribute '%s', at %s", m.E.DisplayPath(file), name, m.E.PosText(a.Pos))
		}
	}
	inputs := map[string]flakeInput{}
	if v, at2, ok := lookup(m, set, "inputs"); ok {
		inputs = l.parseInputs(v, at2, at)
	}
	v, _, ok := set.Find(m.E.Sym.Outputs)
	if !ok {
		m.Fail(diag.Eval, ast.NoPos, "flake '%s' lacks attribute 'outputs'", m.E.DisplayPath(file))
	}
	m.Force(v, ast.NoPos)
	if v.Kind() == eval.KindLambda {
		if f := m.Function(v).Formals; f != nil {
			for i := range f.List {
				name := m.E.Symbols.Name(f.List[i].Name)
				if _, ok := inputs[name]; !ok && name != "self" {
					inputs[name] = flakeInput{isFlake: true}
				}
			}
		}
	}
	return inputs
}

func (l *flakeLocker) expect(v *value, kind eval.Kind, want string, pos ast.Pos) {
	l.m.Force(v, pos)
	if v.Kind() != kind {
		l.m.Fail(diag.Eval, ast.NoPos, "expected %s but got %s at %s", want, l.m.ShowType(v), l.m.E.PosText(pos))
	}
}

func (l *flakeLocker) parseInputs(v *value, pos ast.Pos, at []string) map[string]flakeInput {
	l.expect(v, eval.KindAttrs, "a set", pos)
	inputs := map[string]flakeInput{}
	set := v.Attrs()
	for a := range set.Ordered(l.m) {
		if name := l.m.E.Symbols.Name(a.Name); name != "self" {
			inputs[name] = l.parseInput(a.Value, a.Pos, at)
		}
	}
	return inputs
}

func (l *flakeLocker) parseInput(v *value, pos ast.Pos, at []string) flakeInput {
	m := l.m
	l.expect(v, eval.KindAttrs, "a set", pos)
	in := flakeInput{isFlake: true}
	attrs := flakeref.Attrs{}
	set := v.Attrs()
	for a := range set.Ordered(m) {
		m.TraceSymbol(a.Pos, "while evaluating flake attribute '%s'", a.Name)
		l.inputAttr(&in, attrs, a, at)
		m.Pop()
	}
	url, hasURL := attrs["url"].(string)
	var ref flakeref.Ref
	var err error
	switch {
	case attrs["type"] != nil:
		ref, err = flakeref.FromAttrs(attrs)
		in.ref = &ref
	case hasURL:
		if strings.HasPrefix(url, "./") || strings.HasPrefix(url, "../") || url == "." {
			url = "path:" + url
		}
		ref, _, err = flakeref.Parse(url, in.isFlake)
		in.ref = &ref
		delete(attrs, "url")
		fallthrough
	default:
		for name := range attrs {
			m.Fail(diag.Eval, ast.NoPos, "unexpected flake input attribute '%s', at %s", name, m.E.PosText(pos))
		}
	}
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	if in.ref != nil && in.follows != nil {
		m.Fail(diag.Eval, ast.NoPos, "flake input has both a flake reference and a follows attribute, at %s", m.E.PosText(pos))
	}
	return in
}

// inputAttr takes one attribute of the description of an input.
func (l *flakeLocker) inputAttr(in *flakeInput, attrs flakeref.Attrs, a eval.Attr, at []string) {
	m := l.m
	name := m.E.Symbols.Name(a.Name)
	switch name {
	case "flake":
		l.expect(a.Value, eval.KindBool, "a Boolean", a.Pos)
		in.isFlake = a.Value.Bool()
		return
	case "inputs":
		in.overrides = l.parseInputs(a.Value, a.Pos, at)
		return
	case "follows":
		l.expect(a.Value, eval.KindString, "a string", a.Pos)
		in.follows = append([]string{}, at...)
		for part := range strings.SplitSeq(a.Value.Str(), "/") {
			if part != "" {
				in.follows = append(in.follows, part)
			}
		}
		return
	}
	m.Force(a.Value, a.Pos)
	switch a.Value.Kind() {
	case eval.KindString:
		attrs[name] = a.Value.Str()
	case eval.KindBool:
		attrs[name] = a.Value.Bool()
	case eval.KindInt:
		if a.Value.Int() < 0 {
			m.Fail(diag.Eval, ast.NoPos, "negative value given for flake input attribute %s: %d", eval.QuoteName(name), a.Value.Int())
		}
		attrs[name] = a.Value.Int()
	default:
		m.Fail(diag.Type, ast.NoPos, "flake input attribute '%s' is %s while a string, Boolean, or integer is expected", eval.QuoteName(name), m.ShowType(a.Value))
	}
}
