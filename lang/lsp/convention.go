package lsp

import (
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
)

// What reading alone cannot tell follows from conventions that package sets
// keep: which functions make derivations, and what lib and pkgs are.

const kindDerivation = "derivation"

// derivedAttrs are the attributes that every derivation has.
var derivedAttrs = []string{"all", "drvAttrs", "drvPath", "meta", "name", "out", "outPath", "outputName", "override", "overrideAttrs", "system", "type"}

// derived is the result of a call that makes a derivation, or takes one and
// makes another.
func (s *Server) derived(u *unit, n *ast.Call, name string, steps int) (known, bool) {
	arg := unparen(n.Args[len(n.Args)-1])
	switch {
	case name == "override" || name == "overrideAttrs" || name == "overrideDerivation":
		if f, ok := unparen(n.Fn).(*ast.Select); ok && len(n.Args) == 1 {
			of := f.Expr
			if len(f.Path) > 1 {
				of = &ast.Select{At: f.At, Expr: f.Expr, Path: f.Path[:len(f.Path)-1]}
			}
			k := s.know(u, of, steps)
			return k, k.kind != ""
		}
	case name == "makeOverridable" && len(n.Args) > 1:
		return s.applied(s.know(u, n.Args[0], steps), u, n.Args[1:], steps), true
	case strings.HasSuffix(name, "mkDerivation"), name == "derivation", name == "mkShell",
		strings.HasPrefix(name, "build") && strings.ContainsAny(strings.TrimPrefix(name, "build"), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
		if f, ok := arg.(*ast.Lambda); ok { // finalAttrs: { … }
			arg = f.Body
		}
		k := s.know(u, arg, steps)
		if k.kind != "set" {
			return known{}, false
		}
		return s.derivation(k, steps), true
	case (name == "runCommand" || name == "writeText" || name == "writeScript" || name == "writeScriptBin" || name == "writeShellScriptBin") && len(n.Args) > 1:
		return s.derivation(known{text: s.know(u, n.Args[0], steps).str}, steps), true
	}
	return known{}, false
}

// derivation is what is known of a derivation that is made of a set.
func (s *Server) derivation(set known, steps int) known {
	k := known{kind: kindDerivation, attrs: make(map[string]*member, len(set.attrs)+len(derivedAttrs)), text: set.text}
	for _, name := range derivedAttrs {
		k.attrs[name] = &member{name: name}
	}
	for name, m := range set.attrs {
		k.attrs[name] = m
	}
	text := func(name string) string {
		if m := set.attrs[name]; m != nil {
			return s.knowMember(m, steps).str
		}
		return ""
	}
	if name := text("name"); name != "" {
		k.text = name
	} else if name := text("pname"); name != "" {
		k.text = name
		if version := text("version"); version != "" {
			k.text += "-" + version
		}
	}
	return k
}

// interpolated is the text of a string whose parts are known, or empty.
func (s *Server) interpolated(u *unit, n *ast.Interp, steps int) string {
	var b strings.Builder
	for _, p := range n.Parts {
		str := s.know(u, p, steps).str
		if str == "" {
			return ""
		}
		b.WriteString(str)
	}
	return b.String()
}

// shortened is a string as it is shown beside a name: its first line.
func shortened(s string) string {
	if s == "" {
		return ""
	}
	line, _, cut := strings.Cut(s, "\n")
	if r := []rune(line); len(r) > 60 {
		line, cut = string(r[:60]), true
	}
	if cut {
		line += "…"
	}
	return `"` + line + `"`
}

// library is what lib means where nothing defines it: that of nixpkgs.
func (s *Server) library(steps int) known { return s.knowFile(s.inNixpkgs("lib"), steps) }

// packageSet is what pkgs means where nothing defines it.
func (s *Server) packageSet(steps int) known {
	k := s.knowFile(s.inNixpkgs("pkgs/top-level/all-packages.nix"), steps)
	for k.fn != nil && steps > 0 {
		k = s.know(k.u, k.fn.Body, steps)
		steps--
	}
	return k
}

func (s *Server) knowFile(path string, steps int) known {
	if path == "" {
		return known{}
	}
	f := s.file(path)
	if f == nil {
		return known{}
	}
	return s.know(f, f.root, steps)
}

// inNixpkgs finds a file of nixpkgs: in the workspace if that is nixpkgs, else
// by the search path.
func (s *Server) inNixpkgs(name string) string {
	if root := s.space.nixpkgs(); root != "" {
		return filepath.Join(root, name)
	}
	return s.findFile("nixpkgs/" + name)
}
