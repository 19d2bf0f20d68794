// Package shell is the shell that builds find as /bin/sh, with the tools that
// scripts take for granted.
//
// The shell is mvdan.cc/sh, which speaks Bash and, where the two agree, POSIX
// sh. This package gives it options and scripts, runs commands, and adds what
// the interpreter lacks: file descriptors above 2 (fd.go), numeric traps and
// umask (builtin.go).
//
// A command is looked up as usual: functions, builtins, then PATH. If PATH
// has no such file but this package has such a [IsTool] tool, the tool runs
// inside the process, without fork or exec: a small build script costs a few
// milliseconds. The same tools run on their own when the binary is called by
// their name.
//
// Tools follow POSIX and, in options that scripts commonly use, GNU. Being
// run in one process, they take directory, environment and files from their
// [call] and never from the process.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Version changes when the behaviour of the shell or of a tool changes in a
// way that a build could see. Derivations that use the shell name it.
const Version = "1"

// IO is what a shell or a tool runs with in place of what the process has.
type IO struct {
	// Env is the environment as name=value.
	Env []string
	// Dir is the working directory; "" means that of the process.
	Dir string
	// Stdin may be nil, which reads as empty.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Main runs the shell, or the tool that the base name of args[0] names, and
// returns the exit status.
func Main(args []string, sio IO) int {
	if sio.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			fmt.Fprintf(sio.Stderr, "sh: %v\n", err)
			return 1
		}
		sio.Dir = dir
	}
	name := "sh"
	if len(args) > 0 {
		name = strings.TrimPrefix(filepath.Base(args[0]), "-")
		args = args[1:]
	}
	ctx := context.Background()
	if IsTool(name) {
		return runTool(ctx, name, args, sio)
	}
	return runShell(ctx, name, args, sio)
}

// invocation is a shell's command line, taken apart.
type invocation struct {
	params  []string // options for interp.Params
	command string   // of -c
	isCmd   bool
	stdin   bool // -s
	args    []string
}

func parseInvocation(args []string) (invocation, error) {
	var inv invocation
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" || arg == "-" {
			args = args[1:]
			break
		}
		if len(arg) < 2 || arg[0] != '-' && arg[0] != '+' {
			break
		}
		args = args[1:]
		if strings.HasPrefix(arg, "--") {
			switch arg {
			case "--login", "--norc", "--noprofile", "--posix", "--noediting", "--verbose":
				continue
			}
			return inv, fmt.Errorf("%s: invalid option", arg)
		}
		for i := 1; i < len(arg); i++ {
			switch c := arg[i]; c {
			case 'c':
				inv.isCmd = true
			case 's':
				inv.stdin = true
			case 'l', 'i', 'h', 'm', 'b', 'B', 'p', 'v':
				// Interactive shells and the like: no difference here.
			case 'o', 'O':
				if len(args) == 0 {
					return inv, fmt.Errorf("-%c: option requires an argument", c)
				}
				if c == 'o' && args[0] != "posix" {
					inv.params = append(inv.params, arg[:1]+"o", args[0])
				}
				args = args[1:]
			case 'a', 'e', 'n', 'f', 'u', 'x':
				inv.params = append(inv.params, arg[:1]+string(c))
			default:
				return inv, fmt.Errorf("%c%c: invalid option", arg[0], c)
			}
		}
	}
	if inv.isCmd {
		if len(args) == 0 {
			return inv, errors.New("-c: option requires an argument")
		}
		inv.command, args = args[0], args[1:]
	}
	inv.args = args
	return inv, nil
}

func runShell(ctx context.Context, name string, args []string, sio IO) int {
	inv, err := parseInvocation(args)
	if err != nil {
		fmt.Fprintf(sio.Stderr, "%s: %v\n", name, err)
		return 2
	}
	zero, params := name, inv.args
	var script io.Reader
	switch {
	case inv.isCmd:
		script = strings.NewReader(inv.command)
		if len(params) > 0 {
			zero, params = params[0], params[1:]
		}
	case inv.stdin || len(params) == 0:
		if script = sio.Stdin; script == nil {
			script = strings.NewReader("")
		}
	default:
		zero, params = params[0], params[1:]
		f, err := openScript(sio, zero)
		if err != nil {
			fmt.Fprintf(sio.Stderr, "%s: %s: %s\n", name, zero, reason(err))
			return 127
		}
		defer f.Close()
		script = f
	}
	return interpret(ctx, script, zero, append(inv.params, append([]string{"--"}, params...)...), sio)
}

// openScript opens a script; a name without a slash that does not exist is
// looked for in PATH.
func openScript(sio IO, name string) (*os.File, error) {
	f, err := os.Open(join(sio.Dir, name))
	if err == nil || strings.Contains(name, "/") {
		return f, err
	}
	if path, perr := interp.LookPathDir(sio.Dir, expand.ListEnviron(sio.Env...), name); perr == nil {
		return os.Open(path)
	}
	return nil, err
}

// interpret runs a script. As shells do, it runs what comes before a syntax
// error, and a script may exit before the parser would stumble over what
// follows.
func interpret(ctx context.Context, script io.Reader, zero string, params []string, sio IO) int {
	file := &syntax.File{Name: zero}
	var syntaxErr error
	for st, err := range syntax.NewParser(syntax.Variant(syntax.LangBash)).StmtsSeq(script) {
		if err != nil {
			syntaxErr = err
			file.Stmts = beforeLine(file.Stmts, err)
			break
		}
		file.Stmts = append(file.Stmts, st)
	}
	sh := &shell{}
	sh.rewrite(file)
	r, err := interp.New(
		interp.Env(expand.ListEnviron(sio.Env...)),
		interp.Dir(sio.Dir),
		interp.StdIO(sio.Stdin, sio.Stdout, sio.Stderr),
		interp.CallHandler(sh.call),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return sh.exec }),
		interp.OpenHandler(sh.open),
		interp.Params(params...),
	)
	if err != nil {
		fmt.Fprintf(sio.Stderr, "%s: %v\n", zero, err)
		return 2
	}
	err = r.Run(ctx, file)
	if syntaxErr != nil && !r.Exited() {
		fmt.Fprintf(sio.Stderr, "%s: %v\n", zero, syntaxErr)
		return 2
	}
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintf(sio.Stderr, "%s: %v\n", zero, err)
	return 1
}

// beforeLine leaves out the statements on the line of a syntax error: shells
// read whole lines before they run anything.
func beforeLine(stmts []*syntax.Stmt, err error) []*syntax.Stmt {
	var perr syntax.ParseError
	if !errors.As(err, &perr) {
		return stmts
	}
	for len(stmts) > 0 && stmts[len(stmts)-1].End().Line() >= perr.Pos.Line() {
		stmts = stmts[:len(stmts)-1]
	}
	return stmts
}

// shell is the state that the interpreter's handlers share.
type shell struct {
	// fds are the descriptors above 2; nil if the script uses none.
	fds *fdTable

	mu    sync.Mutex
	masks map[string][]int // what subshells began with, by place
}

// join makes a path absolute. It does not clean it: "a/.." is the directory
// that a link leads to the parent of.
func join(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	if name == "" {
		return ""
	}
	return dir + "/" + name
}

// reason is the part of an error that tools print after the name of the file,
// in the words of the C library.
func reason(err error) string {
	var perr *os.PathError
	var lerr *os.LinkError
	var serr *os.SyscallError
	switch {
	case errors.As(err, &perr):
		err = perr.Err
	case errors.As(err, &lerr):
		err = lerr.Err
	case errors.As(err, &serr):
		err = serr.Err
	}
	s := err.Error()
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s
}
