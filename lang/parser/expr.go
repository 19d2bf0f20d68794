package parser

import (
	"strconv"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// The precedences of operators, from loose to tight.
const (
	precImpl = iota + 1
	precOr
	precAnd
	precEqual
	precCompare
	precUpdate
	precNot
	precAdd
	precMul
	precConcat
	precHasAttr
	precNegate
)

type assoc uint8

const (
	left assoc = iota
	right
	none
)

type operator struct {
	prec  uint8
	assoc assoc
	op    ast.Op
}

// operators has the binary operators; prec is 0 for other tokens.
var operators = [tokenCount]operator{
	tImpl:     {precImpl, right, ast.OpImpl},
	tOr:       {precOr, left, ast.OpOr},
	tAnd:      {precAnd, left, ast.OpAnd},
	tEq:       {precEqual, none, ast.OpEq},
	tNEq:      {precEqual, none, ast.OpNEq},
	tLess:     {precCompare, none, ast.OpLess},
	tGreater:  {precCompare, none, ast.OpGreater},
	tLEq:      {precCompare, none, ast.OpLessEq},
	tGEq:      {precCompare, none, ast.OpGreaterEq},
	tUpdate:   {precUpdate, right, ast.OpUpdate},
	tPlus:     {precAdd, left, ast.OpAdd},
	tMinus:    {precAdd, left, ast.OpSub},
	tStar:     {precMul, left, ast.OpMul},
	tSlash:    {precMul, left, ast.OpDiv},
	tConcat:   {precConcat, right, ast.OpConcat},
	tQuestion: {precHasAttr, left, 0},
}

func (p *Parser) operator() operator {
	if t := p.tok().Type; t > 0 {
		return operators[t]
	}
	return operator{}
}

// expect takes a token of the given kind.
func (p *Parser) expect(typ lexer.TokenType) {
	if p.tok().Type != typ {
		p.unexpected()
	}
	p.next()
}

// parseExpr parses any expression and tells where it begins.
func (p *Parser) parseExpr() (ast.Node, int) {
	p.enter()
	t := p.tok()
	start := t.Pos.Offset
	var node ast.Node
	switch t.Type {
	case tID:
		switch p.peek(1).Type {
		case tColon:
			arg := ast.Symbol(t.Pos.Line)
			p.next()
			p.next()
			node = p.parseLambda(start, arg, nil, false)
		case tAt:
			arg := ast.Symbol(t.Pos.Line)
			p.next()
			p.next()
			if p.tok().Type != tLBrace {
				p.unexpected()
			}
			formals := p.parseFormals()
			p.expect(tColon)
			node = p.parseLambda(start, arg, formals, false)
		}
	case tLBrace:
		if p.atFormals() {
			node = p.parsePattern(start)
		}
	case tAssert:
		p.next()
		cond, _ := p.parseExpr()
		p.expect(tSemicolon)
		body, _ := p.parseExpr()
		node = p.arena.Asserts.Put(ast.Assert{At: ast.At{Start: p.at(start)}, Cond: cond, Body: body})
	case tWith:
		p.next()
		scope, _ := p.parseExpr()
		p.expect(tSemicolon)
		body, _ := p.parseExpr()
		node = p.arena.Withs.Put(ast.With{At: ast.At{Start: p.at(start)}, Scope: scope, Body: body})
	case tLet:
		if p.peek(1).Type != tLBrace {
			node = p.parseLet(start)
		}
	case tIf:
		p.next()
		cond, _ := p.parseExpr()
		p.expect(tThen)
		then, _ := p.parseExpr()
		p.expect(tElse)
		els, _ := p.parseExpr()
		node = p.arena.Ifs.Put(ast.If{At: ast.At{Start: p.at(start)}, Cond: cond, Then: then, Else: els})
	}
	if node == nil {
		node = p.parseOp(0)
		switch p.tok().Type {
		case tPipeFrom:
			node = p.parsePipeFrom(node)
		case tPipeInto:
			node = p.parsePipeInto(node)
		}
	}
	p.leave()
	return node, start
}

// atFormals tells the braces of formals from those of a set.
func (p *Parser) atFormals() bool {
	switch p.peek(1).Type {
	case tEllipsis:
		return true
	case tRBrace:
		t := p.peek(2).Type
		return t == tColon || t == tAt
	case tID:
		t := p.peek(2).Type
		return t == tComma || t == tQuestion || t == tRBrace
	}
	return false
}

// parsePattern parses a function that begins with formals.
func (p *Parser) parsePattern(start int) ast.Node {
	formals := p.parseFormals()
	var arg ast.Symbol
	if p.tok().Type == tAt {
		p.next()
		if p.tok().Type != tID {
			p.unexpected()
		}
		arg = ast.Symbol(p.tok().Pos.Line)
		p.next()
	}
	p.expect(tColon)
	return p.parseLambda(start, arg, formals, arg != ast.NoSymbol)
}

// parseLambda parses the body of a function.
func (p *Parser) parseLambda(start int, arg ast.Symbol, formals *ast.Formals, argLast bool) ast.Node {
	body, _ := p.parseExpr()
	if arg != ast.NoSymbol {
		p.meet(arg)
	}
	if formals != nil {
		p.checkFormals(formals, start, arg)
	}
	l := p.arena.Lambdas.Put(ast.Lambda{At: ast.At{Start: p.at(start)}, Arg: arg, ArgLast: argLast, Formals: formals, Body: body})
	if len(p.docs) > 0 {
		if doc, ok := p.docAt(start); ok {
			setDoc(l, doc)
		}
	}
	return l
}

// parsePipeFrom parses f <| g <| x.
func (p *Parser) parsePipeFrom(fn ast.Node) ast.Node {
	pos := p.at(p.tok().Pos.Offset)
	p.next()
	p.enter()
	arg := p.parseOp(0)
	if p.tok().Type == tPipeFrom {
		arg = p.parsePipeFrom(arg)
	}
	p.leave()
	return p.call(pos, fn, arg)
}

// parsePipeInto parses x |> f |> g.
func (p *Parser) parsePipeInto(arg ast.Node) ast.Node {
	for n := 0; p.tok().Type == tPipeInto; n++ {
		p.checkChain(n)
		pos := p.at(p.tok().Pos.Offset)
		p.next()
		arg = p.call(pos, p.parseOp(0), arg)
	}
	return arg
}

// checkChain bounds the depth of trees that grow to the left.
func (p *Parser) checkChain(n int) {
	if p.depth+n > p.opts.MaxDepth {
		p.depth += n
		p.enter()
	}
}

// call applies a function to one more argument. Calls of calls are one call.
func (p *Parser) call(pos ast.Pos, fn ast.Node, args ...ast.Node) ast.Node {
	if c, ok := fn.(*ast.Call); ok {
		c.Args = p.arena.Nodes.Append(c.Args, args...)
		return c
	}
	c := p.arena.Calls.New()
	c.Start, c.Fn, c.Args = pos, fn, p.arena.Nodes.Copy(args)
	return c
}

// parseOp parses operands joined by operators of at least precedence least.
func (p *Parser) parseOp(least uint8) ast.Node {
	start := p.tok().Pos.Offset
	var node ast.Node
	switch p.tok().Type {
	case tBang:
		node = p.parseUnary(ast.OpNot, precNot+1)
	case tMinus:
		node = p.parseUnary(ast.OpNegate, precNegate+1)
	default:
		node = p.parseApp()
	}
	for n := 0; ; n++ {
		op := p.operator()
		if op.prec == 0 || op.prec < least {
			return node
		}
		p.checkChain(n)
		pos := p.at(p.tok().Pos.Offset)
		p.next()
		if op.prec == precHasAttr {
			node = p.arena.HasAttrs.Put(ast.HasAttr{At: ast.At{Start: p.at(start)}, Expr: node, Path: p.parseAttrPath()})
			continue
		}
		next := op.prec + 1
		if op.assoc == right {
			next = op.prec
		}
		rpos := p.at(p.tok().Pos.Offset)
		p.enter()
		r := p.parseOp(next)
		p.leave()
		node = p.arena.Binaries.Put(ast.Binary{At: ast.At{Start: pos}, Op: op.op, L: node, R: r, LPos: p.at(start), RPos: rpos})
		if op.assoc == none && p.operator().prec == op.prec {
			p.unexpected()
		}
	}
}

func (p *Parser) parseUnary(op ast.Op, least uint8) ast.Node {
	pos := p.at(p.tok().Pos.Offset)
	p.next()
	p.enter()
	x := p.parseOp(least)
	p.leave()
	return p.arena.Unaries.Put(ast.Unary{At: ast.At{Start: pos}, Op: op, X: x})
}

// startsOperand says whether a token begins an argument of a call.
var startsOperand = [tokenCount]bool{
	tID: true, tInt: true, tFloat: true, tQuote: true, tIndOpen: true, tPath: true, tHPath: true,
	tSPath: true, tURI: true, tLParen: true, tLet: true, tRec: true, tLBrace: true, tLBracket: true,
}

func (p *Parser) atOperand() bool {
	t := p.tok().Type
	return t > 0 && startsOperand[t]
}

// parseApp parses a function and its arguments.
func (p *Parser) parseApp() ast.Node {
	start := p.tok().Pos.Offset
	node, _ := p.parseSelect()
	if !p.atOperand() {
		return node
	}
	mark := len(p.nodes)
	for p.atOperand() {
		arg, cursed := p.parseSelect()
		p.nodes = append(p.nodes, arg)
		if cursed > 0 {
			p.warnCursed(arg, cursed)
		}
	}
	node = p.call(p.at(start), node, p.nodes[mark:]...)
	p.nodes = p.nodes[:mark]
	return node
}

// parseSelect parses an operand and what is selected from it. For "f or",
// a call of f on a variable called or, it returns where that ends as well.
func (p *Parser) parseSelect() (node ast.Node, cursed int) {
	start := p.tok().Pos.Offset
	node = p.parseSimple()
	switch p.tok().Type {
	case tDot:
		p.next()
		s := p.arena.Selects.New()
		s.Start, s.Expr, s.Path = p.at(start), node, p.parseAttrPath()
		if p.tok().Type == tOrKw {
			p.next()
			p.enter()
			def, cursed := p.parseSelect()
			p.leave()
			s.Default = def
			if cursed > 0 {
				p.warnCursed(def, cursed)
			}
		}
		return s, 0
	case tOrKw:
		end := p.tok().Pos.Column
		p.next()
		return p.call(p.at(start), node, p.variable(start, p.syms.or)), end
	}
	return node, 0
}

// warnCursed warns of "f or" where a later grammar might read it otherwise.
func (p *Parser) warnCursed(node ast.Node, end int) {
	if p.opts.Warn == nil {
		return
	}
	pos := node.Pos()
	p.opts.Warn(&diag.Error{Kind: diag.Syntax, Plain: true, Message: "at " + diag.ShowPos(p.sources, pos) +
		": This expression uses `or` as an identifier in a way that will change in a future Nix release.\n" +
		"Wrap this entire expression in parentheses to preserve its current meaning:\n    (" +
		p.text[int(pos-p.base):end] + ")\nGive feedback at https://github.com/NixOS/nix/pull/11121"})
}

func (p *Parser) variable(start int, name ast.Symbol) *ast.Var {
	v := p.arena.Vars.New()
	v.Start, v.Name = p.at(start), name
	return v
}

func (p *Parser) str(start int, value string) *ast.Str {
	s := p.arena.Strs.New()
	s.Start, s.Value = p.at(start), p.keepText(value)
	return s
}

// parseSimple parses an operand.
func (p *Parser) parseSimple() ast.Node {
	t := p.tok()
	start := t.Pos.Offset
	switch t.Type {
	case tID:
		name := ast.Symbol(t.Pos.Line)
		p.next()
		if name == p.syms.curPos {
			return p.arena.CurPoss.Put(ast.CurPos{At: ast.At{Start: p.at(start)}})
		}
		p.meet(name)
		return p.variable(start, name)
	case tInt:
		n, _ := strconv.ParseInt(t.Value, 10, 64) // the scanner has checked it
		p.next()
		return p.arena.Ints.Put(ast.Int{At: ast.At{Start: p.at(start)}, Value: n})
	case tFloat:
		f, _ := parseFloat(t.Value)
		p.next()
		return p.arena.Floats.Put(ast.Float{At: ast.At{Start: p.at(start)}, Value: f})
	case tQuote:
		p.next()
		return p.parseString()
	case tIndOpen:
		p.next()
		return p.parseIndString(start)
	case tPath, tHPath:
		return p.parsePath()
	case tSPath:
		name := p.keepText(t.Value[1 : len(t.Value)-1])
		p.next()
		return p.arena.SearchPaths.Put(ast.SearchPath{At: ast.At{Start: p.at(start)}, Name: name})
	case tURI:
		return p.parseURI()
	case tLParen:
		p.next()
		x, _ := p.parseExpr()
		p.expect(tRParen)
		if p.keep {
			return p.arena.Parens.Put(ast.Paren{At: ast.At{Start: p.at(start)}, X: x})
		}
		return x
	case tLet:
		p.next()
		set := p.parseSet(start, true)
		s := p.arena.Selects.New()
		s.Expr, s.Path = set, p.arena.Names.Copy([]ast.AttrName{{Sym: p.syms.body}})
		return s
	case tRec:
		p.next()
		return p.parseSet(start, true)
	case tLBrace:
		return p.parseSet(start, false)
	case tLBracket:
		return p.parseList(start)
	}
	p.unexpected()
	return nil
}

func (p *Parser) parseList(start int) ast.Node {
	p.enter()
	p.next()
	mark := len(p.nodes)
	for p.atOperand() {
		x, cursed := p.parseSelect()
		p.nodes = append(p.nodes, x)
		if cursed > 0 {
			p.warnCursed(x, cursed)
		}
	}
	p.expect(tRBracket)
	l := p.arena.Lists.Put(ast.List{At: ast.At{Start: p.at(start)}, Elems: p.arena.Nodes.Copy(p.nodes[mark:])})
	p.nodes = p.nodes[:mark]
	p.leave()
	return l
}

func (p *Parser) parseURI() ast.Node {
	t := p.tok()
	start, text := t.Pos.Offset, t.Value
	if s := p.opts.URLLiterals; s != Ignore {
		word := "discouraged"
		if s == Fatal {
			word = "disallowed"
		}
		p.discourage(s, "lint-url-literals", start, "URL literals are "+diag.Quote(word)+
			". Consider using a string literal \""+diag.Quote(text)+"\" instead")
	}
	p.next()
	s := p.str(start, text)
	s.URI = true
	return s
}
