// Package glang evaluates the Nix expression language inside Go programs.
//
// An [Evaluator] holds what evaluations share: the base scope, names, files
// that were imported. It is made from [Options], whose zero value is the whole
// language over the files of the operating system, without a store.
//
//	e, err := glang.New(glang.Options{Globals: map[string]any{"double": func(n int) int { return 2 * n }}})
//	v, err := e.EvalWith(ctx, `{ port = double base; hosts = [ "a" "b" ]; }`, map[string]any{"base": 4040})
//	err = v.Decode(ctx, &config)
//
// A [Value] is a result, evaluated to its outermost layer as the language is
// lazy; its methods evaluate what lies inside when they are asked for it. Go
// values, functions included, become values of the language through Globals,
// [Evaluator.Value] and [Value.Call], and come back through [Value.Go] and
// [Value.Decode].
//
// Text that is not trusted is evaluated with Pure set, Files that hold what it
// may read, and limits: a context, Fuel, Memory, MaxCallDepth.
//
// Nothing here needs or touches a package store; package local plugs one in.
package glang

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/parser"
	"github.com/seed192a40f6/glang/stdlib"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Options are what an [Evaluator] is made of. Each field says what its zero
// value means; all of them zero is a sensible evaluator for trusted text.
type Options struct {
	// Files is the tree that paths refer to: /a/b is a/b in it. Nil means the
	// files of the operating system; an empty tree (fstest.MapFS{}) none.
	// <std> and <nix/fetchurl.nix> are there in any case.
	Files fs.FS
	// Dir is the absolute folder that relative paths start from in Eval and
	// EvalFile. Empty means / with Files, else the working directory.
	Dir string
	// SearchPath says where <name> is looked up, in order. Empty means that
	// only <std> and <nix> are found.
	SearchPath []SearchEntry
	// Home is what ~/ means in path literals; empty means /.
	Home string
	// Globals are names added to the base scope, and to builtins, with Go
	// values as [Evaluator.Value] takes them. A function is called with as
	// many arguments as it has parameters; before them it may take a
	// context.Context, which it must hand on to the methods of values that
	// it evaluates. It returns a value, or a value and an error, which then
	// is the evaluation's. The names of the language win.
	Globals map[string]any
	// Pure makes a result depend on the text and on AllowedPaths alone: no
	// other files, no environment, no current time.
	Pure bool
	// AllowedPaths may be read in spite of Pure, with all that lies below.
	AllowedPaths []string
	// System is builtins.currentSystem; empty means that there is none.
	System string
	// Getenv serves builtins.getEnv; nil makes all variables empty.
	Getenv func(name string) string
	// Features are experimental features to turn on, such as "pipe-operators".
	Features []string
	// StoreDir is the store that paths are computed for; empty means /nix/store.
	StoreDir string
	// Store, Realiser and Fetcher connect a store. Nil: store paths are only
	// computed; building and downloading while evaluating are errors.
	Store    eval.PathAdder
	Realiser eval.Realiser
	Fetcher  eval.Fetcher

	// Trace receives what builtins.trace says, Warn the warnings; nil drops them.
	Trace func(line string)
	Warn  func(message string)

	// MaxCallDepth bounds nested calls; 0 means 10,000. MaxDepth bounds nested
	// evaluation of any kind; 0 means 200,000.
	MaxCallDepth, MaxDepth int
	// Fuel bounds the steps (calls and values computed) of each evaluation; 0
	// means no bound. The same text needs the same fuel in a new Evaluator.
	Fuel int64
	// Memory bounds the bytes that the Evaluator allocates in its life, in
	// use or not; 0 means no bound.
	Memory int64
	// ShowTrace makes errors record every call on the way, and FormatError
	// show all of it.
	ShowTrace bool
	// Notes makes errors say more than those of the reference implementation:
	// where a value of the wrong type was made, which part of a path is missing
	// and what it may have meant, every syntax error of a text. FormatError
	// then leaves frames in library files out.
	Notes bool
}

// SearchEntry lets <Prefix/x> be looked up in the folder Path; with an empty
// Prefix, every <x>.
type SearchEntry = eval.SearchEntry

// Error is how evaluation fails: the kind, the place and what was being done.
// [Evaluator.FormatError] shows all of it.
type Error = diag.Error

// Evaluator evaluates expressions. It is safe for several goroutines; what
// one has evaluated the others need not evaluate again.
type Evaluator struct {
	e       *eval.Evaluator
	opts    Options
	structs sync.Map // the fields of struct types, see fields
}

// New makes an evaluator. It fails if a global cannot be a value of the language.
func New(opts Options) (*Evaluator, error) {
	ev := &Evaluator{opts: opts}
	features := map[string]bool{}
	for _, f := range opts.Features {
		features[f] = true
	}
	o := eval.Options{
		Symbols: new(ast.Symbols), Sources: new(ast.Sources),
		Builtins: builtins.All(),
		Parser:   parser.Options{PipeOperators: features["pipe-operators"], MaxDepth: opts.MaxDepth},
		Home:     opts.Home,
		Overlays: append(builtins.Overlays(), eval.Overlay{Dir: "/\x01std", FS: stdlib.FS, Display: "<std", Suffix: ">", Search: "std"}),
		NixPath:  opts.SearchPath, Pure: opts.Pure, AllowedPaths: opts.AllowedPaths,
		Paths: opts.Store, Realiser: opts.Realiser, Fetcher: opts.Fetcher,
		ReadOnly: opts.Store == nil, AllowImportFromDerivation: opts.Realiser != nil,
		CurrentSystem: opts.System, Getenv: opts.Getenv, ExperimentalFeatures: features,
		Trace: opts.Trace, ShowTrace: opts.ShowTrace, Notes: opts.Notes,
		MaxCallDepth: opts.MaxCallDepth, MaxForceDepth: opts.MaxDepth, Fuel: opts.Fuel, MemoryBudget: opts.Memory,
	}
	if opts.StoreDir != "" {
		o.Scheme = storepath.Nix(opts.StoreDir)
	}
	if opts.Files != nil {
		o.Files = tree{opts.Files}
	}
	if opts.Warn != nil {
		o.Warn = func(w *diag.Error) {
			opts.Warn(diag.Format(w, o.Sources, diag.PrintOptions{Level: diag.LevelWarn}))
		}
	}
	taken := map[string]bool{"builtins": true}
	for _, b := range o.Builtins {
		if b.Global {
			taken[b.Name] = true
		}
	}
	for name, x := range opts.Globals {
		if taken[name] {
			continue
		}
		def, err := ev.global(name, x)
		if err != nil {
			return nil, fmt.Errorf("global %s: %w", name, err)
		}
		o.Builtins = append(o.Builtins, def)
	}
	e, err := eval.New(o)
	if err != nil {
		return nil, err
	}
	ev.e = e
	return ev, nil
}

// Eval evaluates an expression. Errors of the language are an *[Error]; so are
// the end of ctx and the limits of [Options].
func (ev *Evaluator) Eval(ctx context.Context, expr string) (Value, error) {
	return ev.EvalWith(ctx, expr, nil)
}

// EvalWith is Eval with more names in scope: those of vars, with Go values as
// [Evaluator.Value] takes them. They hide the names of the language.
func (ev *Evaluator) EvalWith(ctx context.Context, expr string, vars map[string]any) (Value, error) {
	dir, err := ev.dir()
	if err != nil {
		return Value{}, err
	}
	text := []byte(expr)
	src := &ast.Source{Origin: ast.FromString, Text: func() ([]byte, error) { return text, nil }}
	return ev.result(ctx, func(m *eval.Machine) *eval.Value {
		if len(vars) == 0 {
			node, err := m.Parse(src, text, dir)
			if err != nil {
				m.FailErr(ast.NoPos, err)
			}
			return m.NewValue(m.Eval(node))
		}
		scope := make(map[ast.Symbol]*eval.Value, len(vars))
		for name, x := range vars {
			v, err := ev.fromGo(m, x)
			if err != nil {
				m.FailErr(ast.NoPos, fmt.Errorf("%s: %w", name, err))
			}
			scope[m.E.Symbols.Intern(name)] = v
		}
		s := m.NewScope(scope)
		node, err := m.Parse(src, text, dir, s.Names)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		return m.NewValue(m.EvalIn(s, node))
	})
}

// EvalFile evaluates the expression in a file, or in the default.nix of a
// folder. A file is read and evaluated once in the life of the Evaluator.
func (ev *Evaluator) EvalFile(ctx context.Context, name string) (Value, error) {
	if !path.IsAbs(name) {
		dir, err := ev.dir()
		if err != nil {
			return Value{}, err
		}
		name = dir + "/" + filepath.ToSlash(name)
	}
	return ev.result(ctx, func(m *eval.Machine) *eval.Value {
		return m.NewValue(m.ImportPath(eval.CleanPath(name)))
	})
}

// Value makes a value of the language from a Go value: nil; bools, numbers,
// strings and named types of them; what has MarshalText, as its text; slices,
// arrays and maps with string keys; structs, whose exported fields become
// attributes named after the field with a small first letter or by a tag
// `glang:"name"` ("-" leaves one out), those of embedded structs too;
// pointers to these; functions as described at [Options].Globals; and [Value].
func (ev *Evaluator) Value(x any) (Value, error) {
	return ev.result(context.Background(), func(m *eval.Machine) *eval.Value {
		v, err := ev.fromGo(m, x)
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		return v
	})
}

// FormatError shows an error as a terminal wants it: with the trace and with
// the lines of text it refers to, in plain text without a final newline.
func (ev *Evaluator) FormatError(err error) string {
	return diag.Format(err, ev.e.Sources, ev.printing())
}

// ErrorJSON describes an error for programs, as one JSON object on one line:
// kind, message, and the places (file, line, column, the text of the line) of
// it, of the frames, and with Notes of notes and further errors. Its shape is
// that of diag.JSON.
func (ev *Evaluator) ErrorJSON(err error) []byte {
	return diag.JSON(err, ev.e.Sources, ev.printing())
}

func (ev *Evaluator) printing() diag.PrintOptions {
	opts := diag.PrintOptions{ShowTrace: ev.opts.ShowTrace, Notes: ev.opts.Notes}
	if ev.opts.Notes {
		opts.Library = ev.e.IsLibrary
	}
	return opts
}

func (ev *Evaluator) dir() (string, error) {
	switch {
	case ev.opts.Dir != "":
		return eval.CleanPath(ev.opts.Dir), nil
	case ev.opts.Files != nil:
		return "/", nil
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return filepath.ToSlash(wd), nil
}

// machineKey finds, in the context of a host function, the machine that calls
// it: values being evaluated belong to a machine, and another one would wait
// for them.
type machineKey struct{ ev *Evaluator }

// do runs f on the machine of ctx, or on one of its own.
func (ev *Evaluator) do(ctx context.Context, f func(m *eval.Machine)) error {
	if m, ok := ctx.Value(machineKey{ev}).(*eval.Machine); ok {
		return m.Do(func() { f(m) })
	}
	m := ev.e.Machine(ctx)
	defer m.Close()
	return m.Do(func() { f(m) })
}

// result runs f and evaluates what it returns.
func (ev *Evaluator) result(ctx context.Context, f func(m *eval.Machine) *eval.Value) (Value, error) {
	var v *eval.Value
	err := ev.do(ctx, func(m *eval.Machine) {
		v = f(m)
		m.Force(v, ast.NoPos)
	})
	if err != nil {
		return Value{}, err
	}
	return Value{ev, v}, nil
}

// tree makes an fs.FS the files of an evaluator.
type tree struct{ fsys fs.FS }

func (t tree) name(name string) string {
	if name = strings.TrimPrefix(name, "/"); name == "" {
		return "."
	}
	return name
}

func (t tree) Open(name string) (fs.File, error)          { return t.fsys.Open(t.name(name)) }
func (t tree) ReadFile(name string) ([]byte, error)       { return fs.ReadFile(t.fsys, t.name(name)) }
func (t tree) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.fsys, t.name(name)) }
func (t tree) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(t.fsys, t.name(name)) }
func (t tree) Lstat(name string) (fs.FileInfo, error)     { return fs.Lstat(t.fsys, t.name(name)) }
func (t tree) Readlink(name string) (string, error)       { return fs.ReadLink(t.fsys, t.name(name)) }

var errNoValue = errors.New("the zero Value is no value")
