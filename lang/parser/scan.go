package parser

import (
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// The scanner's modes. Braces and quotes push and pop them, so the parser has
// nothing to tell the scanner.
const (
	modeDefault = iota
	modeString
	modeIndString
	modePath      // inside a path, after a character that may end it
	modePathSlash // inside a path, after a slash, where it may not end
)

// scanner turns a text into tokens. A token uses these fields of lexer.Token:
//
//	Type        its kind
//	Value       the text, with the escapes of strings resolved (not for names)
//	Pos.Offset  its first byte
//	Pos.Column  the byte after its last
//	Pos.Line    a name's symbol; in an indented string, 1 if the text was
//	            written plainly and so takes part in the indentation
type scanner struct {
	text  string
	pos   int
	mode  uint8
	modes []uint8 // the modes around this one

	symbols *ast.Symbols
	cache   []cachedSymbol
	pipes   bool

	base ast.Pos
	// lastStart is where the last token began, beforePath where the one
	// before the last piece of a path did; endPos is where the reference
	// thinks the text ends once it does.
	lastStart  int
	beforePath int
	endPos     int
	// err is set when a token of type tError has been returned.
	err *diag.Error

	// doc is one more than the offset of a documentation comment that no
	// token has followed yet; docs are those that a token followed.
	doc  int
	docs []docComment

	keep     bool
	comments []Comment

	// A path that begins before noPath, and a URI before noURI, has been
	// looked for in vain (else a.a.a.a… would take quadratic time).
	noPath, noURI int
}

type cachedSymbol struct {
	hash uint32
	sym  ast.Symbol
}

// docComment says that the token at offset token follows a documentation
// comment (/** … */) at offset start.
type docComment struct{ token, start int }

// A short text has few names, and may be all that its parser ever reads.
const (
	symbolCacheSize  = 4096
	symbolCacheFirst = 256
	shortSource      = 4 << 10
)

func (s *scanner) reset(text string, base ast.Pos) {
	s.text, s.base = text, base
	s.pos, s.mode, s.modes = 0, modeDefault, s.modes[:0]
	s.lastStart, s.endPos, s.err = 0, len(text), nil
	s.doc, s.docs, s.comments = 0, s.docs[:0], nil
	s.noPath, s.noURI = 0, 0
	if s.cache == nil && len(text) < shortSource {
		s.cache = make([]cachedSymbol, symbolCacheFirst)
	} else if len(s.cache) < symbolCacheSize && len(text) >= shortSource {
		s.cache = make([]cachedSymbol, symbolCacheSize)
	}
}

// token reads a token.
func (s *scanner) token(t *lexer.Token) {
	switch s.mode {
	case modeDefault:
		s.scanDefault(t)
	case modeString:
		s.scanString(t)
	case modeIndString:
		s.scanIndString(t)
	default:
		s.scanPath(t)
	}
}

func (s *scanner) push(mode uint8) {
	s.modes = append(s.modes, s.mode)
	s.mode = mode
}

func (s *scanner) pop() {
	s.mode = s.modes[len(s.modes)-1]
	s.modes = s.modes[:len(s.modes)-1]
}

// emit fills a token that ends at end and has no value.
func (s *scanner) emit(t *lexer.Token, typ lexer.TokenType, start, end int) {
	t.Type = typ
	t.Pos.Offset = start
	t.Pos.Column = end
	s.pos = end
	s.lastStart = start
	if s.doc != 0 {
		s.docs = append(s.docs, docComment{start, s.doc - 1})
		s.doc = 0
	}
}

// emitText is emit for tokens with a value, the text as written.
func (s *scanner) emitText(t *lexer.Token, typ lexer.TokenType, start, end int) {
	s.emit(t, typ, start, end)
	t.Value = s.text[start:end]
}

func (s *scanner) emitEOF(t *lexer.Token) {
	t.Type = tEOF
	t.Pos.Offset = s.endPos
	t.Pos.Column = s.endPos
}

// fail returns an error as a token, so that an error in the syntax before it
// is found first.
func (s *scanner) fail(t *lexer.Token, start int, kind diag.Kind, format string) {
	s.err = &diag.Error{Kind: kind, Pos: s.base + ast.Pos(start), Message: format}
	s.emit(t, tError, start, start)
	s.mode, s.modes, s.pos = modeDefault, s.modes[:0], len(s.text)
}

// scanDefault reads a token of an expression.
func (s *scanner) scanDefault(t *lexer.Token) {
	text := s.text
	i := s.pos
	for i < len(text) {
		c := text[i]
		cl := class[c]
		switch {
		case cl&cSpace != 0:
			i++
			continue
		case cl&cLetter != 0:
			s.scanName(t, i)
			return
		case c == '#':
			start := i
			for i < len(text) && text[i] != '\n' && text[i] != '\r' {
				i++
			}
			if s.keep {
				s.comments = append(s.comments, Comment{s.base + ast.Pos(start), text[start:i]})
			}
			continue
		case c == '/' && i+1 < len(text) && text[i+1] == '*':
			end := commentEnd(text, i)
			if end < 0 {
				break // the slash is a token, then the star
			}
			if end-i > 4 && text[i+2] == '*' && text[i+3] != '*' && text[i+3] != '/' {
				s.doc = i + 1
			}
			if s.keep {
				s.comments = append(s.comments, Comment{s.base + ast.Pos(i), text[i:end]})
			}
			i = end
			continue
		}
		s.scanSymbol(t, i)
		return
	}
	s.pos = i
	s.emitEOF(t)
}

// commentEnd finds the end of the comment at i, or -1 if it has none.
func commentEnd(text string, i int) int {
	n := strings.Index(text[i+2:], "*/")
	if n < 0 {
		return -1
	}
	return i + 2 + n + 2
}

// scanName reads an identifier, a keyword, or a path or URI that begins with a letter.
func (s *scanner) scanName(t *lexer.Token, start int) {
	text := s.text
	i := start
	h := ast.HashSeed
	for i < len(text) && class[text[i]]&cID != 0 {
		h = ast.HashByte(h, text[i])
		i++
	}
	if i < len(text) {
		switch text[i] {
		case '/', '.', '+', ':':
			if s.startPath(t, start) || s.scanURI(t, start) {
				return
			}
		}
	}
	name := text[start:i]
	if len(name) <= 7 && len(name) >= 2 && class[name[0]]&cKeyword != 0 {
		if k := keyword(name); k != tID {
			s.emit(t, k, start, i)
			return
		}
	}
	s.emit(t, tID, start, i)
	t.Pos.Line = int(s.intern(name, h))
}

// intern goes through a small cache of its own, which saves the table's lock.
func (s *scanner) intern(name string, h uint32) ast.Symbol {
	c := &s.cache[h&uint32(len(s.cache)-1)] // the length is a power of two
	if c.hash == h && c.sym != ast.NoSymbol && s.symbols.Name(c.sym) == name {
		return c.sym
	}
	sym := s.symbols.Enter(name, h)
	*c = cachedSymbol{h, sym}
	return sym
}

// scanURI reads a URI at start if there is one.
func (s *scanner) scanURI(t *lexer.Token, start int) bool {
	text := s.text
	if start < s.noURI || text[start] == '_' {
		return false
	}
	j := start
	for j < len(text) && class[text[j]]&cScheme != 0 {
		j++
	}
	if j+1 >= len(text) || text[j] != ':' || class[text[j+1]]&cURI == 0 {
		s.noURI = j
		return false
	}
	for j++; j < len(text) && class[text[j]]&cURI != 0; j++ {
	}
	s.emitText(t, tURI, start, j)
	return true
}

// startPath reads the first token of a path at start if there is one: a
// relative or absolute path, or the part of it before "${".
func (s *scanner) startPath(t *lexer.Token, start int) bool {
	if start < s.noPath {
		return false
	}
	text := s.text
	i := start
	for i < len(text) && class[text[i]]&cPath != 0 {
		i++
	}
	if i < len(text) && text[i] == '/' {
		if end := pathEnd(text, i); end > i {
			s.emitPath(t, tPath, start, end)
			return true
		}
		if i+2 < len(text) && text[i+1] == '$' && text[i+2] == '{' {
			s.emitPath(t, tPath, start, i+1)
			return true
		}
	}
	s.noPath = i
	return false
}

// pathEnd finds the end of (/part)+/? at i; it returns i if there is none.
func pathEnd(text string, i int) int {
	for i+1 < len(text) && text[i] == '/' && class[text[i+1]]&cPath != 0 {
		for i++; i < len(text) && class[text[i]]&cPath != 0; i++ {
		}
		if i < len(text) && text[i] == '/' && !(i+1 < len(text) && class[text[i+1]]&cPath != 0) {
			return i + 1
		}
	}
	return i
}

// emitPath emits a piece of a path and enters the mode that its end calls for.
func (s *scanner) emitPath(t *lexer.Token, typ lexer.TokenType, start, end int) {
	s.beforePath = s.lastStart
	s.emitText(t, typ, start, end)
	if s.text[end-1] == '/' {
		s.push(modePathSlash)
	} else {
		s.push(modePath)
	}
}

// scanPath reads what comes after the beginning of a path.
func (s *scanner) scanPath(t *lexer.Token) {
	text, start := s.text, s.pos
	if start+1 < len(text) && text[start] == '$' && text[start+1] == '{' {
		s.mode = modePath
		s.push(modeDefault)
		s.emit(t, tDollarCurly, start, start+2)
		return
	}
	i := start
	for i < len(text) && class[text[i]]&cPath != 0 {
		i++
	}
	if i < len(text) && text[i] == '/' {
		if end := pathEnd(text, i); end > i {
			i = end
		} else {
			i++
		}
	}
	if i > start {
		s.pop()
		s.emitPath(t, tStr, start, i)
		return
	}
	at := start
	if start >= len(text) {
		at = s.lastStart
	}
	if s.mode == modePathSlash {
		s.fail(t, at, diag.Syntax, "path has a trailing slash")
		return
	}
	s.pop()
	at = s.lastStart
	if start >= len(text) {
		// The reference steps back over the last token here, and later
		// reports the end of the text there.
		s.endPos = s.lastStart
		at = s.beforePath
	}
	s.emit(t, tPathEnd, at, start)
}

// scanSymbol reads a token that does not begin with a letter.
func (s *scanner) scanSymbol(t *lexer.Token, i int) {
	text := s.text
	c := text[i]
	var c1 byte
	if i+1 < len(text) {
		c1 = text[i+1]
	}
	two := func(typ lexer.TokenType) { s.emit(t, typ, i, i+2) }
	one := func(typ lexer.TokenType) { s.emit(t, typ, i, i+1) }
	switch c {
	case ';':
		one(tSemicolon)
	case '=':
		if c1 == '=' {
			two(tEq)
		} else {
			one(tAssign)
		}
	case '{':
		s.push(modeDefault)
		one(tLBrace)
	case '}':
		if len(s.modes) > 0 {
			s.pop()
		}
		one(tRBrace)
	case '(':
		one(tLParen)
	case ')':
		one(tRParen)
	case '[':
		one(tLBracket)
	case ']':
		one(tRBracket)
	case ':':
		one(tColon)
	case ',':
		one(tComma)
	case '@':
		one(tAt)
	case '?':
		one(tQuestion)
	case '*':
		one(tStar)
	case '"':
		s.push(modeString)
		one(tQuote)
	case '\'':
		if c1 != '\'' {
			one(tUndef)
			return
		}
		end := i + 2
		for end < len(text) && text[end] == ' ' {
			end++
		}
		if end < len(text) && text[end] == '\n' {
			end++
		} else {
			end = i + 2
		}
		s.push(modeIndString)
		s.emit(t, tIndOpen, i, end)
	case '$':
		if c1 == '{' {
			s.push(modeDefault)
			two(tDollarCurly)
		} else {
			one(tUndef)
		}
	case '!':
		if c1 == '=' {
			two(tNEq)
		} else {
			one(tBang)
		}
	case '&':
		if c1 == '&' {
			two(tAnd)
		} else {
			one(tUndef)
		}
	case '|':
		switch c1 {
		case '|':
			two(tOr)
		case '>':
			s.pipe(t, tPipeInto, i)
		default:
			one(tUndef)
		}
	case '>':
		if c1 == '=' {
			two(tGEq)
		} else {
			one(tGreater)
		}
	case '<':
		if end := searchPathEnd(text, i); end > 0 {
			s.emitText(t, tSPath, i, end)
			return
		}
		switch c1 {
		case '=':
			two(tLEq)
		case '|':
			s.pipe(t, tPipeFrom, i)
		default:
			one(tLess)
		}
	case '~':
		if c1 != '/' {
			one(tUndef)
		} else if end := pathEnd(text, i+1); end > i+1 {
			s.emitPath(t, tHPath, i, end)
		} else if i+3 < len(text) && text[i+2] == '$' && text[i+3] == '{' {
			s.emitPath(t, tHPath, i, i+2)
		} else {
			one(tUndef)
		}
	case 0:
		// The reference's scanner returns the byte as a token, and token 0 is
		// the end of the text.
		s.endPos = i + 1
		s.pos = len(text)
		s.emitEOF(t)
	default:
		s.scanNumberOrPath(t, i, c, c1)
	}
}

func (s *scanner) pipe(t *lexer.Token, typ lexer.TokenType, i int) {
	if !s.pipes {
		s.fail(t, i, diag.Syntax, "experimental Nix feature '"+diag.Quote("pipe-operators")+"' is disabled; add '--extra-experimental-features "+diag.Quote("pipe-operators")+"' to enable it")
		return
	}
	s.emit(t, typ, i, i+2)
}

// searchPathEnd finds the end of <a/b> at i, or 0.
func searchPathEnd(text string, i int) int {
	for {
		i++
		start := i
		for i < len(text) && class[text[i]]&cPath != 0 {
			i++
		}
		if i == start || i >= len(text) {
			return 0
		}
		if text[i] == '>' {
			return i + 1
		}
		if text[i] != '/' {
			return 0
		}
	}
}

// scanNumberOrPath reads what begins with a digit or one of . + - /.
func (s *scanner) scanNumberOrPath(t *lexer.Token, i int, c, c1 byte) {
	if (class[c]&cPath != 0 || c == '/') && s.startPath(t, i) {
		return
	}
	two := func(typ lexer.TokenType) { s.emit(t, typ, i, i+2) }
	one := func(typ lexer.TokenType) { s.emit(t, typ, i, i+1) }
	switch {
	case class[c]&cDigit != 0 || c == '.' && class[c1]&cDigit != 0:
		s.scanNumber(t, i)
	case c == '.' && c1 == '.' && i+2 < len(s.text) && s.text[i+2] == '.':
		s.emit(t, tEllipsis, i, i+3)
	case c == '.':
		one(tDot)
	case c == '+' && c1 == '+':
		two(tConcat)
	case c == '+':
		one(tPlus)
	case c == '-' && c1 == '>':
		two(tImpl)
	case c == '-':
		one(tMinus)
	case c == '/' && c1 == '/':
		two(tUpdate)
	case c == '/':
		one(tSlash)
	default:
		one(tUndef)
	}
}

// scanNumber reads an integer or a float. A float begins with a digit other
// than 0 and has a point, or is a fraction with at most one 0 before the point.
func (s *scanner) scanNumber(t *lexer.Token, start int) {
	text := s.text
	digits := func(i int) int {
		for i < len(text) && class[text[i]]&cDigit != 0 {
			i++
		}
		return i
	}
	i := digits(start)
	if i < len(text) && text[i] == '.' {
		end := digits(i + 1)
		switch {
		case i > start && text[start] != '0', end > i+1 && i <= start+1:
			s.scanFloat(t, start, end)
			return
		}
	}
	s.emitText(t, tInt, start, i)
	if _, err := strconv.ParseInt(t.Value, 10, 64); err != nil {
		s.fail(t, start, diag.Syntax, "invalid integer '"+diag.Quote(t.Value)+"'")
	}
}

func (s *scanner) scanFloat(t *lexer.Token, start, i int) {
	text := s.text
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		j := i + 1
		if j < len(text) && (text[j] == '+' || text[j] == '-') {
			j++
		}
		if j < len(text) && class[text[j]]&cDigit != 0 {
			for i = j; i < len(text) && class[text[i]]&cDigit != 0; i++ {
			}
		}
	}
	s.emitText(t, tFloat, start, i)
	if _, ok := parseFloat(t.Value); !ok {
		s.fail(t, start, diag.Syntax, "invalid float '"+diag.Quote(t.Value)+"'")
	}
}

// parseFloat reads a float; ok is false where C's strtod reports a range
// error: too big, or too small to keep all its digits.
func parseFloat(text string) (f float64, ok bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	const smallestNormal = 0x1p-1022
	if f < smallestNormal {
		for i := 0; i < len(text) && text[i]|0x20 != 'e'; i++ {
			if text[i] >= '1' && text[i] <= '9' {
				return 0, false
			}
		}
	}
	return f, true
}
