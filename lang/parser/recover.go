package parser

import (
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
)

// With [Options.AllErrors] a text that is no expression is read to its end. At
// an error tokens are skipped up to one that ends something (a semicolon, a
// closing bracket, "in"), and the automaton goes on as if there had been an
// expression before it, in the innermost place where such a token may follow.

const (
	maxErrors = 20
	// settled is how many tokens must fit, after the one that the automaton
	// went on with, until the next error is believed: before that it is mostly
	// the first one's doing.
	settled    = 2
	maxRestart = 200
)

// recovery reads a text with all its errors.
type recovery struct {
	s        scanner
	r        *recogniser
	base     ast.Pos
	found    []*diag.Error
	quiet    int // tokens until errors are reported again
	restarts int
	// mended is the text with blanks, or a number, for what was skipped, and
	// behind it what close adds.
	mended []byte
	open   *recogniser // before the end of the text, nil if that was not reached
}

// allErrors are the errors after the first one of syntax, which p has found.
func (p *Parser) allErrors(first *diag.Error) []*diag.Error {
	v := recovery{r: lalr().start(), base: p.base, mended: []byte(p.text)}
	v.s.symbols, v.s.pipes = p.symbols, p.pipes
	v.s.reset(p.text, p.base)
	if p.bindings {
		v.r.token(int(tReplBindings))
	}
	v.run()
	v.close()
	found := slices.DeleteFunc(v.found, func(e *diag.Error) bool { return e.Pos <= first.Pos })
	if p.base == ast.NoPos || p.inner {
		return found
	}
	// What the grammar allows and the language does not, like an attribute
	// defined twice, the parser itself finds in the mended text.
	q := New(p.symbols, p.sources, p.opts)
	q.inner = true
	q.begin()
	if p.partial, _ = q.parse(&ast.Source{Base: p.base}, v.mended, p.paths, p.bindings); p.partial == nil {
		p.partial = q.partial
	}
	for _, e := range q.soft {
		if int(e.Pos-p.base) < len(p.text) && !slices.ContainsFunc(p.soft, func(s *diag.Error) bool { return s.Pos == e.Pos }) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b *diag.Error) int { return int(a.Pos) - int(b.Pos) })
	return found[:min(len(found), maxErrors)]
}

// closer is a token that ends what a text leaves open, and how it is written.
type closer struct {
	token lexer.TokenType
	text  string
}

// closers has those that only close before those that want something to follow.
var closers = []closer{
	{tSemicolon, ";"}, {tRBrace, "}"}, {tRParen, ")"}, {tRBracket, "]"},
	{tThen, " then "}, {tElse, " else "}, {tIn, " in "}, {tID, " _ "}, {tColon, ":"}, {tAssign, "="}, {tLBrace, "{"}, {tQuote, `"`}, {tIndClose, "''"},
}

// maxClosers bounds how many are added: texts that leave more open are no
// program in the making.
const maxClosers = 1000

// close adds to the mended text what it lacks at its end, if it can.
func (v *recovery) close() {
	if v.open == nil {
		return
	}
	r, end := v.open, len(v.mended)
	for range maxClosers {
		if _, done := r.after(tEOF); done {
			return
		}
		i := slices.IndexFunc(closers, func(c closer) bool {
			next, _ := r.after(c.token)
			if next != nil {
				r = next
			}
			return next != nil
		})
		if i < 0 {
			break
		}
		if c := closers[i]; len(v.mended) == end && c.token != tQuote && c.token != tIndClose {
			v.mended = append(v.mended, '\n') // the text may end with a comment
		}
		v.mended = append(v.mended, closers[i].text...)
	}
	v.mended = v.mended[:end]
}

// mend replaces [from, to) of the text by blanks, with a number among them if
// an expression is wanted there, so that all else stays where it is.
func (v *recovery) mend(from, to int, expr bool) {
	if expr && from == to && from > 0 {
		from-- // only if there is a blank: else the text stays as it is
		if c := v.mended[from]; c != ' ' && c != '\t' && c != '\n' {
			return
		}
	}
	for i := from; i < to; i++ {
		if v.mended[i] != '\n' {
			v.mended[i] = ' '
		}
	}
	if expr && from < to {
		v.mended[from+(to-from)/2] = '0'
	}
}

func (v *recovery) run() {
	for len(v.found) < maxErrors && v.restarts < maxRestart {
		t := v.next()
		ok, done := false, false
		if t.Type == tEOF {
			open := v.r.cut(len(v.r.stack)) // a token that does not fit changes the stack
			v.open = &open
		}
		if t.Type != tError {
			ok, done = v.r.token(number(t.Type))
		}
		switch {
		case done:
			return
		case ok:
			v.quiet = max(0, v.quiet-1)
			continue
		case t.Type != tError:
			v.report(&diag.Error{Kind: diag.Syntax, Pos: v.base + ast.Pos(t.Pos.Offset), Message: v.r.unexpected(number(t.Type))})
		}
		v.restarts++
		if !v.restart(t) {
			return
		}
		v.quiet = settled
	}
}

func (v *recovery) report(e *diag.Error) {
	if v.quiet == 0 {
		v.found = append(v.found, e)
	}
}

// next scans a token. Where the scanner gives up, it is set right again behind
// what it did not like.
func (v *recovery) next() lexer.Token {
	var t lexer.Token
	mode, modes, start := v.s.mode, slices.Clone(v.s.modes), v.s.pos
	v.s.token(&t)
	if t.Type == tError {
		v.report(v.s.err)
		v.s.mode, v.s.modes = mode, modes
		v.s.pos = max(start, t.Pos.Offset) + 1
		for v.s.pos < len(v.s.text) && class[v.s.text[v.s.pos]]&cDigit != 0 {
			v.s.pos++
		}
		if start >= len(v.s.text) {
			t = lexer.Token{Type: tEOF, Pos: t.Pos}
		}
		v.s.pos = min(v.s.pos, len(v.s.text))
	}
	v.r.at = min(t.Pos.Offset, len(v.s.text))
	return t
}

// restart finds a token from t on with which the automaton can go on; false at
// the end of the text.
func (v *recovery) restart(t lexer.Token) bool {
	var open openTokens
	start := v.r.at
	for ; t.Type != tEOF; t = v.next() {
		if open.skip(t.Type, v.s.mode == modeString) {
			continue
		}
		open = open[:0]
		if c, ok := v.r.resume(number(t.Type)); ok {
			to := v.r.at
			if c.token {
				to = v.s.pos
			}
			v.mend(min(c.from, start), to, c.expr)
			return true
		}
	}
	if v.mend(start, len(v.mended), false); v.open == nil {
		v.open = v.r
	}
	return false
}

// openTokens are what has begun among the tokens that are skipped and has not
// ended: brackets, strings, let until its in, with and assert until their semicolon.
type openTokens []lexer.TokenType

// skip takes a token; it is false for one that ends what began before.
func (o *openTokens) skip(t lexer.TokenType, inString bool) bool {
	last := lexer.TokenType(0)
	if n := len(*o); n > 0 {
		last = (*o)[n-1]
	}
	switch t {
	case tLParen, tLBrace, tLBracket, tDollarCurly, tIndOpen, tLet, tWith, tAssert:
		*o = append(*o, t)
		return true
	case tQuote:
		if inString {
			*o = append(*o, t)
			return true
		}
	case tRParen, tRBrace, tRBracket, tIndClose, tIn:
	case tSemicolon:
		// Not in parentheses and lists: those were not closed.
		for last == tLParen || last == tLBracket {
			*o = (*o)[:len(*o)-1]
			last = 0
			if n := len(*o); n > 0 {
				last = (*o)[n-1]
			}
		}
		if last != tWith && last != tAssert {
			return len(*o) > 0
		}
	default:
		return true
	}
	if len(*o) > 0 {
		*o = (*o)[:len(*o)-1]
		return true
	}
	return t == tQuote
}

// cut is what was given up so that a token can follow.
type cut struct {
	from  int  // where it begins
	expr  bool // an expression stands for it
	token bool // the token too was given up
}

// after is the automaton after one more token, nil if that does not fit; done
// tells that the text is whole with it.
func (r *recogniser) after(t lexer.TokenType) (next *recogniser, done bool) {
	trial := r.cut(len(r.stack))
	ok, done := trial.token(number(t))
	if !ok {
		return nil, false
	}
	return &trial, done
}

// resume cuts the stack back to where token t may follow an expression, or
// may stand itself, or, if it is a semicolon, to where the next binding may begin.
func (r *recogniser) resume(t int) (c cut, ok bool) {
	exprs := r.a.g.named("expr")
	for k := len(r.stack); k > 0; k-- {
		top := r.a.states[r.stack[k-1]]
		from := r.at
		if k < len(r.starts) {
			from = r.starts[k]
		}
		if to, ok := top.next[exprs]; ok {
			trial := r.cut(k)
			trial.push(uint16(to), from)
			if ok, _ := trial.token(t); ok {
				*r = trial
				return cut{from, true, false}, true
			}
		}
		trial := r.cut(k)
		if ok, _ := trial.token(t); ok {
			*r = trial
			return cut{from, false, false}, true
		}
		if top.actions[int(tInherit)] > 0 && t == int(tSemicolon) { // among bindings
			*r = r.cut(k)
			return cut{from, false, true}, true
		}
	}
	return cut{}, false
}

// named is the number of a nonterminal.
func (g *grammar) named(name string) int {
	for line, text := range strings.Split(strings.TrimSpace(grammarText), "\n") {
		if strings.HasPrefix(text, name+":") {
			return g.rules[line+1].left
		}
	}
	panic("parser: no such nonterminal: " + name)
}
