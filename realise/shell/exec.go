package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// exec runs a command that is neither a function nor a builtin.
func (sh *shell) exec(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	name := args[0]
	if rest, ok := strings.CutPrefix(name, internalPrefix); ok {
		return exitStatus(sh.internal(hc, rest, args[1:]))
	}
	sio := IO{Env: exported(hc.Env), Dir: hc.Dir, Stdin: stdinOf(hc), Stdout: hc.Stdout, Stderr: hc.Stderr}
	return exitStatus(run(ctx, args, sio, sh.fds.inherited(hc.Env)))
}

func exitStatus(code int) error {
	if code == 0 {
		return nil
	}
	return interp.ExitStatus(code)
}

// stdinOf is the command's standard input, nil if it is closed.
func stdinOf(hc interp.HandlerContext) io.Reader {
	if f, ok := hc.Stdin.(*os.File); ok && f == nil {
		return nil
	}
	return hc.Stdin
}

// exported is the environment that commands get.
func exported(env expand.Environ) []string {
	var list []string
	for name, vr := range env.Each {
		if vr.Exported && vr.IsSet() && vr.Kind == expand.String {
			list = append(list, name+"="+vr.Str)
		}
	}
	return list
}

// run finds a command and runs it: a file in PATH, else a tool in this
// process. extra are descriptors above 2, by number.
func run(ctx context.Context, args []string, sio IO, extra map[int]*os.File) int {
	name := args[0]
	path := name
	if !strings.Contains(name, "/") {
		var err error
		path, err = interp.LookPathDir(sio.Dir, expand.ListEnviron(sio.Env...), name)
		if err != nil {
			switch {
			case IsTool(name):
				return runTool(ctx, name, args[1:], sio)
			case isShell(name):
				return runShell(ctx, name, args[1:], sio)
			}
			fmt.Fprintf(sio.Stderr, "%s: command not found\n", name)
			return 127
		}
	}
	return spawn(ctx, join(sio.Dir, path), args, sio, extra)
}

// isShell tells whether the name is one of the shell's own.
func isShell(name string) bool { return name == "sh" || name == "bash" }

// spawn runs a file.
func spawn(ctx context.Context, path string, args []string, sio IO, extra map[int]*os.File) int {
	var cmd *exec.Cmd
	start := func() error {
		cmd = exec.Command(path)
		cmd.Args = args
		cmd.Env = append([]string{}, sio.Env...)
		cmd.Dir = sio.Dir
		cmd.Stdin, cmd.Stdout, cmd.Stderr = sio.Stdin, sio.Stdout, sio.Stderr
		for fd, f := range extra {
			for len(cmd.ExtraFiles) <= fd-3 {
				cmd.ExtraFiles = append(cmd.ExtraFiles, nil)
			}
			cmd.ExtraFiles[fd-3] = f
		}
		return cmd.Start()
	}
	err := start()
	// A process forked elsewhere in this one may hold the file open for
	// writing until it execs; see go.dev/issue/22315.
	for delay := time.Millisecond; errors.Is(err, syscall.ETXTBSY) && delay < time.Second; delay *= 2 {
		time.Sleep(delay)
		err = start()
	}
	if errors.Is(err, syscall.ENOEXEC) {
		return runPlainScript(ctx, path, args, sio)
	}
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return exit.ExitCode()
	case errors.Is(err, os.ErrNotExist):
		fmt.Fprintf(sio.Stderr, "%s: %s\n", args[0], reason(err))
		return 127
	}
	fmt.Fprintf(sio.Stderr, "%s: %s\n", args[0], reason(err))
	return 126
}

// runPlainScript runs a file that the kernel does not know how to run, as
// POSIX has it: by a shell, if it looks like text.
func runPlainScript(ctx context.Context, path string, args []string, sio IO) int {
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintf(sio.Stderr, "%s: %s\n", args[0], reason(err))
		return 126
	}
	if line, _, _ := bytes.Cut(text, []byte("\n")); bytes.IndexByte(line, 0) >= 0 {
		fmt.Fprintf(sio.Stderr, "%s: cannot execute binary file\n", args[0])
		return 126
	}
	return interpret(ctx, bytes.NewReader(text), args[0], append([]string{"--"}, args[1:]...), sio)
}
