package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store/hash"
)

// evalArgs are the flags of everything that evaluates.
type evalArgs struct {
	include   []string
	auto      []autoArg // in order; a later one of the same name wins
	evalStore string
	impure    bool
	stats     string // json: show counters
	profile   string // the file that a profile goes to
	dir       string // of relative paths in --arg; empty: the working directory
}

type autoKind uint8

const (
	autoExpr autoKind = iota
	autoString
	autoFile
	autoStdin
)

type autoArg struct {
	name, text string
	kind       autoKind
}

func (a *app) evalFlags(f *flagSet) *evalArgs {
	e := &evalArgs{}
	auto := func(name, second, doc string, kind autoKind) {
		labels := []string{"name"}
		if second != "" {
			labels = append(labels, second)
		}
		f.call(name, doc, labels, func(w []string) error {
			arg := autoArg{name: w[0], kind: kind}
			if len(w) > 1 {
				arg.text = w[1]
			}
			e.auto = append(e.auto, arg)
			return nil
		})
	}
	auto("arg", "expr", "pass an expression to functions", autoExpr)
	auto("argstr", "string", "pass a string to functions", autoString)
	auto("arg-from-file", "path", "pass the contents of a file to functions", autoFile)
	auto("arg-from-stdin", "", "pass standard input to functions", autoStdin)
	f.texts(&e.include, "include,I", "path", "add to the search path, as PATH or NAME=PATH")
	f.call("impure", "allow what depends on the environment", nil, func([]string) error {
		e.impure = true
		return a.settings.Set("pure-eval", "false")
	})
	if !a.asNix {
		f.call("stats", "show what evaluation did on standard error, as json", []string{"format"}, func(w []string) error {
			if w[0] != "json" {
				return usagef("option '--stats' must be json, not '%s'", w[0])
			}
			e.stats, a.observed = w[0], true
			return nil
		})
		f.call("trace-calls", "show each call as it begins and ends", nil, func([]string) error {
			return a.settings.Set("trace-function-calls", "true")
		})
	}
	f.text(&e.evalStore, "eval-store", "store-url", "the store for derivations and sources")
	f.call("override-flake", "let the name of a flake stand for another", []string{"original", "resolved"}, func(w []string) error {
		from, err := a.flakeRef(w[0])
		if err != nil {
			return err
		}
		to, err := a.flakeRef(w[1])
		if err != nil {
			return err
		}
		a.registry.Add(from.Input, to)
		return nil
	})
	return e
}

// readsStdin tells whether an argument is taken from standard input.
func (e *evalArgs) readsStdin() bool {
	return slices.ContainsFunc(e.auto, func(a autoArg) bool { return a.kind == autoStdin })
}

// evaluation is an evaluator in use by a command.
type evaluation struct {
	*eval.Machine
	app  *app
	args *evalArgs
	auto *eval.Attrs
}

// evaluate opens the store and makes an evaluator; pure is the default.
func (a *app) evaluate(args *evalArgs, pure bool) (*evaluation, error) {
	s, err := a.open()
	if err != nil {
		return nil, err
	}
	if args.evalStore != "" {
		if s, err = local.Open(a.settings, a.dirs, a.env, args.evalStore, a.storeLog); err != nil {
			return nil, err
		}
		// One that is named for writing to has to take what is written.
		s.ReadOnly = a.readOnly
		a.evalSession = s
		a.onClose(func() { s.Close() })
	}
	calls, finish, err := s.CallHooks(func(line string) { a.logf(levelInfo, "%s", line) })
	if err != nil {
		return nil, err
	}
	a.onClose(func() {
		if err := finish(); err != nil {
			a.warn(err.Error())
		}
	})
	profile, err := a.beginProfile(args)
	if err != nil {
		return nil, err
	}
	stats := a.beginStats(args)
	var debug eval.Debugger
	if a.debug {
		a.debugger = &debugger{a: a}
		debug = a.debugger
	}
	e, err := s.Evaluator(local.EvalConfig{
		Debugger: debug,
		Calls:    calls,
		Profile:  profile,
		Stats:    stats,
		Include:  args.include,
		Trace:    func(line string) { a.progress.print(line) },
		Warn:     a.evalWarning,
		Info:     func(message string) { a.logf(levelInfo, "%s", message) },
		Realiser: a.evalRealiser(),
		Fetcher:  a.evalFetcher(s),
		ReadOnly: a.readOnly,
		Pure:     pure,
		Notes:    !a.asNix,
		Results:  a.results,
		Room:     (&roomGuard{left: systemMemoryLeft}).room,
	})
	if err != nil {
		return nil, err
	}
	a.sources, a.library = e.Sources, e.IsLibrary
	if stats != nil {
		a.showStats = func() error { return a.writeStats(stats, e) }
	}
	e.Own(a.env.Cwd)
	x := &evaluation{Machine: e.Machine(a.evalContext()), app: a, args: args}
	a.onClose(x.Close)
	if x.auto, err = x.autoArgs(); err != nil {
		return nil, err
	}
	return x, nil
}

func (a *app) evalWarning(w *diag.Error) {
	if a.verbosity < levelWarn && !w.FromExpr {
		return
	}
	a.progress.print(diag.Format(w, a.sources, diag.PrintOptions{Color: a.color, Level: diag.LevelWarn,
		ShowTrace: a.settings.Bool("show-trace")}))
}

func (x *evaluation) autoArgs() (*eval.Attrs, error) {
	last := map[string]int{}
	for i, arg := range x.args.auto {
		last[arg.name] = i
	}
	b := x.NewAttrs(len(last))
	for i, arg := range x.args.auto {
		if last[arg.name] != i {
			continue
		}
		var v *eval.Value
		switch arg.kind {
		case autoExpr:
			dir := x.args.dir
			if dir == "" {
				dir = x.app.env.Cwd
			}
			node, err := x.parseText(ast.FromString, []byte(arg.text), dir)
			if err != nil {
				return nil, err
			}
			if err := x.Do(func() { v = x.EvalLater(node) }); err != nil {
				return nil, err
			}
		case autoString:
			v = x.NewValue(eval.String(arg.text, 0))
		case autoFile:
			text, err := os.ReadFile(arg.text)
			if err != nil {
				return nil, sysError("opening file", arg.text, err)
			}
			v = x.NewValue(eval.String(string(text), 0))
		case autoStdin:
			text, err := io.ReadAll(x.app.stdin)
			if err != nil {
				return nil, err
			}
			v = x.NewValue(eval.String(string(text), 0))
		}
		b.Put(x.E.Symbols.Intern(arg.name), v, ast.NoPos)
	}
	return b.Build(), nil
}

// parseString parses an expression of the command line.
func (x *evaluation) parseString(text string) (ast.Node, error) {
	return x.parseText(ast.FromString, []byte(text), x.app.env.Cwd)
}

// parseStdin parses standard input.
func (x *evaluation) parseStdin() (ast.Node, error) {
	text, err := io.ReadAll(x.app.stdin)
	if err != nil {
		return nil, err
	}
	return x.parseText(ast.FromStdin, text, x.app.env.Cwd)
}

func (x *evaluation) parseText(origin ast.Origin, text []byte, dir string) (node ast.Node, err error) {
	src := &ast.Source{Origin: origin, Text: func() ([]byte, error) { return text, nil }}
	derr := x.Do(func() { node, err = x.Parse(src, text, dir) })
	if derr != nil {
		return nil, derr
	}
	return node, err
}

// parseFile parses a file, or the default.nix of a directory.
func (x *evaluation) parseFile(name string) (node ast.Node, err error) {
	err = x.Do(func() {
		file, err := x.E.ResolveExprPath(name)
		if err != nil {
			x.FailErr(ast.NoPos, err)
		}
		x.E.Own(filepath.Dir(file))
		node = x.ParseFile(file)
	})
	return node, err
}

// lookupFile finds what a FILE argument means: a path, or <name>.
func (x *evaluation) lookupFile(word string) (path string, err error) {
	if len(word) > 2 && word[0] == '<' && word[len(word)-1] == '>' {
		derr := x.Do(func() { path = x.FindFile(x.E.Options().NixPath, word[1:len(word)-1], ast.NoPos) })
		return path, derr
	}
	if ref, ok := strings.CutPrefix(word, "flake:"); ok {
		derr := x.Do(func() { path = x.FetchFlakeTree(ref) })
		return path, derr
	}
	if isURL(word) {
		return x.fetchExpr(word)
	}
	return filepath.Clean(x.app.absolute(word)), nil
}

// fetchExpr downloads the archive that an expression is in.
func (x *evaluation) fetchExpr(address string) (string, error) {
	if name, ok := strings.CutPrefix(address, "channel:"); ok {
		address = "https://channels.nixos.org/" + name + "/nixexprs.tar.xz"
	}
	p, err := x.E.Options().Fetcher.FetchTarball(x.Context(), address, "source", hash.Hash{})
	if err != nil {
		return "", err
	}
	x.E.AllowStorePath(p)
	return x.E.Options().Scheme.Print(p), nil
}

// isURL says whether a file argument is an address or channel:NAME.
func isURL(s string) bool {
	if strings.HasPrefix(s, "channel:") {
		return true
	}
	scheme, _, ok := strings.Cut(s, "://")
	if !ok {
		return false
	}
	switch scheme {
	case "http", "https", "file", "channel", "git", "s3", "ssh":
		return true
	}
	return false
}

// root is the value of the expression that a command was given.
func (x *evaluation) root(node ast.Node) (v *eval.Value, err error) {
	err = x.Do(func() { v = x.NewValue(x.Eval(node)) })
	return v, err
}
