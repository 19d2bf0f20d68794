package format

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file reads what has text in it: strings, paths, and the comments
// between tokens.

func (r *reader) interpolation() part {
	r.pos += len("${")
	e, final := r.whole()
	if r.at(0) != '}' {
		r.fail("'}'")
	}
	r.pos++
	return part{code: e, final: final}
}

func (r *reader) path(t *tok) {
	var parts []part
	start := r.pos
	flush := func() {
		if r.pos > start {
			parts = append(parts, part{text: r.src[start:r.pos]})
		}
	}
	for {
		switch c := r.at(0); {
		case pathChar(c):
			r.pos++
		case c == '/' && (pathChar(r.at(1)) || r.at(1) == '$' && r.at(2) == '{'):
			r.pos++
		case r.has("${") && (r.pos > start || parts != nil):
			flush()
			parts = append(parts, r.interpolation())
			start = r.pos
		default:
			flush()
			t.lines = [][]part{parts}
			return
		}
	}
}

// str reads a string in double quotes.
func (r *reader) str(t *tok) {
	var parts []part
	r.pos++
	start := r.pos
	flush := func() {
		if r.pos > start {
			parts = append(parts, part{text: r.src[start:r.pos]})
		}
	}
	for {
		switch c := r.at(0); {
		case r.pos >= len(r.src):
			r.fail("the end of the string")
		case c == '"':
			flush()
			r.pos++
			t.lines = mergeLines(splitLines(parts))
			return
		case c == '\\', r.has("$$"):
			r.advance(min(r.pos+2, len(r.src)))
		case r.has("${"):
			flush()
			parts = append(parts, r.interpolation())
			start = r.pos
		default:
			r.advance(r.pos + 1)
		}
	}
}

// indString reads a string in pairs of single quotes.
func (r *reader) indString(t *tok) {
	cuts := r.cuts
	var lines [][]part
	var parts []part
	r.pos += 2
	start := r.pos
	flush := func() {
		if r.pos > start {
			parts = append(parts, part{text: r.src[start:r.pos]})
		}
	}
	for done := false; !done; {
		switch c := r.at(0); {
		case r.pos >= len(r.src):
			r.fail("the end of the string")
		case c == '\n':
			flush()
			lines = append(lines, parts)
			parts = nil
			r.advance(r.pos + 1)
			start = r.pos
		case r.has("''$"), r.has("'''"):
			r.pos += 3
		case r.has(`''\`):
			r.pos += 3
			if r.pos < len(r.src) && r.at(0) != '\n' {
				_, n := utf8.DecodeRuneInString(r.src[r.pos:])
				r.pos += n
			}
		case r.has("''"):
			flush()
			lines = append(lines, parts)
			r.pos += 2
			done = true
		case r.has("${"):
			flush()
			parts = append(parts, r.interpolation())
			start = r.pos
		case c == '$' && r.at(1) != '\'' && r.at(1) != '\n':
			// $ and the character behind it go together: $${ is no interpolation.
			_, n := utf8.DecodeRuneInString(r.src[r.pos+1:])
			r.pos += 1 + n
		case c == '\'' && r.at(1) != '$' && r.at(1) != '\n':
			_, n := utf8.DecodeRuneInString(r.src[r.pos+1:])
			r.pos += 1 + n
		default:
			r.pos++
		}
	}
	indent, out := stripIndent(fixLast(fixFirst(lines)))
	var split [][]part
	for _, l := range out {
		split = append(split, splitLines(l)...)
	}
	t.lines = mergeLines(split)
	if r.cuts != cuts {
		t.cut = &indent
		return
	}
	if len(t.lines) > 1 {
		return
	}
	// Without line end, quote or backslash the other kind of string says it as
	// well. Escapes and a last $ stay: the reference's parser splits a string there, and
	// the formatted text is to give the same tree.
	for _, p := range t.lines[0] {
		if strings.ContainsAny(p.text, "\"\\") || strings.Contains(p.text, "''") || strings.HasSuffix(p.text, "$") {
			return
		}
	}
	t.kind = tokString
}

func onlySpaces(s string) bool { return strings.Trim(s, " ") == "" }

func emptyLine(l []part) bool {
	for _, p := range l {
		if p.code != nil || !onlySpaces(p.text) {
			return false
		}
	}
	return true
}

func fixFirst(lines [][]part) [][]part {
	if len(lines) > 1 && emptyLine(lines[0]) {
		return lines[1:]
	}
	return lines
}

func fixLast(lines [][]part) [][]part {
	if n := len(lines); n > 0 && emptyLine(lines[n-1]) {
		lines[n-1] = nil
	}
	return lines
}

// stripIndent removes the indentation that all lines which are not blank have.
func stripIndent(lines [][]part) (string, [][]part) {
	indent, found := "", false
	for _, l := range lines {
		if emptyLine(l) {
			continue
		}
		head := ""
		if l[0].code == nil {
			head = l[0].text
		}
		if !found {
			indent, found = head, true
		}
		n := 0
		for n < len(indent) && n < len(head) && indent[n] == head[n] {
			n++
		}
		indent = indent[:n]
	}
	if !found {
		return "", make([][]part, len(lines))
	}
	indent = indent[:len(indent)-len(strings.TrimLeft(indent, " "))]
	for _, l := range lines {
		if len(l) == 0 || l[0].code != nil {
			continue
		}
		if t, ok := strings.CutPrefix(l[0].text, indent); ok {
			l[0].text = t
		} else {
			l[0].text = ""
		}
	}
	return indent, lines
}

// splitLines cuts parts at their line ends. There is at least one line.
func splitLines(parts []part) [][]part {
	lines := [][]part{nil}
	for _, p := range parts {
		if p.code != nil {
			lines[len(lines)-1] = append(lines[len(lines)-1], p)
			continue
		}
		for i, t := range strings.Split(p.text, "\n") {
			if i > 0 {
				lines = append(lines, nil)
			}
			lines[len(lines)-1] = append(lines[len(lines)-1], part{text: t})
		}
	}
	return lines
}

// mergeLines joins neighbouring texts in each line and drops empty ones.
func mergeLines(lines [][]part) [][]part {
	for i, l := range lines {
		var out []part
		for _, p := range l {
			n := len(out)
			switch {
			case p.code == nil && p.text == "":
			case p.code == nil && n > 0 && out[n-1].code == nil:
				out[n-1].text += p.text
			default:
				out = append(out, p)
			}
		}
		lines[i] = out
	}
	return lines
}

// raw is a comment or some line ends as read, before it is known to which
// token it belongs.
type raw struct {
	kind   rawKind
	n      int      // line ends
	text   string   // line comment or language
	col    int      // column of a line comment
	lines  []string // block comment
	enable bool     // directive
	start  int      // directive: where it starts and ends
	end    int
}

type rawKind uint8

const (
	rawNewlines rawKind = iota
	rawLine
	rawBlock
	rawDoc
	rawLang
	rawDirective
)

func (r *reader) trivia() []raw {
	var pts []raw
	for r.pos < len(r.src) {
		switch c := r.at(0); {
		case c == '\n' || c == '\r' && r.at(1) == '\n':
			n := 0
			for r.at(0) == '\n' || r.at(0) == '\r' && r.at(1) == '\n' {
				to := r.pos + 1
				if r.at(0) == '\r' {
					to++
				}
				r.advance(to)
				r.blanks()
				n++
			}
			pts = append(pts, raw{kind: rawNewlines, n: n})
		case c == '#':
			col := r.column()
			start := r.pos + 1
			r.toLineEnd()
			pts = append(pts, raw{kind: rawLine, text: strings.TrimRightFunc(r.src[start:r.pos], unicode.IsSpace), col: col})
		case r.has("/*"):
			if d, ok := r.directive(); ok {
				pts = append(pts, d)
				continue
			}
			pts = append(pts, r.block())
		default:
			return pts
		}
	}
	return pts
}

func (r *reader) toLineEnd() {
	for r.pos < len(r.src) && r.at(0) != '\n' && r.at(0) != '\r' {
		r.pos++
	}
}

// directive reads a comment that switches formatting off or on, if one stands here
// with nothing behind it on the line.
func (r *reader) directive() (raw, bool) {
	rest, ok := strings.CutPrefix(r.src[r.pos:], "/*nixfmt:")
	if !ok {
		return raw{}, false
	}
	d := raw{kind: rawDirective, start: r.pos}
	switch {
	case strings.HasPrefix(rest, "disable*/"):
	case strings.HasPrefix(rest, "enable*/"):
		d.enable = true
	default:
		return raw{}, false
	}
	p := r.pos
	r.pos += strings.Index(r.src[r.pos:], "*/") + 2
	r.blanks()
	if r.pos < len(r.src) && r.at(0) != '\n' && r.at(0) != '\r' {
		r.pos = p
		return raw{}, false
	}
	d.end = r.pos
	return d, true
}

func (r *reader) block() raw {
	col := r.column() - 1
	start := r.pos + 2
	kind := rawBlock
	if r.at(2) == '*' && r.at(3) != '/' {
		kind = rawDoc
		start++
	}
	end := strings.Index(r.src[start:], "*/")
	if end < 0 {
		r.fail("the end of the comment")
	}
	text := r.src[start : start+end]
	r.advance(start + end + 2)
	r.blanks()
	b := raw{kind: kind, lines: commentLines(text, col)}
	if kind == rawBlock && len(b.lines) == 1 {
		// As a language annotation it stays right before the string that follows.
		lang := strings.TrimSpace(b.lines[0])
		if languageName(lang) && r.stringFollows() {
			return raw{kind: rawLang, text: lang}
		}
	}
	return b
}

func languageName(s string) bool {
	if s == "" || width(s) > 30 {
		return false
	}
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-+._", c) {
			return false
		}
	}
	return true
}

func (r *reader) stringFollows() bool {
	rest := strings.TrimLeft(r.src[r.pos:], " \t")
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "\r"), "\n")
	rest = strings.TrimLeft(rest, " \t")
	return strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "''")
}

// commentLines are the lines of a block comment that starts in column col
// (from 0), without stars and common indentation.
func commentLines(text string, col int) []string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	trimEnd := func() {
		for i := range lines {
			lines[i] = strings.TrimRightFunc(lines[i], unicode.IsSpace)
		}
		for len(lines) > 0 && lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
	}
	trimEnd()
	if len(lines) == 0 {
		return nil
	}
	// Stars below the opening one are part of the comment's frame.
	star := strings.Repeat(" ", col) + " *"
	stars := true
	for _, l := range lines[1:] {
		stars = stars && strings.HasPrefix(l, star)
	}
	if stars {
		for i, l := range lines[1:] {
			lines[i+1] = strings.Repeat(" ", col) + l[len(star):]
		}
	}
	trimEnd()
	if len(lines) == 0 {
		return nil
	}
	indent := col + 2
	if strings.HasPrefix(lines[0], " ") {
		indent++
	}
	for _, l := range lines[1:] {
		if !onlySpaces(l) {
			indent = min(indent, len(l)-len(strings.TrimLeft(l, " ")))
		}
	}
	lines[0] = strings.TrimSpace(lines[0])
	for i, l := range lines[1:] {
		if t, ok := strings.CutPrefix(l, strings.Repeat(" ", indent)); ok {
			lines[i+1] = t
		} else {
			lines[i+1] = strings.TrimLeftFunc(l, unicode.IsSpace)
		}
	}
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	return lines
}

// attach divides what follows a token into the comment on the token's line
// and what belongs to the next token, which stands in column next.
func (r *reader) attach(pts []raw, next int) (*string, []trivium) {
	n := 0
	for n < len(pts) && pts[n].mayTrail() {
		n++
	}
	// A comment that forms a block with the comment below it, or stands right
	// above the next token's column, belongs to what follows.
	if n == 1 && pts[0].kind == rawLine && len(pts) > 1 && pts[1].kind == rawNewlines && pts[1].n == 1 {
		if len(pts) > 2 && pts[2].kind == rawLine && pts[2].col == pts[0].col ||
			len(pts) == 2 && pts[0].col == next {
			return nil, r.leading(pts)
		}
	}
	var words []string
	for _, p := range pts[:n] {
		s := ""
		switch p.kind {
		case rawLine:
			s = strings.TrimSpace(p.text)
		case rawBlock:
			if len(p.lines) == 1 {
				s = strings.TrimSpace(p.lines[0])
			}
		case rawDirective:
			s = "nixfmt:disable"
			if p.enable {
				s = "nixfmt:enable"
			}
		}
		if s != "" {
			words = append(words, s)
		}
	}
	var trail *string
	if len(words) > 0 {
		s := strings.Join(words, " ")
		trail = &s
	}
	return trail, r.leading(pts[n:])
}

func (p *raw) mayTrail() bool {
	return p.kind == rawLine || p.kind == rawDirective || p.kind == rawBlock && len(p.lines) <= 1
}

func (r *reader) leading(pts []raw) []trivium {
	var out []trivium
	for _, p := range pts {
		switch p.kind {
		case rawNewlines:
			if p.n > 1 {
				out = append(out, trivium{kind: blankLine})
			}
		case rawLine:
			out = append(out, trivium{kind: lineComment, text: p.text})
		case rawBlock:
			switch len(p.lines) {
			case 0:
			case 1:
				out = append(out, trivium{kind: lineComment, text: " " + strings.TrimSpace(p.lines[0])})
			default:
				out = append(out, trivium{kind: blockComment, lines: p.lines})
			}
		case rawDoc:
			if len(p.lines) > 0 {
				out = append(out, trivium{kind: docComment, lines: p.lines})
			}
		case rawLang:
			out = append(out, trivium{kind: langComment, text: p.text})
		case rawDirective:
			out = append(out, r.resolve(p))
		}
	}
	return out
}

// resolve makes of a directive the start or the end of a disabled region.
func (r *reader) resolve(p raw) trivium {
	lineStart := strings.LastIndexByte(r.src[:p.start], '\n') + 1
	if strings.TrimFunc(r.src[lineStart:p.start], isBlank) != "" {
		if p.enable {
			return trivium{kind: lineComment, text: " nixfmt:enable"}
		}
		return trivium{kind: lineComment, text: " nixfmt:disable"}
	}
	switch {
	case !p.enable:
		if r.disabled < 0 {
			r.disabled = lineStart
		}
		return trivium{kind: disabled}
	case r.disabled >= 0:
		text := r.src[r.disabled:p.end]
		r.disabled = -1
		return trivium{kind: disabledText, text: text}
	}
	return trivium{kind: loneEnable}
}
