package parser

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// syntaxError tells what is wrong with a token, in the reference's words. It
// scans the text again with the reference's automaton.
func (p *Parser) syntaxError(t *lexer.Token) *diag.Error {
	err, _ := recognise(p.text, p.symbols, p.pipes, p.bindings)
	if err == nil {
		// The automaton accepts what the parser does not: the parser's fault.
		err = &problem{offset: t.Pos.Offset, message: "syntax error, unexpected " + tokenNames[number(t.Type)]}
	}
	return &diag.Error{Kind: diag.Syntax, Pos: p.at(err.offset), Message: err.message}
}

// problem is an error of syntax.
type problem struct {
	offset  int
	message string
}

func number(t lexer.TokenType) int {
	if t == tEOF {
		return 0
	}
	return int(t)
}

// recognise runs the automaton over a text. It returns what is wrong with it,
// or the scanner's error.
func recognise(text string, symbols *ast.Symbols, pipes, bindings bool) (*problem, *diag.Error) {
	var s scanner
	s.symbols, s.pipes = symbols, pipes
	s.reset(text, ast.NoPos)
	r := lalr().start()
	if bindings {
		r.token(int(tReplBindings))
	}
	for {
		var t lexer.Token
		s.token(&t)
		if t.Type == tError {
			return nil, s.err
		}
		n := number(t.Type)
		ok, done := r.token(n)
		if done {
			return nil, nil
		}
		if ok {
			continue
		}
		return &problem{t.Pos.Offset, r.unexpected(n)}, nil
	}
}

// unexpected says that a token cannot follow, and what could.
func (r *recogniser) unexpected(t int) string {
	var b strings.Builder
	b.WriteString("syntax error, unexpected " + tokenNames[t])
	for i, e := range r.expected() {
		if i == 0 {
			b.WriteString(", expecting ")
		} else {
			b.WriteString(" or ")
		}
		b.WriteString(tokenNames[e])
	}
	return b.String()
}
