package lsp

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
)

// stand is the name that completion puts where one is missing.
const stand = "completion'here"

// completion offers what may stand at a place.
func (s *Server) completion(u *unit, p positionParams) ([]completionItem, error) {
	off := u.at(p.Position)
	start, _ := u.word(off)
	if items, ok := s.completeFile(u, off); ok {
		return items, nil
	}
	// Text that is being written is rarely an expression. A name is put where
	// it is missing, and if need be an end to the binding.
	name := ""
	if start == off {
		name = stand
	}
	if items, ok := s.completeFormals(u, off, start, name); ok {
		return items, nil
	}
	at := s.completed(u, off, name)
	if at == nil {
		return []completionItem{}, nil
	}
	sp, ok := at.ix.spotAt(start)
	switch {
	case ok && (sp.sel != nil || sp.has != nil):
		return s.completeAttrs(at, sp), nil
	case ok && sp.v == nil && sp.def != nil && sp.def.from != nil:
		return s.completeFields(s.know(at, sp.def.from, maxSteps)), nil
	}
	return s.completeNames(at, start), nil
}

// completeFormals offers the formals of a function where an attribute of the
// set that it is called with is being written.
func (s *Server) completeFormals(u *unit, off, start int, name string) ([]completionItem, bool) {
	at := u
	if at.err != nil { // the binding is not finished
		_, end := u.word(off)
		at = newUnit(s.symbols, s.globals, u.uri, u.path, u.text[:off]+name+u.text[off:end]+" = null;"+u.text[end:])
	}
	if at.err != nil {
		return nil, false
	}
	sp, ok := at.ix.spotAt(start)
	if at == u && name != "" && (!ok || sp.off != start) { // nothing is begun yet
		if at = newUnit(s.symbols, s.globals, u.uri, u.path, u.text[:off]+name+" = null;"+u.text[off:]); at.err != nil {
			return nil, false
		}
		sp, ok = at.ix.spotAt(start)
	}
	if !ok || sp.v != nil || sp.off != start || sp.def == nil || sp.def.set == nil || !sp.def.top || sp.def.outer != nil || sp.def.from != nil {
		return nil, false
	}
	k := s.callee(at, sp.def.set)
	if k.fn == nil || k.fn.Formals == nil {
		return nil, false
	}
	given := s.members(at, sp.def.set.Bindings)
	out := []completionItem{}
	for i := range k.fn.Formals.List {
		f := &k.fn.Formals.List[i]
		name := s.symbols.Name(f.Name)
		if given[name] != nil && name != sp.def.name {
			continue
		}
		c := s.item(name, completeField, s.know(k.u, f.Default, 8))
		c.Detail = strings.TrimSpace("formal " + c.Detail)
		if f.Default == nil {
			c.Detail = "required formal"
		}
		out = append(out, c)
	}
	return sorted(out), true
}

// completed is a document with a name put in at an offset and, where that is
// no expression, what may be missing behind it: an end to what is written
// there, first before the text that follows, then instead of it. If nothing
// helps it is what the parser makes of the text up to there.
func (s *Server) completed(u *unit, off int, name string) *unit {
	ends := []string{"", ";", "; }", ")", " ]", "; null", " then null else null", " else null"}
	budget := 16 << 20 // bytes read in vain, so that long texts do not take seconds
	for _, rest := range []string{u.text[off:], ""} {
		for _, end := range ends {
			if budget -= off + len(rest); budget < 0 {
				return nil
			}
			c := newUnit(s.symbols, s.globals, u.uri, u.path, u.text[:off]+name+end+rest)
			if c.err == nil || rest == "" && c.ix != nil {
				return c
			}
		}
	}
	return nil
}

func (s *Server) completeAttrs(u *unit, sp spot) []completionItem {
	expr, path := ast.Node(nil), []ast.AttrName(nil)
	if sp.sel != nil {
		expr, path = sp.sel.Expr, sp.sel.Path
	} else {
		expr, path = sp.has.Expr, sp.has.Path
	}
	k := s.know(u, expr, maxSteps)
	for i := 0; i < sp.part; i++ {
		m := k.attrs[s.symbols.Name(path[i].Sym)]
		if path[i].Expr != nil || m == nil {
			return []completionItem{}
		}
		k = s.knowMember(m, maxSteps)
	}
	return s.completeFields(k)
}

func (s *Server) completeFields(k known) []completionItem {
	out := []completionItem{}
	for name, m := range k.attrs {
		if strings.HasPrefix(name, stand) {
			continue
		}
		out = append(out, s.item(name, completeField, s.knowMember(m, 8)))
	}
	return sorted(out)
}

func (s *Server) item(name string, kind int, k known) completionItem {
	c := completionItem{Label: name, Kind: kind, Detail: detail(s.symbols, k)}
	if k.kind == "function" {
		c.Kind = completeFunction
	}
	if k.builtin != nil && k.builtin.Doc != "" {
		c.Documentation = &markup{"markdown", k.builtin.Doc}
	}
	if !validName(name) && kind == completeField {
		c.InsertText = fmt.Sprintf("%q", name)
	}
	return c
}

func sorted(items []completionItem) []completionItem {
	sort.Slice(items, func(i, j int) bool { return items[i].Label < items[j].Label })
	return items
}

func (s *Server) completeNames(u *unit, off int) []completionItem {
	out := []completionItem{}
	seen := map[string]bool{}
	add := func(name string, kind int, k known) {
		if !seen[name] && !strings.HasPrefix(name, stand) {
			seen[name] = true
			out = append(out, s.item(name, kind, k))
		}
	}
	for sc := u.ix.scopeAt(off); sc != nil; sc = sc.parent {
		for _, d := range sc.names {
			add(d.name, completeVariable, s.knowDef(u, d, 8))
		}
		if sc.with != nil {
			for name, m := range s.know(u, sc.with, maxSteps).attrs {
				add(name, completeVariable, s.knowMember(m, 8))
			}
		}
	}
	for i := range s.cfg.Builtins {
		if b := &s.cfg.Builtins[i]; b.Global {
			add(b.Name, completeVariable, s.knowBuiltin(b))
		}
	}
	for _, k := range []string{"let", "in", "if", "then", "else", "assert", "with", "rec", "inherit"} {
		add(k, completeKeyword, known{})
	}
	return sorted(out)
}

// completeFile completes a path that begins with ./, ../ or /.
func (s *Server) completeFile(u *unit, off int) ([]completionItem, bool) {
	start := off
	for start > 0 && (identByte(u.text[start-1]) || strings.IndexByte("./+~", u.text[start-1]) >= 0) {
		start--
	}
	typed := u.text[start:off]
	if !strings.HasPrefix(typed, "./") && !strings.HasPrefix(typed, "../") || u.path == "" {
		return nil, false
	}
	dir := filepath.Join(filepath.Dir(u.path), typed[:strings.LastIndexByte(typed, '/')+1])
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []completionItem{}, true
	}
	out := []completionItem{}
	for _, e := range entries {
		c := completionItem{Label: e.Name(), Kind: completeFile}
		if e.IsDir() {
			c.Kind = completeFolder
		}
		out = append(out, c)
	}
	return out, true
}
