package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// found is a file that find has come across.
type found struct {
	name  string // as it is printed
	path  string
	depth int
	fi    fs.FileInfo
	prune bool
}

// findTest is a primary or an expression of find.
type findTest func(*found) bool

// finder parses and runs find.
type finder struct {
	c        *call
	args     []string
	follow   bool
	depth    bool // contents before their directory
	min, max int
	acted    bool // an action is in the expression
	quit     bool
	// batches are the commands of "-exec … +" and their arguments so far.
	batches []*findBatch
}

type findBatch struct{ command, files []string }

func (c *call) find() int {
	f := &finder{c: c, args: c.args, max: 1 << 30}
	for len(f.args) > 0 && (f.args[0] == "-L" || f.args[0] == "-H" || f.args[0] == "-P") {
		f.follow = f.args[0] == "-L"
		f.args = f.args[1:]
	}
	var roots []string
	for len(f.args) > 0 && !strings.HasPrefix(f.args[0], "-") && f.args[0] != "(" && f.args[0] != "!" {
		roots = append(roots, f.args[0])
		f.args = f.args[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	test := func(*found) bool { return true }
	if len(f.args) > 0 {
		test = f.or()
		if len(f.args) > 0 {
			c.die(1, "paths must precede expression: '%s'", f.args[0])
		}
	}
	if !f.acted {
		inner := test
		test = func(x *found) bool { return inner(x) && f.print(x, "\n") }
	}
	for _, root := range roots {
		f.walk(&found{name: root, path: c.path(root)}, test)
	}
	for _, b := range f.batches {
		f.runBatch(b)
	}
	return 0
}

func (f *finder) walk(x *found, test findTest) {
	if f.quit {
		return
	}
	fi, err := os.Lstat(x.path)
	if err == nil && f.follow && fi.Mode()&fs.ModeSymlink != 0 {
		if target, terr := os.Stat(x.path); terr == nil {
			fi = target
		}
	}
	if err != nil {
		f.c.warn("'%s': %s", x.name, reason(err))
		return
	}
	x.fi = fi
	visit := func() {
		if x.depth >= f.min && !f.quit {
			test(x)
		}
	}
	if !f.depth {
		visit()
	}
	if fi.IsDir() && !x.prune && x.depth < f.max && !f.quit {
		entries, err := os.ReadDir(x.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.c.warn("'%s': %s", x.name, reason(err))
		}
		for _, e := range entries {
			name := x.name + "/" + e.Name()
			if strings.HasSuffix(x.name, "/") {
				name = x.name + e.Name()
			}
			f.walk(&found{name: name, path: x.path + "/" + e.Name(), depth: x.depth + 1}, test)
		}
	}
	if f.depth {
		visit()
	}
}

func (f *finder) print(x *found, end string) bool {
	if _, err := f.c.out.WriteString(x.name + end); err != nil {
		f.quit = true
	}
	return true
}

func (f *finder) or() findTest {
	left := f.and()
	for len(f.args) > 0 && (f.args[0] == "-o" || f.args[0] == "-or") {
		f.args = f.args[1:]
		l, r := left, f.and()
		left = func(x *found) bool { return l(x) || r(x) }
	}
	return left
}

func (f *finder) and() findTest {
	left := f.not()
	for len(f.args) > 0 && f.args[0] != "-o" && f.args[0] != "-or" && f.args[0] != ")" && f.args[0] != "," {
		if f.args[0] == "-a" || f.args[0] == "-and" {
			f.args = f.args[1:]
		}
		l, r := left, f.not()
		left = func(x *found) bool { return l(x) && r(x) }
	}
	return left
}

func (f *finder) not() findTest {
	if len(f.args) > 0 && (f.args[0] == "!" || f.args[0] == "-not") {
		f.args = f.args[1:]
		t := f.not()
		return func(x *found) bool { return !t(x) }
	}
	return f.primary()
}

func (f *finder) next(of string) string {
	if len(f.args) == 0 {
		f.c.die(1, "missing argument to '%s'", of)
	}
	v := f.args[0]
	f.args = f.args[1:]
	return v
}

// number parses +N, -N or N of -size, -mtime and the like.
func (f *finder) number(s, of string) func(int64) bool {
	sign := byte(0)
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, s = s[0], s[1:]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f.c.die(1, "invalid argument '%s' to '%s'", s, of)
	}
	return func(v int64) bool {
		switch sign {
		case '+':
			return v > n
		case '-':
			return v < n
		}
		return v == n
	}
}

func (f *finder) primary() findTest {
	yes := func(*found) bool { return true }
	op := f.next("!")
	switch op {
	case "(":
		t := f.or()
		if len(f.args) == 0 || f.args[0] != ")" {
			f.c.die(1, "invalid expression; expected to find a ')'")
		}
		f.args = f.args[1:]
		return t
	case "-true", "-noleaf", "-xdev", "-mount", "-daystart", "-warn", "-nowarn":
		return yes
	case "-false":
		return func(*found) bool { return false }
	case "-depth":
		f.depth = true
		return yes
	case "-follow":
		f.follow = true
		return yes
	case "-maxdepth":
		f.max = int(f.c.number(f.next(op)))
		return yes
	case "-mindepth":
		f.min = int(f.c.number(f.next(op)))
		return yes
	case "-name", "-iname", "-path", "-ipath", "-wholename", "-lname":
		return f.glob(op, f.next(op))
	case "-regex", "-iregex":
		re, err := compileRegexp("^("+f.next(op)+")$", true, op == "-iregex")
		if err != nil {
			f.c.die(1, "%s", err)
		}
		return func(x *found) bool { return re.MatchString(x.name) }
	case "-regextype":
		f.next(op)
		return yes
	case "-type", "-xtype":
		kinds := f.next(op)
		return func(x *found) bool {
			mode := x.fi.Mode()
			if op == "-xtype" {
				if fi, err := os.Stat(x.path); err == nil {
					mode = fi.Mode()
				}
			}
			return strings.IndexByte(kinds, findType(mode)) >= 0
		}
	case "-empty":
		return func(x *found) bool {
			if x.fi.IsDir() {
				entries, err := os.ReadDir(x.path)
				return err == nil && len(entries) == 0
			}
			return x.fi.Mode().IsRegular() && x.fi.Size() == 0
		}
	case "-size":
		return f.size(f.next(op))
	case "-perm":
		return f.perm(f.next(op))
	case "-executable":
		return func(x *found) bool { return x.fi.Mode().Perm()&0o111 != 0 }
	case "-readable", "-writable":
		mode := uint32(4)
		if op == "-writable" {
			mode = 2
		}
		return func(x *found) bool { return syscall.Access(x.path, mode) == nil }
	case "-newer":
		ref := f.next(op)
		fi, err := os.Stat(f.c.path(ref))
		if err != nil {
			f.c.die(1, "'%s': %s", ref, reason(err))
		}
		return func(x *found) bool { return x.fi.ModTime().After(fi.ModTime()) }
	case "-mtime", "-mmin":
		unit := 24 * time.Hour
		if op == "-mmin" {
			unit = time.Minute
		}
		match := f.number(f.next(op), op)
		return func(x *found) bool { return match(int64(time.Since(x.fi.ModTime()) / unit)) }
	case "-links":
		match := f.number(f.next(op), op)
		return func(x *found) bool { return match(int64(x.fi.Sys().(*syscall.Stat_t).Nlink)) }
	case "-samefile":
		ref := f.next(op)
		fi, err := os.Stat(f.c.path(ref))
		if err != nil {
			f.c.die(1, "'%s': %s", ref, reason(err))
		}
		return func(x *found) bool { return os.SameFile(fi, x.fi) }
	case "-prune":
		return func(x *found) bool { x.prune = true; return true }
	case "-quit":
		f.acted = true
		return func(*found) bool { f.quit = true; return true }
	case "-print":
		f.acted = true
		return func(x *found) bool { return f.print(x, "\n") }
	case "-print0":
		f.acted = true
		return func(x *found) bool { return f.print(x, "\x00") }
	case "-printf":
		f.acted = true
		format := f.next(op)
		return func(x *found) bool { f.printf(x, format); return true }
	case "-ls":
		f.acted = true
		return func(x *found) bool { f.c.longEntry(x.name, x.path, x.fi, ""); return true }
	case "-delete":
		f.acted, f.depth = true, true
		return func(x *found) bool {
			if err := os.Remove(x.path); err != nil {
				f.c.warn("cannot delete '%s': %s", x.name, reason(err))
				return false
			}
			return true
		}
	case "-exec", "-execdir", "-ok":
		f.acted = true
		return f.exec(op)
	}
	f.c.die(1, "unknown predicate '%s'", op)
	return nil
}

// glob is a primary that matches a shell pattern, in which "*" matches "/".
func (f *finder) glob(op, pattern string) findTest {
	src := globRegexp(pattern)
	if strings.HasPrefix(op, "-i") {
		src = "(?i)" + src
	}
	re, err := regexp.Compile("(?s)^" + src + "$")
	if err != nil {
		f.c.die(1, "invalid pattern '%s'", pattern)
	}
	return func(x *found) bool {
		switch op {
		case "-name", "-iname":
			return re.MatchString(path.Base(x.name))
		case "-lname":
			target, err := os.Readlink(x.path)
			return err == nil && re.MatchString(target)
		}
		return re.MatchString(x.name)
	}
}

// globRegexp translates a shell pattern.
func globRegexp(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			s := p
			if i+1 < len(p) && p[i+1] == '!' {
				s = p[:i+1] + "^" + p[i+2:]
			}
			j := bracketEnd(s, i)
			if j < 0 {
				b.WriteString(`\[`)
				continue
			}
			b.WriteString(translateBracket(s[i+1 : j]))
			i = j
		case '\\':
			if i+1 < len(p) {
				i++
			}
			b.WriteString(quoteMeta(p[i]))
		default:
			b.WriteString(quoteMeta(p[i]))
		}
	}
	return b.String()
}

func findType(m fs.FileMode) byte {
	switch {
	case m.IsDir():
		return 'd'
	case m&fs.ModeSymlink != 0:
		return 'l'
	case m&fs.ModeNamedPipe != 0:
		return 'p'
	case m&fs.ModeSocket != 0:
		return 's'
	case m&fs.ModeCharDevice != 0:
		return 'c'
	case m&fs.ModeDevice != 0:
		return 'b'
	}
	return 'f'
}

func (f *finder) size(arg string) findTest {
	unit := int64(512)
	if arg != "" {
		if i := strings.IndexByte("bcwkMG", arg[len(arg)-1]); i >= 0 {
			unit = []int64{512, 1, 2, 1 << 10, 1 << 20, 1 << 30}[i]
			arg = arg[:len(arg)-1]
		}
	}
	match := f.number(arg, "-size")
	return func(x *found) bool { return match((x.fi.Size() + unit - 1) / unit) }
}

func (f *finder) perm(arg string) findTest {
	how := byte(0)
	if strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, "+") {
		how, arg = arg[0], arg[1:]
	}
	change, err := parseMode(arg)
	if err != nil {
		f.c.die(1, "%s", err)
	}
	want := change(0, false, 0)
	return func(x *found) bool {
		have := unixMode(x.fi.Mode())
		switch how {
		case '-':
			return have&want == want
		case '/', '+':
			return have&want != 0 || want == 0
		}
		return have == want
	}
}

func (f *finder) exec(op string) findTest {
	var command []string
	for {
		arg := f.next(op)
		if arg == ";" {
			break
		}
		if arg == "+" && len(command) > 0 && command[len(command)-1] == "{}" {
			b := &findBatch{command: command[:len(command)-1]}
			f.batches = append(f.batches, b)
			return func(x *found) bool {
				b.files = append(b.files, x.name)
				if len(b.files) == 1000 {
					f.runBatch(b)
				}
				return true
			}
		}
		command = append(command, arg)
	}
	if len(command) == 0 {
		f.c.die(1, "invalid argument ';' to '%s'", op)
	}
	return func(x *found) bool {
		args := make([]string, len(command))
		sio := f.c.IO
		name := x.name
		if op == "-execdir" {
			sio.Dir, name = path.Dir(x.path), "./"+path.Base(x.name)
		}
		for i, arg := range command {
			args[i] = strings.ReplaceAll(arg, "{}", name)
		}
		return f.c.runCommand(args, sio) == 0
	}
}

func (f *finder) runBatch(b *findBatch) {
	if len(b.files) > 0 && f.c.runCommand(append(append([]string{}, b.command...), b.files...), f.c.IO) != 0 {
		f.c.status = 1
	}
	b.files = nil
}

func (f *finder) printf(x *found, format string) {
	out := f.c.out
	for i := 0; i < len(format); i++ {
		ch := format[i]
		if i+1 == len(format) || ch != '%' && ch != '\\' {
			out.WriteByte(ch)
			continue
		}
		i++
		if ch == '\\' {
			b, size := trChar(format[i-1:])
			out.WriteByte(b)
			i += size - 2
			continue
		}
		switch format[i] {
		case 'p':
			out.WriteString(x.name)
		case 'f':
			out.WriteString(path.Base(x.name))
		case 'h':
			out.WriteString(path.Dir(x.name))
		case 'P':
			parts := strings.Split(x.name, "/")
			out.WriteString(strings.Join(parts[len(parts)-x.depth:], "/"))
		case 's':
			fmt.Fprint(out, x.fi.Size())
		case 'm':
			fmt.Fprintf(out, "%o", unixMode(x.fi.Mode()))
		case 'M':
			out.WriteString(modeString(x.fi.Mode()))
		case 'd':
			fmt.Fprint(out, x.depth)
		case 'y':
			out.WriteByte(findType(x.fi.Mode()))
		case 'l':
			target, _ := os.Readlink(x.path) // nothing for what is no link
			out.WriteString(target)
		case 'i':
			fmt.Fprint(out, x.fi.Sys().(*syscall.Stat_t).Ino)
		case 'n':
			fmt.Fprint(out, x.fi.Sys().(*syscall.Stat_t).Nlink)
		case 'u', 'U':
			fmt.Fprint(out, x.fi.Sys().(*syscall.Stat_t).Uid)
		case 'g', 'G':
			fmt.Fprint(out, x.fi.Sys().(*syscall.Stat_t).Gid)
		case 'T':
			if i+1 < len(format) {
				i++
				if format[i] == '@' {
					fmt.Fprintf(out, "%d.%010d", x.fi.ModTime().Unix(), x.fi.ModTime().Nanosecond()*10)
				} else {
					out.WriteString(strftime(x.fi.ModTime().In(f.c.location()), "%"+string(format[i])))
				}
			}
		case '%':
			out.WriteByte('%')
		default:
			f.c.die(1, "unrecognized format directive '%%%c'", format[i])
		}
	}
}

func (c *call) xargs() int {
	opts, command := c.getoptStop("0n:I:i?L:P:s:rtpd:E:xa:", "null=0 max-args=n max-lines=L max-procs=P no-run-if-empty=r verbose=t delimiter=d replace=I arg-file=a max-chars=s exit=x", true)
	if len(command) == 0 {
		command = []string{"echo"}
	}
	var in io.Reader = c.Stdin
	sio := c.IO
	if name, ok := opts.last('a'); ok {
		f, err := os.Open(c.path(name))
		if err != nil {
			c.die(1, "cannot open input file '%s': %s", name, reason(err))
		}
		defer f.Close()
		in = f
	} else {
		sio.Stdin = nil
	}
	replace, hasReplace := opts.last('I')
	items := c.xargsItems(in, opts, hasReplace)
	limit := 5000
	if n, ok := opts.last('n'); ok {
		limit = int(c.number(n))
	}
	if n, ok := opts.last('L'); ok {
		limit = int(c.number(n))
	}
	runOne := func(args []string) bool {
		if opts.has('t') {
			c.out.Flush()
			fmt.Fprintln(c.Stderr, strings.Join(args, " "))
		}
		switch status := c.runCommand(args, sio); {
		case status == 0:
		case status == 255:
			c.warn("%s: exited with status 255; aborting", args[0])
			c.status = 124
			return false
		case status >= 126:
			c.status = status
			return false
		default:
			c.status = max(c.status, 123)
		}
		return true
	}
	if hasReplace {
		for _, item := range items {
			args := make([]string, len(command))
			for i, arg := range command {
				args[i] = strings.ReplaceAll(arg, replace, item)
			}
			if !runOne(args) {
				break
			}
		}
		return 0
	}
	if len(items) == 0 && !opts.has('r') {
		runOne(command)
		return 0
	}
	for len(items) > 0 {
		n, size := 0, 0
		for n < len(items) && n < limit && (n == 0 || size < 100_000) {
			size += len(items[n]) + 1
			n++
		}
		if !runOne(append(append([]string{}, command...), items[:n]...)) {
			break
		}
		items = items[n:]
	}
	return 0
}

// xargsItems splits the input of xargs: at NULs, at a delimiter, at lines, or
// at blanks with quotes and backslashes.
func (c *call) xargsItems(r io.Reader, opts options, byLine bool) []string {
	b, err := io.ReadAll(bufio.NewReader(r))
	if err != nil {
		c.inputErr("-", err)
	}
	text := string(b)
	split := func(sep string) []string {
		items := strings.Split(strings.TrimSuffix(text, sep), sep)
		if text == "" {
			return nil
		}
		return items
	}
	if opts.has('0') {
		return split("\x00")
	}
	if d, ok := opts.last('d'); ok {
		sep, _ := trChar(d + " ")
		return split(string(sep))
	}
	var items []string
	if byLine {
		for _, line := range split("\n") {
			if line = strings.TrimLeft(line, " \t"); line != "" {
				items = append(items, line)
			}
		}
		return items
	}
	var item strings.Builder
	started := false
	for i := 0; i < len(text); i++ {
		switch ch := text[i]; ch {
		case ' ', '\t', '\n':
			if started {
				items = append(items, item.String())
				item.Reset()
				started = false
			}
		case '\\':
			if i++; i < len(text) {
				item.WriteByte(text[i])
				started = true
			}
		case '"', '\'':
			end := strings.IndexByte(text[i+1:], ch)
			if end < 0 {
				c.die(1, "unmatched quote")
			}
			item.WriteString(text[i+1 : i+1+end])
			i += end + 1
			started = true
		default:
			item.WriteByte(ch)
			started = true
		}
	}
	if started {
		items = append(items, item.String())
	}
	return items
}
