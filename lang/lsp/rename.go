package lsp

import (
	"fmt"
	"sort"
	"strings"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/seed192a40f6/glang/lang/ast"
)

// place is a spot of a document that means a definition.
type place struct {
	u *unit
	spot
	left bool // an attribute that fills the definition, a formal
}

// uses are the places, in the open documents and in the file that defines it,
// that mean the definition which a spot names; own is that of u.
func (s *Server) uses(u *unit, sp spot) (own *unit, d *def, places []place) {
	own, d = s.defined(u, sp)
	if d == nil {
		return nil, nil, nil
	}
	units := []*unit{own}
	for _, o := range s.docs {
		if o != own && o.ix != nil && d.kind == defAttr {
			units = append(units, o)
		}
	}
	sort.Slice(units[1:], func(i, j int) bool { return units[i+1].uri < units[j+1].uri })
	for _, o := range units {
		last := -1
		for _, x := range o.ix.spots {
			if x.off != last && s.means(o, x, own, d) {
				left := d.kind == defFormal && s.fills(o, x, d)
				places, last = append(places, place{o, x, left}), x.off
			}
		}
	}
	return own, d, places
}

// defined is the definition that a spot names, one written in some document.
func (s *Server) defined(u *unit, sp spot) (*unit, *def) {
	if sp.def != nil {
		return u, sp.def
	}
	var m *member
	switch {
	case sp.sel != nil || sp.has != nil:
		m = s.selected(u, sp)
	case sp.v != nil:
		m = s.inWith(u, sp.v, maxSteps)
	}
	if m == nil || m.u == nil || m.u.ix == nil {
		return nil, nil
	}
	off := m.u.offset(m.pos)
	for _, x := range m.u.ix.spots {
		if x.off == off && x.v == nil && x.def != nil {
			return m.u, x.def
		}
	}
	return nil, nil
}

// means tells whether a spot of o names the definition d of own.
func (s *Server) means(o *unit, x spot, own *unit, d *def) bool {
	if x.def == d {
		return true
	}
	if x.n == 0 || x.off+x.n > len(o.text) || strings.Trim(o.text[x.off:x.off+x.n], `"`) != d.name {
		return false
	}
	if d.kind == defFormal && s.fills(o, x, d) {
		return true
	}
	var m *member
	switch {
	case x.sel != nil || x.has != nil:
		m = s.selected(o, x)
	case x.v != nil && x.def == nil:
		m = s.inWith(o, x.v, maxSteps)
	case x.v == nil && x.def != nil && x.def.from != nil:
		m = s.know(o, x.def.from, maxSteps).attrs[d.name]
	}
	return m != nil && m.u == own && m.pos == d.pos
}

// fills tells whether a spot is an attribute, in a set written as an argument,
// that fills the formal d of the function called.
func (s *Server) fills(o *unit, x spot, d *def) bool {
	if x.v != nil || x.def == nil || !x.def.top || x.def.name != d.name {
		return false
	}
	fn := o.ix.argOf[x.def.set]
	return fn != nil && s.know(o, fn, maxSteps).fn == d.fn
}

func (s *Server) references(u *unit, p referenceParams) ([]location, error) {
	out := []location{}
	sp, ok := s.spotAt(u, p.Position)
	if !ok {
		return out, nil
	}
	own, d, places := s.uses(u, sp)
	for _, x := range places {
		if x.u == own && x.off == own.offset(d.pos) && !p.Context.IncludeDeclaration {
			continue
		}
		out = append(out, location{x.u.uri, x.u.textRange(x.off, x.n)})
	}
	return out, nil
}

func (s *Server) highlight(u *unit, p positionParams) ([]map[string]textRange, error) {
	out := []map[string]textRange{}
	if sp, ok := s.spotAt(u, p.Position); ok {
		_, _, places := s.uses(u, sp)
		for _, x := range places {
			if x.u == u {
				out = append(out, map[string]textRange{"range": u.textRange(x.off, x.n)})
			}
		}
	}
	return out, nil
}

func invalid(format string, args ...interface{}) error {
	return &jsonrpc2.Error{Code: jsonrpc2.CodeInvalidParams, Message: fmt.Sprintf(format, args...)}
}

func (s *Server) prepareRename(u *unit, p positionParams) (*textRange, error) {
	sp, ok := s.spotAt(u, p.Position)
	if !ok {
		return nil, nil
	}
	if _, _, places := s.uses(u, sp); len(places) == 0 {
		return nil, nil
	}
	r := u.textRange(sp.off, sp.n)
	return &r, nil
}

func (s *Server) rename(u *unit, p renameParams) (*workspaceEdit, error) {
	if !validName(p.NewName) {
		return nil, invalid("'%s' is no name", p.NewName)
	}
	sp, ok := s.spotAt(u, p.Position)
	if !ok {
		return nil, invalid("there is no name here")
	}
	own, d, places := s.uses(u, sp)
	if len(places) == 0 {
		return nil, invalid("this name is not defined in a document")
	}
	if p.NewName == d.name {
		return &workspaceEdit{map[string][]textEdit{}}, nil
	}
	if d.kind == defFormal {
		if at := s.callSite(own); at != nil && own.isArg(d) {
			return nil, invalid("'%s' is an argument that %s fills by its name", d.name, at.u.path)
		}
	}
	r := renaming{own: own, d: d, name: p.NewName, edits: map[*unit][]edit{}}
	for _, x := range places {
		if err := r.add(x); err != nil {
			return nil, err
		}
	}
	if err := r.check(s, len(places)); err != nil {
		return nil, err
	}
	out := &workspaceEdit{map[string][]textEdit{}}
	for o, edits := range r.edits {
		for _, e := range edits {
			out.Changes[o.uri] = append(out.Changes[o.uri], textEdit{o.textRange(e.off, e.n), e.text})
		}
	}
	return out, nil
}

// renaming is a rename as it is put together.
type renaming struct {
	own   *unit
	d     *def
	name  string
	edits map[*unit][]edit
}

// edit replaces n bytes at off; mark is where the new name is in text, or -1.
type edit struct {
	off, n, mark int
	text         string
	decl         bool
}

func (r *renaming) add(x place) error {
	decl := x.u == r.own && x.off == r.own.offset(r.d.pos)
	b := x.u.ix.inheritAt(x.off)
	if b == nil || x.left && x.def.outer != nil && x.u.ix.uses[x.def.outer] == r.d {
		r.edits[x.u] = append(r.edits[x.u], edit{x.off, x.n, 0, r.name, decl})
		return nil
	}
	// inherit gives both sides one name, which they no longer share: the name
	// leaves it for a binding of its own.
	semi, err := x.u.bindingEnd(b)
	if err != nil {
		return err
	}
	from := x.u.inheritFrom(b)
	old := x.u.text[x.off : x.off+x.n]
	left := decl || x.left // the attribute is renamed, not what it is taken from
	if from == "" && left {
		old = strings.Trim(old, `"`) // a variable
	}
	text, mark := r.name+" = "+from+old+";", 0
	if !left {
		mark = len(old + " = " + from)
		text = old + " = " + from + r.name + ";"
	}
	start := x.u.offset(b.Pos())
	if len(b.Names) == 1 {
		r.edits[x.u] = append(r.edits[x.u], edit{start, semi + 1 - start, mark, text, decl})
		return nil
	}
	// The name goes with the space before it, so that the others stay as they are.
	cut := x.off
	for cut > start && strings.IndexByte(" \t\r\n", x.u.text[cut-1]) >= 0 {
		cut--
	}
	gap := " "
	if line := x.u.text[x.u.lines[x.u.position(start).Line]:start]; strings.TrimSpace(line) == "" {
		gap = "\n" + line
	}
	r.edits[x.u] = append(r.edits[x.u], edit{cut, x.off + x.n - cut, -1, "", false},
		edit{semi + 1, 0, len(gap) + mark, gap + text, decl})
	return nil
}

// inheritAt is the inherit that lists a name at an offset.
func (ix *index) inheritAt(off int) *ast.Binding {
	for _, b := range ix.inherits {
		for i := range b.Names {
			if ix.u.offset(b.Names[i].Pos()) == off {
				return b
			}
		}
	}
	return nil
}

// bindingEnd is the offset of the semicolon that ends an inherit.
func (u *unit) bindingEnd(b *ast.Binding) (int, error) {
	last := &b.Names[len(b.Names)-1]
	if last.Expr == nil {
		end := u.offset(last.Pos()) + u.ix.nameLen(last)
		rest := u.text[min(end, len(u.text)):]
		if trimmed := strings.TrimLeft(rest, " \t\r\n"); strings.HasPrefix(trimmed, ";") {
			return end + len(rest) - len(trimmed), nil
		}
	}
	return 0, invalid("the inherit on line %d is too intricate to be taken apart", u.position(u.offset(b.Pos())).Line+1)
}

// inheritFrom is the source of an inherit as the start of a selection, or empty.
func (u *unit) inheritFrom(b *ast.Binding) string {
	if b.From == nil {
		return ""
	}
	text := u.text[u.offset(b.Pos()):u.offset(b.Names[0].Pos())]
	text = text[strings.IndexByte(text, '(') : strings.LastIndexByte(text, ')')+1]
	if inner := strings.TrimSpace(text[1 : len(text)-1]); validName(inner) {
		text = inner
	}
	return text + "."
}

// check makes the edits on the side and refuses them unless exactly the
// renamed places then mean the definition: no other name is captured, none is
// lost, and nothing is defined twice.
func (r *renaming) check(s *Server, n int) error {
	if r.d.set != nil {
		if m := s.members(r.own, r.d.set.Bindings)[r.name]; m != nil && r.d.top {
			return invalid("'%s' is already defined on line %d", r.name, r.own.position(r.own.offset(m.pos)).Line+1)
		}
	}
	trial, own, decl, want, err := r.try(s)
	if err != nil {
		return err
	}
	var d *def
	for _, x := range own.ix.spots {
		if x.off == decl && x.v == nil && x.def != nil {
			d = x.def
		}
	}
	if d == nil || own.offset(d.pos) != decl {
		return invalid("'%s' is already defined", r.name)
	}
	_, _, places := trial.uses(own, spot{def: d})
	for _, x := range places {
		if !want[location{x.u.uri, x.u.textRange(x.off, 0)}] {
			return invalid("line %d already means another '%s'", x.u.position(x.off).Line+1, r.name)
		}
	}
	if len(places) != n {
		return invalid("another '%s' is nearer to a place that means '%s'", r.name, r.d.name)
	}
	return nil
}

// try makes the edits in a server of its own: decl is where own then has the
// definition, want are all the places that shall mean it.
func (r *renaming) try(s *Server) (trial *Server, own *unit, decl int, want map[location]bool, err error) {
	trial = &Server{cfg: s.cfg, symbols: s.symbols, globals: s.globals, docs: map[string]*unit{}, files: s.files,
		age: s.age + 1, work: maxWork, given: map[*ast.Lambda]given{}}
	for uri, u := range s.docs {
		trial.docs[uri] = u
	}
	want, decl = map[location]bool{}, -1
	for u, edits := range r.edits {
		text, marks, at := apply(u.text, edits)
		next := newUnit(s.symbols, s.globals, u.uri, u.path, text)
		if next.ix == nil {
			return nil, nil, 0, nil, invalid("renaming to '%s' gives: %s", r.name, next.err.Error())
		}
		if len(next.ix.undefined) > len(u.ix.undefined) {
			return nil, nil, 0, nil, invalid("renaming to '%s' would leave a name undefined", r.name)
		}
		for _, m := range marks {
			want[location{u.uri, next.textRange(m, 0)}] = true
		}
		if u == r.own {
			own, decl = next, at
		}
		trial.docs[u.uri] = next
	}
	if own == nil || decl < 0 {
		return nil, nil, 0, nil, invalid("the definition of '%s' cannot be renamed", r.d.name)
	}
	return trial, own, decl, want, nil
}

// apply makes edits; marks are where the new name then is, and decl where it
// is defined, or -1.
func apply(text string, edits []edit) (out string, marks []int, decl int) {
	sort.SliceStable(edits, func(i, j int) bool { return edits[i].off < edits[j].off })
	var b strings.Builder
	done := 0
	decl = -1
	for _, e := range edits {
		b.WriteString(text[done:e.off])
		if e.mark >= 0 {
			marks = append(marks, b.Len()+e.mark)
		}
		if e.decl {
			decl = b.Len() + e.mark
		}
		b.WriteString(e.text)
		done = e.off + e.n
	}
	b.WriteString(text[done:])
	return b.String(), marks, decl
}

func validName(s string) bool {
	if s == "" || s[0] == '-' || s[0] == '\'' || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !identByte(s[i]) {
			return false
		}
	}
	switch s {
	case "let", "in", "if", "then", "else", "assert", "with", "rec", "inherit", "or":
		return false
	}
	return true
}
