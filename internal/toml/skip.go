package toml

import "strings"

// What is skipped to go on after a fault.

// skipTo skips up to one of some bytes.
func (p *parser) skipTo(bytes string) {
	if k := strings.IndexAny(p.text[p.i:], bytes); k >= 0 {
		p.i += k
	} else {
		p.i = len(p.text)
	}
}

// skipComments skips lines that hold a comment or nothing.
func (p *parser) skipComments() {
	for !p.eof() {
		p.take(ws)
		switch {
		case p.byte() == '#':
			p.skipTo("\n")
		case p.take(newline):
		default:
			return
		}
	}
}

// skipToTable skips to the line of the next header.
func (p *parser) skipToTable() {
	for !p.eof() {
		p.step()
		if p.byte() == '\n' {
			p.i++
			begin := p.i
			p.take(ws)
			if p.take(stdTable) || p.take(arrayTable) {
				p.i = begin
				return
			}
		}
		if !p.eof() {
			p.i++
		}
	}
}

// skipPair skips a key and its value, or the rest of a line without "=".
func (p *parser) skipPair() {
	p.skipTo("=\n")
	if p.byte() == '=' {
		p.take(ws)
		p.skipValue()
	}
}

// skipValue skips what looks like a value.
func (p *parser) skipValue() {
	p.step()
	kind, _, f := p.guess()
	switch {
	case f == nil && kind == String:
		p.skipString()
	case f == nil && kind == Array:
		p.skipArray()
	case f == nil && kind == Table:
		p.skipInlineTable()
	default:
		p.skipTo("\n,]}")
	}
}

func (p *parser) skipString() {
	quote := p.text[p.i : p.i+1]
	if triple := strings.Repeat(quote, 3); p.take(literal(triple)) {
		if k := strings.Index(p.text[p.i:], triple); k >= 0 {
			p.i += k + 3
		} else {
			p.i = len(p.text)
		}
		return
	}
	p.i++
	p.skipTo(quote + "\n")
	p.i = min(p.i+1, len(p.text))
}

// atHeader tells whether a header begins here.
func (p *parser) atHeader() bool {
	return stdTable.scan(p.text, p.i) >= 0 || arrayTable.scan(p.text, p.i) >= 0
}

// nested skips what lies in something that is skipped. Where it nests too deep,
// all is skipped.
func (p *parser) nested(skip func()) {
	p.step()
	if p.depth++; p.depth <= 2*MaxDepth {
		skip()
	} else {
		p.i = len(p.text)
	}
	p.depth--
}

// skipArray skips up to the closing bracket.
func (p *parser) skipArray() {
	p.i++
	for !p.eof() {
		p.step()
		switch p.byte() {
		case '"', '\'':
			p.skipString()
		case '#':
			p.skipComments()
		case '{':
			p.nested(p.skipInlineTable)
		case '[':
			if p.atHeader() {
				return
			}
			p.nested(p.skipArray)
		case '=':
			// No array holds a key: the bracket is missing, the key is another
			// line's. Going back there may lead in circles.
			p.i = strings.LastIndexByte(p.text[:p.i], '\n') + 1
			if p.back++; p.back >= maxFaults/10 {
				p.i = len(p.text)
			}
			return
		case ']':
			return
		default:
			p.i++
		}
	}
}

// skipInlineTable skips up to the closing brace or the end of the line.
func (p *parser) skipInlineTable() {
	p.i++
	for !p.eof() {
		p.step()
		switch p.byte() {
		case '\n', '}':
			return
		case '"', '\'':
			p.skipString()
		case '#':
			p.skipComments()
			return
		case '[':
			if p.atHeader() {
				return
			}
			p.nested(p.skipArray)
		case '{':
			p.nested(p.skipInlineTable)
		default:
			p.i++
		}
	}
}
