package shell

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// This file reads the scripts of sed.

// sedAddr selects lines: by number, the last, by an expression (nil: the last
// one used), or every step-th from a line on.
type sedAddr struct {
	line, step int
	last       bool
	re         *sedRegexp
	// plus and multiple are the second addresses "+N" and "~N".
	plus, multiple bool
}

// sedRegexp is an expression; an empty one stands for the last one used.
type sedRegexp struct{ re *regexp.Regexp }

type sedCmd struct {
	a1, a2  *sedAddr
	negate  bool
	name    byte
	text    string // of a, i, c; label; file name
	re      *sedRegexp
	repl    []sedPart
	nth     int // of s: which match
	global  bool
	print   bool
	file    string // of s///w
	chars   map[rune]rune
	jump    int // of {: past its }
	number  int // of q, Q: the status
	inRange bool
	end     int // of a range: the last line, if it is a number
}

// sedPart is a piece of a replacement: a text, or a group; case changes what
// follows: U, L, u, l, E or 0.
type sedPart struct {
	text  string
	group int
	fold  byte
}

type sedParser struct {
	c        *call
	s        string
	i        int
	extended bool
	cmds     []*sedCmd
	labels   map[string]int
	blocks   []int
}

func (p *sedParser) fail(format string, args ...any) {
	p.c.die(1, "-e expression #1, char %d: %s", p.i, fmt.Sprintf(format, args...))
}

func (p *sedParser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *sedParser) skip(chars string) {
	for p.i < len(p.s) && strings.IndexByte(chars, p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *sedParser) parse() {
	for {
		p.skip(" \t\n;")
		if p.i >= len(p.s) {
			break
		}
		if p.peek() == '#' {
			p.restOfLine()
			continue
		}
		p.command()
	}
	if len(p.blocks) > 0 {
		p.fail("unmatched `{'")
	}
	for _, cmd := range p.cmds {
		if strings.IndexByte("btT", cmd.name) >= 0 && cmd.text != "" {
			if _, ok := p.labels[cmd.text]; !ok {
				p.c.die(1, "-e expression #1, char %d: can't find label for jump to `%s'", len(p.s), cmd.text)
			}
		}
	}
}

func (p *sedParser) number() (int, bool) {
	start := p.i
	for p.peek() >= '0' && p.peek() <= '9' {
		p.i++
	}
	n, err := strconv.Atoi(p.s[start:p.i])
	return n, err == nil
}

func (p *sedParser) address(second bool) *sedAddr {
	switch ch := p.peek(); {
	case ch == '$':
		p.i++
		return &sedAddr{last: true}
	case second && (ch == '+' || ch == '~'):
		p.i++
		n, ok := p.number()
		if !ok {
			p.fail("expected number after +/~")
		}
		return &sedAddr{line: n, plus: ch == '+', multiple: ch == '~'}
	case ch >= '0' && ch <= '9':
		n, _ := p.number()
		a := &sedAddr{line: n}
		if p.peek() == '~' {
			p.i++
			a.step, _ = p.number()
			a.step = max(a.step, 1)
		}
		return a
	case ch == '/' || ch == '\\':
		p.i++
		delim := ch
		if ch == '\\' {
			delim = p.peek()
			p.i++
		}
		src := p.delimited(delim, true)
		ignoreCase := false
		for p.peek() == 'I' || p.peek() == 'M' {
			ignoreCase = ignoreCase || p.peek() == 'I'
			p.i++
		}
		return &sedAddr{re: p.regexp(src, ignoreCase)}
	}
	return nil
}

func (p *sedParser) regexp(src string, ignoreCase bool) *sedRegexp {
	if src == "" {
		return &sedRegexp{}
	}
	re, err := compileRegexp(src, p.extended, ignoreCase)
	if err != nil {
		p.fail("%s", err)
	}
	return &sedRegexp{re}
}

// delimited reads up to the delimiter, which a backslash escapes. In an
// expression brackets protect it too, and "\n" stays for the expression.
func (p *sedParser) delimited(delim byte, expression bool) string {
	var b strings.Builder
	for p.i < len(p.s) {
		ch := p.s[p.i]
		switch {
		case ch == delim:
			p.i++
			return b.String()
		case ch == '\\' && p.i+1 < len(p.s):
			p.i++
			// The delimiter itself is meant literally.
			special := ".*[]^$"
			if p.extended {
				special += "()|{}+?"
			}
			if p.s[p.i] != delim || expression && strings.IndexByte(special, delim) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(p.s[p.i])
			p.i++
			continue
		case ch == '[' && expression:
			if end := bracketEnd(p.s, p.i); end > 0 && !strings.Contains(p.s[p.i:end], "\n") {
				// A backslash before n or t means the character even here.
				set := strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\`+string(delim), string(delim)).Replace(p.s[p.i : end+1])
				b.WriteString(set)
				p.i = end + 1
				continue
			}
		}
		b.WriteByte(ch)
		p.i++
	}
	p.fail("unterminated `s' command or address regex")
	return ""
}

func (p *sedParser) restOfLine() string {
	rest := p.s[p.i:]
	if n := strings.IndexByte(rest, '\n'); n >= 0 {
		rest = rest[:n]
	}
	p.i += len(rest)
	return rest
}

// word reads a label or the like: up to a newline or a semicolon.
func (p *sedParser) word() string {
	p.skip(" \t")
	start := p.i
	for p.i < len(p.s) && strings.IndexByte("\n;}", p.s[p.i]) < 0 {
		p.i++
	}
	return strings.TrimSpace(p.s[start:p.i])
}

func (p *sedParser) command() {
	cmd := &sedCmd{}
	if cmd.a1 = p.address(false); cmd.a1 != nil {
		p.skip(" \t")
		if p.peek() == ',' {
			p.i++
			p.skip(" \t")
			if cmd.a2 = p.address(true); cmd.a2 == nil {
				p.fail("unexpected `,'")
			}
		}
	}
	p.skip(" \t")
	for p.peek() == '!' {
		cmd.negate = true
		p.i++
		p.skip(" \t")
	}
	cmd.name = p.peek()
	p.i++
	index := len(p.cmds)
	p.cmds = append(p.cmds, cmd)
	switch cmd.name {
	case '{':
		p.blocks = append(p.blocks, index)
		return
	case '}':
		if len(p.blocks) == 0 {
			p.fail("unexpected `}'")
		}
		p.cmds[p.blocks[len(p.blocks)-1]].jump = index
		p.blocks = p.blocks[:len(p.blocks)-1]
	case ':':
		p.labels[p.word()] = index
	case 'b', 't', 'T':
		cmd.text = p.word()
	case 'a', 'i', 'c':
		cmd.text = p.textArgument()
	case 'r', 'w', 'R', 'W':
		p.skip(" \t")
		cmd.text = p.restOfLine()
	case 's':
		p.substitute(cmd)
	case 'y':
		p.transliterate(cmd)
	case 'q', 'Q':
		p.skip(" \t")
		cmd.number, _ = p.number()
	case 'd', 'D', 'p', 'P', 'n', 'N', 'g', 'G', 'h', 'H', 'x', '=', 'l', 'z', 'F':
	case 0:
		p.fail("missing command")
	default:
		p.fail("unknown command: `%c'", cmd.name)
	}
	p.skip(" \t")
	if ch := p.peek(); p.i < len(p.s) && strings.IndexByte("\n;}#", ch) < 0 {
		p.fail("extra characters after command")
	}
}

// textArgument is that of a, i and c: on the same line, or after "\" and a
// newline; lines that end in a backslash go on.
func (p *sedParser) textArgument() string {
	p.skip(" \t")
	if p.peek() == '\\' {
		p.i++
		p.skip(" \t")
		if p.peek() == '\n' {
			p.i++
		}
	}
	var b strings.Builder
	for p.i < len(p.s) && p.s[p.i] != '\n' {
		if p.s[p.i] == '\\' && p.i+1 < len(p.s) {
			p.i++
			if p.s[p.i] == 't' {
				b.WriteByte('\t')
				p.i++
				continue
			}
		}
		b.WriteByte(p.s[p.i])
		p.i++
	}
	return b.String() + "\n"
}

func (p *sedParser) substitute(cmd *sedCmd) {
	delim := p.peek()
	p.i++
	src := p.delimited(delim, true)
	repl := p.delimited(delim, false)
	ignoreCase := false
	for cmd.nth = 1; ; {
		switch ch := p.peek(); {
		case ch == 'g':
			cmd.global = true
		case ch == 'p':
			cmd.print = true
		case ch == 'i' || ch == 'I':
			ignoreCase = true
		case ch == 'm' || ch == 'M':
		case ch >= '1' && ch <= '9':
			cmd.nth, _ = p.number()
			continue
		case ch == 'w':
			p.i++
			p.skip(" \t")
			cmd.file = p.restOfLine()
			continue
		default:
			cmd.re = p.regexp(src, ignoreCase)
			cmd.repl = p.replacement(repl)
			return
		}
		p.i++
	}
}

func (p *sedParser) replacement(s string) []sedPart {
	var parts []sedPart
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			parts = append(parts, sedPart{text: b.String(), group: -1})
			b.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '&':
			flush()
			parts = append(parts, sedPart{group: 0})
		case s[i] == '\\' && i+1 < len(s):
			i++
			switch ch := s[i]; {
			case ch >= '0' && ch <= '9':
				flush()
				parts = append(parts, sedPart{group: int(ch - '0')})
			case strings.IndexByte("ULulE", ch) >= 0:
				flush()
				parts = append(parts, sedPart{group: -1, fold: ch})
			case ch == 'n':
				b.WriteByte('\n')
			case ch == 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(ch)
			}
		default:
			b.WriteByte(s[i])
		}
	}
	flush()
	return parts
}

func (p *sedParser) transliterate(cmd *sedCmd) {
	delim := p.peek()
	p.i++
	unescape := strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t").Replace
	from, to := []rune(unescape(p.delimited(delim, false))), []rune(unescape(p.delimited(delim, false)))
	if len(from) != len(to) {
		p.fail("strings for `y' command are different lengths")
	}
	cmd.chars = make(map[rune]rune)
	for i, r := range from {
		if _, ok := cmd.chars[r]; !ok {
			cmd.chars[r] = to[i]
		}
	}
}
