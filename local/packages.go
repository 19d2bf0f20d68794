package local

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Package is a derivation found in a value.
type Package struct {
	// AttrPath is where it was found, "" for the value itself.
	AttrPath string
	Name     string
	// Attrs is nil for a package that is only known by its store path.
	Attrs *eval.Attrs

	m       *eval.Machine
	drvPath storepath.Path
	outPath storepath.Path
	flags   map[string]string // attributes of meta set by hand
}

// PathPackage is a package that is only known by its store path.
func PathPackage(m *eval.Machine, name string, drv, out storepath.Path) *Package {
	return &Package{Name: name, m: m, drvPath: drv, outPath: out}
}

// SetFlag sets an attribute of meta to a string.
func (p *Package) SetFlag(name, value string) {
	if p.flags == nil {
		p.flags = map[string]string{}
	}
	p.flags[name] = value
}

// Packages finds the derivations in a value: the value itself, those in a
// list, or those in a set and in sets below it that ask for it by
// recurseForDerivations. Functions are called with the automatic arguments.
// ignoreAsserts leaves out what fails an assertion. It must be called within
// [eval.Machine.Do].
func Packages(m *eval.Machine, v *eval.Value, prefix string, auto *eval.Attrs, ignoreAsserts bool) []*Package {
	f := &finder{m: m, auto: auto, ignore: ignoreAsserts, done: map[*eval.Attrs]bool{}}
	f.find(v, prefix)
	return f.found
}

// PackageOf returns the derivation that a value is, or nil.
func PackageOf(m *eval.Machine, v *eval.Value, ignoreAsserts bool) *Package {
	f := &finder{m: m, ignore: ignoreAsserts, done: map[*eval.Attrs]bool{}}
	f.single(v, "")
	if len(f.found) != 1 {
		return nil
	}
	return f.found[0]
}

type finder struct {
	m      *eval.Machine
	auto   *eval.Attrs
	ignore bool
	done   map[*eval.Attrs]bool
	found  []*Package
}

// single takes v if it is a derivation; otherwise, search is whether to look inside.
func (f *finder) single(v *eval.Value, path string) (search bool) {
	m := f.m
	fail := m.Catch(func() {
		m.Force(v, ast.NoPos)
		if !m.IsDerivation(v) {
			search = true
			return
		}
		attrs := v.Attrs()
		if f.done[attrs] {
			return
		}
		f.done[attrs] = true
		p := &Package{AttrPath: path, Attrs: attrs, m: m}
		p.Name = p.queryName()
		f.found = append(f.found, p)
	})
	if fail != nil {
		if fail.Kind().Catchable() && f.ignore {
			return false
		}
		fail.Throw()
	}
	return search
}

func (f *finder) find(in *eval.Value, prefix string) {
	m := f.m
	m.EnterCall(m.PosOf(in, ast.NoPos))
	defer m.LeaveCall()
	v := m.AutoCall(in, f.auto)
	if !f.single(v, prefix) {
		return
	}
	switch v.Kind() {
	case eval.KindAttrs:
		_, combine := v.Attrs().Get(m.E.Symbols.Intern("_combineChannels"))
		recurse := m.E.Symbols.Intern("recurseForDerivations")
		fan := f.fanOut(v.Attrs())
		if fan != nil {
			defer fan.End()
		}
		at := -1
		for a := range v.Attrs().Sorted(m) {
			at++
			fan.Reach(at)
			name := m.E.Symbols.Name(a.Name)
			if !attrPathComponent(name) {
				continue
			}
			m.TraceSymbol(a.Pos, "while evaluating the attribute '%s'", a.Name)
			path := join(prefix, name)
			if combine {
				f.find(a.Value, path)
			} else if f.single(a.Value, path) && a.Value.Kind() == eval.KindAttrs {
				if r, pos, ok := a.Value.Attrs().Find(recurse); ok && m.ForceBool(r, pos, "while evaluating the attribute `recurseForDerivations`") {
					f.find(a.Value, path)
				}
			}
			m.Pop()
		}
	case eval.KindList:
		for i, elem := range v.List() {
			path := join(prefix, strconv.Itoa(i))
			if f.single(elem, path) {
				f.find(elem, path)
			}
		}
	default:
		m.Fail(diag.Type, ast.NoPos, "expression does not evaluate to a derivation (or a set or list of those)")
	}
}

// fanOut has helpers find out which attributes are derivations, and their names.
func (f *finder) fanOut(set *eval.Attrs) *eval.Fan {
	return f.m.FanOutSet(set, func(h *eval.Machine, a eval.Attr) {
		if !attrPathComponent(h.E.Symbols.Name(a.Name)) {
			return
		}
		if h.Force(a.Value, ast.NoPos); h.IsDerivation(a.Value) {
			(&Package{Attrs: a.Value.Attrs(), m: h}).queryName()
		}
	})
}

// ForceDrvPaths has helpers evaluate the paths of packages, all of which the
// caller is going to ask for in order; see [eval.Machine.FanOut].
func ForceDrvPaths(m *eval.Machine, packages []*Package) *eval.Fan {
	values := make([]*eval.Value, len(packages))
	for i, p := range packages {
		v, _, ok := p.attr("drvPath")
		if !ok {
			return nil
		}
		values[i] = v
	}
	return m.FanOut(values, func(h *eval.Machine, i int) { h.Force(values[i], ast.NoPos) })
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

func attrPathComponent(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '-' || c == '+')) {
			return false
		}
	}
	return s != ""
}

func (p *Package) attr(name string) (*eval.Value, ast.Pos, bool) {
	if p.Attrs == nil {
		return nil, ast.NoPos, false
	}
	return p.Attrs.Find(p.m.E.Symbols.Intern(name))
}

func (p *Package) queryName() string {
	v, _, ok := p.attr("name")
	if !ok {
		p.m.Fail(diag.Type, ast.NoPos, "derivation name missing")
	}
	return p.m.ForceStringNoCtx(v, ast.NoPos, "while evaluating the 'name' attribute of a derivation")
}

// System is the system the package is for, "unknown" if it does not say.
func (p *Package) System() string {
	if p.Attrs == nil {
		return ""
	}
	v, pos, ok := p.attr("system")
	if !ok {
		return "unknown"
	}
	return p.m.ForceStringNoCtx(v, pos, "while evaluating the 'system' attribute of a derivation")
}

// DrvPath is the path of the derivation, which is instantiated thereby.
func (p *Package) DrvPath() storepath.Path {
	if !p.drvPath.IsZero() {
		return p.drvPath
	}
	v, pos, ok := p.attr("drvPath")
	if !ok {
		p.m.FailErr(ast.NoPos, fmt.Errorf("derivation does not contain a 'drvPath' attribute"))
	}
	const doing = "while evaluating the 'drvPath' attribute of a derivation"
	path, _ := p.m.CoerceToStorePath(v, pos, doing)
	if !path.IsDerivation() {
		f := p.m.Errorf(diag.Eval, ast.NoPos, "store path '%s' is not a valid derivation path", path.String())
		f.WithTrace(pos, doing).Throw()
	}
	p.drvPath = path
	return path
}

// HasDrvPath says whether the package has a derivation at all.
func (p *Package) HasDrvPath() bool {
	_, _, ok := p.attr("drvPath")
	return ok || !p.drvPath.IsZero()
}

// OutPath is the path of the default output.
func (p *Package) OutPath() storepath.Path {
	if !p.outPath.IsZero() {
		return p.outPath
	}
	v, pos, ok := p.attr("outPath")
	if !ok {
		p.m.FailErr(ast.NoPos, fmt.Errorf("derivation does not have attribute 'outPath'"))
	}
	p.outPath, _ = p.m.CoerceToStorePath(v, pos, "while evaluating the output path of a derivation")
	return p.outPath
}

// OutputName is the output that the value stands for, "" if it does not say.
func (p *Package) OutputName() string {
	v, _, ok := p.attr("outputName")
	if !ok {
		return ""
	}
	return p.m.ForceStringNoCtx(v, ast.NoPos, "while evaluating the output name of a derivation")
}

// Output is an output's name and, if asked for, its path.
type Output struct {
	Name string
	Path storepath.Path
}

// Outputs lists the outputs, in the order of the derivation's; with toInstall
// only those that an environment should have.
func (p *Package) Outputs(paths, toInstall bool) []Output {
	m := p.m
	var out []Output
	if v, pos, ok := p.attr("outputs"); ok {
		for _, elem := range m.ForceList(v, pos, "while evaluating the 'outputs' attribute of a derivation") {
			name := m.ForceStringNoCtx(elem, pos, "while evaluating the name of an output of a derivation")
			if !paths {
				out = append(out, Output{Name: name})
				continue
			}
			o, _, ok := p.attr(name)
			if !ok {
				continue
			}
			attrs := m.ForceAttrs(o, pos, "while evaluating an output of a derivation")
			op, opos, ok := attrs.Find(m.E.Sym.OutPath)
			if !ok {
				continue
			}
			path, _ := m.CoerceToStorePath(op, opos, "while evaluating an output path of a derivation")
			out = append(out, Output{name, path})
		}
	} else {
		o := Output{Name: "out"}
		if paths {
			o.Path = p.OutPath()
		}
		out = append(out, o)
	}
	if !toInstall {
		return out
	}
	find := func(name string) (Output, bool) {
		for _, o := range out {
			if o.Name == name {
				return o, true
			}
		}
		return Output{}, false
	}
	if v, pos, ok := p.attr("outputSpecified"); ok && m.ForceBool(v, pos, "while evaluating the 'outputSpecified' attribute of a derivation") {
		name := p.OutputName()
		o, ok := find(name)
		if !ok {
			m.FailErr(ast.NoPos, fmt.Errorf("derivation does not have output '%s'", name))
		}
		return []Output{o}
	}
	v := p.Meta("outputsToInstall")
	if v == nil {
		return out
	}
	bad := fmt.Errorf("this derivation has bad 'meta.outputsToInstall'")
	if v.Kind() != eval.KindList {
		m.FailErr(ast.NoPos, bad)
	}
	var res []Output
	for _, elem := range v.List() {
		if elem.Kind() != eval.KindString {
			m.FailErr(ast.NoPos, bad)
		}
		o, ok := find(elem.Str())
		if !ok {
			m.FailErr(ast.NoPos, bad)
		}
		res = append(res, o)
	}
	return res
}

// MetaAttrs is the attribute meta, nil if there is none.
func (p *Package) MetaAttrs() *eval.Attrs {
	v, pos, ok := p.attr("meta")
	if !ok {
		return nil
	}
	return p.m.ForceAttrs(v, pos, "while evaluating the 'meta' attribute of a derivation")
}

// MetaNames are the names of meta's attributes, sorted.
func (p *Package) MetaNames() []string {
	var names []string
	if attrs := p.MetaAttrs(); attrs != nil {
		for sym := range attrs.All() {
			names = append(names, p.m.E.Symbols.Name(sym))
		}
	}
	for n := range p.flags {
		names = append(names, n)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Meta is an attribute of meta, forced deeply; nil if there is none or if it
// holds functions or derivations.
func (p *Package) Meta(name string) *eval.Value {
	if v, ok := p.flags[name]; ok {
		return p.m.NewValue(eval.String(v, 0))
	}
	attrs := p.MetaAttrs()
	if attrs == nil {
		return nil
	}
	v, ok := attrs.Get(p.m.E.Symbols.Intern(name))
	if !ok || !p.plain(v) {
		return nil
	}
	return v
}

// plain forces v and says whether it is data alone.
func (p *Package) plain(v *eval.Value) bool {
	m := p.m
	pos := m.PosOf(v, ast.NoPos)
	m.EnterCall(pos)
	defer m.LeaveCall()
	m.Force(v, pos)
	switch v.Kind() {
	case eval.KindList:
		for _, elem := range v.List() {
			if !p.plain(elem) {
				return false
			}
		}
		return true
	case eval.KindAttrs:
		if _, ok := v.Attrs().Get(m.E.Sym.OutPath); ok {
			return false
		}
		for a := range v.Attrs().Ordered(m) {
			if !p.plain(a.Value) {
				return false
			}
		}
		return true
	case eval.KindInt, eval.KindBool, eval.KindString, eval.KindFloat:
		return true
	}
	return false
}

// MetaString is a string attribute of meta, "" if it is none.
func (p *Package) MetaString(name string) string {
	if v := p.Meta(name); v != nil && v.Kind() == eval.KindString {
		return v.Str()
	}
	return ""
}

// MetaInt is an integer attribute of meta; a string that is a number counts.
func (p *Package) MetaInt(name string, fallback int64) int64 {
	v := p.Meta(name)
	if v == nil {
		return fallback
	}
	switch v.Kind() {
	case eval.KindInt:
		return v.Int()
	case eval.KindString:
		if n, err := strconv.ParseInt(v.Str(), 10, 64); err == nil {
			return n
		}
	}
	return fallback
}

// MetaBool is a boolean attribute of meta; the strings true and false count.
func (p *Package) MetaBool(name string, fallback bool) bool {
	v := p.Meta(name)
	if v == nil {
		return fallback
	}
	switch {
	case v.Kind() == eval.KindBool:
		return v.Bool()
	case v.Kind() == eval.KindString && v.Str() == "true":
		return true
	case v.Kind() == eval.KindString && v.Str() == "false":
		return false
	}
	return fallback
}
