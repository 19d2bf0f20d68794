package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

func (c *call) basename() int {
	opts, names := c.getoptStop("as:z", "multiple=a suffix=s", true)
	c.need(names, 1)
	suffix, multiple := opts.last('s')
	if !multiple && !opts.has('a') && len(names) > 1 {
		suffix, names = names[1], names[:1]
	}
	for _, name := range names {
		b := base(name)
		if s := strings.TrimSuffix(b, suffix); s != "" {
			b = s
		}
		fmt.Fprintln(c.out, b)
	}
	return 0
}

func (c *call) dirname() int {
	_, names := c.getopt("z", "")
	c.need(names, 1)
	for _, name := range names {
		name = trimSlashes(name)
		i := strings.LastIndexByte(name, '/')
		switch {
		case i < 0:
			name = "."
		default:
			if name = trimSlashes(name[:i]); name == "" {
				name = "/"
			}
		}
		fmt.Fprintln(c.out, name)
	}
	return 0
}

func (c *call) readlink() int {
	opts, names := c.getopt("femnqsvz", "canonicalize=f canonicalize-existing=e canonicalize-missing=m no-newline=n quiet=q silent=s zero=z")
	c.need(names, 1)
	canonical := opts.lastOf("fem")
	for i, name := range names {
		var target string
		var err error
		if canonical != 0 {
			target, err = c.canonical(name, canonical)
		} else {
			target, err = os.Readlink(c.path(name))
		}
		if err != nil {
			c.status = 1
			if opts.has('v') {
				c.fileErr(name, err)
			}
			continue
		}
		c.out.WriteString(target)
		if opts.has('z') {
			c.out.WriteByte(0)
		} else if !opts.has('n') || i < len(names)-1 {
			c.out.WriteByte('\n')
		}
	}
	return 0
}

func (c *call) realpath() int {
	opts, names := c.getopt("emsqLPzR:B:", "canonicalize-existing=e canonicalize-missing=m no-symlinks=s strip=s quiet=q relative-to=R relative-base=B zero=z")
	c.need(names, 1)
	mode := opts.lastOf("em")
	if mode == 0 {
		mode = 'f'
	}
	rel, hasRel := opts.last('R')
	for _, name := range names {
		var target string
		var err error
		if opts.has('s') {
			target = filepath.Clean(c.path(name))
		} else {
			target, err = c.canonical(name, mode)
		}
		if err == nil && hasRel {
			var from string
			if from, err = c.canonical(rel, 'm'); err == nil {
				target, err = filepath.Rel(from, target)
			}
		}
		if err != nil {
			c.status = 1
			if !opts.has('q') {
				c.fileErr(name, err)
			}
			continue
		}
		fmt.Fprintln(c.out, target)
	}
	return 0
}

// canonical resolves links. Missing may be the last component with mode 'f',
// any with 'm', none with 'e'.
func (c *call) canonical(name string, mode byte) (string, error) {
	if name == "" {
		return "", syscall.ENOENT
	}
	rest := strings.Split(c.path(name), "/")
	slices.Reverse(rest) // the next component is the last
	path := ""
	for links := 0; len(rest) > 0; {
		part := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		switch part {
		case "", ".":
			continue
		case "..":
			path = path[:max(0, strings.LastIndexByte(path, '/'))]
			continue
		}
		next := path + "/" + part
		fi, err := os.Lstat(next)
		last := !slices.ContainsFunc(rest, func(s string) bool { return s != "" && s != "." })
		switch {
		case err != nil && (mode == 'm' || mode == 'f' && last && errors.Is(err, fs.ErrNotExist)):
		case err != nil:
			return "", err
		case fi.Mode()&fs.ModeSymlink != 0:
			if links++; links > 40 {
				return "", syscall.ELOOP
			}
			target, err := os.Readlink(next)
			if err != nil {
				return "", err
			}
			parts := strings.Split(target, "/")
			slices.Reverse(parts)
			rest = append(rest, parts...)
			if strings.HasPrefix(target, "/") {
				path = ""
			}
			continue
		case !fi.IsDir() && !last && mode != 'm':
			return "", syscall.ENOTDIR
		}
		path = next
	}
	if path == "" {
		path = "/"
	}
	return path, nil
}

func (c *call) pwd() int {
	opts, _ := c.getopt("LP", "")
	dir := c.Dir
	if opts.lastOf("LP") != 'L' {
		if p, err := filepath.EvalSymlinks(dir); err == nil {
			dir = p
		}
	}
	fmt.Fprintln(c.out, dir)
	return 0
}

func (c *call) which() int {
	opts, names := c.getopt("as", "all=a")
	for _, name := range names {
		path, err := interp.LookPathDir(c.Dir, expand.ListEnviron(c.Env...), name)
		if err != nil {
			c.status = 1
			continue
		}
		if !opts.has('s') {
			fmt.Fprintln(c.out, path)
		}
	}
	return 0
}

func (c *call) uname() int {
	opts, _ := c.getopt("asnrvmpio", "all=a kernel-name=s nodename=n kernel-release=r kernel-version=v machine=m processor=p hardware-platform=i operating-system=o")
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		c.die(1, "cannot get system name: %s", err)
	}
	if len(opts) == 0 {
		opts = options{{letter: 's'}}
	}
	var words []string
	for _, f := range []struct {
		letter byte
		text   string
	}{
		{'s', unix.ByteSliceToString(u.Sysname[:])}, {'n', unix.ByteSliceToString(u.Nodename[:])}, {'r', unix.ByteSliceToString(u.Release[:])},
		{'v', unix.ByteSliceToString(u.Version[:])}, {'m', unix.ByteSliceToString(u.Machine[:])}, {'p', "unknown"}, {'i', "unknown"}, {'o', "GNU/Linux"},
	} {
		if opts.has(f.letter) || opts.has('a') && f.text != "unknown" {
			words = append(words, f.text)
		}
	}
	fmt.Fprintln(c.out, strings.Join(words, " "))
	return 0
}

func (c *call) id() int {
	opts, _ := c.getopt("ugGnrz", "user=u group=g groups=G name=n real=r")
	uid, gid := os.Geteuid(), os.Getegid()
	user := c.accountName("/etc/passwd", uid)
	group := c.accountName("/etc/group", gid)
	pick := func(id int, name string) {
		if opts.has('n') {
			fmt.Fprintln(c.out, name)
		} else {
			fmt.Fprintln(c.out, id)
		}
	}
	switch {
	case c.name == "whoami":
		fmt.Fprintln(c.out, user)
	case opts.has('u'):
		pick(uid, user)
	case opts.has('g'), opts.has('G'):
		pick(gid, group)
	default:
		fmt.Fprintf(c.out, "uid=%d(%s) gid=%d(%s) groups=%d(%s)\n", uid, user, gid, group, gid, group)
	}
	return 0
}

// accountName looks a number up in passwd or group; without an entry, the
// number is the name.
func (c *call) accountName(file string, id int) string {
	b, _ := os.ReadFile(file) // a build may well have none
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Split(line, ":")
		if len(f) > 2 && f[2] == strconv.Itoa(id) {
			return f[0]
		}
	}
	return strconv.Itoa(id)
}

func (c *call) nproc() int {
	fmt.Fprintln(c.out, runtime.NumCPU())
	return 0
}

func (c *call) env() int {
	opts, args := c.getoptStop("iu:0C:S:v-", "ignore-environment=i unset=u null=0 chdir=C split-string=S", true)
	env := c.Env
	if opts.has('i') || len(args) > 0 && args[0] == "-" {
		env = nil
		if len(args) > 0 && args[0] == "-" {
			args = args[1:]
		}
	}
	set := func(name string) {
		env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	}
	for _, o := range opts {
		switch o.letter {
		case 'u':
			set(o.value)
		case 'S':
			args = append(strings.Fields(o.value), args...)
		}
	}
	for len(args) > 0 {
		name, _, ok := strings.Cut(args[0], "=")
		if !ok {
			break
		}
		set(name)
		env = append(env, args[0])
		args = args[1:]
	}
	if len(args) == 0 {
		end := "\n"
		if opts.has('0') {
			end = "\x00"
		}
		for _, kv := range env {
			c.out.WriteString(kv + end)
		}
		return 0
	}
	sio := c.IO
	sio.Env = env
	if dir, ok := opts.last('C'); ok {
		sio.Dir = c.path(dir)
	}
	return c.runCommand(args, sio)
}

// runCommand runs another command in the tool's place.
func (c *call) runCommand(args []string, sio IO) int {
	c.out.Flush()
	return run(c.ctx, args, sio, nil)
}

func (c *call) printenv() int {
	_, names := c.getopt("0", "null=0")
	if len(names) == 0 {
		for _, kv := range c.Env {
			fmt.Fprintln(c.out, kv)
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(c.Env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
		if i < 0 {
			c.status = 1
			continue
		}
		fmt.Fprintln(c.out, c.getenv(name))
	}
	return 0
}

// builtin runs a builtin of the interpreter as a tool.
func (c *call) builtin() int {
	c.out.Flush()
	args := append([]string{"--", c.name}, c.args...)
	return interpret(c.ctx, strings.NewReader(`"$@"`), c.name, args, c.IO)
}

func (c *call) echo() int   { return c.builtin() }
func (c *call) printf() int { return c.builtin() }
func (c *call) test() int   { return c.builtin() }

func (c *call) sleep() int {
	_, args := c.getopt("", "")
	c.need(args, 1)
	var total time.Duration
	for _, arg := range args {
		unit := time.Second
		s := arg
		switch {
		case strings.HasSuffix(s, "s"):
			s = s[:len(s)-1]
		case strings.HasSuffix(s, "m"):
			unit, s = time.Minute, s[:len(s)-1]
		case strings.HasSuffix(s, "h"):
			unit, s = time.Hour, s[:len(s)-1]
		case strings.HasSuffix(s, "d"):
			unit, s = 24*time.Hour, s[:len(s)-1]
		}
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || n < 0 {
			c.die(1, "invalid time interval '%s'", arg)
		}
		if n > 1e9 || total > 1<<61 {
			total = 1 << 62
		} else {
			total += time.Duration(n * float64(unit))
		}
	}
	select {
	case <-time.After(total):
	case <-c.ctx.Done():
		return 1
	}
	return 0
}

func (c *call) seq() int {
	opts := options{}
	args := c.args
	// Negative numbers are operands.
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && !strings.ContainsAny(args[0][1:2], "0123456789.") {
		switch arg := args[0]; {
		case arg == "-w" || arg == "--equal-width":
			opts = append(opts, option{letter: 'w'})
		case strings.HasPrefix(arg, "-s") || strings.HasPrefix(arg, "-f"):
			v := arg[2:]
			if v == "" && len(args) > 1 {
				args = args[1:]
				v = args[0]
			}
			opts = append(opts, option{arg[1], v})
		default:
			c.die(1, "invalid option -- '%s'", strings.TrimLeft(arg, "-"))
		}
		args = args[1:]
	}
	c.need(args, 1)
	if len(args) > 3 {
		c.die(1, "extra operand '%s'", args[3])
	}
	first, step, last := "1", "1", args[len(args)-1]
	if len(args) > 1 {
		first = args[0]
	}
	if len(args) > 2 {
		step = args[1]
	}
	decimals := 0
	num := func(s string) float64 {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			c.die(1, "invalid floating point argument: '%s'", s)
		}
		return n
	}
	for _, s := range []string{first, step} {
		if _, frac, ok := strings.Cut(s, "."); ok {
			decimals = max(decimals, len(frac))
		}
	}
	from, by, to := num(first), num(step), num(last)
	if by == 0 {
		c.die(1, "invalid Zero increment value: '%s'", step)
	}
	sep := "\n"
	if s, ok := opts.last('s'); ok {
		sep = s
	}
	width := 0
	if opts.has('w') {
		for _, n := range []float64{from, to} {
			width = max(width, len(strconv.FormatFloat(n, 'f', decimals, 64)))
		}
	}
	format, hasFormat := opts.last('f')
	for i := 0; ; i++ {
		n := from + float64(i)*by
		if by > 0 && n > to+1e-9*by || by < 0 && n < to+1e-9*by {
			if i > 0 {
				c.out.WriteByte('\n')
			}
			return 0
		}
		if i > 0 {
			c.out.WriteString(sep)
		}
		if hasFormat {
			_, err := fmt.Fprintf(c.out, format, n)
			if err != nil {
				return 1
			}
			continue
		}
		if _, err := fmt.Fprintf(c.out, "%0*.*f", width, decimals, n); err != nil {
			return 1
		}
	}
}

// expr evaluates an expression of the classic sort.
func (c *call) expr() int {
	e := &exprParser{c: c, args: c.args}
	v := e.or()
	if len(e.args) > 0 {
		c.die(2, "syntax error: unexpected argument '%s'", e.args[0])
	}
	fmt.Fprintln(c.out, v)
	if v == "" || v == "0" {
		return 1
	}
	return 0
}

type exprParser struct {
	c    *call
	args []string
}

func (e *exprParser) next() string {
	if len(e.args) == 0 {
		e.c.die(2, "syntax error: missing argument")
	}
	v := e.args[0]
	e.args = e.args[1:]
	return v
}

// accept takes the next argument if it is one of the operators.
func (e *exprParser) accept(ops ...string) (string, bool) {
	if len(e.args) > 0 && slices.Contains(ops, e.args[0]) {
		return e.next(), true
	}
	return "", false
}

func truth(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func (e *exprParser) or() string {
	v := e.and()
	for {
		if _, ok := e.accept("|"); !ok {
			return v
		}
		w := e.and()
		if v == "" || v == "0" {
			v = w
			if v == "" {
				v = "0"
			}
		}
	}
}

func (e *exprParser) and() string {
	v := e.compare()
	for {
		if _, ok := e.accept("&"); !ok {
			return v
		}
		w := e.compare()
		if v == "" || v == "0" || w == "" || w == "0" {
			v = "0"
		}
	}
}

func (e *exprParser) compare() string {
	v := e.sum()
	for {
		op, ok := e.accept("=", "==", "!=", "<", "<=", ">", ">=")
		if !ok {
			return v
		}
		w := e.sum()
		d := strings.Compare(v, w)
		if a, err := strconv.ParseInt(v, 10, 64); err == nil {
			if b, err := strconv.ParseInt(w, 10, 64); err == nil {
				d = 0
				if a < b {
					d = -1
				} else if a > b {
					d = 1
				}
			}
		}
		switch op {
		case "=", "==":
			v = truth(d == 0)
		case "!=":
			v = truth(d != 0)
		case "<":
			v = truth(d < 0)
		case "<=":
			v = truth(d <= 0)
		case ">":
			v = truth(d > 0)
		default:
			v = truth(d >= 0)
		}
	}
}

func (e *exprParser) int(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		e.c.die(2, "non-integer argument")
	}
	return n
}

func (e *exprParser) sum() string {
	v := e.product()
	for {
		op, ok := e.accept("+", "-")
		if !ok {
			return v
		}
		a, b := e.int(v), e.int(e.product())
		if op == "-" {
			b = -b
		}
		v = strconv.FormatInt(a+b, 10)
	}
}

func (e *exprParser) product() string {
	v := e.match()
	for {
		op, ok := e.accept("*", "/", "%")
		if !ok {
			return v
		}
		a, b := e.int(v), e.int(e.match())
		switch {
		case op == "*":
			a *= b
		case b == 0:
			e.c.die(2, "division by zero")
		case op == "/":
			a /= b
		default:
			a %= b
		}
		v = strconv.FormatInt(a, 10)
	}
}

func (e *exprParser) match() string {
	v := e.primary()
	for {
		if _, ok := e.accept(":"); !ok {
			return v
		}
		v = e.matchRegexp(v, e.primary())
	}
}

func (e *exprParser) matchRegexp(s, pattern string) string {
	re, err := compileRegexp("^"+pattern, false, false)
	if err != nil {
		e.c.die(2, "%s", err)
	}
	m := re.FindStringSubmatch(s)
	switch {
	case re.NumSubexp() > 0 && m != nil:
		return m[1]
	case re.NumSubexp() > 0:
		return ""
	case m != nil:
		return strconv.Itoa(len([]rune(m[0])))
	}
	return "0"
}

func (e *exprParser) primary() string {
	switch v := e.next(); v {
	case "(":
		v := e.or()
		if _, ok := e.accept(")"); !ok {
			e.c.die(2, "syntax error: expecting ')'")
		}
		return v
	case "+":
		return e.next()
	case "length":
		return strconv.Itoa(len([]rune(e.primary())))
	case "match":
		s := e.primary()
		return e.matchRegexp(s, e.primary())
	case "index":
		s, chars := e.primary(), e.primary()
		return strconv.Itoa(strings.IndexAny(s, chars) + 1)
	case "substr":
		s := []rune(e.primary())
		pos, n := e.int(e.primary()), e.int(e.primary())
		if pos < 1 || n < 1 || pos > int64(len(s)) {
			return ""
		}
		return string(s[pos-1 : min(pos-1+n, int64(len(s)))])
	default:
		return v
	}
}
