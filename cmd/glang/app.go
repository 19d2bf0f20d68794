package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/seed192a40f6/glang/fetch"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/local"
)

// app is one run of the program.
type app struct {
	argv    []string
	program string // as messages name it
	asNix   bool   // one of the reference's tools: nix scheme, NIX_ variables
	old     bool   // one of those with a name of its own, such as nix-build
	env     local.Env
	dirs    *local.Dirs

	settings      *local.Settings
	verbosity     int
	color         bool
	tty           bool
	logFormat     string
	buildLogs     bool // print the logs of builds as they come
	offline       bool
	noGCWarn      bool
	gcWarned      bool
	announced     bool
	noBuildOutput bool // -Q
	debug         bool // --debugger
	debugger      *debugger
	errorJSON     bool   // --error-format json
	readOnly      bool   // write nothing to the store
	storeURI      string // --store, empty if not given

	stdin      io.Reader
	stdout     *bufio.Writer
	brokenPipe bool
	progress   *progress

	ctx    context.Context
	cancel context.CancelFunc
	listen func()      // to signals; nil if somebody else does
	caught atomic.Bool // a signal arrived

	sources     *ast.Sources           // of the evaluator, for messages
	library     func(path string) bool // files that the user did not write
	session     *local.Session
	registry    fetch.Registry // of --override-flake and --inputs-from
	inputsFrom  []string       // flakes whose inputs are still to be put there
	results     *local.Results // records the evaluation that runs; or nil
	evalSession *local.Session // of --eval-store, or nil
	evaluation  *evaluation
	observed    bool         // evaluation is profiled or counted: it must take place
	showStats   func() error // at the end; or nil
	closers     []func()
}

func newApp(argv []string) *app {
	a := &app{argv: argv, program: argv[0], stdin: os.Stdin, verbosity: levelInfo}
	a.stdout = bufio.NewWriterSize(os.Stdout, 64<<10)
	a.tty = term.IsTerminal(2)
	_, noColor := os.LookupEnv("NO_COLOR")
	_, forceColor := os.LookupEnv("CLICOLOR_FORCE")
	a.color = (a.tty && os.Getenv("TERM") != "dumb" || forceColor) && !noColor
	a.progress = &progress{}
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "/"
	}
	a.env = local.Env{Lookup: lookupEnv, UID: os.Geteuid(), Cwd: cwd}
	return a
}

// lookupEnv looks a variable up. HOME is where the user database has it, if
// it is not set.
func lookupEnv(name string) (string, bool) {
	v, ok := os.LookupEnv(name)
	if !ok && name == "HOME" {
		if u, err := user.Current(); err == nil {
			return u.HomeDir, true
		}
	}
	return v, ok
}

// begin fixes as what the program runs. Settings are read later, by load.
func (a *app) begin(name string, asNix bool) {
	a.asNix = asNix
	a.old = tool(name) != nil
	a.settings = local.NewSettings()
	a.settings.Warn = a.warn
	a.dirs = local.FindDirs(a.env, asNix)
	if !a.old {
		a.verbosity = levelInfo
		if a.tty {
			a.verbosity = levelNotice
		}
		a.logFormat = "bar"
	}
	syscall.Umask(0o022)
}

// load reads the configuration; flags, which come after, win over it.
func (a *app) load() error {
	return a.settings.Load(a.dirs, a.env)
}

// context returns a context that ends when the user interrupts. The second
// signal ends the program at once.
func (a *app) context() context.Context {
	if a.ctx == nil {
		a.makeContext()
	}
	if a.listen != nil {
		a.listen()
	}
	return a.ctx
}

// evalContext is context for what only evaluates. Go starts three threads to
// listen to signals, in a time in which a short evaluation is over. So it
// listens a little later: who interrupts before leaves nothing to clean up.
func (a *app) evalContext() context.Context {
	if a.ctx == nil {
		a.makeContext()
		time.AfterFunc(settleDelay, a.listen)
	}
	return a.ctx
}

// makeContext makes the context, and the function that starts to listen.
func (a *app) makeContext() {
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.listen = sync.OnceFunc(func() {
		c := make(chan os.Signal, 2)
		signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		go func() {
			<-c
			a.caught.Store(true)
			a.cancel()
			<-c
			os.Exit(130)
		}()
	})
}

func (a *app) interrupted() bool { return a.caught.Load() }

// onClose registers what to do before the program ends, last first.
func (a *app) onClose(f func()) { a.closers = append(a.closers, f) }

func (a *app) close() {
	a.progress.stop()
	for i := len(a.closers) - 1; i >= 0; i-- {
		a.closers[i]()
	}
	a.closers = nil
}

// print writes to standard output.
func (a *app) print(args ...any) { fmt.Fprint(a.stdout, args...) }

func (a *app) println(args ...any) { fmt.Fprintln(a.stdout, args...) }

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

// commonFlags are those of every command.
func (a *app) commonFlags() *flagSet {
	f := newFlagSet()
	f.settings = a.settings
	f.call("verbose,v", "say more", nil, func([]string) error {
		a.verbosity = min(a.verbosity+1, levelVomit)
		return nil
	})
	f.call("quiet", "say less", nil, func([]string) error {
		a.verbosity = max(a.verbosity-1, levelError)
		return nil
	})
	f.call("debug", "say everything", nil, func([]string) error { a.verbosity = levelDebug; return nil })
	f.call("option", "set a setting", []string{"name", "value"}, func(w []string) error {
		if err := a.settings.Set(w[0], w[1]); err != nil {
			a.warn(err.Error())
		}
		return nil
	})
	f.call("log-format", "raw, internal-json, bar or bar-with-logs", []string{"format"}, func(w []string) error {
		switch w[0] {
		case "raw", "internal-json", "bar":
			a.logFormat = w[0]
		case "raw-with-logs", "bar-with-logs":
			a.logFormat, a.buildLogs = w[0], true
		default:
			return fmt.Errorf("option 'log-format' has an invalid value '%s'", w[0])
		}
		return nil
	})
	f.call("max-jobs,j", "how many builds run at the same time, or auto", []string{"jobs"}, func(w []string) error {
		return a.settings.Set("max-jobs", w[0])
	})
	return f
}
