package shell

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// sed edits its input line by line with the commands of a script. Expressions
// are Go's in POSIX clothes, see [compileRegexp]: back-references are to be
// had in replacements and not in expressions.
func (c *call) sed() int {
	opts, args := c.getopt("nrEe:f:i?szl:u", "quiet=n silent=n regexp-extended=E expression=e file=f in-place=i separate=s null-data=z posix= debug= unbuffered=u")
	var script []string
	for _, o := range opts {
		switch o.letter {
		case 'e':
			script = append(script, o.value)
		case 'f':
			text, err := os.ReadFile(c.path(o.value))
			if err != nil {
				c.die(1, "couldn't open file %s: %s", o.value, reason(err))
			}
			script = append(script, strings.TrimSuffix(string(text), "\n"))
		}
	}
	if !opts.has('e') && !opts.has('f') {
		c.need(args, 1)
		script, args = args[:1], args[1:]
	}
	p := &sedParser{c: c, s: strings.Join(script, "\n"), extended: opts.has('E') || opts.has('r'), labels: make(map[string]int)}
	quiet := strings.HasPrefix(p.s, "#n\n") || opts.has('n')
	p.parse()
	suffix, inPlace := opts.last('i')
	run := func(files []string, out *bufio.Writer) int {
		e := &sedRun{c: c, cmds: p.cmds, labels: p.labels, quiet: quiet, out: out, in: &sedInput{c: c, files: files, delim: '\n'}, files: make(map[string]*bufio.Writer)}
		if opts.has('z') {
			e.in.delim = 0
		}
		defer e.close()
		return e.run()
	}
	if !inPlace && !opts.has('s') {
		if len(args) == 0 {
			args = []string{"-"}
		}
		return run(args, c.out)
	}
	status := 0
	for _, name := range args {
		if !inPlace {
			status = run([]string{name}, c.out)
			continue
		}
		status = c.sedInPlace(name, suffix, run)
	}
	return status
}

// sedInPlace edits a file by writing another and renaming it.
func (c *call) sedInPlace(name, suffix string, run func([]string, *bufio.Writer) int) int {
	path := c.path(name)
	fi, err := os.Stat(path)
	if err != nil {
		c.warn("can't read %s: %s", name, reason(err))
		return c.status
	}
	f, err := os.CreateTemp(filepath.Dir(path), "sed")
	if err != nil {
		c.die(4, "couldn't open temporary file: %s", reason(err))
	}
	defer os.Remove(f.Name()) // there no more after the renaming
	out := bufio.NewWriter(f)
	status := run([]string{name}, out)
	err = out.Flush()
	if err == nil {
		err = f.Chmod(fi.Mode().Perm())
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && suffix != "" {
		backup := path + suffix
		if strings.Contains(suffix, "*") {
			backup = filepath.Join(filepath.Dir(path), strings.ReplaceAll(suffix, "*", filepath.Base(path)))
		}
		err = os.Rename(path, backup)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		c.die(4, "cannot rename %s: %s", f.Name(), reason(err))
	}
	return status
}

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

// sedInput reads lines of files, one ahead.
type sedInput struct {
	c       *call
	files   []string
	delim   byte
	r       *bufio.Reader
	closer  io.Closer
	name    string
	next    string
	noEOL   bool // of next: the last line has no newline
	hasNext bool
	line    int
	eol     bool // of the line read last
}

// fill reads the line ahead.
func (in *sedInput) fill() {
	for !in.hasNext {
		if in.r == nil {
			if len(in.files) == 0 {
				return
			}
			in.name, in.files = in.files[0], in.files[1:]
			if in.name == "-" {
				in.r = bufio.NewReader(in.c.Stdin)
			} else {
				f, err := os.Open(in.c.path(in.name))
				if err == nil && isDir(in.c.path(in.name)) {
					f.Close()
					in.c.warn("couldn't edit %s: not a regular file", in.name)
					in.c.status = 2
					continue
				}
				if err != nil {
					in.c.warn("can't read %s: %s", in.name, reason(err))
					in.c.status = 2
					continue
				}
				in.r, in.closer = bufio.NewReader(f), f
			}
		}
		line, err := in.r.ReadString(in.delim)
		if err != nil && err != io.EOF {
			in.c.fileErr(in.name, err)
		}
		if line != "" {
			in.next, in.hasNext = strings.TrimSuffix(line, string(in.delim)), true
			in.noEOL = len(in.next) == len(line)
		}
		if err != nil {
			in.r = nil
			if in.closer != nil {
				in.closer.Close()
				in.closer = nil
			}
		}
	}
}

func (in *sedInput) read() (string, bool) {
	in.fill()
	if !in.hasNext {
		return "", false
	}
	in.hasNext, in.eol = false, !in.noEOL
	in.line++
	return in.next, true
}

func (in *sedInput) isLast() bool {
	in.fill()
	return !in.hasNext
}

// sedRun runs a script.
type sedRun struct {
	c      *call
	cmds   []*sedCmd
	labels map[string]int
	quiet  bool
	out    *bufio.Writer
	in     *sedInput
	files  map[string]*bufio.Writer
	opened []*os.File

	pattern, hold string
	appends       []func()
	replaced      bool // what t asks
	lastRe        *regexp.Regexp
}

func (e *sedRun) close() {
	for _, w := range e.files {
		w.Flush()
	}
	for _, f := range e.opened {
		f.Close()
	}
}

func (e *sedRun) writer(name string) *bufio.Writer {
	if name == "/dev/stdout" {
		return e.out
	}
	if w, ok := e.files[name]; ok {
		return w
	}
	f, err := os.Create(e.c.path(name))
	if err != nil {
		e.c.die(4, "couldn't open file %s: %s", name, reason(err))
	}
	e.opened = append(e.opened, f)
	e.files[name] = bufio.NewWriter(f)
	return e.files[name]
}

// print writes a line, without a newline if it was the last and had none.
func (e *sedRun) print(s string) {
	e.out.WriteString(s)
	if e.in.eol {
		e.out.WriteByte(e.in.delim)
	}
}

func (e *sedRun) endCycle() {
	if !e.quiet {
		e.print(e.pattern)
	}
	e.flushAppends()
}

func (e *sedRun) flushAppends() {
	for _, f := range e.appends {
		f()
	}
	e.appends = nil
}

func (e *sedRun) run() int {
	restart := false // after D: without reading a line
	for {
		if !restart {
			var ok bool
			if e.pattern, ok = e.in.read(); !ok {
				return 0
			}
		}
		restart = false
		e.replaced = false
		action, status := e.cycle()
		switch action {
		case 'q':
			e.endCycle()
			return status
		case 'Q':
			e.flushAppends()
			return status
		case 'd':
			e.flushAppends()
		case 'D':
			e.flushAppends()
			restart = true
		default:
			e.endCycle()
		}
	}
}

// cycle runs the commands once. The action says how it ended: q, Q, d, D, or
// 0 at the end of the script.
func (e *sedRun) cycle() (action byte, status int) {
	for pc := 0; pc < len(e.cmds); pc++ {
		cmd := e.cmds[pc]
		if e.selected(cmd) == cmd.negate {
			if cmd.name == '{' {
				pc = cmd.jump
			}
			continue
		}
		jump := func() {
			if cmd.text == "" {
				pc = len(e.cmds)
			} else {
				pc = e.labels[cmd.text]
			}
		}
		switch cmd.name {
		case 's':
			e.substitute(cmd)
		case 'y':
			e.pattern = strings.Map(func(r rune) rune {
				if to, ok := cmd.chars[r]; ok {
					return to
				}
				return r
			}, e.pattern)
		case 'd':
			return 'd', 0
		case 'D':
			if i := strings.IndexByte(e.pattern, '\n'); i >= 0 {
				e.pattern = e.pattern[i+1:]
				return 'D', 0
			}
			return 'd', 0
		case 'p':
			e.print(e.pattern)
		case 'P':
			first, _, _ := strings.Cut(e.pattern, "\n")
			e.out.WriteString(first + "\n")
		case 'n':
			if e.in.isLast() {
				return 'q', 0
			}
			if !e.quiet {
				e.print(e.pattern)
			}
			e.flushAppends()
			e.pattern, _ = e.in.read()
		case 'N':
			if e.in.isLast() {
				return 'q', 0
			}
			e.flushAppends()
			line, _ := e.in.read()
			e.pattern += "\n" + line
		case 'h':
			e.hold = e.pattern
		case 'H':
			e.hold += "\n" + e.pattern
		case 'g':
			e.pattern = e.hold
		case 'G':
			e.pattern += "\n" + e.hold
		case 'x':
			e.pattern, e.hold = e.hold, e.pattern
		case 'z':
			e.pattern = ""
		case 'b':
			jump()
		case 't', 'T':
			if e.replaced == (cmd.name == 't') {
				jump()
			}
			e.replaced = false
		case 'q', 'Q':
			return cmd.name, cmd.number
		case '=':
			fmt.Fprintln(e.out, e.in.line)
		case 'F':
			fmt.Fprintln(e.out, e.in.name)
		case 'l':
			e.out.WriteString(strings.Trim(strconv.QuoteToASCII(e.pattern), `"`) + "$\n")
		case 'i':
			e.out.WriteString(cmd.text)
		case 'a':
			e.appends = append(e.appends, func() { e.out.WriteString(cmd.text) })
		case 'c':
			if cmd.a2 == nil || cmd.negate || !cmd.inRange {
				e.out.WriteString(cmd.text)
			}
			return 'd', 0
		case 'r':
			e.appends = append(e.appends, func() {
				if text, err := os.ReadFile(e.c.path(cmd.text)); err == nil { // none is no error
					e.out.Write(text)
				}
			})
		case 'w':
			fmt.Fprintln(e.writer(cmd.text), e.pattern)
		}
	}
	return 0, 0
}

func (e *sedRun) matches(a *sedAddr) bool {
	switch {
	case a.re != nil:
		return e.regexp(a.re).MatchString(e.pattern)
	case a.last:
		return e.in.isLast()
	case a.step > 0:
		return e.in.line >= a.line && (e.in.line-a.line)%a.step == 0
	}
	return e.in.line == a.line
}

func (e *sedRun) regexp(r *sedRegexp) *regexp.Regexp {
	if r.re != nil {
		e.lastRe = r.re
	}
	if e.lastRe == nil {
		e.c.die(1, "no previous regular expression")
	}
	return e.lastRe
}

// selected tells whether the addresses of a command select the line.
func (e *sedRun) selected(cmd *sedCmd) bool {
	switch {
	case cmd.a1 == nil:
		return true
	case cmd.a2 == nil:
		return e.matches(cmd.a1)
	}
	if !cmd.inRange {
		zero := cmd.a1.re == nil && !cmd.a1.last && cmd.a1.step == 0 && cmd.a1.line == 0 && e.in.line == 1
		if !zero && !e.matches(cmd.a1) {
			return false
		}
		a := cmd.a2
		switch {
		case a.plus:
			cmd.end = e.in.line + a.line
		case a.multiple:
			cmd.end = e.in.line
			if a.line > 0 {
				cmd.end = (e.in.line + a.line - 1) / a.line * a.line
			}
		case a.re == nil && !a.last:
			cmd.end = a.line
		}
		switch {
		case a.re != nil && zero:
			cmd.inRange = !e.matches(a)
		case a.re != nil:
			cmd.inRange = true
		case a.last:
			cmd.inRange = !e.in.isLast()
		default:
			cmd.inRange = cmd.end > e.in.line
		}
		return true
	}
	switch a := cmd.a2; {
	case a.re != nil || a.last:
		cmd.inRange = !e.matches(a)
	case e.in.line >= cmd.end:
		cmd.inRange = false
		return e.in.line == cmd.end
	}
	return true
}

func (e *sedRun) substitute(cmd *sedCmd) {
	re := e.regexp(cmd.re)
	var b strings.Builder
	at, n := 0, 0
	for _, m := range re.FindAllStringSubmatchIndex(e.pattern, -1) {
		if n++; n < cmd.nth {
			continue
		}
		b.WriteString(e.pattern[at:m[0]])
		expandReplacement(&b, cmd.repl, e.pattern, m)
		at = m[1]
		if !cmd.global {
			break
		}
	}
	if n < cmd.nth {
		return
	}
	e.pattern = b.String() + e.pattern[at:]
	e.replaced = true
	if cmd.print {
		e.print(e.pattern)
	}
	if cmd.file != "" {
		fmt.Fprintln(e.writer(cmd.file), e.pattern)
	}
}

// expandReplacement writes a replacement for the match with these indices.
func expandReplacement(b *strings.Builder, parts []sedPart, s string, m []int) {
	var fold, next byte
	for _, part := range parts {
		if part.fold != 0 {
			switch part.fold {
			case 'u', 'l':
				next = part.fold
			default:
				fold = part.fold
			}
			continue
		}
		text := part.text
		if part.group >= 0 {
			text = ""
			if 2*part.group+1 < len(m) && m[2*part.group] >= 0 {
				text = s[m[2*part.group]:m[2*part.group+1]]
			}
		}
		switch fold {
		case 'U':
			text = strings.ToUpper(text)
		case 'L':
			text = strings.ToLower(text)
		}
		if next != 0 && text != "" {
			r := []rune(text)
			first := strings.ToUpper(string(r[0]))
			if next == 'l' {
				first = strings.ToLower(string(r[0]))
			}
			text, next = first+string(r[1:]), 0
		}
		b.WriteString(text)
	}
}
