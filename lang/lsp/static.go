package lsp

import (
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
)

// known is what can be told about an expression without evaluating it.
type known struct {
	// kind is the type the language would give, or empty.
	kind  string
	attrs map[string]*member // of a set, as far as they are known
	fn    *ast.Lambda
	u     *unit // where fn, or the file meant, is
	file  string
	// builtin is a builtin function or builtins itself.
	builtin *Builtin
	text    string // of a literal
	str     string // a string whose text is known
}

// member is an attribute that is known.
type member struct {
	u     *unit
	pos   ast.Pos
	n     int
	value ast.Node
	from  ast.Node // inherit (from) name
	name  string
	outer *ast.Var
	// builtin for those of builtins
	builtin *Builtin
}

// maxSteps bounds how far definitions are followed.
const maxSteps = 60

// maxWork bounds what is followed for one answer: definitions that use
// themselves on both sides of an operator would take exponential time.
const maxWork = 200000

// know finds out about an expression by following definitions, imports and
// callPackage. steps counts down.
func (s *Server) know(u *unit, n ast.Node, steps int) known {
	if steps <= 0 || s.work <= 0 || n == nil || u == nil || u.ix == nil {
		return known{}
	}
	steps--
	s.work--
	switch n := n.(type) {
	case *ast.Paren:
		return s.know(u, n.X, steps)
	case *ast.Int:
		return known{kind: "int", text: u.literal(n.Pos())}
	case *ast.Float:
		return known{kind: "float", text: u.literal(n.Pos())}
	case *ast.Str:
		return known{kind: "string", text: shortened(n.Value), str: n.Value}
	case *ast.Interp:
		str := s.interpolated(u, n, steps)
		return known{kind: "string", text: shortened(str), str: str}
	case *ast.Path:
		return known{kind: "path", file: n.Abs}
	case *ast.PathInterp:
		return known{kind: "path"}
	case *ast.SearchPath:
		return known{kind: "path", file: s.findFile(n.Name)}
	case *ast.List:
		return known{kind: "list"}
	case *ast.HasAttr:
		return known{kind: "bool"}
	case *ast.Lambda:
		return known{kind: "function", fn: n, u: u}
	case *ast.Attrs:
		return known{kind: "set", attrs: s.membersOf(u, n)}
	case *ast.Let:
		return s.know(u, n.Body, steps)
	case *ast.With:
		return s.know(u, n.Body, steps)
	case *ast.Assert:
		return s.know(u, n.Body, steps)
	case *ast.If:
		if k := s.know(u, n.Then, steps); k.kind != "" {
			return k
		}
		return s.know(u, n.Else, steps)
	case *ast.Var:
		return s.knowVar(u, n, steps)
	case *ast.Select:
		k := s.know(u, n.Expr, steps)
		for i := range n.Path {
			if n.Path[i].Expr != nil {
				return known{}
			}
			m := k.attrs[u.ix.symbols.Name(n.Path[i].Sym)]
			if m == nil {
				if k = s.know(u, n.Default, steps); k.kind == "" && k.builtin == nil && i == len(n.Path)-1 && u.ix.symbols.Name(n.Path[i].Sym) == "lib" {
					return s.library(steps) // stdenv.lib, pkgs.lib
				}
				return k
			}
			k = s.knowMember(m, steps)
		}
		return k
	case *ast.Unary:
		if n.Op == ast.OpNot {
			return known{kind: "bool"}
		}
		return s.know(u, n.X, steps)
	case *ast.Binary:
		return s.knowBinary(u, n, steps)
	case *ast.Call:
		return s.knowCall(u, n, steps)
	}
	return known{}
}

func (s *Server) knowBinary(u *unit, n *ast.Binary, steps int) known {
	switch n.Op {
	case ast.OpEq, ast.OpNEq, ast.OpAnd, ast.OpOr, ast.OpImpl, ast.OpLess, ast.OpLessEq, ast.OpGreater, ast.OpGreaterEq:
		return known{kind: "bool"}
	case ast.OpConcat:
		return known{kind: "list"}
	case ast.OpUpdate:
		l, r := s.know(u, n.L, steps), s.know(u, n.R, steps)
		all := make(map[string]*member, len(l.attrs)+len(r.attrs))
		for _, side := range []known{l, r} {
			for name, m := range side.attrs {
				all[name] = m
			}
		}
		return known{kind: "set", attrs: all}
	case ast.OpAdd:
		return known{kind: s.know(u, n.L, steps).kind}
	case ast.OpSub, ast.OpMul, ast.OpDiv:
		if k := s.know(u, n.L, steps).kind; k == "int" || k == "float" {
			return known{kind: k}
		}
	}
	return known{}
}

func (s *Server) knowVar(u *unit, v *ast.Var, steps int) known {
	name := u.ix.symbols.Name(v.Name)
	if d := u.ix.uses[v]; d != nil {
		return s.knowDef(u, d, steps)
	}
	if m := s.inWith(u, v, steps); m != nil {
		return s.knowMember(m, steps)
	}
	return s.knowBuiltin(s.cfg.global(name))
}

func (s *Server) knowBuiltin(b *Builtin) known {
	switch {
	case b == nil:
		return known{}
	case b.Name == "builtins":
		attrs := map[string]*member{}
		for i := range s.cfg.Builtins {
			b := &s.cfg.Builtins[i]
			attrs[b.Name] = &member{name: b.Name, builtin: b}
		}
		return known{kind: "set", attrs: attrs, builtin: b}
	case b.Args != nil:
		return known{kind: "function", builtin: b}
	}
	return known{builtin: b}
}

func (s *Server) knowDef(u *unit, d *def, steps int) known {
	switch {
	case d.from != nil:
		if m := s.know(u, d.from, steps).attrs[d.name]; m != nil {
			return s.knowMember(m, steps)
		}
		return known{}
	case d.outer != nil:
		return s.know(u, d.outer, steps)
	case d.fn != nil:
		return s.knowArg(u, d, steps)
	}
	return s.know(u, d.value, steps)
}

func (s *Server) knowMember(m *member, steps int) known {
	switch {
	case m.builtin != nil:
		return s.knowBuiltin(m.builtin)
	case m.from != nil:
		if x := s.know(m.u, m.from, steps).attrs[m.name]; x != nil && steps > 0 {
			return s.knowMember(x, steps-1)
		}
		return known{}
	case m.outer != nil:
		return s.know(m.u, m.outer, steps)
	}
	return s.know(m.u, m.value, steps)
}

// inWith finds a name in the withs around it, the innermost first.
func (s *Server) inWith(u *unit, v *ast.Var, steps int) *member {
	name := u.ix.symbols.Name(v.Name)
	for _, w := range u.ix.withs[v] {
		if m := s.know(u, w, steps).attrs[name]; m != nil {
			return m
		}
	}
	return nil
}

// membersOf are the attributes of a set, worked out once.
func (s *Server) membersOf(u *unit, n *ast.Attrs) map[string]*member {
	if u.members == nil {
		u.members = map[*ast.Attrs]map[string]*member{}
	}
	ms := u.members[n]
	if ms == nil {
		ms = s.members(u, n.Bindings)
		u.members[n] = ms
	}
	return ms
}

// members are the attributes that bindings define.
func (s *Server) members(u *unit, bs []ast.Binding) map[string]*member {
	ms := make(map[string]*member, len(bs))
	for i := range bs {
		b := &bs[i]
		if b.Inherit {
			for j := range b.Names {
				p := &b.Names[j]
				if p.Expr != nil {
					continue
				}
				m := &member{u: u, pos: p.Pos(), n: u.ix.nameLen(p), from: b.From, name: u.ix.symbols.Name(p.Sym)}
				if b.From == nil {
					m.outer = u.ix.inherited(p.Pos())
				}
				ms[m.name] = m
			}
			continue
		}
		p := &b.Path[0]
		if p.Expr != nil {
			continue
		}
		m := &member{u: u, pos: p.Pos(), n: u.ix.nameLen(p), value: b.Value, name: u.ix.symbols.Name(p.Sym)}
		if len(b.Path) > 1 {
			m.value = &ast.Attrs{At: b.At, Bindings: []ast.Binding{{At: b.At, Path: b.Path[1:], Value: b.Value}}}
		}
		if old := ms[m.name]; old != nil {
			old.value = mergeSets(old.value, m.value)
			continue
		}
		ms[m.name] = m
	}
	return ms
}

// inherited is the variable that "inherit name" at a place stands for.
func (ix *index) inherited(pos ast.Pos) *ast.Var {
	off := ix.u.offset(pos)
	i := sort.Search(len(ix.spots), func(i int) bool { return ix.spots[i].off >= off })
	for ; i < len(ix.spots) && ix.spots[i].off == off; i++ {
		if v := ix.spots[i].v; v != nil {
			return v
		}
		if d := ix.spots[i].def; d != nil && d.outer != nil && d.pos == pos {
			return d.outer
		}
	}
	return nil
}

// knowCall follows import, callPackage and functions whose body is at hand.
func (s *Server) knowCall(u *unit, n *ast.Call, steps int) known {
	name := u.ix.called(n)
	args := n.Args
	var k known
	if k, ok := s.derived(u, n, name, steps); ok {
		return k
	}
	switch name {
	case "import", callsPackage, "scopedImport":
		for i, a := range args {
			if file := s.know(u, a, steps).file; file != "" {
				f := s.file(file)
				if f == nil {
					return known{}
				}
				k = s.know(f, f.root, steps)
				if name == callsPackage && k.fn != nil {
					return s.know(k.u, k.fn.Body, steps)
				}
				return s.applied(k, u, args[i+1:], steps)
			}
		}
	case "fix", "fix'", "makeExtensible", "makeExtensibleWithCustomName", "makeScope":
		if f, ok := unparen(args[len(args)-1]).(*ast.Lambda); ok {
			return s.know(u, f.Body, steps)
		}
	}
	return s.applied(s.know(u, n.Fn, steps), u, args, steps)
}

// applied is what a function gives: its body's result, as far as known. Its
// arguments are known while that is found out.
func (s *Server) applied(k known, u *unit, args []ast.Node, steps int) known {
	for _, a := range args {
		f := k.fn
		if f == nil {
			return known{}
		}
		outer, had := s.given[f]
		s.given[f] = given{u, a}
		k = s.know(k.u, f.Body, steps)
		if had {
			s.given[f] = outer
		} else {
			delete(s.given, f)
		}
	}
	return k
}

func unparen(n ast.Node) ast.Node {
	for {
		p, ok := n.(*ast.Paren)
		if !ok {
			return n
		}
		n = p.X
	}
}

// literal is the text of a literal at a place.
func (u *unit) literal(p ast.Pos) string {
	off := u.offset(p)
	end := off
	for end < len(u.text) && (identByte(u.text[end]) || u.text[end] == '.') {
		end++
	}
	return u.text[off:end]
}

// findFile looks a <name> up in the search path.
func (s *Server) findFile(name string) string {
	for _, e := range s.cfg.SearchPath {
		rest, ok := name, e.Prefix == ""
		if !ok && name == e.Prefix {
			rest, ok = "", true
		} else if !ok {
			rest, ok = strings.CutPrefix(name, e.Prefix+"/")
		}
		if !ok {
			continue
		}
		p := filepath.Join(e.Path, rest)
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}
