package builtins

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
)

// read reads the flake.nix of a flake; at is the path of the flake from the
// root, which what it says of following is relative to.
func (l *flakeLocker) read(f *Flake, at flakeref.InputPath) {
	m := l.m
	dir := l.dirPath(f.tree)
	file := path.Join(dir, "flake.nix")
	flake := m.ImportPath(file)
	set := m.ForceAttrs(m.NewValue(flake), ast.NoPos, "")
	if v, pos, ok := lookup(m, set, "description"); ok {
		l.expect(v, eval.KindString, "a string", pos)
		f.Description = v.Str()
	}
	f.inputs = map[string]flakeInput{}
	if v, pos, ok := lookup(m, set, "inputs"); ok {
		f.inputs = l.parseInputs(v, pos, at, dir)
		f.self = l.parseSelf(v.Attrs())
	}
	text, err := f.Resolved.Text()
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	v, pos, ok := set.Find(m.E.Sym.Outputs)
	if !ok {
		m.Fail(diag.Eval, ast.NoPos, "flake '%s' lacks attribute 'outputs'", text)
	}
	m.Force(v, pos)
	switch v.Kind() {
	case eval.KindLambda, eval.KindBuiltin, eval.KindPartial:
	default:
		m.Fail(diag.Eval, ast.NoPos, "expected a function but got %s at %s", m.ShowType(v), m.E.PosText(pos))
	}
	if v.Kind() == eval.KindLambda {
		for _, formal := range m.Function(v).Formals {
			name := m.E.Symbols.Name(formal.Name)
			if _, ok := f.inputs[name]; !ok && name != "self" {
				f.inputs[name] = flakeInput{ref: registryName(name), isFlake: true}
			}
		}
	}
	if v, pos, ok := lookup(m, set, "nixConfig"); ok {
		f.Config = l.parseConfig(v, pos)
	}
	for a := range set.Ordered(m) {
		switch name := m.E.Symbols.Name(a.Name); name {
		case "description", "inputs", "outputs", "nixConfig":
		default:
			m.Fail(diag.Eval, ast.NoPos, "flake '%s' has an unsupported attribute '%s', at %s", text, name, m.E.PosText(a.Pos))
		}
	}
}

// parseSelf reads what a flake says about how it is to be fetched itself.
func (l *flakeLocker) parseSelf(inputs *eval.Attrs) flakeref.Attrs {
	v, pos, ok := lookup(l.m, inputs, "self")
	if !ok {
		return nil
	}
	l.expect(v, eval.KindAttrs, "a set", pos)
	attrs := flakeref.Attrs{}
	for a := range v.Attrs().Ordered(l.m) {
		name := l.m.E.Symbols.Name(a.Name)
		if name != "submodules" && name != "lfs" {
			l.m.Fail(diag.Eval, ast.NoPos, "flake 'self' attribute '%s' is not supported", name)
		}
		l.expect(a.Value, eval.KindBool, "a Boolean", a.Pos)
		attrs[name] = a.Value.Bool()
	}
	return attrs
}

// parseConfig reads the settings that a flake asks for.
func (l *flakeLocker) parseConfig(v *value, pos ast.Pos) map[string]string {
	m := l.m
	l.expect(v, eval.KindAttrs, "a set", pos)
	config := map[string]string{}
	for a := range v.Attrs().Ordered(m) {
		name := m.E.Symbols.Name(a.Name)
		m.Force(a.Value, a.Pos)
		switch a.Value.Kind() {
		case eval.KindString:
			config[name] = m.ForceStringNoCtx(a.Value, a.Pos, "")
		case eval.KindPath:
			config[name], _ = m.CoerceToString(a.Value, a.Pos, "", eval.CoerceOpts{CopyToStore: true})
		case eval.KindInt:
			config[name] = strconv.FormatInt(a.Value.Int(), 10)
		case eval.KindBool:
			config[name] = strconv.FormatBool(a.Value.Bool())
		case eval.KindList:
			var words []string
			for _, x := range a.Value.List() {
				if m.Force(x, a.Pos); x.Kind() != eval.KindString {
					m.Fail(diag.Type, ast.NoPos, "list element in flake configuration setting '%s' is %s while a string is expected", name, m.ShowType(x))
				}
				words = append(words, m.ForceStringNoCtx(x, a.Pos, ""))
			}
			config[name] = strings.Join(words, " ")
		default:
			m.Fail(diag.Type, ast.NoPos, "flake configuration setting '%s' is %s", name, m.ShowType(a.Value))
		}
	}
	return config
}

// registryName is a reference that the registries say the meaning of.
func registryName(name string) *flakeref.Ref {
	return &flakeref.Ref{Input: flakeref.Attrs{"type": "indirect", "id": name}}
}

func (l *flakeLocker) expect(v *value, kind eval.Kind, want string, pos ast.Pos) {
	l.m.Force(v, pos)
	if v.Kind() != kind {
		l.m.Fail(diag.Eval, ast.NoPos, "expected %s but got %s at %s", want, l.m.ShowType(v), l.m.E.PosText(pos))
	}
}

// parseInputs reads a set of inputs; dir is the folder of the flake.
func (l *flakeLocker) parseInputs(v *value, pos ast.Pos, at flakeref.InputPath, dir string) map[string]flakeInput {
	l.expect(v, eval.KindAttrs, "a set", pos)
	inputs := map[string]flakeInput{}
	set := v.Attrs()
	for a := range set.Ordered(l.m) {
		if name := l.m.E.Symbols.Name(a.Name); name != "self" {
			inputs[name] = l.parseInput(a.Value, a.Pos, at, dir)
		}
	}
	return inputs
}

func (l *flakeLocker) parseInput(v *value, pos ast.Pos, at flakeref.InputPath, dir string) flakeInput {
	m := l.m
	l.expect(v, eval.KindAttrs, "a set", pos)
	in := flakeInput{isFlake: true}
	attrs := flakeref.Attrs{}
	set := v.Attrs()
	for a := range set.Ordered(m) {
		m.TraceSymbol(a.Pos, "while evaluating flake attribute '%s'", a.Name)
		l.inputAttr(&in, attrs, a, at, dir)
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
func (l *flakeLocker) inputAttr(in *flakeInput, attrs flakeref.Attrs, a eval.Attr, at flakeref.InputPath, dir string) {
	m := l.m
	name := m.E.Symbols.Name(a.Name)
	switch name {
	case "flake":
		l.expect(a.Value, eval.KindBool, "a Boolean", a.Pos)
		in.isFlake = a.Value.Bool()
		return
	case "inputs":
		in.overrides = l.parseInputs(a.Value, a.Pos, at, dir)
		return
	case "follows":
		l.expect(a.Value, eval.KindString, "a string", a.Pos)
		p, err := flakeref.ParseInputPath(a.Value.Str())
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		in.follows = append(slices.Clone(at), p...)
		return
	}
	m.Force(a.Value, a.Pos)
	switch a.Value.Kind() {
	case eval.KindPath:
		if name != "url" {
			m.Fail(diag.Type, ast.NoPos, "flake input attribute '%s' is %s while a string, Boolean, or integer is expected", eval.QuoteName(name), m.ShowType(a.Value))
		}
		rel, err := filepath.Rel(dir, a.Value.Path())
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		attrs[name] = "path:" + rel
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
