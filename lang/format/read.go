package format

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reader reads the concrete syntax tree from a text that the parser has
// accepted; it decides by the next few bytes and need not name mistakes.
type reader struct {
	src  string
	pos  int
	line int
	bol  int // offset of the line's first byte
	// pending is what stands before the next token.
	pending []trivium
	// disabled is where the line of an open disabled region starts, or -1.
	disabled int
	// cuts counts the interpolations that a disabled region begins or ends in.
	cuts  int
	depth int
}

// maxDepth is how deep expressions may nest: the rules recurse with them.
const maxDepth = 10_000

// unreadable unwinds the reader where the text is not what it expects.
type unreadable struct{ err error }

func (r *reader) fail(want string) {
	panic(unreadable{fmt.Errorf("line %d: expected %s", r.line, want)})
}

func (r *reader) readFile() (e expr, final []trivium) {
	r.disabled = -1
	e, final = r.whole()
	if r.pos < len(r.src) {
		r.fail("the end of the file")
	}
	if r.disabled >= 0 {
		final = append(final, trivium{kind: disabledToEnd, text: r.src[r.disabled:]})
	}
	return e, final
}

// whole reads an expression with all that stands before and behind it.
func (r *reader) whole() (expr, []trivium) {
	saved := r.pending
	before, outer := r.disabled, r.cuts
	r.pending = nil
	r.blanks()
	r.pending = append(r.pending, r.leading(r.trivia())...)
	e := r.expr()
	final := r.pending
	r.pending = saved
	r.cuts = outer
	if r.disabled != before {
		r.cuts++
	}
	return e, final
}

func (r *reader) has(s string) bool { return strings.HasPrefix(r.src[r.pos:], s) }

func (r *reader) at(i int) byte {
	if r.pos+i < len(r.src) {
		return r.src[r.pos+i]
	}
	return 0
}

// advance moves over text that may hold line ends.
func (r *reader) advance(to int) {
	for i := r.pos; i < to; i++ {
		if r.src[i] == '\n' {
			r.line++
			r.bol = i + 1
		}
	}
	r.pos = to
}

// column counts from 1, in characters, a tab going on to the next multiple of 8.
func (r *reader) column() int {
	col := 1
	for _, c := range r.src[r.bol:r.pos] {
		if c == '\t' {
			col = (col-1)/8*8 + 9
		} else {
			col++
		}
	}
	return col
}

func identStart(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func digit(c byte) bool      { return '0' <= c && c <= '9' }
func identChar(c byte) bool  { return identStart(c) || digit(c) || c == '\'' || c == '-' }
func pathChar(c byte) bool {
	return identStart(c) || digit(c) || c == '.' || c == '-' || c == '+' || c == '~'
}
func uriChar(c byte) bool {
	return identStart(c) || digit(c) || strings.IndexByte("%/?:@&=+$,-.!~*'", c) >= 0
}

func isBlank(c rune) bool { return c != '\n' && c != '\r' && unicode.IsSpace(c) }

func (r *reader) blanks() {
	for r.pos < len(r.src) {
		c, n := utf8.DecodeRuneInString(r.src[r.pos:])
		if !isBlank(c) {
			return
		}
		r.pos += n
	}
}

// token reads a token of n bytes and what follows it up to the next one.
func (r *reader) token(kind tokKind, n int) *tok {
	return r.lexeme(kind, func(t *tok) {
		t.text = r.src[r.pos : r.pos+n]
		r.pos += n
	})
}

func (r *reader) lexeme(kind tokKind, read func(*tok)) *tok {
	t := &tok{pre: r.pending, line: r.line, kind: kind}
	r.pending = nil
	read(t)
	r.blanks()
	pts := r.trivia()
	trail, next := r.attach(pts, r.column())
	t.trail = trail
	r.pending = append(r.pending, next...)
	return t
}

func (r *reader) symbol(s string) *tok {
	if !r.has(s) {
		r.fail("'" + s + "'")
	}
	return r.token(tokPunct, len(s))
}

// word is the length of the identifier or keyword at offset i from here.
func (r *reader) word(i int) int {
	n := i
	if !identStart(r.at(n)) {
		return 0
	}
	for identChar(r.at(n)) {
		n++
	}
	return n - i
}

func (r *reader) keyword(s string) bool {
	return r.has(s) && r.word(0) == len(s)
}

func reserved(s string) bool {
	switch s {
	case "let", "in", "if", "then", "else", "assert", "with", "rec", "inherit":
		return true
	}
	return false
}

// ahead is the offset from here of the first byte at or after i that is
// neither blank nor in a comment.
func (r *reader) ahead(i int) int {
	p := r.pos + i
	for p < len(r.src) {
		switch c := r.src[p]; {
		case c == '#':
			for p < len(r.src) && r.src[p] != '\n' && r.src[p] != '\r' {
				p++
			}
		case c == '/' && strings.HasPrefix(r.src[p:], "/*"):
			end := strings.Index(r.src[p+2:], "*/")
			if end < 0 {
				return len(r.src) - r.pos
			}
			p += end + 4
		default:
			ch, n := utf8.DecodeRuneInString(r.src[p:])
			if !unicode.IsSpace(ch) {
				return p - r.pos
			}
			p += n
		}
	}
	return p - r.pos
}

func (r *reader) expr() expr {
	if r.depth++; r.depth > maxDepth {
		panic(unreadable{fmt.Errorf("line %d: nested more than %d deep", r.line, maxDepth)})
	}
	defer func() { r.depth-- }()
	switch w := r.src[r.pos : r.pos+r.word(0)]; {
	case r.isURI():
	case w == "with":
		kw := r.symbol(w)
		scope := r.expr()
		semi := r.symbol(";")
		return &with{kw, scope, semi, r.expr()}
	case w == "let":
		if r.at(r.ahead(3)) == '{' {
			break
		}
		kw := r.symbol(w)
		items := r.bindings()
		in := r.symbol("in")
		return &let{kw, items, in, r.expr()}
	case w == "assert":
		kw := r.symbol(w)
		cond := r.expr()
		semi := r.symbol(";")
		return &assert{kw, cond, semi, r.expr()}
	case w == "if":
		kw := r.symbol(w)
		cond := r.expr()
		then := r.symbol("then")
		yes := r.expr()
		els := r.symbol("else")
		return &ifThenElse{kw, cond, then, yes, els, r.expr()}
	case w != "" && !reserved(w):
		if c := r.at(r.ahead(len(w))); c == ':' || c == '@' {
			return r.lambda()
		}
	case r.at(0) == '{' && r.startsFormals():
		return r.lambda()
	}
	return r.operation(0)
}

// startsFormals tells whether { here begins formals, not a set.
func (r *reader) startsFormals() bool {
	i := r.ahead(1)
	switch c := r.at(i); {
	case c == '.':
		return true
	case c == '}':
		c := r.at(r.ahead(i + 1))
		return c == ':' || c == '@'
	case identStart(c):
		n := r.word(i)
		j := r.ahead(i + n)
		switch r.at(j) {
		case ',', '?':
			return true
		case '}':
			return true
		}
	}
	return false
}

func (r *reader) lambda() expr {
	one := func() interface{} {
		if r.at(0) == '{' {
			return r.formals()
		}
		return r.token(tokIdent, r.word(0))
	}
	p := param{first: one()}
	if r.at(0) == '@' {
		p.at = r.symbol("@")
		p.second = one()
	}
	colon := r.symbol(":")
	return &lambda{p, colon, r.expr()}
}

func (r *reader) formals() *formals {
	fs := &formals{open: r.symbol("{")}
	for {
		switch {
		case r.at(0) == '}':
			fs.close = r.symbol("}")
			return fs
		case r.has("..."):
			fs.list = append(fs.list, formal{name: r.symbol("..."), ellipsis: true})
		default:
			f := formal{name: r.ident()}
			if r.at(0) == '?' {
				f.q = r.symbol("?")
				f.deflt = r.expr()
			}
			if r.at(0) == ',' {
				f.comma = r.symbol(",")
			}
			fs.list = append(fs.list, f)
		}
	}
}

func (r *reader) ident() *tok {
	n := r.word(0)
	if n == 0 {
		r.fail("an identifier")
	}
	return r.token(tokIdent, n)
}

// operators, the loosest first: text, level, and whether it groups to the right.
type operator struct {
	text  string
	level int
	right bool
}

const (
	levelNot    = 8
	levelHas    = 12
	levelNegate = 13
)

// operatorHere is the binary operator that stands here.
func (r *reader) operatorHere() (operator, bool) {
	two := ""
	if r.pos+2 <= len(r.src) {
		two = r.src[r.pos : r.pos+2]
	}
	switch two {
	case "<|":
		return operator{two, 0, true}, true
	case "|>":
		return operator{two, 1, false}, true
	case "->":
		// Grouped to the left here: how the style shows chains of it.
		return operator{two, 2, false}, true
	case "||":
		return operator{two, 3, false}, true
	case "&&":
		return operator{two, 4, false}, true
	case "==", "!=":
		return operator{two, 5, false}, true
	case "<=", ">=":
		return operator{two, 6, false}, true
	case "//":
		return operator{two, 7, true}, true
	case "++":
		return operator{two, 11, true}, true
	}
	switch c := r.at(0); c {
	case '<', '>':
		return operator{string(c), 6, false}, true
	case '+', '-':
		return operator{string(c), 9, false}, true
	case '*', '/':
		return operator{string(c), 10, false}, true
	case '?':
		return operator{"?", levelHas, false}, true
	}
	return operator{}, false
}

// operation reads operators of at least the given level.
func (r *reader) operation(level int) expr {
	l := r.operand()
	for {
		if r.startsTerm() {
			// What looks like an operator may begin a path: a ++b/c.
			return l
		}
		op, ok := r.operatorHere()
		if !ok || op.level < level {
			return l
		}
		t := r.symbol(op.text)
		if op.text == "?" {
			l = &hasAttr{l, t, r.attrPath()}
			continue
		}
		next := op.level + 1
		if op.right {
			next = op.level
		}
		rhs := r.operation(next)
		// Additions are put together to the right, as the style's rules expect.
		if b, ok := l.(*binary); ok && op.text == "+" && b.op.text == "+" {
			l = &binary{b.l, b.op, &binary{b.r, t, rhs}}
		} else {
			l = &binary{l, t, rhs}
		}
	}
}

func (r *reader) operand() expr {
	switch {
	case r.at(0) == '!' && r.at(1) != '=':
		op := r.symbol("!")
		return &unary{op, r.operation(levelNot)}
	case r.at(0) == '-' && !r.startsTerm():
		op := r.symbol("-")
		return &unary{op, r.operation(levelNegate)}
	}
	if !r.startsTerm() {
		switch r.src[r.pos : r.pos+r.word(0)] {
		case "with", "let", "assert", "if":
			return r.expr()
		}
		r.fail("an expression")
	}
	e := r.term()
	for r.startsTerm() {
		e = &apply{e, r.term()}
	}
	return e
}

// startsTerm tells whether a term stands here.
func (r *reader) startsTerm() bool {
	c := r.at(0)
	switch c {
	case '"', '(', '[', '{':
		return true
	case '\'':
		return r.at(1) == '\''
	case '<':
		return r.searchPath() > 0
	case '.':
		if digit(r.at(1)) {
			return true
		}
	}
	if digit(c) {
		return true
	}
	if n := r.word(0); n > 0 {
		w := r.src[r.pos : r.pos+n]
		return !reserved(w) || w == "rec" || w == "let" && r.at(r.ahead(n)) == '{' || r.isPath() || r.isURI()
	}
	return r.isPath()
}

// isPath tells whether a path stands here.
func (r *reader) isPath() bool {
	i := 0
	for pathChar(r.at(i)) {
		i++
	}
	return r.at(i) == '/' && (pathChar(r.at(i+1)) || r.at(i+1) == '$' && r.at(i+2) == '{')
}

func (r *reader) isURI() bool {
	i := 0
	c := r.at(0)
	if !identStart(c) || c == '_' {
		return false
	}
	for c = r.at(i); identStart(c) && c != '_' || digit(c) || c == '+' || c == '-' || c == '.'; c = r.at(i) {
		i++
	}
	return c == ':' && uriChar(r.at(i+1))
}

// searchPath is the length of <…> here, 0 if there is none.
func (r *reader) searchPath() int {
	i := 1
	for {
		start := i
		for pathChar(r.at(i)) {
			i++
		}
		if i == start {
			return 0
		}
		switch r.at(i) {
		case '>':
			return i + 1
		case '/':
			i++
		default:
			return 0
		}
	}
}

func (r *reader) term() expr {
	e := r.simpleTerm()
	var path []selector
	for r.at(0) == '.' && r.startsSelector() {
		path = append(path, selector{r.symbol("."), r.attrName()})
	}
	if path == nil {
		return e
	}
	s := &selection{of: e, path: path}
	if r.keyword("or") {
		s.or = r.symbol("or")
		s.deflt = r.term()
	}
	return s
}

// startsSelector tells whether the dot here is followed by a name.
func (r *reader) startsSelector() bool {
	i := r.ahead(1)
	c := r.at(i)
	if identStart(c) {
		// .a/b is no selection but a path.
		for pathChar(r.at(i)) {
			i++
		}
		return r.at(i) != '/' || !pathChar(r.at(i+1))
	}
	return c == '"' || c == '$' && r.at(i+1) == '{'
}

func (r *reader) attrName() *tok {
	switch {
	case r.at(0) == '"':
		return r.lexeme(tokString, r.str)
	case r.has("${"):
		return r.lexeme(tokInterp, func(t *tok) { t.lines = [][]part{{r.interpolation()}} })
	}
	return r.ident()
}

func (r *reader) attrPath() []selector {
	path := []selector{{nil, r.attrName()}}
	for r.at(0) == '.' {
		path = append(path, selector{r.symbol("."), r.attrName()})
	}
	return path
}

func (r *reader) simpleTerm() expr {
	switch c := r.at(0); {
	case c == '"':
		return leaf{r.lexeme(tokString, r.str)}
	case r.has("''"):
		return leaf{r.lexeme(tokIndString, r.indString)}
	case r.isURI():
		return leaf{r.lexeme(tokString, func(t *tok) {
			start := r.pos
			for r.at(0) != ':' {
				r.pos++
			}
			for uriChar(r.at(0)) {
				r.pos++
			}
			t.lines = [][]part{{{text: r.src[start:r.pos]}}}
		})}
	case r.isPath():
		return leaf{r.lexeme(tokPath, r.path)}
	case c == '<' && r.searchPath() > 0:
		return leaf{r.token(tokSearchPath, r.searchPath())}
	case c == '(':
		open := r.symbol("(")
		x := r.expr()
		return &paren{open, x, r.symbol(")")}
	case c == '[':
		l := &list{open: r.symbol("[")}
		for {
			l.items = r.comments(l.items)
			if r.at(0) == ']' {
				l.close = r.symbol("]")
				return l
			}
			l.items = append(l.items, item{x: r.term()})
		}
	case c == '{' || r.keyword("rec") || r.keyword("let"):
		s := &set{}
		if c != '{' {
			s.rec = r.token(tokPunct, 3)
		}
		s.open = r.symbol("{")
		s.items = r.bindings()
		s.close = r.symbol("}")
		return s
	case digit(c) || c == '.' && digit(r.at(1)):
		return leaf{r.number()}
	}
	return leaf{r.ident()}
}

func (r *reader) number() *tok {
	i := 0
	for digit(r.at(i)) {
		i++
	}
	// A float begins with 1 to 9, or 0. and a digit, or . and a digit.
	if r.at(i) != '.' || (i == 0 || r.src[r.pos] == '0') && (i > 1 || !digit(r.at(i+1))) {
		return r.token(tokInt, i)
	}
	i++
	for digit(r.at(i)) {
		i++
	}
	if c := r.at(i); c == 'e' || c == 'E' {
		j := i + 1
		if c := r.at(j); c == '+' || c == '-' {
			j++
		}
		if digit(r.at(j)) {
			for digit(r.at(j)) {
				j++
			}
			i = j
		}
	}
	return r.token(tokFloat, i)
}

// comments adds what is pending as an item of its own.
func (r *reader) comments(items []item) []item {
	if len(r.pending) > 0 {
		items = append(items, item{comments: r.pending})
		r.pending = nil
	}
	return items
}

func (r *reader) bindings() []item {
	var items []item
	for {
		items = r.comments(items)
		switch {
		case r.at(0) == '}' || r.keyword("in"):
			return items
		case r.keyword("inherit"):
			in := &inherit{kw: r.symbol("inherit")}
			if r.at(0) == '(' {
				open := r.symbol("(")
				x := r.expr()
				in.from = &paren{open, x, r.symbol(")")}
			}
			for r.at(0) != ';' {
				in.names = append(in.names, r.attrName())
			}
			in.semi = r.symbol(";")
			items = append(items, item{x: in})
		default:
			a := &assignment{path: r.attrPath()}
			a.eq = r.symbol("=")
			a.value = r.expr()
			a.semi = r.symbol(";")
			items = append(items, item{x: a})
		}
	}
}
