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
