package parser

import (
	"errors"
	"io"
	"sync"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/ast"
)

// windowSize is how many tokens are scanned ahead: they fit the first-level cache.
const windowSize = 256

// lookahead is how far beyond the current token the grammar looks.
const lookahead = 3

// window is a run of tokens that slides over the text. Its slice is the one
// inside a PeekingLexer (Range aliases it, which a test makes sure of), so
// that participle sees the same tokens.
type window struct {
	buf    []lexer.Token
	cur    int // the current token
	n      int // tokens that have been scanned
	done   bool
	source *scanner
}

// openWindow makes a lexer and gives the slice inside it.
func openWindow() (*lexer.PeekingLexer, []lexer.Token) {
	pl, err := lexer.Upgrade(&blanks{windowSize})
	if err != nil {
		panic(err) // blanks has no errors
	}
	return pl, pl.Range(0, windowSize+1)
}

// blanks is a lexer of n empty tokens.
type blanks struct{ n int }

func (b *blanks) Next() (lexer.Token, error) {
	if b.n == 0 {
		return lexer.Token{Type: lexer.EOF}, nil
	}
	b.n--
	return lexer.Token{}, nil
}

func (w *window) fill(s *scanner) {
	w.source, w.cur, w.n, w.done = s, 0, 0, false
	w.more()
}

// tok is the current token, valid until the next call of next.
func (w *window) tok() *lexer.Token { return &w.buf[w.cur] }

// peek is the token i after the current one.
func (w *window) peek(i int) *lexer.Token { return &w.buf[w.cur+i] }

func (w *window) next() {
	w.cur++
	if w.cur+lookahead >= w.n && !w.done {
		w.more()
	}
}

// more moves what is left to the front and scans on.
func (w *window) more() {
	w.n = copy(w.buf, w.buf[w.cur:w.n])
	w.cur = 0
	for w.n < windowSize-lookahead {
		t := &w.buf[w.n]
		w.source.token(t)
		w.n++
		if t.Type == tEOF || t.Type == tError {
			w.done = true
			for i := 0; i < lookahead; i++ {
				w.buf[w.n+i] = *t
			}
			w.n += lookahead
			return
		}
	}
}

// finish moves the end of the text to where a fresh cursor looks for it.
func (w *window) finish() { w.buf[0] = lexer.Token{Type: lexer.EOF} }

// clear forgets the values of tokens, which refer to the text.
func (w *window) clear() { clear(w.buf[:min(w.n+1, len(w.buf))]) }

// Definition is the language's scanner as participle wants lexers: tokens
// without white space and comments. Interpolations, quotes and the ends of
// paths are tokens too.
type Definition struct{ Options Options }

var (
	_ lexer.Definition       = Definition{}
	_ lexer.StringDefinition = Definition{}
	_ lexer.BytesDefinition  = Definition{}
)

// Symbols names the kinds of tokens. The map must not be changed.
func (d Definition) Symbols() map[string]lexer.TokenType { return tokenTypes() }

// tokenTypes is made once: participle asks for it three times a parser.
var tokenTypes = sync.OnceValue(func() map[string]lexer.TokenType {
	m := make(map[string]lexer.TokenType, tokenCount)
	m["EOF"] = lexer.EOF
	for i := 1; i < int(tokenCount); i++ {
		m[tokenNames[i]] = lexer.TokenType(i)
	}
	return m
})

// Lex scans what r holds.
func (d Definition) Lex(filename string, r io.Reader) (lexer.Lexer, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return d.LexBytes(filename, text)
}

// LexBytes scans a text.
func (d Definition) LexBytes(filename string, text []byte) (lexer.Lexer, error) {
	return d.LexString(filename, string(text))
}

// LexString scans a text.
func (d Definition) LexString(filename, text string) (lexer.Lexer, error) {
	l := &tokenLexer{filename: filename}
	l.s.symbols = new(ast.Symbols)
	l.s.reset(text, 0)
	l.s.pipes = d.Options.PipeOperators
	return l, nil
}

type tokenLexer struct {
	s        scanner
	filename string
}

// Next returns the next token; only Filename and Offset of its position are for others.
func (l *tokenLexer) Next() (lexer.Token, error) {
	var t lexer.Token
	l.s.token(&t)
	if t.Type == tError {
		return t, errors.New(l.s.err.Error())
	}
	if t.Type == tPathEnd { // it has no text; its position is the reference's
		t.Pos.Offset = t.Pos.Column
	}
	t.Value = l.s.text[t.Pos.Offset:max(t.Pos.Offset, t.Pos.Column)]
	t.Pos = lexer.Position{Filename: l.filename, Offset: t.Pos.Offset}
	return t, nil
}
