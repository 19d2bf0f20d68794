package parser

import (
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// target is a set that attributes are added to: the innermost open one, whose
// attributes are on the parser's stacks from base on, or a finished one.
type target struct {
	open    bool
	base    int // of p.attrs
	dynBase int // of p.dynamics
	froms   []ast.Node
	id      uint32 // in p.sets, 0 while the set is small
	set     *ast.Set
}

// finished makes a target of a set that has been closed. Until resolve runs,
// FirstFrom has no meaning yet and keeps the set's number in p.sets.
func finished(set *ast.Set) target { return target{set: set, id: set.FirstFrom} }

func (p *Parser) attrsOf(t *target) []ast.Attr {
	if t.open {
		return p.attrs[t.base:]
	}
	return t.set.Attrs
}

func (p *Parser) find(t *target, name ast.Symbol) *ast.Attr {
	attrs := p.attrsOf(t)
	if t.id != 0 {
		if i, ok := p.sets.get(t.id, name, attrs); ok {
			return &attrs[i]
		}
		return nil
	}
	for i := range attrs {
		if attrs[i].Name == name {
			return &attrs[i]
		}
	}
	return nil
}

// smallSet is how many attributes are searched one by one.
const smallSet = 8

func (p *Parser) push(t *target, a ast.Attr) {
	if t.open {
		if len(p.attrs) == cap(p.attrs) {
			p.attrs = slices.Grow(p.attrs, len(p.attrs)+64) // doubling makes less garbage
		}
		p.attrs = append(p.attrs, a)
	} else {
		t.set.Attrs = p.arena.Attrs.Append(t.set.Attrs, a)
	}
	attrs := p.attrsOf(t)
	n := len(attrs)
	switch {
	case t.id != 0:
		p.sets.put(t.id, a.Name, n-1)
	case n > smallSet:
		t.id = p.sets.newID()
		for i := range attrs {
			p.sets.put(t.id, attrs[i].Name, i)
		}
		if !t.open {
			t.set.FirstFrom = t.id
		}
	}
}

func (p *Parser) pushDynamic(t *target, d ast.DynamicAttr) {
	if t.open {
		p.dynamics = append(p.dynamics, d)
	} else {
		t.set.Dynamic = p.arena.Dynamics.Append(t.set.Dynamic, d)
	}
}

func (p *Parser) openSet() target {
	return target{open: true, base: len(p.attrs), dynBase: len(p.dynamics)}
}

func (p *Parser) closeSet(t *target) *ast.Set {
	set := p.arena.Sets.Put(ast.Set{Attrs: p.arena.Attrs.Copy(p.attrs[t.base:]), Froms: t.froms, FirstFrom: t.id, Overrides: -1})
	set.Dynamic = p.arena.Dynamics.Copy(p.dynamics[t.dynBase:])
	p.attrs, p.dynamics = p.attrs[:t.base], p.dynamics[:t.dynBase]
	return set
}

// parseSet parses a set from its opening brace.
func (p *Parser) parseSet(start int, rec bool) ast.Node {
	p.expect(tLBrace)
	set, bindings, _ := p.parseBindings()
	p.expect(tRBrace)
	return p.arena.AttrSets.Put(ast.Attrs{At: ast.At{Start: p.at(start)}, Rec: rec, Set: set, Bindings: bindings})
}

func (p *Parser) parseReplBindings() ast.Node {
	set, bindings, n := p.parseBindings()
	if n == 0 {
		p.unexpected()
	}
	return p.arena.AttrSets.Put(ast.Attrs{Set: set, Bindings: bindings})
}

// parseLet parses let … in ….
func (p *Parser) parseLet(start int) ast.Node {
	p.next()
	set, bindings, _ := p.parseBindings()
	p.expect(tIn)
	body, _ := p.parseExpr()
	if len(set.Dynamic) > 0 {
		p.reject(&diag.Error{Kind: diag.Syntax, Pos: p.at(start), Message: "dynamic attributes not allowed in let"})
	}
	return p.arena.Lets.Put(ast.Let{At: ast.At{Start: p.at(start)}, Set: set, Bindings: bindings, Body: body})
}

// parseBindings parses bindings up to a token that begins none.
func (p *Parser) parseBindings() (set *ast.Set, asWritten []ast.Binding, n int) {
	t := p.openSet()
	mark := len(p.binds)
	run := pieceRun{first: -1}
	for ; ; n++ {
		switch p.tok().Type {
		case tInherit:
			p.packRun(&run, len(p.attrs))
			p.parseInherit(&t)
			continue
		case tID, tOrKw, tQuote, tDollarCurly:
			p.beginRun(&t, &run)
			last := len(p.attrs)
			value := p.parseBinding(&t)
			if len(p.attrs) != last+1 || p.attrs[last].Value != value {
				// Something else was done than to enter the value, which may refer to
				// nodes that were made for it.
				run.marks = run.marks[:0]
				p.packRun(&run, last)
			}
			continue
		}
		break
	}
	if p.keep {
		asWritten = append(asWritten, p.binds[mark:]...)
		p.binds = p.binds[:mark]
	}
	return p.closeSet(&t), asWritten, n
}

// parseBinding parses a.b = value;
func (p *Parser) parseBinding(t *target) ast.Node {
	start := p.tok().Pos.Offset
	mark := len(p.names)
	p.pushAttrPath()
	p.checkChain(len(p.names) - mark)
	p.expect(tAssign)
	p.depth += len(p.names) - mark - 1
	value, valueStart := p.parseExpr()
	p.depth -= len(p.names) - mark - 1
	p.expect(tSemicolon)
	path := p.names[mark:]
	p.addAttr(t, path, value, p.at(start))
	if len(p.docs) > 0 {
		if doc, ok := p.docAt(start); ok {
			setDoc(value, doc)
			p.docs = insertDoc(p.docs, docComment{valueStart, int(doc - p.base)})
		}
	}
	if p.keep {
		p.binds = append(p.binds, ast.Binding{At: ast.At{Start: p.at(start)},
			Path: append([]ast.AttrName(nil), path...), Value: value})
	}
	p.names = p.names[:mark]
	return value
}

// insertDoc enters that a token is documented by a comment, unless it has one.
func insertDoc(docs []docComment, d docComment) []docComment {
	i, ok := slices.BinarySearchFunc(docs, d.token, func(e docComment, o int) int { return e.token - o })
	if ok {
		return docs
	}
	return slices.Insert(docs, i, d)
}

// addAttr enters value under a path, going through the sets that the path's
// beginning names or makes.
func (p *Parser) addAttr(t *target, path []ast.AttrName, value ast.Node, pos ast.Pos) {
	cur := t
	var inner target
	for i, name := range path[:len(path)-1] {
		var nested *ast.Attrs
		if name.Expr != nil {
			nested = p.arena.AttrSets.Put(ast.Attrs{Set: p.arena.Sets.Put(ast.Set{Overrides: -1})})
			p.pushDynamic(cur, ast.DynamicAttr{At: pos, Name: name.Expr, Value: nested})
		} else if a := p.find(cur, name.Sym); a != nil {
			set, ok := p.attrSet(a)
			if !ok {
				p.duplicate(p.showPath(path[:i+1]), pos, a.At)
				return
			}
			nested = set
		} else {
			nested = p.arena.AttrSets.Put(ast.Attrs{Set: p.arena.Sets.Put(ast.Set{Overrides: -1})})
			p.push(cur, ast.Attr{Name: name.Sym, At: pos, Value: nested})
		}
		inner = finished(nested.Set)
		cur = &inner
	}
	last := path[len(path)-1]
	if last.Expr != nil {
		p.pushDynamic(cur, ast.DynamicAttr{At: pos, Name: last.Expr, Value: value})
		return
	}
	p.addNamed(cur, path, ast.Attr{Name: last.Sym, At: pos, Value: value})
}

// addNamed enters an attribute, merging two sets of one name. path ends with
// the attribute's name and is for messages.
func (p *Parser) addNamed(t *target, path []ast.AttrName, def ast.Attr) {
	old := p.find(t, def.Name)
	if old == nil {
		setName(def.Value, def.Name)
		p.push(t, def)
		return
	}
	have, ok1 := p.attrSet(old)
	add, ok2 := p.attrSet(&def)
	if !ok1 || !ok2 {
		p.duplicate(p.showPath(path), def.At, old.At)
		return
	}
	// Whether the set that comes second is recursive does not count.
	sortAttrs(add.Set.Attrs)
	into := finished(have.Set)
	p.enter()
	for _, a := range add.Set.Attrs {
		if a.Kind == ast.AttrInheritFrom {
			a.From += uint32(len(have.Set.Froms))
		}
		p.addNamed(&into, append(path[:len(path):len(path)], ast.AttrName{Sym: a.Name}), a)
	}
	p.leave()
	have.Set.Dynamic = p.arena.Dynamics.Append(have.Set.Dynamic, add.Set.Dynamic...)
	have.Set.Froms = p.arena.Nodes.Append(have.Set.Froms, add.Set.Froms...)
	add.Set.Attrs, add.Set.Dynamic, add.Set.Froms = nil, nil, nil
}

func sortAttrs(attrs []ast.Attr) {
	slices.SortFunc(attrs, func(a, b ast.Attr) int { return int(a.Name) - int(b.Name) })
}

// setName tells a function, and the one that is its body, what it is called.
func setName(node ast.Node, name ast.Symbol) {
	for {
		l, ok := node.(*ast.Lambda)
		if !ok {
			return
		}
		l.Name = name
		node = l.Body
	}
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

func (p *Parser) duplicate(name string, pos, before ast.Pos) {
	d := &diag.Error{Kind: diag.Syntax, Pos: pos, Message: "attribute '" + diag.Quote(name) +
		"' already defined at " + diag.Quote(diag.ShowPos(p.sources, before))}
	if p.opts.AllErrors {
		d.Notes = []diag.Note{{Pos: before, Text: "'" + diag.Quote(name) + "' is first defined here"}}
	}
	p.reject(d)
}

// parseInherit parses inherit a b; and inherit (e) a b;
func (p *Parser) parseInherit(t *target) {
	start := p.tok().Pos.Offset
	p.next()
	var from ast.Node
	var fromPos ast.Pos
	if p.tok().Type == tLParen {
		p.next()
		var off int
		from, off = p.parseExpr()
		fromPos = p.at(off)
		p.expect(tRParen)
	}
	mark := len(p.names)
names:
	for {
		switch p.tok().Type {
		case tID, tOrKw, tQuote, tDollarCurly:
			name := p.parseAttrName()
			if name.Expr != nil {
				p.reject(&diag.Error{Kind: diag.Syntax, Pos: name.Start, Message: "dynamic attributes not allowed in inherit"})
				continue
			}
			p.names = append(p.names, name)
		case tSemicolon:
			break names
		default:
			p.unexpected()
		}
	}
	p.next()
	source := len(t.froms)
	if from != nil {
		t.froms = p.arena.Nodes.Append(t.froms, from)
	}
	for _, name := range p.names[mark:] {
		if old := p.find(t, name.Sym); old != nil {
			p.duplicate(p.showSymbol(name.Sym), name.Start, old.At)
			continue
		}
		v := p.arena.Vars.New()
		a := ast.Attr{Name: name.Sym, At: name.Start, Value: v, Kind: ast.AttrInherited}
		if from == nil {
			v.Start, v.Name = name.Start, name.Sym
		} else {
			v.Start = fromPos
			s := p.arena.Selects.New()
			s.Start, s.Expr, s.Path = name.Start, v, p.arena.Names.Copy([]ast.AttrName{{Sym: name.Sym}})
			a.Value, a.Kind, a.From = s, ast.AttrInheritFrom, uint32(source)
		}
		p.push(t, a)
	}
	if p.keep {
		p.binds = append(p.binds, ast.Binding{At: ast.At{Start: p.at(start)}, Inherit: true, From: from,
			Names: append([]ast.AttrName(nil), p.names[mark:]...)})
	}
	p.names = p.names[:mark]
}

// parseAttrPath parses a.b."c".${d}.
func (p *Parser) parseAttrPath() []ast.AttrName {
	mark := len(p.names)
	p.pushAttrPath()
	path := p.arena.Names.Copy(p.names[mark:])
	p.names = p.names[:mark]
	return path
}

func (p *Parser) pushAttrPath() {
	for ; ; p.next() {
		name := p.parseAttrName()
		p.names = append(p.names, name)
		if p.tok().Type != tDot {
			return
		}
	}
}

// parseAttrName parses one part of an attribute path. A string without
// interpolation is as good as a name, in ${} too.
func (p *Parser) parseAttrName() ast.AttrName {
	t := p.tok()
	name := ast.AttrName{At: ast.At{Start: p.at(t.Pos.Offset)}}
	switch t.Type {
	case tID:
		name.Sym = ast.Symbol(t.Pos.Line)
		p.meet(name.Sym)
		p.next()
		return name
	case tOrKw:
		name.Sym = p.syms.or
		p.next()
		return name
	case tQuote:
		name.Quoted = true
		p.next()
		if text, ok := p.plainString(); ok {
			name.Sym = p.quoted(text)
			p.next()
			p.next()
			return name
		}
		name.Expr = p.parseString()
	case tDollarCurly:
		p.next()
		name.Expr, _ = p.parseExpr()
		p.expect(tRBrace)
	default:
		p.unexpected()
	}
	if s, ok := unparen(name.Expr).(*ast.Str); ok {
		name.Sym, name.Expr = p.quoted(s.Value), nil
	}
	return name
}

// quoted is the symbol of a name that was written as a string.
func (p *Parser) quoted(name string) ast.Symbol {
	sym := p.symbols.Enter(name, ast.HashName(name))
	p.meet(sym)
	return sym
}

func (p *Parser) showSymbol(sym ast.Symbol) string { return ast.ShowIdentifier(p.symbols.Name(sym)) }

func (p *Parser) showPath(path []ast.AttrName) string {
	var b strings.Builder
	pr := printer{b: &b, symbols: p.symbols}
	pr.path(path)
	return b.String()
}

// setIndex finds attributes by name in all sets of a text that are not small:
// one hash table, from (number of the set, symbol) to a position. A slot has but
// the hash of these, for the attribute at the position has the symbol; if that is
// the right one, it does not matter which set the slot was made for.
type setIndex struct {
	slots []setSlot
	used  int
	last  uint32
}

type setSlot struct {
	hash  uint32 // 0 if free
	index uint32
}

func (x *setIndex) reset() {
	if x.used > 0 {
		if len(x.slots) > 1<<14 {
			x.slots = nil
		}
		clear(x.slots)
	}
	x.used, x.last = 0, 0
}

func (x *setIndex) newID() uint32 {
	x.last++
	return x.last
}

func setHash(id uint32, name ast.Symbol) uint32 {
	return uint32((uint64(id)<<32|uint64(name))*0x9e3779b97f4a7c15>>32) | 1
}

func (x *setIndex) get(id uint32, name ast.Symbol, attrs []ast.Attr) (int, bool) {
	h, mask := setHash(id, name), len(x.slots)-1
	for i := int(h>>1) & mask; ; i = (i + 1) & mask {
		switch s := x.slots[i]; {
		case s.hash == 0:
			return 0, false
		case s.hash == h && int(s.index) < len(attrs) && attrs[s.index].Name == name:
			return int(s.index), true
		}
	}
}

func (x *setIndex) put(id uint32, name ast.Symbol, index int) {
	if 4*(x.used+1) > 3*len(x.slots) {
		old := x.slots
		x.slots = make([]setSlot, max(256, 2*len(old)))
		for _, s := range old {
			if s.hash != 0 {
				x.enter(s)
			}
		}
	}
	x.enter(setSlot{setHash(id, name), uint32(index)})
	x.used++
}

func (x *setIndex) enter(s setSlot) {
	mask := len(x.slots) - 1
	i := int(s.hash>>1) & mask
	for x.slots[i].hash != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = s
}
