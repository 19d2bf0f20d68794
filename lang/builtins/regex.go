package builtins

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
)

// Regular expressions of match and split: the extended grammar of POSIX as
// the C++ standard library of the reference reads it. What it finds is its
// own: at the leftmost place, a repetition takes what succeeds first, the two
// sides of | are both tried and the longer match counts, the earlier found
// among equally long ones; an empty iteration of a loop may come twice. Both
// POSIX's rule for groups and that of Go's package regexp give other groups
// for some patterns, so this engine follows the same search with an explicit
// stack and, unlike it, remembers where it has been: the time is linear in
// the length of the text.

// errRegexInvalid and errRegexSpace are the two ways in which compiling fails.
var (
	errRegexInvalid = errors.New("invalid regular expression")
	errRegexSpace   = errors.New("memory limit exceeded by regular expression")
)

// maxRegexStates is the reference's limit on the size of an automaton.
const maxRegexStates = 100000

type regexOp uint8

const (
	opAccept regexOp = iota
	opByte           // consume arg
	opSet            // consume a byte of sets[arg]
	opAlt            // try alt, and next
	opRepeat         // try alt, and if it led nowhere next
	opOpen           // begin of group arg
	opClose          // end of group arg
	opBegin          // ^
	opEnd            // $
	opNop
)

type regexNode struct {
	op   regexOp
	memo bool // consuming node after which the search branches
	null bool // repeat whose body can match nothing
	arg  int32
	next int32
	alt  int32
}

type byteSet [256]bool

// regex is a compiled pattern. It is immutable and may be used by several goroutines.
type regex struct {
	nodes  []regexNode
	sets   []*byteSet
	start  int32
	groups int // including the whole match
	memos  int // number of nodes with memo; their arg2 is their index
	memoAt []int32
	first  *byteSet // bytes that a match can begin with; nil: may be empty
	spare  atomic.Pointer[regexRun]
}

// regexTree is a parsed pattern.
type regexTree struct {
	op       treeOp
	set      *byteSet
	b        byte
	group    int
	min, max int // repeat; max < 0: no limit
	subs     []*regexTree
}

type treeOp uint8

const (
	treeEmpty treeOp = iota
	treeByte
	treeSet
	treeCat
	treeAlt
	treeGroup
	treeStar
	treePlus
	treeOpt
	treeCount
	treeBegin
	treeEnd
)

// regexParser reads the pattern as the reference's scanner and parser do.
type regexParser struct {
	s      string
	i      int
	groups int
	err    error
	depth  int
}

func (p *regexParser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *regexParser) peek() (byte, bool) {
	if p.err != nil || p.i >= len(p.s) {
		return 0, false
	}
	return p.s[p.i], true
}

// maxRegexDepth bounds the nesting of groups, which the parser recurses on.
const maxRegexDepth = 10000

func (p *regexParser) disjunction() *regexTree {
	if p.depth++; p.depth > maxRegexDepth {
		p.fail(errRegexSpace)
		return &regexTree{}
	}
	defer func() { p.depth-- }()
	t := p.alternative()
	for {
		if c, ok := p.peek(); !ok || c != '|' {
			return t
		}
		p.i++
		t = &regexTree{op: treeAlt, subs: []*regexTree{t, p.alternative()}}
	}
}

func (p *regexParser) alternative() *regexTree {
	cat := &regexTree{op: treeCat}
	for {
		t := p.term()
		if t == nil {
			return cat
		}
		cat.subs = append(cat.subs, t)
	}
}

func (p *regexParser) term() *regexTree {
	c, ok := p.peek()
	if !ok {
		return nil
	}
	switch c {
	case '^':
		p.i++
		return &regexTree{op: treeBegin}
	case '$':
		p.i++
		return &regexTree{op: treeEnd}
	}
	t := p.atom(c)
	for t != nil {
		q := p.quantifier(t)
		if q == nil {
			break
		}
		t = q
	}
	return t
}

func (p *regexParser) atom(c byte) *regexTree {
	switch c {
	case '.':
		p.i++
		var set byteSet
		for i := 1; i < 256; i++ {
			set[i] = true
		}
		return &regexTree{op: treeSet, set: &set}
	case '(':
		p.i++
		t := &regexTree{op: treeGroup, group: p.groups}
		p.groups++
		t.subs = []*regexTree{p.disjunction()}
		if c, ok := p.peek(); !ok || c != ')' {
			p.fail(errRegexInvalid)
			return nil
		}
		p.i++
		return t
	case '[':
		p.i++
		return p.bracket()
	case '\\':
		// Only what would be special may be quoted.
		if p.i+1 >= len(p.s) || strings.IndexByte(`.[\()*+?{|^$`, p.s[p.i+1]) < 0 {
			p.fail(errRegexInvalid)
			return nil
		}
		p.i += 2
		return &regexTree{op: treeByte, b: p.s[p.i-1]}
	case ')', '*', '+', '?', '{', '|':
		return nil
	case 0:
		p.fail(errRegexInvalid)
		return nil
	}
	p.i++
	return &regexTree{op: treeByte, b: c}
}

func (p *regexParser) quantifier(t *regexTree) *regexTree {
	c, ok := p.peek()
	if !ok {
		return nil
	}
	q := &regexTree{subs: []*regexTree{t}}
	switch c {
	case '*':
		q.op = treeStar
	case '+':
		q.op = treePlus
	case '?':
		q.op = treeOpt
	case '{':
		p.i++
		p.interval(q)
		return q
	default:
		return nil
	}
	p.i++
	return q
}

func (p *regexParser) interval(q *regexTree) {
	q.op = treeCount
	var ok bool
	if q.min, ok = p.count(); !ok {
		p.fail(errRegexInvalid)
		return
	}
	q.max = q.min
	if c, ok := p.peek(); ok && c == ',' {
		p.i++
		if n, ok := p.count(); ok {
			q.max = n
		} else {
			q.max = -1
		}
	}
	if c, ok := p.peek(); !ok || c != '}' {
		p.fail(errRegexInvalid)
		return
	}
	p.i++
	if q.max >= 0 && q.max < q.min {
		p.fail(errRegexInvalid)
	}
}

func (p *regexParser) count() (int, bool) {
	start, n := p.i, 0
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
		if n <= maxRegexStates {
			n = n*10 + int(p.s[p.i]-'0')
		}
		p.i++
	}
	return n, p.i > start
}

// The states of the bracket parser: nothing before that could begin a range,
// a character that could, or a class that must not.
const (
	lastNone = iota
	lastChar
	lastClass
)

// bracketToken is one token within brackets: a byte, '-', a class, an
// equivalence class, a collating element, or the closing bracket.
type bracketToken struct {
	kind byte // 'c', '-', ':', '=', '.', ']'
	b    byte
	name string
}

func (p *regexParser) bracketToken(first bool) bracketToken {
	c, ok := p.peek()
	if !ok {
		p.fail(errRegexInvalid)
		return bracketToken{kind: ']'}
	}
	p.i++
	switch {
	case c == '-':
		return bracketToken{kind: '-', b: '-'}
	case c == ']' && !first:
		return bracketToken{kind: ']'}
	case c == '[':
		kind, ok := p.peek()
		if !ok {
			p.fail(errRegexInvalid)
			return bracketToken{kind: ']'}
		}
		if kind != '.' && kind != ':' && kind != '=' {
			break
		}
		p.i++
		rest := p.s[p.i:]
		n := strings.IndexByte(rest, kind)
		if n < 0 || n+1 >= len(rest) || rest[n+1] != ']' {
			p.fail(errRegexInvalid)
			return bracketToken{kind: ']'}
		}
		p.i += n + 2
		return bracketToken{kind: kind, name: rest[:n]}
	}
	return bracketToken{kind: 'c', b: c}
}

func (p *regexParser) bracket() *regexTree {
	negate := false
	if c, ok := p.peek(); ok && c == '^' {
		negate = true
		p.i++
	}
	var set byteSet
	last, lastByte := lastNone, byte(0)
	push := func(b byte) {
		set[b] = true
		last, lastByte = lastChar, b
	}
	tok := p.bracketToken(true)
	if tok.kind == 'c' || tok.kind == '-' {
		push(tok.b)
		tok = p.bracketToken(false)
	}
	for ; p.err == nil && tok.kind != ']'; tok = p.bracketToken(false) {
		switch tok.kind {
		case 'c':
			push(tok.b)
		case '.':
			b, ok := collatingElement(tok.name)
			if !ok {
				p.fail(errRegexInvalid)
				break
			}
			push(b)
		case '=':
			b, ok := collatingElement(tok.name)
			if !ok {
				p.fail(errRegexInvalid)
				break
			}
			set[asciiLower(b)], set[asciiUpper(b)] = true, true
			last = lastClass
		case ':':
			in := characterClass(tok.name)
			if in == nil {
				p.fail(errRegexInvalid)
				break
			}
			for c := range 128 {
				if in(byte(c)) {
					set[c] = true
				}
			}
			last = lastClass
		case '-':
			tok = p.bracketToken(false)
			if tok.kind == ']' {
				set['-'] = true
				p.i--
				break
			}
			if last != lastChar || tok.kind != 'c' && tok.kind != '-' || int8(lastByte) > int8(tok.b) {
				p.fail(errRegexInvalid)
				break
			}
			// The reference's characters are signed.
			for c := int(int8(lastByte)); c <= int(int8(tok.b)); c++ {
				set[byte(c)] = true
			}
			last = lastNone
		}
	}
	if p.err != nil {
		return nil
	}
	if negate {
		for i := range set {
			set[i] = !set[i]
		}
	}
	return &regexTree{op: treeSet, set: &set}
}

func asciiLower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func asciiUpper(b byte) byte {
	if 'a' <= b && b <= 'z' {
		return b - ('a' - 'A')
	}
	return b
}

func isAlpha(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
func isGraph(c byte) bool { return '!' <= c && c <= '~' }

// characterClass is the test of a named class, nil if there is none. Names
// are looked up regardless of case.
func characterClass(name string) func(byte) bool {
	switch strings.ToLower(name) {
	case "d", "digit":
		return isDigit
	case "w":
		return func(c byte) bool { return isAlpha(c) || isDigit(c) || c == '_' }
	case "s", "space":
		return isSpace
	case "alnum":
		return func(c byte) bool { return isAlpha(c) || isDigit(c) }
	case "alpha":
		return isAlpha
	case "blank":
		return func(c byte) bool { return c == ' ' || c == '\t' }
	case "cntrl":
		return func(c byte) bool { return c < ' ' || c == 0x7f }
	case "graph":
		return isGraph
	case "lower":
		return func(c byte) bool { return 'a' <= c && c <= 'z' }
	case "print":
		return func(c byte) bool { return ' ' <= c && c <= '~' }
	case "punct":
		return func(c byte) bool { return isGraph(c) && !isAlpha(c) && !isDigit(c) }
	case "upper":
		return func(c byte) bool { return 'A' <= c && c <= 'Z' }
	case "xdigit":
		return func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }
	}
	return nil
}

// collatingElement is the character that POSIX gives a name: letters name
// themselves, digits and signs have words.
func collatingElement(name string) (byte, bool) {
	if len(name) == 1 && isAlpha(name[0]) {
		return name[0], true
	}
	for i, n := range strings.Fields(collatingLow) {
		if n == name {
			return byte(i), true
		}
	}
	for i, n := range strings.Fields(collatingMid) {
		if n == name {
			return byte('[' + i), true
		}
	}
	for i, n := range strings.Fields(collatingHigh) {
		if n == name {
			return byte('{' + i), true
		}
	}
	return 0, false
}

// The names of the characters from NUL to @, from [ to ` and from { to DEL.
const (
	collatingLow = `NUL SOH STX ETX EOT ENQ ACK alert backspace tab newline vertical-tab form-feed
		carriage-return SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC IS4 IS3 IS2 IS1 space
		exclamation-mark quotation-mark number-sign dollar-sign percent-sign ampersand apostrophe
		left-parenthesis right-parenthesis asterisk plus-sign comma hyphen period slash zero one two
		three four five six seven eight nine colon semicolon less-than-sign equals-sign
		greater-than-sign question-mark commercial-at`
	collatingMid  = `left-square-bracket backslash right-square-bracket circumflex underscore grave-accent`
	collatingHigh = `left-curly-bracket vertical-line right-curly-bracket tilde DEL`
)

// compileRegex compiles a pattern; the error is errRegexInvalid or errRegexSpace.
func compileRegex(pattern string) (*regex, error) {
	p := &regexParser{s: pattern, groups: 1}
	t := p.disjunction()
	if p.err != nil {
		return nil, p.err
	}
	if p.i < len(p.s) {
		return nil, errRegexInvalid
	}
	c := &regexCompiler{re: &regex{groups: p.groups}}
	accept := c.add(regexNode{op: opAccept})
	c.re.start = c.emit(t, accept)
	if c.full {
		return nil, errRegexSpace
	}
	c.finish(t)
	return c.re, nil
}

type regexCompiler struct {
	re   *regex
	full bool
}

func (c *regexCompiler) add(n regexNode) int32 {
	if len(c.re.nodes) >= maxRegexStates {
		c.full = true
		return 0
	}
	c.re.nodes = append(c.re.nodes, n)
	return int32(len(c.re.nodes) - 1)
}

// emit compiles a tree that goes on at next, and returns where it begins.
func (c *regexCompiler) emit(t *regexTree, next int32) int32 {
	if c.full {
		return 0
	}
	switch t.op {
	case treeByte:
		return c.add(regexNode{op: opByte, arg: int32(t.b), next: next})
	case treeSet:
		c.re.sets = append(c.re.sets, t.set)
		return c.add(regexNode{op: opSet, arg: int32(len(c.re.sets) - 1), next: next})
	case treeBegin:
		return c.add(regexNode{op: opBegin, next: next})
	case treeEnd:
		return c.add(regexNode{op: opEnd, next: next})
	case treeCat:
		for i := len(t.subs) - 1; i >= 0; i-- {
			next = c.emit(t.subs[i], next)
		}
		return next
	case treeAlt:
		alt := c.emit(t.subs[0], next)
		return c.add(regexNode{op: opAlt, alt: alt, next: c.emit(t.subs[1], next)})
	case treeGroup:
		end := c.add(regexNode{op: opClose, arg: int32(t.group), next: next})
		return c.add(regexNode{op: opOpen, arg: int32(t.group), next: c.emit(t.subs[0], end)})
	case treeStar:
		return c.star(t.subs[0], next)
	case treePlus:
		r := c.add(regexNode{op: opRepeat, next: next, null: t.subs[0].nullable()})
		body := c.emit(t.subs[0], r)
		c.re.nodes[r].alt = body
		return body
	case treeOpt:
		r := c.add(regexNode{op: opRepeat, next: next})
		c.re.nodes[r].alt = c.emit(t.subs[0], next)
		return r
	case treeCount:
		return c.count(t, next)
	}
	return next
}

func (c *regexCompiler) star(body *regexTree, next int32) int32 {
	r := c.add(regexNode{op: opRepeat, next: next, null: body.nullable()})
	b := c.emit(body, r)
	c.re.nodes[r].alt = b
	return r
}

func (c *regexCompiler) count(t *regexTree, next int32) int32 {
	if t.max < 0 {
		next = c.star(t.subs[0], next)
	} else {
		end := next
		for range t.max - t.min {
			if c.full {
				return 0
			}
			body := c.emit(t.subs[0], next)
			next = c.add(regexNode{op: opRepeat, alt: body, next: end})
		}
	}
	for range t.min {
		if c.full {
			return 0
		}
		next = c.emit(t.subs[0], next)
	}
	return next
}

func (t *regexTree) nullable() bool {
	switch t.op {
	case treeByte, treeSet:
		return false
	case treeCat:
		for _, s := range t.subs {
			if !s.nullable() {
				return false
			}
		}
		return true
	case treeAlt:
		return t.subs[0].nullable() || t.subs[1].nullable()
	case treeGroup, treePlus:
		return t.subs[0].nullable()
	case treeCount:
		return t.min == 0 || t.subs[0].nullable()
	}
	return true
}

// finish decides which nodes remember their visits and what a match can begin with.
func (c *regexCompiler) finish(t *regexTree) {
	re := c.re
	re.memoAt = make([]int32, len(re.nodes))
	for i := range re.nodes {
		n := &re.nodes[i]
		if n.op != opByte && n.op != opSet {
			continue
		}
		switch re.nodes[n.next].op {
		case opByte, opSet, opAccept:
		default:
			n.memo = true
			re.memoAt[i] = int32(re.memos)
			re.memos++
		}
	}
	if t.nullable() {
		return
	}
	var first byteSet
	seen := make([]bool, len(re.nodes))
	todo := []int32{re.start}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[i] {
			continue
		}
		seen[i] = true
		switch n := &re.nodes[i]; n.op {
		case opByte:
			first[n.arg] = true
		case opSet:
			for b, in := range re.sets[n.arg] {
				if in {
					first[b] = true
				}
			}
		case opAlt, opRepeat:
			todo = append(todo, n.alt, n.next)
		default:
			todo = append(todo, n.next)
		}
	}
	re.first = &first
}

// regexCache keeps compiled patterns. It is safe for use by several goroutines.
type regexCache struct {
	mu sync.RWMutex
	m  map[string]regexEntry
}

type regexEntry struct {
	re  *regex
	err error
}

// maxRegexCache bounds the number of patterns kept: when it is reached all are dropped.
const maxRegexCache = 4096

func (c *regexCache) get(pattern string) (*regex, error) {
	c.mu.RLock()
	e, ok := c.m[pattern]
	c.mu.RUnlock()
	if ok {
		return e.re, e.err
	}
	e.re, e.err = compileRegex(pattern)
	c.mu.Lock()
	if c.m == nil || len(c.m) >= maxRegexCache {
		c.m = make(map[string]regexEntry)
	}
	c.m[strings.Clone(pattern)] = e
	c.mu.Unlock()
	return e.re, e.err
}
