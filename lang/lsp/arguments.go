package lsp

import (
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
)

// given is the argument of a function while its result is found out.
type given struct {
	u *unit
	n ast.Node
}

// site is a call of callPackage or import with a file.
type site struct {
	u    *unit
	call *call
	rest []ast.Node // the arguments behind the file
}

// knowArg is what is known of a function's argument: what a call gives that is
// being followed, what fills the arguments of its file, or its default.
func (s *Server) knowArg(u *unit, d *def, steps int) known {
	if g, ok := s.given[d.fn]; ok {
		k := s.know(g.u, g.n, steps)
		if d.kind == defArg {
			return k
		}
		if m := k.attrs[d.name]; m != nil {
			return s.knowMember(m, steps)
		}
		return s.know(u, d.value, steps)
	}
	if d.kind == defFormal {
		if m := s.filled(u, d, steps); m != nil {
			return s.knowMember(m, steps)
		}
		if k := s.know(u, d.value, steps); k.kind != "" || d.name != "lib" {
			return k
		}
		// By convention this is the library, wherever it comes from.
		f := s.file(s.findFile("nixpkgs/lib"))
		if f == nil {
			return known{}
		}
		return s.know(f, f.root, steps)
	}
	if d.fn.Formals == nil {
		return s.know(u, d.value, steps)
	}
	attrs := map[string]*member{}
	for i := range d.fn.Formals.List {
		f := &d.fn.Formals.List[i]
		name := s.symbols.Name(f.Name)
		attrs[name] = &member{u: u, pos: f.Pos(), n: len(name), value: f.Default, name: name}
	}
	return known{kind: "set", attrs: attrs}
}

// isArg tells whether a definition is a formal of the function that the file is.
func (u *unit) isArg(d *def) bool {
	f, ok := unparen(u.root).(*ast.Lambda)
	return ok && d.fn == f
}

// filled is the attribute with which callPackage, or a call of import, fills a
// formal of the function that a file is.
func (s *Server) filled(u *unit, d *def, steps int) *member {
	if steps <= 0 || s.work <= 0 || !u.isArg(d) {
		return nil
	}
	at := s.callSite(u)
	if at == nil {
		return nil
	}
	steps--
	for _, a := range at.rest {
		if m := s.know(at.u, a, steps).attrs[d.name]; m != nil {
			return m
		}
	}
	if at.call.name != "callPackage" {
		return nil
	}
	// The set that callPackage belongs to, else the sets around the call.
	if m := s.know(at.u, s.packages(at.u, at.call.Fn), steps).attrs[d.name]; m != nil {
		return m
	}
	for i := len(at.call.sets) - 1; i >= 0; i-- {
		if m := s.membersOf(at.u, at.call.sets[i])[d.name]; m != nil {
			return m
		}
	}
	for sc := at.call.scope; sc != nil; sc = sc.parent {
		if sc.with != nil {
			if m := s.know(at.u, sc.with, steps).attrs[d.name]; m != nil {
				return m
			}
		}
		for _, o := range sc.names {
			if o.name == d.name && o != d {
				return &member{u: at.u, pos: o.pos, n: len(o.name), value: o.value, from: o.from, outer: o.outer, name: o.name}
			}
		}
	}
	return nil
}

// packages is the set of packages of a callPackage: set.callPackage, or one
// that is bound to callPackageWith set.
func (s *Server) packages(u *unit, fn ast.Node) ast.Node {
	switch f := unparen(fn).(type) {
	case *ast.Select:
		if len(f.Path) == 1 {
			return f.Expr
		}
		return &ast.Select{At: f.At, Expr: f.Expr, Path: f.Path[:len(f.Path)-1]}
	case *ast.Var:
		d := u.ix.uses[f]
		if d == nil {
			return nil
		}
		if c, ok := unparen(d.value).(*ast.Call); ok && len(c.Args) == 1 {
			if name := u.ix.called(c); name == "callPackageWith" || name == "newScope" {
				return c.Args[0]
			}
		}
	}
	return nil
}

// callSite finds the call that fills the arguments of a file: in the documents
// and files at hand, then in the folders above it.
func (s *Server) callSite(u *unit) *site {
	if u.path == "" || u.siteAge == s.age {
		return u.site
	}
	u.site, u.siteAge = nil, s.age // also while it is searched for
	var paths []string
	for _, o := range s.docs {
		if o.path != "" {
			paths = append(paths, o.path)
		}
	}
	for p := range s.files {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for dir, i := filepath.Dir(u.path), 0; i < 8; i++ {
		for _, pattern := range []string{"*.nix", "pkgs/top-level/*.nix"} {
			more, err := filepath.Glob(filepath.Join(dir, pattern))
			if err == nil { // else the folder's name is a pattern
				paths = append(paths, more...)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	var imported *site
	seen := map[string]bool{u.path: true}
	for _, p := range paths {
		if seen[p] || !s.mentions(p, u.path) {
			continue
		}
		seen[p] = true
		switch found := s.siteIn(s.file(p), u.path); {
		case found == nil:
		case found.call.name == "callPackage":
			u.site = found
			return found
		case imported == nil:
			imported = found
		}
	}
	u.site = imported
	return imported
}

// mentions tells whether the text of a file has the last name of a path, and
// a word that calls it: most files need no tree.
func (s *Server) mentions(file, path string) bool {
	name := filepath.Base(path)
	if name == "default.nix" {
		name = filepath.Base(filepath.Dir(path))
	}
	text := ""
	if u := s.docs[fileURI(file)]; u != nil {
		text = u.text
	} else if b, err := os.ReadFile(file); err == nil {
		text = string(b)
	}
	return strings.Contains(text, name) && (strings.Contains(text, "callPackage") || strings.Contains(text, "import"))
}

// siteIn is the call in a file that fills the arguments of the file path.
func (s *Server) siteIn(u *unit, path string) (imported *site) {
	if u == nil || u.ix == nil {
		return nil
	}
	for i := range u.ix.calls {
		c := &u.ix.calls[i]
		args := c.Args
		if inner, ok := unparen(c.Fn).(*ast.Call); ok {
			args = append(append([]ast.Node(nil), inner.Args...), args...)
		}
		p, ok := unparen(args[0]).(*ast.Path)
		if !ok || p.Abs != path && filepath.Join(p.Abs, "default.nix") != path {
			continue
		}
		at := &site{u, c, args[1:]}
		if c.name == "callPackage" {
			return at
		}
		if imported == nil && len(at.rest) > 0 {
			imported = at
		}
	}
	return imported
}
