package parser

import (
	"cmp"
	"slices"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// parseFormals parses { a, b ? c, ... } from its opening brace.
func (p *Parser) parseFormals() *ast.Formals {
	p.next()
	f := p.arena.FormalSets.Put(ast.Formals{})
	mark := len(p.formals)
loop:
	for {
		switch p.tok().Type {
		case tRBrace:
			break loop
		case tEllipsis:
			f.Ellipsis = true
			p.next()
			break loop
		case tID:
		default:
			p.unexpected()
		}
		t := p.tok()
		formal := ast.Formal{At: ast.At{Start: p.at(t.Pos.Offset)}, Name: ast.Symbol(t.Pos.Line)}
		p.next()
		if p.tok().Type == tQuestion {
			p.next()
			formal.Default, _ = p.parseExpr()
		}
		p.meet(formal.Name)
		p.formals = append(p.formals, formal)
		if p.tok().Type != tComma {
			break
		}
		p.next()
	}
	if p.tok().Type != tRBrace {
		p.unexpected()
	}
	p.next()
	f.List = p.arena.Formals.Copy(p.formals[mark:])
	p.formals = p.formals[:mark]
	return f
}

// checkFormals sorts formals by symbol and rejects names that occur twice. Of
// several the reference names the one that was met first.
func (p *Parser) checkFormals(f *ast.Formals, start int, arg ast.Symbol) {
	f.Sorted = p.arena.Indices.Take(len(f.List))
	for i := range f.Sorted {
		f.Sorted[i] = i
	}
	slices.SortStableFunc(f.Sorted, func(a, b int) int { return int(f.List[a].Name) - int(f.List[b].Name) })
	duplicate := func(name ast.Symbol, pos ast.Pos) {
		p.reject(&diag.Error{Kind: diag.Syntax, Pos: pos,
			Message: "duplicate formal function argument '" + diag.Quote(p.showSymbol(name)) + "'"})
	}
	hasArg := false
	var twice []int
	for i, k := range f.Sorted {
		name := f.List[k].Name
		hasArg = hasArg || name == arg
		if i > 0 && name == f.List[f.Sorted[i-1]].Name {
			twice = append(twice, k)
		}
	}
	slices.SortStableFunc(twice, func(a, b int) int {
		return cmp.Compare(p.symbols.Place(f.List[a].Name), p.symbols.Place(f.List[b].Name))
	})
	for _, k := range twice {
		duplicate(f.List[k].Name, f.List[k].Pos())
	}
	if arg != ast.NoSymbol && hasArg {
		duplicate(arg, p.at(start))
	}
}

// docAt finds the documentation comment before the token at an offset.
func (p *Parser) docAt(offset int) (ast.Pos, bool) {
	i, ok := slices.BinarySearchFunc(p.docs, offset, func(d docComment, o int) int { return d.token - o })
	if !ok {
		return ast.NoPos, false
	}
	return p.at(p.docs[i].start), true
}

// setDoc gives a function a documentation comment, and the function that is
// its body too. The comment nearest to a function wins.
func setDoc(node ast.Node, doc ast.Pos) {
	for {
		l, ok := node.(*ast.Lambda)
		if !ok || l.Doc != ast.NoPos {
			return
		}
		l.Doc = doc
		node = l.Body
	}
}
