package toml

import (
	"fmt"
	"strings"
)

// scanner is a piece of the grammar.
type scanner interface {
	// scan returns the end of what begins at i, or -1.
	scan(s string, i int) int
	// expected is for a text that scan refuses: what should have come, at *i,
	// which it moves to the place.
	expected(s string, i *int) string
}

// char is one byte.
type char byte

func (c char) scan(s string, i int) int {
	if i < len(s) && s[i] == byte(c) {
		return i + 1
	}
	return -1
}

func (c char) expected(string, *int) string { return showChar(byte(c)) }

// oneOf is one of some bytes.
type oneOf string

func (o oneOf) scan(s string, i int) int {
	if i < len(s) && strings.IndexByte(string(o), s[i]) >= 0 {
		return i + 1
	}
	return -1
}

func (o oneOf) expected(string, *int) string {
	words := make([]string, len(o))
	for i := range len(o) {
		words[i] = showChar(o[i])
	}
	return oneOfWords(words)
}

// oneOfWords joins alternatives as the messages do.
func oneOfWords(words []string) string {
	switch n := len(words); n {
	case 1:
		return words[0]
	case 2:
		return words[0] + " or " + words[1]
	default:
		return strings.Join(words[:n-1], ", ") + ", or " + words[n-1]
	}
}

// span is one byte of a range.
type span struct{ from, to byte }

func (r span) scan(s string, i int) int {
	if i < len(s) && r.from <= s[i] && s[i] <= r.to {
		return i + 1
	}
	return -1
}

func (r span) expected(string, *int) string {
	return "from `" + showChar(r.from) + "` to `" + showChar(r.to) + "`"
}

// literal is a text.
type literal string

func (l literal) scan(s string, i int) int {
	if strings.HasPrefix(s[min(i, len(s)):], string(l)) {
		return i + len(l)
	}
	return -1
}

func (l literal) expected(string, *int) string { return string(l) }

// sequence is one thing after another.
type sequence []scanner

func (q sequence) scan(s string, i int) int {
	for _, x := range q {
		if i = x.scan(s, i); i < 0 {
			return -1
		}
	}
	return i
}

func (q sequence) expected(s string, i *int) string {
	for _, x := range q {
		end := x.scan(s, *i)
		if end < 0 {
			return x.expected(s, i)
		}
		*i = end
	}
	return ""
}

// either is the first of some things that is there.
type either []scanner

func (e either) scan(s string, i int) int {
	for _, x := range e {
		if end := x.scan(s, i); end >= 0 {
			return end
		}
	}
	return -1
}

// expected asks all of them, one where the one before it stopped.
func (e either) expected(s string, i *int) string {
	words := make([]string, len(e))
	for k, x := range e {
		words[k] = x.expected(s, i)
	}
	return oneOfWords(words)
}

// repeat is a thing at least min times and at most max times, if max is not 0.
type repeat struct {
	min, max int
	x        scanner
}

func (r repeat) scan(s string, i int) int {
	for n := 0; r.max == 0 || n < r.max; n++ {
		end := -1
		if i < len(s) || n < r.min {
			end = r.x.scan(s, i)
		}
		if end < 0 {
			if n < r.min {
				return -1
			}
			break
		}
		i = end
	}
	return i
}

func (r repeat) expected(s string, i *int) string {
	for range r.min {
		end := r.x.scan(s, *i)
		if end < 0 {
			return r.x.expected(s, i)
		}
		*i = end
	}
	return ""
}

func times(n int, x scanner) scanner   { return repeat{n, n, x} }
func atLeast(n int, x scanner) scanner { return repeat{n, 0, x} }

// maybe is a thing or nothing.
type maybe struct{ x scanner }

func (m maybe) scan(s string, i int) int {
	if end := m.x.scan(s, i); end >= 0 {
		return end
	}
	return i
}

func (m maybe) expected(string, *int) string { return "" }

// named is a thing with a name of its own in messages.
type named struct {
	x    scanner
	name string
}

func (n named) scan(s string, i int) int     { return n.x.scan(s, i) }
func (n named) expected(string, *int) string { return n.name }

// run is any number of plain bytes and of other things; it always matches.
type run struct {
	plain *[256]bool
	other scanner
}

// runOf makes a run of the bytes in ranges, each two bytes of text.
func runOf(ranges string, other scanner) run {
	r := run{new([256]bool), other}
	for i := 0; i < len(ranges); i += 2 {
		for c := int(ranges[i]); c <= int(ranges[i+1]); c++ {
			r.plain[c] = true
		}
	}
	return r
}

func (r run) scan(s string, i int) int {
	for i < len(s) {
		if r.plain[s[i]] {
			i++
			continue
		}
		end := r.other.scan(s, i)
		if end < 0 {
			break
		}
		i = end
	}
	return i
}

func (r run) expected(string, *int) string { return "" }

// nothing never matches.
type nothing struct{}

func (nothing) scan(string, int) int         { return -1 }
func (nothing) expected(string, *int) string { return "" }

// showChar is a byte as messages show it.
func showChar(c byte) string {
	if c > ' ' && c < 0x7f {
		return string(rune(c))
	}
	names := map[byte]string{0: "NUL", ' ': "SPACE", '\n': "LINE FEED", '\r': "CARRIAGE RETURN", '\t': "TAB",
		'\v': "VERTICAL TAB", '\f': "FORM FEED", 0x1b: "ESCAPE"}
	text := fmt.Sprintf("0x%02x", c)
	if name := names[c]; name != "" {
		text += "(" + name + ")"
	}
	return text
}
