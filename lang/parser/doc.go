package parser

import (
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/ast"
)

// DocBefore finds the documentation comment (/** … */) that belongs to the
// token at an offset of a text, as offsets of its first byte and of what
// follows it. Other comments and white space may lie between.
func DocBefore(text string, offset int) (start, end int, ok bool) {
	s := scanner{symbols: new(ast.Symbols), pipes: true}
	s.reset(text, ast.NoPos)
	var t lexer.Token
	for {
		s.token(&t)
		if t.Type == tEOF || t.Type == tError || t.Pos.Offset >= offset {
			break
		}
	}
	if n := len(s.docs); n > 0 && t.Pos.Offset == offset && s.docs[n-1].token == offset {
		start = s.docs[n-1].start
		return start, CommentEnd(text, start), true
	}
	return 0, 0, false
}

// CommentEnd is the offset of what follows the comment (/* … */) at start.
func CommentEnd(text string, start int) int {
	if end := commentEnd(text, start); end >= 0 {
		return end
	}
	return len(text)
}
