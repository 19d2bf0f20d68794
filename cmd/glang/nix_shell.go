package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store/storepath"
)

// shellRun is a run of nix-shell: a shell in the environment of a build.
type shellRun struct {
	app                                          *app
	x                                            *evaluation
	attrs, words, exclude, keep                  []string
	pure, fromArgs, packages, stdin, interactive bool
	command                                      string
	script                                       string // of a shebang
	scriptArgs                                   []string
	dir                                          string // scratch

}

// nixShell is nix-shell.
func nixShell(a *app, args []string) error {
	r := &shellRun{app: a, interactive: term.IsTerminal(0) && term.IsTerminal(2)}
	args, err := r.shebang(args)
	if err != nil {
		return err
	}
	f := a.oldFlags()
	ea := a.evalFlags(f)
	dryRun := false
	ignore := func(name string, labels ...string) {
		f.call(name, "", labels, func([]string) error { return nil }).hidden = true
	}
	ignore("indirect")
	ignore("add-drv-link")
	ignore("run-env")
	ignore("no-out-link")
	ignore("drv-link", "path")
	f.texts(&r.attrs, "attr,A", "path", "the attribute whose environment is wanted")
	f.boolean(&dryRun, "dry-run", "only show what would be built")
	for _, name := range []string{"command", "run"} {
		f.call(name, "run a command instead of an interactive shell", []string{"cmd"}, func(w []string) error {
			if name == "run" {
				r.interactive = false
			}
			r.command = w[0] + "\nexit"
			return nil
		})
	}
	f.texts(&r.exclude, "exclude", "regex", "do not build dependencies whose names match")
	f.boolean(&r.fromArgs, "expr,E", "the arguments are expressions")
	f.boolean(&r.pure, "pure", "start from an empty environment")
	f.call("impure", "keep the environment", nil, func([]string) error { r.pure = false; return nil })
	f.boolean(&r.packages, "packages,p", "the arguments are packages of <nixpkgs>")
	f.texts(&r.keep, "keep", "name", "keep this variable in spite of --pure")
	f.call("i", "", []string{"interpreter"}, func(w []string) error { return r.interpreter(w[0]) }).hidden = true
	if r.script != "" {
		f.short['i'] = f.long["i"]
	}
	f.arg = func(w string) error {
		if w == "-" {
			r.stdin = true
		} else {
			r.words = append(r.words, w)
		}
		return nil
	}
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	if r.packages && r.fromArgs {
		return usagef("'-p' and '-E' are mutually exclusive")
	}
	if r.dir, err = os.MkdirTemp("", "nix-shell-"); err != nil {
		return err
	}
	a.onClose(func() { os.RemoveAll(r.dir) })
	if err := r.find(); err != nil {
		return err
	}
	pureness := "impure"
	if r.pure {
		pureness = "pure"
	}
	if err := os.Setenv("IN_NIX_SHELL", pureness); err != nil {
		return err
	}
	ea.dir = r.base()
	if r.x, err = a.evaluate(ea, false); err != nil {
		return err
	}
	drv, err := r.derivation()
	if err != nil {
		return err
	}
	return r.enter(drv, dryRun)
}

// find fills in what to evaluate when nothing is named.
func (r *shellRun) find() error {
	if r.packages {
		text := `{...}@args: with import <nixpkgs> args; (pkgs.runCommandCC or pkgs.runCommand) "shell" { buildInputs = [ `
		for _, w := range r.words {
			text += "(" + w + ") "
		}
		r.fromArgs, r.words = true, []string{text + `]; } ""`}
		return nil
	}
	if r.fromArgs || len(r.words) > 0 || r.stdin {
		return nil
	}
	always := r.app.settings.Bool("nix-shell-always-looks-for-shell-nix")
	switch {
	case fileExists("shell.nix") && !always:
		r.words = []string{"shell.nix"}
	case !fileExists("shell.nix") && !fileExists("default.nix"):
		return fmt.Errorf("no argument specified and no '%s' or '%s' file found in the working directory", "shell.nix", "default.nix")
	default:
		r.words = []string{"."}
	}
	return nil
}

// derivation evaluates what was named to one derivation.
func (r *shellRun) derivation() (storepath.Path, error) {
	a, x := r.app, r.x
	var nodes []ast.Node
	var found []storepath.Path
	if r.stdin {
		node, err := x.parseStdin()
		if err != nil {
			return storepath.Path{}, err
		}
		nodes = append(nodes, node)
		r.words = nil
	}
	for _, w := range r.words {
		var node ast.Node
		var err error
		if r.fromArgs {
			node, err = x.parseText(ast.FromString, []byte(w), r.base())
		} else if d, ok, derr := a.drvArgument(a.session.Scheme, w); ok || derr != nil {
			if derr != nil {
				return storepath.Path{}, derr
			}
			found = append(found, d.drv)
			continue
		} else {
			if r.script != "" && !filepath.IsAbs(w) && !strings.HasPrefix(w, "<") {
				w = filepath.Join(filepath.Dir(r.script), w)
			}
			if w, err = x.lookupFile(w); err == nil {
				w, err = r.shellFile(w)
			}
			if err == nil {
				node, err = x.parseFile(w)
			}
		}
		if err != nil {
			return storepath.Path{}, err
		}
		nodes = append(nodes, node)
	}
	attrs := r.attrs
	if len(attrs) == 0 {
		attrs = []string{""}
	}
	for _, node := range nodes {
		root, err := x.root(node)
		if err != nil {
			return storepath.Path{}, err
		}
		err = x.Do(func() {
			b := x.NewAttrs(x.auto.Len() + 1)
			in := x.E.Symbols.Intern("inNixShell")
			if _, ok := x.auto.Get(in); !ok {
				b.Put(in, x.NewValue(eval.Bool(true)), ast.NoPos)
			}
			for n, v := range x.auto.All() {
				b.Put(n, v, ast.NoPos)
			}
			inShell := b.Build()
			auto := func(v *eval.Value) *eval.Attrs {
				if r.takesInShell(v) {
					return inShell
				}
				return x.auto
			}
			for _, attr := range attrs {
				v, pos := x.SelectPath(root, attr, auto(root))
				x.Force(v, pos)
				for _, p := range local.Packages(x.Machine, v, "", auto(v), false) {
					found = append(found, p.DrvPath())
				}
			}
		})
		if err != nil {
			return storepath.Path{}, err
		}
	}
	if len(found) != 1 {
		return storepath.Path{}, usagef("nix-shell requires a single derivation")
	}
	return found[0], nil
}

// base is the folder that relative paths in expressions start from.
func (r *shellRun) base() string {
	a := r.app
	if r.script == "" || !a.settings.Bool("nix-shell-shebang-arguments-relative-to-script") {
		return a.env.Cwd
	}
	return a.absolute(filepath.Dir(r.script))
}

// takesInShell says whether a function has an argument inNixShell.
func (r *shellRun) takesInShell(v *eval.Value) bool {
	if v.Kind() != eval.KindLambda {
		return false
	}
	for _, f := range r.x.Function(v).Formals {
		if r.x.E.Symbols.Name(f.Name) == "inNixShell" {
			return true
		}
	}
	return false
}

// shellFile prefers the shell.nix of a folder to its default.nix.
func (r *shellRun) shellFile(name string) (string, error) {
	fi, err := os.Stat(name)
	if err != nil || !fi.IsDir() {
		return name, nil
	}
	shell, fallback := filepath.Join(name, "shell.nix"), filepath.Join(name, "default.nix")
	if fileExists(shell) {
		if r.app.settings.Bool("nix-shell-always-looks-for-shell-nix") {
			return shell, nil
		}
		r.app.warnf("Skipping '%[1]s', because the setting '%[2]s' is disabled. This is a deprecated behavior. Consider enabling '%[2]s'.",
			shell, "nix-shell-always-looks-for-shell-nix")
	}
	if fileExists(fallback) {
		return fallback, nil
	}
	return "", fmt.Errorf("neither '%s' nor '%s' found in '%s'", "shell.nix", "default.nix", name)
}
