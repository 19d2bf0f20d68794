package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
)

// exitError ends the program with a status, after a message if err is set.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string {
	if e.err != nil {
		return e.err.Error()
	}
	return fmt.Sprintf("exit status %d", e.status)
}

func (e *exitError) Unwrap() error { return e.err }

// exit ends the program quietly.
func exit(status int) error { return &exitError{status: status} }

// statusOf is implemented by errors that choose their exit status.
type statusOf interface{ ExitStatus() int }

// finish prints an error and returns the exit status.
func (a *app) finish(err error) int {
	if ferr := a.stdout.Flush(); err == nil && ferr != nil && !a.brokenPipe {
		err = fmt.Errorf("writing to standard output: %w", ferr)
	}
	if err == nil && a.showStats != nil {
		err = a.showStats()
	}
	a.close()
	if err == nil {
		return 0
	}
	status := 1
	var e *exitError
	if errors.As(err, &e) {
		status = e.status
		if e.err == nil {
			return status
		}
	}
	var s statusOf
	if errors.As(err, &s) && s.ExitStatus() != 0 {
		status = s.ExitStatus()
	}
	var d *diag.Error
	if errors.As(err, &d) && d.Status != 0 {
		status = d.Status
	}
	if a.interrupted() && (errors.Is(err, context.Canceled) || d != nil && d.Kind == diag.Interrupted) {
		err = errors.New("interrupted by the user")
	}
	a.printError(err)
	var u *local.UsageError
	if a.errorJSON {
		return status
	}
	if errors.As(err, &u) || d != nil && d.Kind == diag.Usage {
		fmt.Fprintf(os.Stderr, "Try '%s --help' for more information.\n", a.program)
	}
	return status
}

// printError shows an error on standard error as the reference does.
func (a *app) printError(err error) {
	a.progress.stop()
	sources := a.sources
	if sources == nil {
		sources = new(ast.Sources)
	}
	opts := diag.PrintOptions{Color: a.color, Notes: !a.asNix, ShowTrace: a.settings != nil && a.settings.Bool("show-trace"), Library: a.library}
	if a.errorJSON {
		fmt.Fprintf(os.Stderr, "%s\n", diag.JSON(err, sources, opts))
		return
	}
	a.progress.printAt(levelError, diag.Format(err, sources, opts))
	var b *realise.BuildError
	if !a.asNix && errors.As(err, &b) && b.GotPath != "" {
		fmt.Fprintf(os.Stderr, "       what came instead is kept for reading: '%s'\n", b.GotPath)
	}
}

// recoverInternal turns a panic, which is a mistake in glang, into a message.
func (a *app) recoverInternal(status *int) {
	r := recover()
	if r == nil {
		return
	}
	a.stdout.Flush()
	a.progress.stop()
	fmt.Fprintf(os.Stderr, "error: internal error: %v\n", r)
	if os.Getenv("GLANG_TRACEBACK") != "" {
		os.Stderr.Write(debug.Stack())
	} else {
		fmt.Fprintf(os.Stderr, "       this is a mistake in %s itself; run it again with GLANG_TRACEBACK=1 for what to report\n", toolName(a.argv[0]))
	}
	*status = 1
}

// warn prints a warning.
func (a *app) warn(message string) {
	if a.verbosity < levelWarn {
		return
	}
	prefix := "warning: "
	if a.color {
		prefix = "\x1b[35;1mwarning:\x1b[0m "
	}
	a.progress.printAt(levelWarn, prefix+message)
}

func (a *app) warnf(format string, args ...any) { a.warn(fmt.Sprintf(format, args...)) }

// Verbosity, as the reference counts it.
const (
	levelError = iota
	levelWarn
	levelNotice
	levelInfo
	levelTalkative
	levelChatty
	levelDebug
	levelVomit
)

// logf prints a message if the verbosity is at least level.
func (a *app) logf(level int, format string, args ...any) {
	if a.verbosity >= level {
		a.progress.printAt(level, fmt.Sprintf(format, args...))
	}
}
