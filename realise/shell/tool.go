package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// call is one run of a tool.
type call struct {
	IO
	ctx  context.Context
	name string
	args []string
	// out buffers Stdout; it is flushed when the tool returns, and whenever
	// something else is about to write there.
	out *bufio.Writer
	// status is what the tool returns unless it says otherwise.
	status int
	// diffHeader introduces the differences of files in directories.
	diffHeader string
}

// tool carries out a call and returns the exit status.
type tool func(*call) int

// lookup finds a tool. It is a switch and no map, which would be built
// whenever the program starts.
func lookup(name string) tool {
	switch name {
	case "[":
		return (*call).test
	case "base64":
		return (*call).base64
	case "basename":
		return (*call).basename
	case "bunzip2", "bzcat", "gunzip", "gzip", "unxz", "unzstd", "xz", "xzcat", "zcat", "zstdcat", "zstd":
		return (*call).compress
	case "cat":
		return (*call).cat
	case "chmod":
		return (*call).chmod
	case "chown", "chgrp":
		return (*call).chown
	case "cmp":
		return (*call).cmp
	case "cp":
		return (*call).cp
	case "cut":
		return (*call).cut
	case "date":
		return (*call).date
	case "diff":
		return (*call).diff
	case "dirname":
		return (*call).dirname
	case "echo":
		return (*call).echo
	case "env":
		return (*call).env
	case "expr":
		return (*call).expr
	case "egrep", "fgrep", "grep":
		return (*call).grep
	case "false":
		return func(*call) int { return 1 }
	case "find":
		return (*call).find
	case "head":
		return (*call).head
	case "id", "whoami":
		return (*call).id
	case "install":
		return (*call).install
	case "link", "ln":
		return (*call).ln
	case "ls":
		return (*call).ls
	case "mkdir":
		return (*call).mkdir
	case "mkfifo":
		return (*call).mkfifo
	case "mktemp":
		return (*call).mktemp
	case "mv":
		return (*call).mv
	case "nproc":
		return (*call).nproc
	case "od":
		return (*call).od
	case "printenv":
		return (*call).printenv
	case "printf":
		return (*call).printf
	case "pwd":
		return (*call).pwd
	case "readlink":
		return (*call).readlink
	case "realpath":
		return (*call).realpath
	case "rev":
		return (*call).rev
	case "rm":
		return (*call).rm
	case "rmdir":
		return (*call).rmdir
	case "sed":
		return (*call).sed
	case "seq":
		return (*call).seq
	case "b3sum", "md5sum", "sha1sum", "sha256sum", "sha512sum":
		return (*call).checksum
	case "sleep":
		return (*call).sleep
	case "sort":
		return (*call).sort
	case "stat":
		return (*call).stat
	case "sync", "true":
		return func(*call) int { return 0 }
	case "tac":
		return (*call).tac
	case "tail":
		return (*call).tail
	case "tar":
		return (*call).tar
	case "tee":
		return (*call).tee
	case "test":
		return (*call).test
	case "touch":
		return (*call).touch
	case "tr":
		return (*call).tr
	case "uname":
		return (*call).uname
	case "uniq":
		return (*call).uniq
	case "wc":
		return (*call).wc
	case "which":
		return (*call).which
	case "xargs":
		return (*call).xargs
	case "yes":
		return (*call).yes
	}
	return nil
}

// IsTool tells whether this package has a tool of that name.
func IsTool(name string) bool { return lookup(name) != nil }

// Tools are the names of the tools, sorted: those worth a link in a directory
// of programs.
func Tools() []string {
	return []string{
		"[", "b3sum", "base64", "basename", "bunzip2", "bzcat", "cat", "chgrp", "chmod", "chown", "cmp", "cp", "cut",
		"date", "diff", "dirname", "echo", "egrep", "env", "expr", "false", "fgrep", "find", "grep", "gunzip", "gzip",
		"head", "id", "install", "link", "ln", "ls", "md5sum", "mkdir", "mkfifo", "mktemp", "mv", "nproc", "od",
		"printenv", "printf", "pwd", "readlink", "realpath", "rev", "rm", "rmdir", "sed", "seq", "sha1sum",
		"sha256sum", "sha512sum", "sleep", "sort", "stat", "sync", "tac", "tail", "tar", "tee", "test", "touch",
		"tr", "true", "uname", "uniq", "unxz", "unzstd", "wc", "which", "whoami", "xargs", "xz", "xzcat", "yes",
		"zcat", "zstd", "zstdcat",
	}
}

// exitTool unwinds a tool that cannot go on.
type exitTool struct{ status int }

func runTool(ctx context.Context, name string, args []string, sio IO) (status int) {
	if sio.Stdin == nil {
		sio.Stdin = strings.NewReader("")
	}
	c := &call{IO: sio, ctx: ctx, name: name, args: args, out: bufio.NewWriterSize(sio.Stdout, 16<<10)}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exitTool)
			if !ok {
				panic(r)
			}
			status = e.status
		}
		if err := c.out.Flush(); err != nil && status == 0 {
			status = 1
			if !errors.Is(err, errPipe) {
				fmt.Fprintf(c.Stderr, "%s: write error: %s\n", name, reason(err))
			}
		}
	}()
	status = lookup(name)(c)
	return max(status, c.status)
}

// warn reports an error that does not end the tool, but its status becomes 1.
func (c *call) warn(format string, args ...any) {
	c.out.Flush()
	fmt.Fprintf(c.Stderr, "%s: %s\n", c.name, fmt.Sprintf(format, args...))
	c.status = max(c.status, 1)
}

// fileErr reports an error about a file.
func (c *call) fileErr(name string, err error) { c.warn("%s: %s", name, reason(err)) }

// die reports an error and ends the tool.
func (c *call) die(status int, format string, args ...any) {
	c.warn(format, args...)
	panic(exitTool{status})
}

// path is a file name relative to the directory of the call, made absolute.
func (c *call) path(name string) string { return join(c.Dir, name) }

// getenv is a variable of the environment, the last of its name.
func (c *call) getenv(name string) string {
	for _, kv := range slices.Backward(c.Env) {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// option is an option as it was given.
type option struct {
	letter byte
	value  string
}

// options are those of a command line, in order.
type options []option

// has tells whether an option was given.
func (o options) has(letter byte) bool {
	return slices.ContainsFunc(o, func(o option) bool { return o.letter == letter })
}

// last is the value of the last option of that letter.
func (o options) last(letter byte) (string, bool) {
	for _, opt := range slices.Backward(o) {
		if opt.letter == letter {
			return opt.value, true
		}
	}
	return "", false
}

// lastOf is which of the letters was given last; 0 if none.
func (o options) lastOf(letters string) byte {
	for _, opt := range slices.Backward(o) {
		if strings.IndexByte(letters, opt.letter) >= 0 {
			return opt.letter
		}
	}
	return 0
}

// getopt takes options off the arguments, operands between them left over as
// with GNU getopt. spec lists letters, each followed by ":" if it takes a
// value or "?" if it may ("-i.bak"); long lists the long options, separated
// by spaces, as name=letter. A long option without a letter is ignored.
func (c *call) getopt(spec, long string) (opts options, operands []string) {
	return c.getoptStop(spec, long, false)
}

// getoptStop is getopt; with stop, options end at the first operand.
func (c *call) getoptStop(spec, long string, stop bool) (opts options, operands []string) {
	takes := func(letter byte) byte {
		i := strings.IndexByte(spec, letter)
		if i < 0 || letter == ':' || letter == '?' {
			return 0
		}
		if i+1 < len(spec) && (spec[i+1] == ':' || spec[i+1] == '?') {
			return spec[i+1]
		}
		return ' '
	}
	args := c.args
	next := func(option string) string {
		if len(args) == 0 {
			c.die(c.usageStatus(), "option requires an argument -- '%s'", option)
		}
		v := args[0]
		args = args[1:]
		return v
	}
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" {
			return opts, append(operands, args[1:]...)
		}
		if len(arg) < 2 || arg[0] != '-' {
			if stop {
				return opts, append(operands, args...)
			}
			operands = append(operands, arg)
			args = args[1:]
			continue
		}
		args = args[1:]
		if name, ok := strings.CutPrefix(arg, "--"); ok {
			name, value, hasValue := strings.Cut(name, "=")
			letter, known := longOption(long, name)
			if !known {
				c.die(c.usageStatus(), "unrecognized option '--%s'", name)
			}
			if letter == 0 {
				continue
			}
			if takes(letter) == ':' && !hasValue {
				value = next(name)
			}
			opts = append(opts, option{letter, value})
			continue
		}
		for i := 1; i < len(arg); i++ {
			letter := arg[i]
			switch takes(letter) {
			case 0:
				c.die(c.usageStatus(), "invalid option -- '%c'", letter)
			case ':':
				value := arg[i+1:]
				if value == "" {
					value = next(string(letter))
				}
				opts = append(opts, option{letter, value})
				i = len(arg)
			case '?':
				opts = append(opts, option{letter, arg[i+1:]})
				i = len(arg)
			default:
				opts = append(opts, option{letter: letter})
			}
		}
	}
	return opts, operands
}

// longOption finds a long option, which may be abbreviated.
func longOption(long, name string) (letter byte, known bool) {
	for _, o := range strings.Fields(long) {
		full, l, _ := strings.Cut(o, "=")
		if full == name || strings.HasPrefix(full, name) && !known {
			known, letter = true, 0
			if l != "" {
				letter = l[0]
			}
			if full == name {
				return letter, true
			}
		}
	}
	return letter, known
}

// usageStatus is what the tool returns for a wrong command line.
func (c *call) usageStatus() int {
	switch c.name {
	case "grep", "egrep", "fgrep", "cmp", "diff", "ls", "sort", "tar", "expr", "test", "[":
		return 2
	case "env":
		return 125
	}
	return 1
}

// operand checks that there is at least n operands.
func (c *call) need(operands []string, n int) {
	switch {
	case len(operands) >= n:
	case len(operands) == 0:
		c.die(c.usageStatus(), "missing operand")
	default:
		c.die(c.usageStatus(), "missing operand after '%s'", operands[len(operands)-1])
	}
}

// number parses an option's value.
func (c *call) number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		c.die(c.usageStatus(), "invalid number '%s'", s)
	}
	return n
}

// inputs calls f for each file, "-" and none standing for standard input.
func (c *call) inputs(files []string, f func(name string, r io.Reader) error) {
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if name == "-" || name == "/dev/stdin" {
			if err := f(name, c.Stdin); err != nil {
				c.inputErr(name, err)
			}
			continue
		}
		file, err := os.Open(c.path(name))
		if err != nil {
			c.fileErr(name, err)
			continue
		}
		if err := f(name, file); err != nil {
			c.inputErr(name, err)
		}
		file.Close()
	}
}

// inputErr reports what went wrong with an input. That nobody reads the
// output any more ends the tool quietly.
func (c *call) inputErr(name string, err error) {
	if errors.Is(err, errPipe) {
		panic(exitTool{141})
	}
	c.fileErr(name, err)
}

// lines calls f with each line, without its newline. It ends early if f
// returns false.
func lines(r io.Reader, f func(line string) bool) error {
	br := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := br.ReadString('\n')
		if line != "" && !f(strings.TrimSuffix(line, "\n")) {
			return nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// isDir tells whether there is a directory, links followed.
func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// exists tells whether there is anything, be it a dangling link.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// base is the last element of a path as basename prints it.
func base(name string) string {
	name = trimSlashes(name)
	if i := strings.LastIndexByte(name, '/'); i >= 0 && name != "/" {
		return name[i+1:]
	}
	return name
}

// trimSlashes removes slashes from the end, but leaves "/".
func trimSlashes(name string) string {
	for len(name) > 1 && name[len(name)-1] == '/' {
		name = name[:len(name)-1]
	}
	return name
}
