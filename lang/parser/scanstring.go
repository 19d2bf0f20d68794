package parser

import (
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/diag"
)

// scanString reads a token between double quotes: text up to the closing
// quote or "${", which follow as tokens of their own.
func (s *scanner) scanString(t *lexer.Token) {
	text, start := s.text, s.pos
	if start < len(text) {
		switch text[start] {
		case '"':
			s.pop()
			s.emit(t, tQuote, start, start+1)
			return
		case '$':
			if start+1 < len(text) && text[start+1] == '{' {
				s.push(modeDefault)
				s.emit(t, tDollarCurly, start, start+2)
				return
			}
		}
	}
	i := start
	plain := true // nothing to unescape
loop:
	for i < len(text) {
		switch text[i] {
		case '"':
			break loop
		case '\\':
			if i+1 >= len(text) {
				break loop
			}
			plain = false
			i += 2
		case '$':
			if i+1 >= len(text) {
				break loop
			}
			switch text[i+1] {
			case '{':
				break loop
			case '"':
				i++
			case '\\':
				if i+2 >= len(text) {
					break loop
				}
				plain = false
				i += 3
			default:
				if text[i+1] == '\r' || text[i+1] == 0 {
					plain = false
				}
				i += 2
			}
		case '\r', 0:
			plain = false
			i++
		default:
			i++
		}
	}
	if i == start {
		// The end of the text, perhaps after a last $ or backslash.
		s.pos = len(text)
		s.emitEOF(t)
		return
	}
	s.emit(t, tStr, start, i)
	t.Value = text[start:i]
	if !plain {
		s.unescape(t, text[start:i], start)
	}
}

// unescape sets a token's value to the string that s stands for.
func (s *scanner) unescape(t *lexer.Token, text string, start int) {
	var b strings.Builder
	b.Grow(len(text))
	nul := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		nul = nul || c == 0
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			switch c = text[i]; c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			}
		case c == '\r':
			if i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
			c = '\n'
		}
		b.WriteByte(c)
	}
	t.Value = b.String()
	if nul {
		s.nulError(t, start)
	}
}

func (s *scanner) nulError(t *lexer.Token, start int) {
	s.fail(t, start, diag.Eval, "input string '"+diag.Quote(strings.ReplaceAll(t.Value, "\x00", "␀"))+
		"' cannot be represented as Nix string because it contains null bytes")
}

// scanIndString reads a token of an indented string.
func (s *scanner) scanIndString(t *lexer.Token) {
	text, start := s.text, s.pos
	at := func(i int) byte {
		if i < len(text) {
			return text[i]
		}
		return 0
	}
	if start >= len(text) {
		s.emitEOF(t)
		return
	}
	i := start
	nul := false
loop:
	for i < len(text) {
		switch text[i] {
		case '$':
			if i+1 >= len(text) || text[i+1] == '{' || text[i+1] == '\'' {
				break loop
			}
			nul = nul || text[i+1] == 0
			i += 2
		case '\'':
			if i+1 >= len(text) || text[i+1] == '\'' || text[i+1] == '$' {
				break loop
			}
			nul = nul || text[i+1] == 0
			i += 2
		case 0:
			nul = true
			i++
		default:
			i++
		}
	}
	t.Pos.Line = 0
	switch {
	case i > start:
		s.emitText(t, tIndStr, start, i)
		t.Pos.Line = 1
		if nul {
			s.nulError(t, start)
		}
	case text[i] == '$' && at(i+1) == '{':
		s.push(modeDefault)
		s.emit(t, tDollarCurly, i, i+2)
	case text[i] == '$':
		s.emit(t, tIndStr, i, i+1)
		t.Value = "$"
	case at(i+1) != '\'':
		s.emit(t, tIndStr, i, i+1)
		t.Value = "'"
	case at(i+2) == '$':
		s.emit(t, tIndStr, i, i+3)
		t.Value = "$"
	case at(i+2) == '\'':
		s.emit(t, tIndStr, i, i+3)
		t.Value = "''"
	case at(i+2) == '\\' && i+3 < len(text):
		s.emit(t, tIndStr, i, i+4)
		s.unescape(t, text[i+2:i+4], i)
	default:
		s.pop()
		s.emit(t, tIndClose, i, i+2)
	}
}
