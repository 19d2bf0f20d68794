package parser

import (
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/diag"
)

// syntaxError tells what is wrong with a token.
func (p *Parser) syntaxError(t *lexer.Token) *diag.Error {
	return &diag.Error{Kind: diag.Syntax, Pos: p.at(t.Pos.Offset), Message: "syntax error"}
}
