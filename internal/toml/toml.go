// Package toml reads TOML 1.0 as toml11 does, the library behind the
// reference's fromTOML: it accepts the same texts, and says the same of those
// it refuses, excerpts included. Messages are interface, and they follow from
// that library's grammar, its order of checks and what it skips to go on after
// an error; so these are its own.
//
// A text is read by recursive descent. The pieces of the grammar (see
// syntax.go) are scanners that find the end of a token; asked what they had
// expected instead, they give the words of a message.
package toml

import "math"

// Kind is the kind of a value.
type Kind uint8

// The kinds of values.
const (
	String Kind = iota
	Integer
	Float
	Boolean
	Time // a date, a time or both
	Array
	Table
)

// Value is a value of a document.
type Value struct {
	Kind  Kind
	Str   string // also of a Time: normalised, fractions of seconds in three, six or nine digits
	Int   int64
	Float float64
	Bool  bool
	List  []*Value
	Table map[string]*Value

	form form
	at   region
}

// form is how a table or an array was written; it decides what may be added.
type form uint8

const (
	inline   form = iota // { … }, [ … ]
	implicit             // a of [a.b]
	dotted               // a of a.b = 1
	explicit             // [a]
	ofTables             // [[a]]
)

// MaxDepth is how deep arrays and tables may nest.
const MaxDepth = 5000

// Parse reads a document. It calls check now and then, which may panic to stop it.
func Parse(text string, check func()) (*Value, error) {
	if n := len(text); n > 0 && text[n-1] != '\n' && text[n-1] != '\r' {
		text += "\n"
	}
	p := &parser{source: source{"fromTOML", text}, check: check}
	root := p.table(explicit, region{})
	if len(text) >= 3 && text[:3] == "\xef\xbb\xbf" {
		p.i = 3
	}
	if !p.eof() {
		p.file(root)
	}
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	return root, nil
}

type parser struct {
	source
	i       int
	depth   int
	faults  faults
	reports int // how often report was called, and
	back    int // skipArray went back
	check   func()
	steps   int
}

func (p *parser) eof() bool { return p.i >= len(p.text) }

// byte is the byte at hand, 0 at the end.
func (p *parser) byte() byte {
	if p.eof() {
		return 0
	}
	return p.text[p.i]
}

// take goes behind what a scanner matches.
func (p *parser) take(x scanner) bool {
	end := x.scan(p.text, p.i)
	if end < 0 {
		return false
	}
	p.i = end
	return true
}

// step is called where much text may be skipped.
func (p *parser) step() {
	if p.steps++; p.steps >= 1<<14 {
		p.steps = 0
		p.check()
	}
}

// maxFaults bounds how often parsing goes on after a fault; from some of them it
// goes back, so that without a bound it might never end.
const maxFaults = 1000

func (p *parser) report(f *fault) {
	p.faults = append(p.faults, f)
	if p.reports++; p.reports >= maxFaults {
		p.i = len(p.text)
	}
}

// unexpected is the fault of a text that a scanner refuses.
func (p *parser) unexpected(title string, x scanner, hint ...string) *fault {
	i := p.i
	text := "expected " + x.expected(p.text, &i)
	return faultAt(title, p.here(i), text, hint...)
}

// wrong is a fault at the byte at hand.
func (p *parser) wrong(title, text string, hint ...string) *fault {
	return faultAt(title, p.here(p.i), text, hint...)
}

func (p *parser) table(f form, at region) *Value {
	return &Value{Kind: Table, Table: map[string]*Value{}, form: f, at: at}
}

// file reads the root table and those with headers.
func (p *parser) file(root *Value) {
	first := p.i
	for !p.eof() {
		found, f := p.commentLine()
		if f != nil {
			p.report(f)
			p.skipComments()
			continue
		}
		if !found {
			if !p.take(sequence{ws, newline}) {
				p.i = first
			}
			break
		}
	}
	if f := p.body(root); f != nil {
		p.report(f)
		p.skipToTable()
	}
	for !p.eof() {
		p.spacer()
		if keys, at, ok := p.header(arrayTable, 2); ok {
			p.section(root, ofTables, keys, at)
			continue
		}
		if keys, at, ok := p.header(stdTable, 1); ok {
			p.section(root, explicit, keys, at)
			continue
		}
		if literal("[[").scan(p.text, p.i) >= 0 {
			p.report(p.unexpected("toml::parse_file: invalid array-table key", arrayTable))
		} else {
			p.report(p.unexpected("toml::parse_file: invalid table key", stdTable))
		}
		p.skipToTable()
	}
}

// header reads [a.b] or [[a.b]] if there is one. A key in it may be wrong
// although its syntax is right.
func (p *parser) header(x scanner, brackets int) (keys []string, at region, ok bool) {
	first := p.i
	end := x.scan(p.text, first)
	if end < 0 {
		return nil, at, false
	}
	p.i += brackets
	p.take(ws)
	keys, _, f := p.key()
	if f != nil {
		return nil, at, false
	}
	p.i = end
	return keys, p.between(first, end), true
}

// section reads what follows a header.
func (p *parser) section(root *Value, kind form, keys []string, at region) {
	found, f := p.commentLine()
	if f != nil {
		p.report(f)
		p.skipToTable()
		return
	}
	if !found {
		p.take(ws)
		if !p.eof() && !p.take(newline) {
			p.report(p.unexpected("toml::parse_file: newline (or EOF) expected", newline))
			p.skipToTable()
			return
		}
	}
	t, f := p.insert(kind, root, keys, at, p.table(explicit, at))
	if f != nil {
		p.report(f)
		t = p.table(explicit, at) // for what is wrong in it
	}
	if f := p.body(t); f != nil {
		p.report(f)
		p.skipToTable()
	}
}

// commentLine skips a comment with the end of its line and tells whether there was one.
func (p *parser) commentLine() (bool, *fault) {
	first := p.i
	p.take(ws)
	if !p.take(comment) {
		p.i = first
		return false, nil
	}
	if p.eof() || p.take(newline) {
		return true, nil
	}
	for !p.eof() {
		p.i++
		if p.byte() == '\n' {
			p.i++
			break
		}
	}
	return false, p.wrong("toml::parse_comment_line: newline (LF / CRLF) or EOF is expected", "but got this",
		"Hint: most of the control characters are not allowed in comments")
}

// spacer skips white space, line ends and comments, and tells whether there
// was a line end.
func (p *parser) spacer() (newlineFound bool) {
	for !p.eof() {
		p.step()
		switch c := p.byte(); {
		case c == '#' && p.take(sequence{comment, newline}), p.take(newline):
			newlineFound = true
		case c == ' ' || c == '\t':
			p.take(ws)
		default:
			return newlineFound
		}
	}
	return newlineFound
}

// body reads the keys and values of a table up to the next header. It returns
// the last fault; others are reported.
func (p *parser) body(t *Value) *fault {
	before := len(p.faults)
	newlineFound := true
	for !p.eof() {
		start := p.i
		newlineFound = p.spacer() || newlineFound
		if p.eof() {
			break
		}
		if (sequence{ws, char('[')}).scan(p.text, p.i) >= 0 {
			p.i = start
			break
		}
		if !newlineFound {
			return p.wrong("toml::parse_table: newline (LF / CRLF) or EOF is expected", "here")
		}
		newlineFound = false
		keys, at, v, f := p.pair()
		if f != nil {
			p.report(f)
			p.skipPair()
			continue
		}
		found, f := p.commentLine()
		if f != nil {
			p.report(f)
		}
		newlineFound = found
		if _, f := p.insert(dotted, t, keys, at, v); f != nil {
			p.report(f)
		}
	}
	return p.popFault(before)
}

// popFault takes back the last fault that was reported since there were n.
func (p *parser) popFault(n int) *fault {
	last := len(p.faults) - 1
	if last < n {
		return nil
	}
	f := p.faults[last]
	p.faults = p.faults[:last]
	return f
}

// pair reads key = value.
func (p *parser) pair() (keys []string, at region, v *Value, f *fault) {
	first := p.i
	if keys, at, f = p.key(); f != nil {
		p.i = first
		return
	}
	if !p.take(keyvalSep) {
		f = p.unexpected("toml::parse_key_value_pair: invalid key value separator `=`", keyvalSep)
		p.i = first
		return
	}
	v, f = p.value()
	return
}

// key reads a."b".c.
func (p *parser) key() (keys []string, at region, f *fault) {
	first := p.i
	for !p.eof() {
		k, f := p.simpleKey()
		if f != nil {
			return nil, at, f
		}
		if keys = append(keys, k); len(keys) > MaxDepth {
			return nil, at, p.wrong("toml::parse_key: nested too deeply", "here")
		}
		if !p.take(dotSep) {
			break
		}
	}
	if len(keys) == 0 {
		return nil, at, faultAt("toml::parse_key: expected a new key, but got nothing", p.here(first), "reached EOF")
	}
	return keys, p.between(first, p.i), nil
}

func (p *parser) simpleKey() (string, *fault) {
	switch p.byte() {
	case '"':
		return p.basicString()
	case '\'':
		return p.literalString()
	}
	first := p.i
	if p.take(unquotedKey) {
		return p.text[first:p.i], nil
	}
	return "", p.unexpected(`toml::parse_simple_key: invalid key: key must be "quoted", 'quoted-literal', or bare key.`, unquotedKey,
		"Hint: non-ASCII scripts are allowed in toml v1.1.0, but not in v1.0.0.\n")
}

// inf and nan are floats, with a sign or without.
func special(text string) (float64, bool) {
	switch text {
	case "inf", "+inf":
		return math.Inf(1), true
	case "-inf":
		return math.Inf(-1), true
	case "nan", "+nan":
		return math.NaN(), true
	case "-nan":
		return math.Copysign(math.NaN(), -1), true
	}
	return 0, false
}
