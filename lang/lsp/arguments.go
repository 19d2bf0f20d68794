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
		if k := s.know(u, d.value, steps); k.kind != "" {
			return k
		}
		switch d.name {
		case "lib":
			return s.library(steps)
		case "pkgs":
			return s.packageSet(steps)
		}
		return known{}
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
	if at.call.name != callsPackage {
		return nil
	}
	// The set that callPackage belongs to, else the sets around the call.
	if m := s.know(at.u, s.packages(at.u, at.call.Call), steps).attrs[d.name]; m != nil {
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

// packages is the set of packages of a callPackage: set.callPackage, or that
// of callPackageWith set, which it may be bound to.
func (s *Server) packages(u *unit, n *ast.Call) ast.Node {
	switch f := unparen(n.Fn).(type) {
	case *ast.Call:
		return f.Args[0]
	case *ast.Select:
		if a := n.Args[0]; len(n.Args) > 1 && !isFile(a) {
			return a // lib.callPackageWith pkgs file
		}
		if len(f.Path) == 1 {
			return f.Expr
		}
		return &ast.Select{At: f.At, Expr: f.Expr, Path: f.Path[:len(f.Path)-1]}
	case *ast.Var:
		if a := n.Args[0]; len(n.Args) > 1 && !isFile(a) {
			return a
		}
		d := u.ix.uses[f]
		if d == nil || d.value == nil {
			return nil
		}
		switch v := unparen(d.value).(type) {
		case *ast.Call:
			if u.ix.makesCaller(v) {
				return v.Args[0]
			}
		case *ast.Select:
			if u.ix.makesCaller(v) && len(v.Path) == 1 {
				return v.Expr
			}
		}
	}
	return nil
}

// isFile tells whether an expression is the file that a call takes.
func isFile(n ast.Node) bool {
	switch unparen(n).(type) {
	case *ast.Path, *ast.SearchPath, *ast.PathInterp:
		return true
	}
	return false
}

// callee is the function that a set, written as an argument, is given to.
func (s *Server) callee(u *unit, set *ast.Attrs) known {
	a, ok := u.ix.argOf[set]
	if !ok {
		return known{}
	}
	switch name := u.ix.called(a.Call); name {
	case callsPackage, "import", "scopedImport":
		if a.i == 0 {
			if inner, ok := unparen(a.Fn).(*ast.Call); ok { // (callPackage file) { }
				return s.know(u, inner, maxSteps)
			}
			return known{}
		}
		file := s.know(u, a.Args[a.i-1], maxSteps).file
		if f := s.file(file); file != "" && f != nil {
			return s.know(f, f.root, maxSteps)
		}
		return known{}
	}
	return s.applied(s.know(u, a.Fn, maxSteps), u, a.Args[:a.i], maxSteps)
}

// callSite finds the call that fills the arguments of a file: in the documents
// and files of the workspace that mention it, or where there is none in the
// folders above it.
func (s *Server) callSite(u *unit) *site {
	if u.path == "" || u.siteOf == s.generation {
		return u.site
	}
	u.site, u.siteOf = nil, s.generation // also while it is searched for
	var paths []string
	for _, o := range s.docs {
		if o.path != "" {
			paths = append(paths, o.path)
		}
	}
	sort.Strings(paths)
	if known := s.space.referring(u.path); len(known) > 0 {
		paths = append(paths, known...)
	} else {
		paths = append(paths, above(u.path)...)
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
		case found.call.name == callsPackage:
			u.site = found
			return found
		case imported == nil:
			imported = found
		}
	}
	u.site = imported
	return imported
}

// above lists the expressions in the folders above a file where calls of it
// are usual, up to that of the repository.
func above(path string) (paths []string) {
	for dir, i := filepath.Dir(path), 0; i < 8; i++ {
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
	return paths
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
	} else if e := s.files.byPath[file]; e != nil {
		text = e.Value.(*cached).u.text
	} else if b, err := os.ReadFile(file); err == nil {
		text = string(b)
	}
	return strings.Contains(text, name) && (strings.Contains(text, "call") || strings.Contains(text, "newScope") || strings.Contains(text, "import"))
}

// siteIn is the call in a file that fills the arguments of the file path.
func (s *Server) siteIn(u *unit, path string) *site {
	if u == nil || u.ix == nil {
		return nil
	}
	if u.sites == nil {
		u.sites = map[string]*site{}
		for i := range u.ix.calls {
			c := &u.ix.calls[i]
			args := c.Args
			if inner, ok := unparen(c.Fn).(*ast.Call); ok {
				args = append(append([]ast.Node(nil), inner.Args...), args...)
			}
			for i, a := range args[:min(2, len(args))] {
				p, ok := unparen(a).(*ast.Path)
				if !ok {
					continue
				}
				if old := u.sites[p.Abs]; old == nil || old.call.name != callsPackage {
					if at := (&site{u, c, args[i+1:]}); c.name == callsPackage || len(at.rest) > 0 && old == nil {
						u.sites[p.Abs] = at
					}
				}
				break
			}
		}
	}
	if at := u.sites[path]; at != nil {
		return at
	}
	if base := filepath.Base(path); base == "default.nix" || base == "default.expr" {
		return u.sites[filepath.Dir(path)]
	}
	return nil
}
