package lsp

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/seed192a40f6/glang/lang/ast"
)

// place is a spot of a document that means a definition.
type place struct {
	u *unit
	spot
	left bool // an attribute that fills the definition, a formal
}

// maxSearch bounds how long the workspace is searched for one answer.
const maxSearch = 20 * time.Second

// meaning tells whether a spot of o means the definition d of own.
type meaning func(o *unit, x spot, own *unit, d *def) bool

// uses are the places, in the open documents and the workspace's files, that
// mean a definition. Where a name can only be meant in its own file no other
// is looked at.
func (s *Server) uses(own *unit, d *def, means meaning, pause pauser) (places []place, err error) {
	if d == nil {
		return nil, nil
	}
	places = s.usesIn(own, own, d, means, nil)
	if d.kind != defAttr && d.kind != defFormal {
		return places, nil
	}
	var docs []*unit
	for _, o := range s.docs {
		if o != own && o.ix != nil && strings.Contains(o.text, d.name) {
			docs = append(docs, o)
		}
	}
	sort.Slice(docs, func(i, j int) bool { return docs[i].uri < docs[j].uri })
	for _, o := range docs {
		places = s.usesIn(o, own, d, means, places)
	}
	paths, complete := s.space.mentioning(d.name)
	if d.kind == defFormal && own.isArg(d) && own.path != "" {
		// Only a call of the file can fill it.
		calls := s.space.referring(own.path)
		paths = slices.DeleteFunc(paths, func(p string) bool { return !slices.Contains(calls, p) })
	}
	until := time.Now().Add(maxSearch)
	for _, p := range paths {
		if p == own.path || s.docs[fileURI(p)] != nil {
			continue
		}
		if err := pause(); err != nil {
			return nil, err
		}
		if time.Now().After(until) {
			complete = false
			break
		}
		if o := s.passing(p); o != nil && o.ix != nil {
			places = s.usesIn(o, own, d, means, places)
		}
	}
	if !complete {
		err = errIncomplete
	}
	return places, err
}

// errIncomplete comes with the uses that were found when not all of the
// workspace could be searched.
var errIncomplete = errors.New("the workspace is too large to be searched as a whole")

// usesIn adds the places in one document that mean a definition.
func (s *Server) usesIn(o, own *unit, d *def, means meaning, places []place) []place {
	last := -1
	for _, x := range o.ix.spots {
		if x.off != last && means(o, x, own, d) {
			left := d.kind == defFormal && s.fills(o, x, own, d)
			places, last = append(places, place{o, x, left}), x.off
		}
	}
	return places
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
	return m.u, m.u.defAt(m.u.offset(m.pos))
}

// defAt is the definition whose name is written at an offset.
func (u *unit) defAt(off int) *def {
	if u.ix == nil {
		return nil
	}
	spots := u.ix.spots
	for i := sort.Search(len(spots), func(i int) bool { return spots[i].off >= off }); i < len(spots) && spots[i].off == off; i++ {
		if x := spots[i]; x.v == nil && x.def != nil {
			return x.def
		}
	}
	return nil
}

// origin is the definition that a spot names where inherits have been followed.
func (s *Server) origin(u *unit, sp spot) (*unit, *def) {
	own, d := s.defined(u, sp)
	if d == nil || d.from == nil && d.outer == nil {
		return own, d
	}
	if t, ok := s.toDef(own, d, maxSteps); ok && t.u != nil {
		if o := t.u.defAt(t.off); o != nil {
			return t.u, o
		}
	}
	return own, d
}

// leads is means for places that come to the definition through inherits too.
func (s *Server) leads(o *unit, x spot, own *unit, d *def) bool {
	if s.means(o, x, own, d) {
		return true
	}
	if x.n == 0 || x.path != nil || x.search != nil || !o.names(x, d.name) {
		return false
	}
	t, ok := s.lead(o, x)
	return ok && t.u != nil && t.u.uri == own.uri && t.off == own.offset(d.pos)
}

// names tells whether a spot's text is a name, perhaps in quotes.
func (u *unit) names(x spot, name string) bool {
	return x.off+x.n <= len(u.text) && strings.Trim(u.text[x.off:x.off+x.n], `"`) == name
}

// means tells whether a spot of o names the definition d of own.
func (s *Server) means(o *unit, x spot, own *unit, d *def) bool {
	if x.def == d {
		return true
	}
	if x.n == 0 || !o.names(x, d.name) {
		return false
	}
	if d.kind == defFormal && s.fills(o, x, own, d) {
		return true
	}
	if d.kind != defAttr {
		return false
	}
	var m *member
	switch {
	case x.sel != nil || x.has != nil:
		m = s.selected(o, x)
	case x.v != nil && x.def == nil:
		m = s.inWith(o, x.v, maxSteps)
	case x.v == nil && x.def != nil && x.def.from != nil:
		m = s.know(o, x.def.from, maxSteps).attrs[d.name]
	case x.v == nil && x.def != nil && x.def.kind == defFormal:
		m = s.filled(o, x.def, maxSteps)
	}
	return m != nil && m.u != nil && m.u.uri == own.uri && m.pos == d.pos
}

// fills tells whether a spot is an attribute, in a set written as an argument,
// that fills the formal d of the function called.
func (s *Server) fills(o *unit, x spot, own *unit, d *def) bool {
	if x.v != nil || x.def == nil || !x.def.top || x.def.name != d.name {
		return false
	}
	k := s.callee(o, x.def.set)
	return k.fn != nil && k.u.uri == own.uri && k.fn.Pos() == d.fn.Pos()
}

func (s *Server) references(u *unit, p referenceParams, pause pauser) ([]location, error) {
	out := []location{}
	sp, ok := s.spotAt(u, p.Position)
	if !ok {
		return out, nil
	}
	own, d := s.origin(u, sp)
	places, err := s.uses(own, d, s.leads, pause)
	if err != nil && err != errIncomplete {
		return nil, err
	}
	if err != nil {
		s.log("references: " + err.Error())
	}
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
		if own, d := s.defined(u, sp); d != nil {
			for _, x := range s.usesIn(u, own, d, s.means, nil) {
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
	if _, d := s.defined(u, sp); d == nil {
		return nil, nil
	}
	r := u.textRange(sp.off, sp.n)
	return &r, nil
}

func (s *Server) rename(u *unit, p renameParams, pause pauser) (*workspaceEdit, error) {
	if !validName(p.NewName) {
		return nil, invalid("'%s' is no name", p.NewName)
	}
	sp, ok := s.spotAt(u, p.Position)
	if !ok {
		return nil, invalid("there is no name here")
	}
	own, d := s.defined(u, sp)
	places, err := s.uses(own, d, s.means, pause)
	if err == errIncomplete {
		return nil, invalid("%s: other places may mean '%s'", err, d.name)
	}
	if err != nil {
		return nil, err
	}
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
		if x.u.err != nil {
			return nil, invalid("%s has a syntax error: %s", x.u.uri, x.u.err.Error())
		}
		if x.v == nil && x.def != nil && x.def.kind == defFormal && x.def != d {
			return nil, invalid("'%s' fills an argument of %s by its name", d.name, x.u.path)
		}
		if err := r.add(x); err != nil {
			return nil, err
		}
	}
	if err := r.check(s, len(places), pause); err != nil {
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
func (r *renaming) check(s *Server, n int, pause pauser) error {
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
	places, err := trial.uses(own, d, trial.means, func() error { trial.work = maxWork; return pause() })
	if err != nil && err != errIncomplete {
		return err
	}
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
	trial = &Server{cfg: s.cfg, symbols: s.symbols, globals: s.globals, space: s.space, docs: map[string]*unit{}, files: s.files,
		generation: new(int), work: maxWork, given: map[*ast.Lambda]given{}}
	for uri, u := range s.docs {
		trial.docs[uri] = u
	}
	want, decl = map[location]bool{}, -1
	for u, edits := range r.edits {
		text, marks, at := apply(u.text, edits)
		next := newUnit(s.symbols, s.globals, u.uri, u.path, text)
		if next.err != nil {
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
