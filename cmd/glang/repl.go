package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

func (a *app) replCommand() *cobra.Command {
	return a.command(groupMain, "repl [FILE…]", "evaluate interactively",
		`Reads expressions, bindings (x = 1) and commands (:? lists them) and prints
what they evaluate to. The attributes of FILE, or of what --file and --expr
name, are in scope from the start.`, func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			src.flake = flakePaths{defaults: []string{""}}
			return func() error { return a.repl(src, f.args) }
		})
}

// repl is a session of the interactive evaluator. Each line is evaluated on a
// machine of its own, whose context Ctrl-C ends; what was evaluated until then
// stays, for all machines share one evaluator.
type repl struct {
	a   *app
	x   *evaluation
	src *sourceArgs
	// words are the installables of the command line, loaded again by :reload.
	words []string

	// vars are the session's variables, over those of the base scope. scope is
	// made of them when it is needed and dropped when they change.
	vars   map[ast.Symbol]*eval.Value
	scope  *eval.Scope
	loaded []string // files, by :load
	broken string   // what was printed of a value before an error
	flakes []string // by :load-flake
	last   *eval.Attrs

	debug *debugState // if this is the REPL of a debugger
	quit  bool        // :q, or the end of input
	leave bool        // evaluation is to go on

	in        lineReader
	showTrace bool
	interrupt interrupter
}

// errIncomplete says that more lines are needed to make an expression.
var errIncomplete = errors.New("unexpected end of input")

// repl runs a session until its input ends.
func (a *app) repl(src *sourceArgs, words []string) error {
	r := &repl{a: a, src: src, words: words, showTrace: a.settings.Bool("show-trace")}
	if len(words) == 0 && (src.file != "" || src.haveExpr) {
		r.words = []string{"."}
	}
	stop := r.interrupt.watch(a)
	defer stop()
	if err := r.onMachine(func() error { return nil }); err != nil {
		return err
	}
	name := "glang " + version()
	if a.asNix {
		name = "Nix " + nixVersion
	}
	if a.debug {
		name += " debugger"
	}
	r.notice("%s\nType :? for help.", name)
	r.reset()
	r.in = newLineReader(r)
	defer func() { r.in.Close() }()
	if a.debugger != nil {
		a.debugger.in = r.in
	}
	if err := r.onMachine(r.load); err != nil {
		return err
	}
	return r.loop()
}

// loop reads lines and evaluates what they amount to.
func (r *repl) loop() error {
	prompt, more := "glang> ", "     > "
	if r.a.asNix {
		prompt, more = "nix-repl> ", "        > "
	}
	input := ""
	for {
		p := prompt
		if input != "" {
			p = more
		}
		line, err := r.in.Prompt(p)
		switch {
		case errors.Is(err, errAborted):
			input, line = "", ""
		case errors.Is(err, io.EOF):
			r.quit = true
			r.a.println()
			return r.a.stdout.Flush()
		case err != nil:
			return err
		}
		input += line + "\n"
		quit := false
		err = r.onMachine(func() (err error) {
			quit, err = r.process(strings.Trim(input, " \n\r\t"))
			return err
		})
		if errors.Is(err, errIncomplete) {
			continue
		}
		if err := r.a.stdout.Flush(); err != nil {
			return err
		}
		if err != nil {
			r.printError(err)
			r.a.print(r.broken)
		}
		r.broken = ""
		if quit || r.leave {
			r.quit = quit
			return nil
		}
		input = ""
		r.a.println()
		if err := r.a.stdout.Flush(); err != nil {
			return err
		}
	}
}

// onMachine runs f with a new machine and a context that Ctrl-C ends. The
// first time it makes the evaluator.
func (r *repl) onMachine(f func() error) error {
	if r.debug != nil {
		return f() // on the machine that stopped
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.a.ctx, r.a.cancel = ctx, cancel
	r.a.caught.Store(false)
	r.interrupt.set(cancel)
	defer r.interrupt.set(nil)
	if r.x == nil {
		x, err := r.a.evaluateOnce(r.src.evalArgs, false)
		if err != nil {
			return err
		}
		r.x = x
		return f()
	}
	m := r.x.E.Machine(ctx)
	defer m.Close()
	r.x.Machine = m
	return f()
}

func (r *repl) printError(err error) {
	var d *diag.Error
	if r.a.interrupted() && (errors.Is(err, context.Canceled) || errors.As(err, &d) && d.Kind == diag.Interrupted) {
		err = errors.New("interrupted by the user")
	}
	r.a.progress.stop()
	fmt.Fprintln(os.Stderr, diag.Format(err, r.x.E.Sources, diag.PrintOptions{Color: r.a.color, ShowTrace: r.showTrace, Notes: !r.a.asNix, Library: r.a.library}))
}

// notice prints what is not a result.
func (r *repl) notice(format string, args ...any) {
	r.a.stdout.Flush()
	r.a.logf(levelNotice, format, args...)
}

// reset forgets all variables.
func (r *repl) reset() { r.vars, r.scope = map[ast.Symbol]*eval.Value{}, nil }

func (r *repl) set(name ast.Symbol, v *eval.Value) { r.vars[name], r.scope = v, nil }

func (r *repl) scopeNow() *eval.Scope {
	if r.scope == nil {
		r.scope = r.x.NewScope(r.vars)
	}
	return r.scope
}

// process carries out an input: a command, bindings or an expression.
func (r *repl) process(input string) (quit bool, err error) {
	if input == "" {
		return false, nil
	}
	if input[0] == ':' {
		name, arg := input, ""
		if i := strings.IndexAny(input, " \n\r\t"); i >= 0 {
			name, arg = input[:i], strings.Trim(input[i:], " \n\r\t")
		}
		return r.command(name, arg)
	}
	set, err := r.parseBindings(input)
	if err != nil {
		return false, err
	}
	if set != nil {
		return false, r.bind(set)
	}
	return false, r.withValue(input, func(v *eval.Value) error { return r.print(v, 1) })
}

// parse parses an expression; text that only breaks off is errIncomplete.
func (r *repl) parse(text string) (ast.Node, error) {
	var node ast.Node
	err := r.x.Do(func() {
		var err error
		if node, err = r.x.Parse(source(text), []byte(text), r.a.env.Cwd, r.scopeNow().Names); err != nil {
			r.x.FailErr(ast.NoPos, err)
		}
	})
	if endsEarly(err) {
		return nil, errIncomplete
	}
	return node, err
}

func source(text string) *ast.Source {
	return &ast.Source{Origin: ast.FromString, Text: func() ([]byte, error) { return []byte(text), nil }}
}

func syntaxError(err error) bool {
	var d *diag.Error
	return errors.As(err, &d) && d.Kind == diag.Syntax
}

func endsEarly(err error) bool {
	return syntaxError(err) && strings.Contains(err.Error(), "unexpected end of file")
}

// parseBindings parses an input as bindings, with or without the semicolon
// behind the last. Other input gives nil.
func (r *repl) parseBindings(text string) (*ast.Attrs, error) {
	try := func(with string) (set *ast.Attrs, err error) {
		derr := r.x.Do(func() {
			set, err = r.x.ParseBindings(source(text), []byte(with), r.a.env.Cwd, r.scopeNow().Names)
		})
		if derr != nil {
			return nil, derr
		}
		return set, err
	}
	set, err := try(text)
	if err == nil || !syntaxError(err) {
		return set, err
	}
	set, err = try(text + ";")
	switch {
	case err == nil || !syntaxError(err):
		return set, err
	case endsEarly(err):
		return nil, errIncomplete
	}
	return nil, nil
}

// bind enters bindings; their values are evaluated when they are used.
func (r *repl) bind(set *ast.Attrs) error {
	return r.x.Do(func() {
		v := r.x.EvalIn(r.scopeNow(), set)
		for name, val := range v.Attrs().All() {
			r.set(name, val)
		}
	})
}

// eval evaluates an expression.
func (r *repl) eval(text string) (*eval.Value, error) {
	node, err := r.parse(text)
	if err != nil {
		return nil, err
	}
	var v *eval.Value
	err = r.x.Do(func() {
		v = r.x.NewValue(r.x.EvalIn(r.scopeNow(), node))
		r.x.Force(v, r.x.PosOf(v, ast.NoPos))
	})
	return v, err
}

// withValue evaluates an expression and goes on with its value.
func (r *repl) withValue(text string, f func(v *eval.Value) error) error {
	v, err := r.eval(text)
	if err != nil {
		return err
	}
	return f(v)
}

// print prints a value to some depth; 0 means all of it.
func (r *repl) print(v *eval.Value, depth int) error {
	o := eval.PrintOptions{Color: r.a.colorOut(), Force: true, DerivationPaths: true, MaxDepth: depth, Indent: 2, Errors: eval.ThrowTopLevel}
	if r.a.asNix {
		// What had been printed comes before a trace, but after the error that
		// ends it.
		o.Begun = func(text string) {
			r.a.print(text)
			r.a.stdout.Flush()
		}
		o.Broken = func(text string) { r.broken = text }
	}
	return r.x.Do(func() { r.a.println(r.x.PrintValue(v, o)) })
}

// load brings the files of :load and the installables of the command line into scope.
func (r *repl) load() error {
	files := r.loaded
	r.loaded = nil
	for _, f := range files {
		r.notice("Loading \"%s\"...", f)
		if err := r.loadFile(f); err != nil {
			return err
		}
	}
	for _, f := range slices.Clone(r.flakes) {
		r.notice("Loading flake '%s'...", f)
		if err := r.loadFlake(f); err != nil {
			return err
		}
	}
	if len(r.words) == 0 {
		return nil
	}
	list, err := r.a.installables(r.src, r.words)
	if err != nil {
		return err
	}
	for _, i := range list {
		what := i.what
		if what == "." {
			what = ""
		}
		if i.x == nil {
			return fmt.Errorf("installable '%s' does not correspond to a Nix language value", i.what)
		}
		r.notice("Loading installable '%s'...", what)
		err := r.x.Do(func() {
			v, pos := i.selected()
			v = r.x.AutoCall(v, r.x.auto)
			r.x.Force(v, pos)
			r.addAttrs(v)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// loadFile brings the attributes of the set in a file into scope.
func (r *repl) loadFile(name string) error {
	for i, f := range r.loaded {
		if f == name {
			r.loaded = append(r.loaded[:i], r.loaded[i+1:]...)
			break
		}
	}
	r.loaded = append(r.loaded, name)
	path, err := r.x.lookupFile(name)
	if err != nil {
		return err
	}
	return r.x.Do(func() {
		v := r.x.NewValue(r.x.ImportPath(path))
		r.addAttrs(r.x.AutoCall(v, r.x.auto))
	})
}

// maxAdded is how many names are listed when they come into scope.
const maxAdded = 20

// addAttrs brings the attributes of a set into scope; within Do.
func (r *repl) addAttrs(v *eval.Value) {
	set := r.x.ForceAttrs(v, r.x.PosOf(v, ast.NoPos), "while evaluating an attribute set to be merged in the global scope")
	var names []string
	for a := range set.Sorted(r.x.Machine) {
		r.set(a.Name, a.Value)
		names = append(names, ast.ShowIdentifier(r.x.E.Symbols.Name(a.Name)))
	}
	r.last = set
	r.notice("Added %d variables.", len(names))
	r.notice("%s", strings.Join(names[:min(len(names), maxAdded)], ", "))
	if n := len(names) - maxAdded; n > 0 {
		r.notice("... and %d more; view with :ll", n)
	}
}

// names are all names in scope, sorted.
func (r *repl) names() []string {
	var out []string
	symbols := r.x.E.Symbols
	for n := range r.x.E.Globals() {
		out = append(out, symbols.Name(n))
	}
	for n := range r.vars {
		if _, global := r.x.E.Globals()[n]; !global {
			out = append(out, symbols.Name(n))
		}
	}
	sort.Strings(out)
	return out
}

// historyFile is where lines are remembered.
func (r *repl) historyFile() string {
	if r.a.asNix {
		return filepath.Join(r.a.dirs.Data, "repl-history")
	}
	return filepath.Join(r.a.dirs.State, "repl-history")
}

// interrupter ends what is being evaluated when the user presses Ctrl-C.
type interrupter struct {
	mu     sync.Mutex
	cancel context.CancelFunc
}

func (i *interrupter) set(cancel context.CancelFunc) {
	i.mu.Lock()
	i.cancel = cancel
	i.mu.Unlock()
}

// watch takes over the signals; the function it returns gives them back. At
// the prompt the signals that end a program still do.
func (i *interrupter) watch(a *app) (stop func()) {
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-c:
				a.caught.Store(true)
				i.mu.Lock()
				cancel := i.cancel
				i.mu.Unlock()
				if s != os.Interrupt {
					a.close()
					os.Exit(1)
				}
				if cancel != nil {
					cancel()
				}
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(c); close(done) }
}
