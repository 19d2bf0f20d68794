package eval

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/packed"
)

// With [Options.Notes] errors say more than the reference's: where a value of
// the wrong type was made, which part of a path is missing, how an infinite
// recursion goes. Nothing is noted down for that while evaluation goes well.
// Constants, lists and sets carry the position where they were written in a
// field that has no other use; the rest is read off the stack and the trees
// when an error is made or, where that takes time, when it is shown.

// trees are the trees that have been evaluated, kept for errors.
type trees struct {
	mu     sync.Mutex
	byText map[*ast.Source]ast.Node
}

// keepTree keeps a tree, packed or not.
func (e *Evaluator) keepTree(src *ast.Source, n ast.Node) {
	if !e.opts.Notes {
		return
	}
	e.trees.mu.Lock()
	defer e.trees.mu.Unlock()
	if e.trees.byText == nil {
		e.trees.byText = map[*ast.Source]ast.Node{}
	}
	e.trees.byText[src] = n
}

func (e *Evaluator) treeOf(pos ast.Pos) ast.Node {
	src := e.Sources.Of(pos)
	e.trees.mu.Lock()
	defer e.trees.mu.Unlock()
	return packed.Unpack(e.trees.byText[src])
}

// origin is the expression that a deferred was compiled from.
type origin struct {
	node  ast.Node
	piece packed.Node // of a packed tree; node is nil
}

// key stands for the expression in maps; nil if there is none.
func (o origin) key() any {
	if o.piece.Tree != nil {
		return o.piece
	}
	if o.node != nil {
		return o.node
	}
	return nil
}

// note remembers where a deferred comes from.
func (e *compiler) note(d *deferred, n ast.Node) {
	if !e.opts.Notes {
		return
	}
	o := origin{node: n}
	if p, ok := n.(*packed.Node); ok {
		o = origin{piece: *p}
	}
	e.codes.mu.Lock()
	*e.codes.origins.grow(d.index) = o
	e.codes.mu.Unlock()
}

// findNode is the first node below n that ok accepts.
func findNode(n ast.Node, ok func(ast.Node) bool) (found ast.Node) {
	todo := []ast.Node{n}
	for len(todo) > 0 && found == nil {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n == nil {
			continue
		}
		if ok(n) {
			return n
		}
		ast.Children(n, func(c ast.Node) { todo = append(todo, c) })
	}
	return nil
}

// explain has f add to the error when it is shown.
func (f *Failure) explain(note func(e *diag.Error)) *Failure {
	if f.m.opts.Notes {
		f.note = note
	}
	return f
}

// misspeltArgument notes an argument that was given, is not asked for, and
// resembles the one that is missing.
func (e *Evaluator) misspeltArgument(err *diag.Error, l *lambda, a *Attrs, missing string) {
	a = a.flat()
	given := map[string]ast.Pos{}
	for i, n := range a.shape.names {
		given[e.Symbols.Name(n)] = a.shape.posAt(i)
	}
	for i := range l.formals {
		delete(given, e.Symbols.Name(l.formals[i].Name))
	}
	for _, name := range diag.Similar(slices.Collect(maps.Keys(given)), missing) {
		err.Notes = append(err.Notes, diag.Note{Pos: given[name], Text: "it was given '" + diag.Quote(ast.ShowIdentifier(name)) + "', which it does not ask for"})
	}
}

// about notes where the value that an error is about was made.
func (f *Failure) about(v *Value) *Failure {
	return f.explain(func(e *diag.Error) {
		if n, ok := f.m.originNote(v, e); ok {
			e.Notes = append(e.Notes, n)
		}
	})
}

func (e *Evaluator) originNote(v *Value, err *diag.Error) (n diag.Note, ok bool) {
	at := err.Pos
	for i := 0; at == ast.NoPos && i < len(err.Trace); i++ {
		at = err.Trace[i].Pos
	}
	if pos := e.origin(v); pos != ast.NoPos {
		return diag.Note{Pos: pos, Text: "the " + strings.TrimPrefix(strings.TrimPrefix(kindName(v.Kind()), "a "), "an ") + " was made here"}, pos != at
	}
	return e.definition(at)
}

func kindName(k Kind) string {
	switch k {
	case KindBool:
		return "Boolean"
	case KindInt:
		return "integer"
	case KindLambda:
		return "function"
	}
	return TypeName(k)
}

// origin is where a value was written or made, as far as that is known.
func (e *Evaluator) origin(v *Value) ast.Pos {
	switch v.Kind() {
	case KindAttrs:
		return v.Attrs().At()
	case KindLambda:
		return e.codes.lambda(v.aux).pos
	case KindInt, KindFloat:
		if v.p != nil {
			return (*number)(v.p).pos
		}
	case KindNull, KindBool, KindPath:
		return ast.Pos(v.aux)
	case KindList:
		if v.aux&listRoom == 0 {
			return ast.Pos(v.aux)
		}
	case KindString:
		if v.Str() != "" {
			return e.literal(v)
		}
	}
	return ast.NoPos
}

// literal finds a string among the literals of all trees: their text is not
// copied when they are evaluated.
func (e *Evaluator) literal(v *Value) ast.Pos {
	text := v.Str()
	e.trees.mu.Lock()
	defer e.trees.mu.Unlock()
	var d packed.Decoder
	for _, tree := range e.trees.byText {
		if p, ok := tree.(*packed.Node); ok {
			d.Reset()
			tree = d.Whole(p)
		}
		n := findNode(tree, func(n ast.Node) bool {
			s, ok := n.(*ast.Str)
			return ok && unsafe.StringData(s.Value) == unsafe.StringData(text) && len(s.Value) == len(text)
		})
		if n != nil {
			return n.Pos()
		}
	}
	return ast.NoPos
}

// at is a value that remembers where it was written.
func (v Value) at(pos ast.Pos) Value {
	v.aux = uint32(pos)
	return v
}

// numberAt is at for numbers, which have room for that only in a box.
func (e *Evaluator) numberAt(v Value, pos ast.Pos) Value {
	if !e.opts.Notes {
		return v
	}
	box := &number{pos: pos}
	if v.tag() == KindInt {
		box.bits = v.int()
	} else {
		box.bits = int64(math.Float64bits(v.Float()))
	}
	return numeric(v.tag(), 0, box)
}

// definition tells where the variable that is written at pos is defined; from
// one variable that stands for another it goes on to that.
func (e *Evaluator) definition(pos ast.Pos) (n diag.Note, ok bool) {
	tree := e.treeOf(pos)
	if tree == nil {
		return n, false
	}
	d := definer{pos: pos}
	findNode(tree, func(n ast.Node) bool {
		// Conditions are reported where the whole begins.
		switch n := n.(type) {
		case *ast.If:
			if n.Start == pos {
				d.pos = n.Cond.Pos()
			}
		case *ast.Assert:
			if n.Start == pos {
				d.pos = n.Cond.Pos()
			}
		}
		return d.pos != pos
	})
	d.walk(tree)
	for d.found != nil && len(d.around) > int(d.found.Level) {
		v := d.found
		frames := d.around[:len(d.around)-int(v.Level)]
		at, what, value, in := frames[len(frames)-1].slot(v.Index)
		if at == ast.NoPos {
			break
		}
		n, ok = diag.Note{Pos: at, Text: Messagef("'%s' "+what, e.Symbols.Name(v.Name))}, true
		next, isVar := value.(*ast.Var)
		if !isVar || next.Kind != ast.VarLocal {
			break
		}
		if in == ast.AttrInherited {
			frames = frames[:len(frames)-1]
		}
		d.found, d.around = next, frames
	}
	return n, ok
}

// scopeFrame is a node that opens a frame.
type scopeFrame struct {
	set    *ast.Set
	lambda *ast.Lambda
}

// slot tells what fills a slot.
func (s scopeFrame) slot(i uint32) (at ast.Pos, what string, value ast.Node, kind ast.AttrKind) {
	switch {
	case s.set != nil && s.set.FirstFrom > i:
		a := &s.set.Attrs[i]
		return a.At, "is defined here", a.Value, a.Kind
	case s.lambda == nil:
		return ast.NoPos, "", nil, 0
	}
	const argument = "is an argument of this function"
	l := s.lambda
	if l.Formals == nil {
		for l.FirstSlot < i {
			l = l.Body.(*ast.Lambda)
		}
		return l.Start, argument, nil, 0
	}
	if l.Arg != ast.NoSymbol {
		if i == 0 {
			return l.Start, argument, nil, 0
		}
		i--
	}
	return l.Formals.List[l.Formals.Sorted[i]].Start, argument, nil, 0
}

// definer looks for the variable at a position and notes the frames around it.
type definer struct {
	pos    ast.Pos
	frames []scopeFrame
	found  *ast.Var
	around []scopeFrame
}

func (d *definer) walk(n ast.Node) {
	if d.found != nil || n == nil {
		return
	}
	mark := len(d.frames)
	switch n := n.(type) {
	case *ast.Var:
		if n.Start == d.pos && n.Kind == ast.VarLocal {
			d.found, d.around = n, slices.Clone(d.frames)
		}
	case *ast.Lambda:
		if !n.Joins && n.Frame > 0 {
			d.frames = append(d.frames, scopeFrame{lambda: n})
		}
	case *ast.Let:
		d.set(n.Set)
		d.walk(n.Body)
		d.frames = d.frames[:mark]
		return
	case *ast.Attrs:
		d.set(n.Set)
		d.frames = d.frames[:mark]
		return
	case *ast.With:
		d.walk(n.Scope)
		d.frames = append(d.frames, scopeFrame{})
		d.walk(n.Body)
		d.frames = d.frames[:mark]
		return
	}
	ast.Children(n, d.walk)
	d.frames = d.frames[:mark]
}

// set walks a set in the frame that it opens, if it does, and leaves that open.
func (d *definer) set(s *ast.Set) {
	outer := len(d.frames)
	if s.Frame > 0 {
		d.frames = append(d.frames, scopeFrame{set: s})
	}
	for i := range s.Attrs {
		a := &s.Attrs[i]
		if a.Kind == ast.AttrInherited && s.Frame > 0 {
			inner := d.frames
			d.frames = d.frames[:outer]
			d.walk(a.Value)
			d.frames = inner
			continue
		}
		d.walk(a.Value)
	}
	for _, f := range s.Froms {
		d.walk(f)
	}
	for i := range s.Dynamic {
		d.walk(s.Dynamic[i].Name)
		d.walk(s.Dynamic[i].Value)
	}
}

// maxListed is how many attributes of a set are listed.
const maxListed = 12

// missingNotes tell which part of the path of a selection at pos is not there,
// and what there is instead.
func (e *Evaluator) missingNotes(err *diag.Error, a *Attrs, name string, names []string, c *selectCode, i int) {
	n := findNode(e.treeOf(c.pos), func(n ast.Node) bool {
		s, ok := n.(*ast.Select)
		return ok && s.Start == c.pos && len(s.Path) == len(c.path)
	})
	slices.Sort(names)
	has := "it is empty"
	switch {
	case len(names) > maxListed:
		has = fmt.Sprintf("it has %d others", len(names))
	case len(names) > 0:
		for k := range names {
			names[k] = Messagef("%s", ast.ShowIdentifier(names[k]))
		}
		has = "it has " + strings.Join(names, ", ")
	}
	what := "the set"
	if s, ok := n.(*ast.Select); ok {
		what = e.selectText(s, i)
		if len(s.Path) > 1 {
			has += Messagef(" ('%s' was asked for)", e.selectText(s, len(s.Path)))
		}
	}
	err.Notes = append(err.Notes, diag.Note{Pos: a.At(), Text: Messagef("%s has no attribute '%s'; %s",
		Plain(what), name, Plain(has))})
}

// selectText is a selection up to the i-th part of its path.
func (e *Evaluator) selectText(s *ast.Select, i int) string {
	var b strings.Builder
	switch x := s.Expr.(type) {
	case *ast.Var:
		b.WriteString(e.Symbols.Name(x.Name))
	default:
		if b.WriteString(printNode(x, e.Symbols)); b.Len() > 60 {
			b.Reset()
			b.WriteString("(…)")
		}
	}
	for _, p := range s.Path[:i] {
		if p.Expr != nil {
			b.WriteString(".${" + printNode(p.Expr, e.Symbols) + "}")
		} else {
			b.WriteString("." + ast.ShowIdentifier(e.Symbols.Name(p.Sym)))
		}
	}
	return b.String()
}

// operandText is what a note says about a side of a failed assert a == b.
func (e *Evaluator) operandText(s *shadow) string {
	side := "left"
	if s.n == 1 {
		side = "right"
	}
	m := e.Machine(context.Background())
	defer m.Close()
	text := "«unknown»"
	v := (*Value)(s.p)
	if err := m.Do(func() { text = m.errorValue(v) }); err != nil {
		text = err.Error()
	}
	return "the " + side + " side is " + text
}

// maxCycle is how many steps of an infinite recursion are shown.
const maxCycle = 8

// need is a step of an infinite recursion: where a value was needed, which may
// not be known, and the expression that was to be evaluated.
type need struct {
	pos  ast.Pos
	expr any // its origin's key
}

// cycle is the way from a value to itself; it ends with the value's second use.
func (m *Machine) cycle(v *Value, pos ast.Pos) []need {
	var steps []need
	for i := m.sp - 1; i >= 0; i-- {
		s := &m.stack[i]
		if s.kind != shadowForce {
			continue
		}
		n := need{pos: s.pos}
		at := (*Value)(s.p)
		if k := s.n & kindMask; k == kindThunk || k == kindLent {
			n.expr = m.E.codes.origin(at.aux).key()
		}
		steps = append(steps, n)
		if at == v {
			slices.Reverse(steps)
			return append(steps, need{pos, n.expr})
		}
	}
	return nil // another machine evaluates it
}

// cycleNotes tell where an infinite recursion starts and how it goes on.
func (e *Evaluator) cycleNotes(err *diag.Error, needs []need) {
	type step struct {
		pos  ast.Pos
		name string
	}
	bound := e.bindingsOf(needs)
	var steps []step
	for _, n := range needs {
		s := step{pos: n.pos}
		if s.pos == ownPos {
			s.pos = ast.NoPos
		}
		if b := bound[n.expr]; b != nil {
			s.name = e.Symbols.Name(b.Name)
			if s.pos == ast.NoPos {
				s.pos = b.At
			}
		} else if s.name = diag.NameAt(e.Sources, s.pos); s.name == "" {
			continue
		}
		if k := len(steps); k == 0 || steps[k-1].name != s.name || k == len(needs)-1 {
			steps = append(steps, s)
		}
	}
	if len(steps) == 0 {
		return
	}
	var names []string
	for _, s := range steps {
		names = append(names, Messagef("%s", s.name))
	}
	if len(names) == 1 || names[0] != names[len(names)-1] {
		names = append(names, names[0]) // the last one is another name of the first
	}
	if n := len(names); n > 2*maxCycle {
		names = append(append(names[:maxCycle:maxCycle], fmt.Sprintf("… (%d more) …", n-2*maxCycle)), names[n-maxCycle:]...)
	}
	err.Notes = append(err.Notes, diag.Note{Text: "the recursion goes " + strings.Join(names, " → ")})
	for i, s := range steps {
		if i >= maxCycle/2 && i < len(steps)-maxCycle/2 || s.pos == err.Pos || i > 0 && s.pos == steps[i-1].pos {
			continue
		}
		text := "then '%s' is needed"
		switch i {
		case 0:
			text = "it starts with '%s'"
		case len(steps) - 1:
			text = "and '%s' is needed before it is there"
		}
		err.Notes = append(err.Notes, diag.Note{Pos: s.pos, Text: Messagef(text, s.name)})
	}
}

// bindingsOf finds the bindings whose values are the expressions of needs.
func (e *Evaluator) bindingsOf(needs []need) map[any]*ast.Attr {
	found := map[any]*ast.Attr{}
	for _, n := range needs {
		if n.expr != nil {
			found[n.expr] = nil
		}
	}
	e.trees.mu.Lock()
	defer e.trees.mu.Unlock()
	for _, tree := range e.trees.byText {
		keys := map[ast.Node]packed.Node{}
		if p, ok := tree.(*packed.Node); ok {
			d := packed.Decoder{Later: func(at packed.Node, n ast.Node) {
				if _, ok := found[at]; ok {
					keys[n] = at
				}
			}}
			tree = d.Whole(p)
		}
		findNode(tree, func(n ast.Node) bool {
			var s *ast.Set
			switch n := n.(type) {
			case *ast.Let:
				s = n.Set
			case *ast.Attrs:
				s = n.Set
			default:
				return false
			}
			for i := range s.Attrs {
				var key any = s.Attrs[i].Value
				if at, ok := keys[s.Attrs[i].Value]; ok {
					key = at
				}
				if _, ok := found[key]; ok {
					found[key] = &s.Attrs[i]
				}
			}
			return false
		})
	}
	return found
}

// IsLibrary tells whether a file, by its path as messages show it, is none that
// the user wrote: it comes with the program, from the search path or from the
// store, and does not lie in a folder given to [Evaluator.Own].
func (e *Evaluator) IsLibrary(file string) bool {
	if !strings.HasPrefix(file, "/") {
		return true
	}
	e.searchMu.Lock()
	defer e.searchMu.Unlock()
	longest := func(dirs []string) (n int) {
		for _, d := range dirs {
			if hasDir(file, d) {
				n = max(n, len(d))
			}
		}
		return n
	}
	own, lib := longest(e.own), longest(e.libraries)
	if hasDir(file, e.opts.Scheme.Dir) {
		lib = max(lib, len(e.opts.Scheme.Dir))
	}
	return lib > own
}

// Own tells that the user works in a folder: what lies there is not library
// code even if the search path names the folder.
func (e *Evaluator) Own(dir string) {
	e.searchMu.Lock()
	defer e.searchMu.Unlock()
	e.own = append(e.own, dir)
}
