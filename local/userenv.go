package local

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store/storepath"
)

// maxExpressions bounds how many files of a folder are taken together.
const maxExpressions = 1024

// SourceValue loads the expression at a path for nix-env: a file, a folder
// with default.nix, or a folder of such, whose expressions form a set.
// warn is told of names that occur twice. Within [eval.Machine.Do].
func SourceValue(m *eval.Machine, name string, warn func(string)) *eval.Value {
	files := m.E.Files()
	fi, err := files.Stat(name)
	if err != nil {
		m.FailErr(ast.NoPos, m.E.FileError(name, err))
	}
	if isExpression(files, name, fi) {
		v := m.ImportLater(name)
		m.Force(v, ast.NoPos)
		return v
	}
	if !fi.IsDir() {
		m.FailErr(ast.NoPos, fmt.Errorf("path '%s' is not a directory or a Nix expression", name))
	}
	b := m.NewAttrs(16)
	b.Put(m.E.Symbols.Intern("_combineChannels"), m.NewValue(eval.List(nil)), ast.NoPos)
	f := &folder{m: m, files: files, warn: warn, seen: map[string]bool{}, b: b}
	f.add(name)
	return m.NewValue(eval.AttrsValue(b.Build()))
}

func isExpression(files eval.Files, name string, fi fs.FileInfo) bool {
	if fi.Mode().IsRegular() {
		return true
	}
	if !fi.IsDir() {
		return false
	}
	_, err := files.Stat(path.Join(name, "default.nix"))
	return err == nil
}

type folder struct {
	m     *eval.Machine
	files eval.Files
	warn  func(string)
	seen  map[string]bool
	b     *eval.AttrsBuilder
}

func (f *folder) add(dir string) {
	entries, err := f.files.ReadDir(dir)
	if err != nil {
		f.m.FailErr(ast.NoPos, f.m.E.FileError(dir, err))
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	slices.Sort(names)
	for _, n := range names {
		// Channels are profiles, whose manifest is no channel.
		if n == "manifest.nix" {
			continue
		}
		p, err := f.m.E.ResolveSymlinks(path.Join(dir, n), false)
		if err != nil {
			continue
		}
		fi, err := f.files.Lstat(p)
		if err != nil {
			continue // a link to nothing
		}
		switch {
		case isExpression(f.files, p, fi) && (fi.IsDir() || strings.HasSuffix(p, ".nix")):
			attr := strings.TrimSuffix(n, ".nix")
			if f.seen[attr] {
				text := fmt.Sprintf("name collision in input Nix expressions, skipping '%s'", p)
				if strings.Contains(p, "channels") {
					text += fmt.Sprintf("\nsuggestion: remove '%s' from either the root channels or the user channels", attr)
				}
				f.warn(text)
				continue
			}
			f.seen[attr] = true
			if len(f.seen) == maxExpressions {
				f.m.FailErr(ast.NoPos, fmt.Errorf("too many Nix expressions in directory '%s'", dir))
			}
			f.b.Put(f.m.E.Symbols.Intern(attr), f.m.LazyGo(func(m *eval.Machine) eval.Value { return m.ImportPath(p) }), ast.NoPos)
		case fi.IsDir():
			f.add(p)
		}
	}
}

// Installed reads the packages of an environment. Within [eval.Machine.Do].
func Installed(m *eval.Machine, env string) []*Package {
	if exists(filepath.Join(env, "manifest.json")) {
		m.FailErr(ast.NoPos, fmt.Errorf("profile \"%s\" is incompatible with 'nix-env'; please use 'nix profile' instead", env))
	}
	manifest := filepath.Join(env, "manifest.nix")
	if _, err := os.Stat(manifest); err != nil {
		return nil
	}
	real, err := filepath.EvalSymlinks(manifest)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	v := m.ImportLater(real)
	m.Force(v, ast.NoPos)
	return Packages(m, v, "", m.NewAttrs(0).Build(), false)
}

// userEnvExpr makes the derivation of an environment from the packages'
// descriptions and the manifest. Its attributes are those that the built-in
// builder and the reference have.
const userEnvExpr = `{ derivations, manifest }: derivation {
  name = "user-environment";
  system = "builtin";
  builder = "builtin:buildenv";
  inherit manifest;
  derivations = map (d: [ (d.meta.active or "true") (d.meta.priority or 5) (builtins.length d.outputs) ]
    ++ map (o: d.${o}) d.outputs) derivations;
  preferLocalBuild = true;
  allowSubstitutes = false;
}`

// UserEnv describes packages as a list of sets, adds it to the store as a
// manifest, and instantiates the derivation of the environment that holds
// them. drvs are the packages' derivations if they shall be kept with it.
// The packages must have been built. Within [eval.Machine.Do].
func UserEnv(m *eval.Machine, s *Session, pkgs []*Package, keepDerivations bool, ensure func(storepath.Path) error) (drv, out storepath.Path) {
	sym := m.E.Symbols.Intern
	text := func(x string) *eval.Value { return m.NewValue(eval.String(x, 0)) }
	show := s.Scheme.Print
	var refs []storepath.Path
	list := m.NewList(len(pkgs))
	for i, p := range pkgs {
		outputs := p.Outputs(true, true)
		b := m.NewAttrs(8 + len(outputs))
		b.Put(m.E.Sym.Type, text("derivation"), ast.NoPos)
		b.Put(m.E.Sym.Name, text(p.Name), ast.NoPos)
		if system := p.System(); system != "" {
			b.Put(sym("system"), text(system), ast.NoPos)
		}
		b.Put(m.E.Sym.OutPath, text(show(p.OutPath())), ast.NoPos)
		if keepDerivations && p.HasDrvPath() {
			b.Put(m.E.Sym.DrvPath, text(show(p.DrvPath())), ast.NoPos)
			refs = append(refs, p.DrvPath())
		}
		names := m.NewList(len(outputs))
		for j, o := range outputs {
			names[j] = text(o.Name)
			set := m.NewAttrs(1)
			set.Put(m.E.Sym.OutPath, text(show(o.Path)), ast.NoPos)
			b.Put(sym(o.Name), m.NewValue(eval.AttrsValue(set.Build())), ast.NoPos)
			if err := ensure(o.Path); err != nil {
				m.FailErr(ast.NoPos, err)
			}
			refs = append(refs, o.Path)
		}
		b.Put(m.E.Sym.Outputs, m.NewValue(eval.List(names)), ast.NoPos)
		meta := m.NewAttrs(8)
		for _, n := range p.MetaNames() {
			if v := p.Meta(n); v != nil {
				meta.Put(sym(n), v, ast.NoPos)
			}
		}
		b.Put(sym("meta"), m.NewValue(eval.AttrsValue(meta.Build())), ast.NoPos)
		list[i] = m.NewValue(eval.AttrsValue(b.Build()))
	}
	derivations := m.NewValue(eval.List(list))
	slices.SortFunc(refs, storepath.Compare)
	refs = slices.Compact(refs)
	manifest, err := s.API.AddText("env-manifest.nix", []byte(m.PrintAmbiguous(derivations, true)), refs)
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	src := []byte(userEnvExpr)
	node, err := m.Parse(&ast.Source{Origin: ast.FromString, Text: func() ([]byte, error) { return src, nil }}, src, "/")
	if err != nil {
		m.FailErr(ast.NoPos, err)
	}
	args := m.NewAttrs(2)
	ctx := m.E.Contexts.Of(eval.ContextElem{Kind: eval.ContextPath, Path: manifest})
	args.Put(sym("manifest"), m.NewValue(eval.String(show(manifest), ctx)), ast.NoPos)
	args.Put(sym("derivations"), derivations, ast.NoPos)
	top := m.NewValue(m.Call(m.NewValue(m.Eval(node)), ast.NoPos, m.NewValue(eval.AttrsValue(args.Build()))))
	p := PackageOf(m, top, false)
	if p == nil {
		m.Fail(diag.Eval, ast.NoPos, "the environment did not evaluate to a derivation")
	}
	return p.DrvPath(), p.OutPath()
}
