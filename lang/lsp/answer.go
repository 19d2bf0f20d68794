package lsp

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/format"
)

// diagnose lists what is wrong with a document: its syntax error, or names
// that nothing defines and bindings that nothing uses.
func (s *Server) diagnose(u *unit) []diagnostic {
	out := []diagnostic{}
	if u.err != nil {
		for _, e := range append([]*diag.Error{u.err}, u.err.Also...) {
			off := len(u.text)
			if e.Pos != ast.NoPos {
				off = u.offset(e.Pos)
			}
			_, end := u.word(min(off, len(u.text)))
			d := diagnostic{Range: u.textRange(off, max(1, end-off)), Severity: severityError, Code: e.Kind.String(), Source: "glang", Message: e.Error()}
			for _, n := range e.Notes {
				if n.Pos != ast.NoPos {
					at := u.offset(n.Pos)
					_, end := u.word(min(at, len(u.text)))
					d.Related = append(d.Related, relatedDiagnostic{location{u.uri, u.textRange(at, max(1, end-at))}, diag.FilterANSI(n.Text)})
				}
			}
			out = append(out, d)
		}
		return out
	}
	for _, v := range u.ix.undefined {
		name := s.symbols.Name(v.Name)
		out = append(out, diagnostic{Range: u.textRange(u.offset(v.Pos()), len(name)), Severity: severityError, Code: "undefined",
			Source: "glang", Message: fmt.Sprintf("undefined variable '%s'", name) + s.similar(u, v)})
	}
	for _, d := range u.ix.lets {
		if !d.used && !strings.HasPrefix(d.name, "_") {
			out = append(out, diagnostic{Range: u.textRange(u.offset(d.pos), len(d.name)), Severity: severityHint, Code: "unused",
				Source: "glang", Message: fmt.Sprintf("'%s' is never used", d.name), Tags: []int{tagUnnecessary}})
		}
	}
	return out
}

// similar suggests names that an undefined variable may have meant.
func (s *Server) similar(u *unit, v *ast.Var) string {
	var names []string
	for _, item := range s.completeNames(u, u.offset(v.Pos())) {
		if item.Kind != completeKeyword {
			names = append(names, item.Label)
		}
	}
	if names = diag.Similar(names, s.symbols.Name(v.Name)); len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// target is where a spot leads: a definition, or a file.
type target struct {
	u    *unit
	off  int
	n    int
	def  *def
	m    *member
	know func() known
}

// lead follows a spot to what it names.
func (s *Server) lead(u *unit, sp spot) (t target, ok bool) {
	switch {
	case sp.path != nil || sp.search != nil:
		var file string
		if sp.path != nil {
			file = sp.path.Abs
		} else {
			file = s.findFile(sp.search.Name)
		}
		f := s.file(file)
		if f == nil {
			return target{}, false
		}
		return target{u: f, know: func() known { return s.know(f, f.root, maxSteps) }}, true
	case sp.sel != nil || sp.has != nil:
		m := s.selected(u, sp)
		if m == nil {
			return target{}, false
		}
		return s.toMember(m)
	case sp.def != nil:
		if sp.v == nil && sp.def.kind == defFormal {
			if m := s.filled(u, sp.def, maxSteps); m != nil {
				return s.toMember(m)
			}
		}
		return s.toDef(u, sp.def, maxSteps)
	case sp.v != nil:
		if m := s.inWith(u, sp.v, maxSteps); m != nil {
			return s.toMember(m)
		}
		if b := s.cfg.global(s.symbols.Name(sp.v.Name)); b != nil {
			return s.toMember(&member{name: b.Name, builtin: b})
		}
	}
	return target{}, false
}

// selected is the attribute that a part of a selection names.
func (s *Server) selected(u *unit, sp spot) *member {
	expr, path := ast.Node(nil), []ast.AttrName(nil)
	if sp.sel != nil {
		expr, path = sp.sel.Expr, sp.sel.Path
	} else {
		expr, path = sp.has.Expr, sp.has.Path
	}
	k := s.know(u, expr, maxSteps)
	for i := 0; i <= sp.part; i++ {
		if path[i].Expr != nil {
			return nil
		}
		m := k.attrs[s.symbols.Name(path[i].Sym)]
		if m == nil || i == sp.part {
			return m
		}
		k = s.knowMember(m, maxSteps)
	}
	return nil
}

// toDef leads to a definition; inherit leads on, to the set it takes from or
// the name outside, as far as that is known.
func (s *Server) toDef(u *unit, d *def, steps int) (target, bool) {
	for ; steps > 0; steps-- {
		if d.from != nil {
			if m := s.know(u, d.from, maxSteps).attrs[d.name]; m != nil {
				return s.toMember(m)
			}
		} else if d.outer != nil {
			if o := u.ix.uses[d.outer]; o != nil && o != d {
				d = o
				continue
			}
			if m := s.inWith(u, d.outer, maxSteps); m != nil {
				return s.toMember(m)
			}
			if b := s.globals[d.name]; b != nil && u.ix.uses[d.outer] == nil {
				return s.toMember(&member{name: b.Name, builtin: b})
			}
		}
		break
	}
	return target{u: u, off: u.offset(d.pos), n: len(d.name), def: d, know: func() known { return s.knowDef(u, d, maxSteps) }}, true
}

// toMember leads to an attribute, through inherits like toDef.
func (s *Server) toMember(m *member) (target, bool) {
	for steps := maxSteps; steps > 0; steps-- {
		if m.from != nil {
			if next := s.know(m.u, m.from, maxSteps).attrs[m.name]; next != nil && next != m {
				m = next
				continue
			}
		} else if m.outer != nil {
			if d := m.u.ix.uses[m.outer]; d != nil {
				return s.toDef(m.u, d, steps-1)
			}
			if next := s.inWith(m.u, m.outer, maxSteps); next != nil {
				m = next
				continue
			}
			if b := s.globals[m.name]; b != nil {
				m = &member{name: b.Name, builtin: b}
			}
		}
		break
	}
	t := target{m: m, know: func() known { return s.knowMember(m, maxSteps) }}
	if m.u != nil {
		t.u, t.off, t.n = m.u, m.u.offset(m.pos), m.n
	}
	return t, true
}

func (s *Server) spotAt(u *unit, p position) (spot, bool) {
	if u.ix == nil {
		return spot{}, false
	}
	return u.ix.spotAt(u.at(p))
}

func (s *Server) definition(u *unit, p positionParams) ([]location, error) {
	sp, ok := s.spotAt(u, p.Position)
	if !ok {
		return []location{}, nil
	}
	t, ok := s.lead(u, sp)
	if !ok || t.u == nil {
		return []location{}, nil
	}
	return []location{{t.u.uri, t.u.textRange(t.off, t.n)}}, nil
}

func (s *Server) hover(u *unit, p positionParams) (*hover, error) {
	sp, ok := s.spotAt(u, p.Position)
	if !ok {
		return nil, nil
	}
	t, ok := s.lead(u, sp)
	if !ok {
		return nil, nil
	}
	name := u.text[sp.off:min(sp.off+sp.n, len(u.text))]
	text := s.describe(name, t)
	return &hover{Contents: markup{"markdown", text}, Range: u.textRange(sp.off, sp.n)}, nil
}

// describe is what hovering shows: name, kind, and documentation.
func (s *Server) describe(name string, t target) string {
	k := t.know()
	if k.builtin != nil {
		head := "builtins." + k.builtin.Name
		if k.builtin.Name == "builtins" {
			head = "builtins"
		}
		for _, a := range k.builtin.Args {
			head += " " + a
		}
		return "```nix\n" + head + "\n```\n\n" + k.builtin.Doc
	}
	var b strings.Builder
	b.WriteString("```nix\n" + name)
	if d := detail(s.symbols, k); d != "" {
		b.WriteString(": " + d)
	}
	b.WriteString("\n```")
	if t.def != nil {
		switch t.def.kind {
		case defArg:
			b.WriteString("\n\nargument of a function")
		case defFormal:
			b.WriteString("\n\nformal of a function")
			if t.def.value == nil {
				b.WriteString(", required")
			}
		}
	}
	if t.u != nil {
		if doc := t.u.comment(t.u.lines[t.u.position(t.off).Line]); doc != "" {
			b.WriteString("\n\n" + doc)
		}
		if t.u.path != "" && (t.n == 0 || t.m != nil) {
			b.WriteString("\n\n" + filepath.Base(t.u.path))
			if t.n > 0 {
				fmt.Fprintf(&b, ":%d", t.u.position(t.off).Line+1)
			}
		}
	}
	return b.String()
}

// detail is the kind of a value with what else is known of it.
func detail(symbols *ast.Symbols, k known) string {
	switch {
	case k.builtin != nil:
		return strings.Join(append([]string{"builtin"}, k.builtin.Args...), " ")
	case k.fn != nil:
		return "function " + signature(symbols, k.fn)
	case k.kind == kindDerivation:
		return strings.TrimSpace("derivation " + k.text)
	case k.kind == "set":
		names := make([]string, 0, len(k.attrs))
		for n := range k.attrs {
			names = append(names, n)
		}
		sort.Strings(names)
		if len(names) > 8 {
			names = append(names[:8], "…")
		}
		return "set { " + strings.Join(append(names, "}"), " ")
	case k.text != "":
		return k.kind + " " + k.text
	}
	return k.kind
}

func signature(symbols *ast.Symbols, f *ast.Lambda) string {
	if f.Formals == nil {
		return symbols.Name(f.Arg) + ":"
	}
	var names []string
	for i := range f.Formals.List {
		n := symbols.Name(f.Formals.List[i].Name)
		if f.Formals.List[i].Default != nil {
			n += "?"
		}
		names = append(names, n)
	}
	if f.Formals.Ellipsis {
		names = append(names, "...")
	}
	return "{ " + strings.Join(names, ", ") + " }:"
}

func (s *Server) documentSymbols(u *unit, _ positionParams) ([]documentSymbol, error) {
	out := []documentSymbol{}
	if u.root == nil {
		return out, nil
	}
	return append(out, s.symbolsOf(u, u.root, 0)...), nil
}

// symbolsOf lists the bindings below a node, nested as they are written.
func (s *Server) symbolsOf(u *unit, n ast.Node, depth int) []documentSymbol {
	if depth > 100 {
		return nil
	}
	depth++
	switch n := n.(type) {
	case *ast.Paren:
		return s.symbolsOf(u, n.X, depth)
	case *ast.Lambda:
		return s.symbolsOf(u, n.Body, depth)
	case *ast.With:
		return s.symbolsOf(u, n.Body, depth)
	case *ast.Assert:
		return s.symbolsOf(u, n.Body, depth)
	case *ast.If:
		return append(s.symbolsOf(u, n.Then, depth), s.symbolsOf(u, n.Else, depth)...)
	case *ast.Binary:
		return append(s.symbolsOf(u, n.L, depth), s.symbolsOf(u, n.R, depth)...)
	case *ast.Call:
		var out []documentSymbol
		for _, a := range n.Args {
			out = append(out, s.symbolsOf(u, a, depth)...)
		}
		return out
	case *ast.Let:
		return append(s.bindingSymbols(u, n.Bindings, depth), s.symbolsOf(u, n.Body, depth)...)
	case *ast.Attrs:
		return s.bindingSymbols(u, n.Bindings, depth)
	}
	return nil
}

func (s *Server) bindingSymbols(u *unit, bs []ast.Binding, depth int) []documentSymbol {
	const kindFunction, kindVariable, kindObject = 12, 13, 19
	var out []documentSymbol
	for i := range bs {
		b := &bs[i]
		if s.work--; s.work < 0 { // an outline of so many names helps nobody
			break
		}
		if b.Inherit {
			continue
		}
		start := min(u.offset(b.Path[0].Pos()), len(u.text))
		last := &b.Path[len(b.Path)-1]
		end := max(start, u.offset(last.Pos()))
		if last.Expr == nil {
			end += u.ix.nameLen(last)
		}
		end = min(end, len(u.text))
		d := documentSymbol{Name: u.text[start:end], Kind: kindVariable, SelectionRange: u.textRange(start, end-start),
			Children: s.symbolsOf(u, b.Value, depth)}
		if d.Name == "" {
			continue
		}
		whole := end
		if i+1 < len(bs) {
			whole = max(whole, u.offset(bs[i+1].Pos()))
		} else if semi := strings.IndexByte(u.text[end:], ';'); semi >= 0 && len(d.Children) == 0 {
			whole = end + semi
		}
		if n := len(d.Children); n > 0 {
			whole = max(whole, u.at(d.Children[n-1].Range.End))
		}
		d.Range = u.textRange(start, max(end, whole)-start)
		switch unparen(b.Value).(type) {
		case *ast.Lambda:
			d.Kind = kindFunction
		case *ast.Attrs:
			d.Kind = kindObject
		}
		out = append(out, d)
	}
	return out
}

func (s *Server) formatting(u *unit, _ formattingParams) ([]textEdit, error) {
	if u.err != nil {
		return nil, &jsonrpc2.Error{Code: jsonrpc2.CodeInternalError, Message: "the document has a syntax error: " + u.err.Error()}
	}
	out, err := format.Text(u.text, format.Options{})
	if err != nil {
		return nil, err
	}
	if out == u.text {
		return []textEdit{}, nil
	}
	// Only what differs, so that the editor keeps marks and folds elsewhere.
	pre := 0
	for pre < len(out) && pre < len(u.text) && out[pre] == u.text[pre] {
		pre++
	}
	post := 0
	for post < len(out)-pre && post < len(u.text)-pre && out[len(out)-1-post] == u.text[len(u.text)-1-post] {
		post++
	}
	// Whole lines: an edit must not begin within a character.
	pre = strings.LastIndexByte(u.text[:pre], '\n') + 1
	if i := strings.IndexByte(u.text[len(u.text)-post:], '\n'); i >= 0 {
		post -= i
	} else {
		post = 0
	}
	return []textEdit{{u.textRange(pre, len(u.text)-post-pre), out[pre : len(out)-post]}}, nil
}
