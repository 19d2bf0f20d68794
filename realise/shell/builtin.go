package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/interp"
)

// internalPrefix begins the names of the builtins that are carried out here.
// No script can spell it.
const internalPrefix = "\x01"

// call sees every simple command before it runs, and turns what the
// interpreter's builtins do not understand into what they, or exec, do.
func (sh *shell) call(ctx context.Context, args []string) ([]string, error) {
	switch args[0] {
	case "umask", "ulimit", "kill", "times":
		return append([]string{internalPrefix + args[0]}, args[1:]...), nil
	case "trap":
		args = numericTrap(args)
		if len(args) > 2 {
			args[2] = sh.rewriteText(args[2])
		}
		return args, nil
	case "command", "type", "hash":
		return sh.commandV(interp.HandlerCtx(ctx), args), nil
	case "eval":
		return []string{"eval", sh.rewriteText(strings.Join(args[1:], " "))}, nil
	}
	return args, nil
}

// numericTrap turns signal numbers into names. The interpreter knows EXIT and
// ERR alone; other signals end a build whatever its script wants, so traps
// for them are dropped.
func numericTrap(args []string) []string {
	if len(args) < 2 {
		return args
	}
	i := 1
	if args[i] == "--" {
		i++
	}
	if i >= len(args) || len(args[i]) > 1 && args[i][0] == '-' {
		return args
	}
	// "trap 0" resets, as does "trap -"; any other first word is the action.
	action, specs := args[i], args[i+1:]
	if _, err := strconv.Atoi(action); err == nil || len(specs) == 0 {
		action, specs = "-", args[i:]
	}
	// The interpreter takes an empty action for a reset; ":" does nothing.
	if action == "" {
		action = ":"
	}
	out := []string{"trap", "--", action}
	if action == "-" {
		out = []string{"trap", "-"}
	}
	n := len(out)
	for _, spec := range specs {
		switch strings.TrimPrefix(strings.ToUpper(spec), "SIG") {
		case "0", "EXIT":
			out = append(out, "EXIT")
		case "ERR":
			out = append(out, "ERR")
		case "DEBUG", "RETURN":
		default:
			if !isSignal(spec) {
				out = append(out, spec) // for the interpreter to complain of
			}
		}
	}
	if len(out) == n {
		return []string{"true"}
	}
	return out
}

var signalNames = []string{"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM"}

func isSignal(spec string) bool { return signalNumber(spec) > 0 }

// signalNumber is the number of a signal given by name or number; 0 for none.
func signalNumber(spec string) int {
	if n, err := strconv.Atoi(spec); err == nil && n > 0 && n < 65 {
		return n
	}
	name := strings.TrimPrefix(strings.ToUpper(spec), "SIG")
	for n, s := range signalNames {
		if n > 0 && s == name {
			return n
		}
	}
	switch name {
	case "CHLD":
		return 17
	case "CONT":
		return 18
	case "STOP":
		return 19
	case "TSTP":
		return 20
	case "TTIN":
		return 21
	case "TTOU":
		return 22
	case "WINCH":
		return 28
	}
	return 0
}

// commandV lets `command -v` and `type` find the tools of this package, and
// `hash` do nothing.
func (sh *shell) commandV(hc interp.HandlerContext, args []string) []string {
	if args[0] == "hash" {
		return []string{"true"}
	}
	rest := args[1:]
	if args[0] == "command" {
		switch {
		case len(rest) > 1 && rest[0] == "-p":
			return sh.commandV(hc, append([]string{"command"}, rest[1:]...))
		case len(rest) == 2 && (rest[0] == "-v" || rest[0] == "-V"):
			rest = rest[1:]
		default:
			return args
		}
	}
	if len(rest) != 1 {
		return args
	}
	name := rest[0]
	if interp.IsBuiltin(name) || !IsTool(name) && !isShell(name) {
		return args
	}
	if _, err := interp.LookPathDir(hc.Dir, hc.Env, name); err == nil {
		return args
	}
	if args[0] == "type" {
		return []string{"echo", name + " is a tool of the shell"}
	}
	return []string{"echo", name}
}

// internal runs a builtin of this package.
func (sh *shell) internal(hc interp.HandlerContext, name string, args []string) int {
	switch name {
	case "umask":
		return umask(hc.Stdout, hc.Stderr, args)
	case "kill":
		return kill(hc.Stdout, hc.Stderr, args)
	case "mask":
		return sh.keepMask(args[0])
	case "unmask":
		return sh.resetMask(args[0], args[1])
	case "ulimit":
		if len(args) == 0 || strings.HasPrefix(args[len(args)-1], "-") {
			fmt.Fprintln(hc.Stdout, "unlimited")
		}
		return 0
	case "times":
		fmt.Fprintf(hc.Stdout, "0m0.00s 0m0.00s\n0m0.00s 0m0.00s\n")
		return 0
	}
	return sh.fds.internal(hc, name, args)
}

func kill(stdout, stderr io.Writer, args []string) int {
	sig := int(syscall.SIGTERM)
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		spec := args[0][1:]
		args = args[1:]
		switch spec {
		case "-":
		case "l":
			fmt.Fprintln(stdout, strings.Join(signalNames[1:], " "))
			return 0
		case "s", "n":
			if len(args) == 0 {
				fmt.Fprintf(stderr, "kill: -%s: option requires an argument\n", spec)
				return 2
			}
			spec, args = args[0], args[1:]
			fallthrough
		default:
			if spec == "0" {
				sig = 0
			} else if sig = signalNumber(spec); sig == 0 {
				fmt.Fprintf(stderr, "kill: %s: invalid signal specification\n", spec)
				return 1
			}
		}
		if spec == "-" {
			break
		}
	}
	status := 0
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		if err == nil {
			err = syscall.Kill(pid, syscall.Signal(sig))
		}
		if err != nil {
			fmt.Fprintf(stderr, "kill: (%s) - %s\n", arg, reason(os.NewSyscallError("kill", err)))
			status = 1
		}
	}
	return status
}
