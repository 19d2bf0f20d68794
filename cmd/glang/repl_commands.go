package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// replCommand is a command of the REPL.
type replCommand struct {
	names []string // the first is the one shown
	arg   string
	doc   string
	run   func(r *repl, arg string) (quit bool, err error)
}

// replCommands are the commands in the order in which :? shows them.
func replCommands() []replCommand {
	simple := func(f func(r *repl, arg string) error) func(*repl, string) (bool, error) {
		return func(r *repl, arg string) (bool, error) { return false, f(r, arg) }
	}
	drv := func(f func(r *repl, drv storepath.Path) error) func(*repl, string) (bool, error) {
		return simple(func(r *repl, arg string) error {
			p, err := r.derivation(arg)
			if err != nil {
				return err
			}
			return f(r, p)
		})
	}
	tool := func(words ...string) func(*repl, string) (bool, error) {
		return drv(func(r *repl, p storepath.Path) error {
			return r.runTool(append(words, r.a.session.Scheme.Print(p))...)
		})
	}
	return []replCommand{
		{[]string{":a", ":add"}, "<expr>", "Add attributes from resulting set to scope", simple((*repl).add)},
		{[]string{":b"}, "<expr>", "Build a derivation", drv((*repl).build)},
		{[]string{":bl"}, "<expr>", "Build a derivation, creating GC roots in the\nworking directory", drv((*repl).buildLink)},
		{[]string{":e", ":edit"}, "<expr>", "Open package or function in $EDITOR", simple((*repl).edit)},
		{[]string{":i"}, "<expr>", "Build derivation, then install result into\ncurrent profile", tool("nix-env", "-i")},
		{[]string{":l", ":load"}, "<path>", "Load Nix expression and add it to scope", simple((*repl).loadCommand)},
		{[]string{":lf", ":load-flake"}, "<ref>", "Load Nix flake and add it to scope", simple((*repl).loadFlake)},
		{[]string{":ll", ":last-loaded"}, "", "Show most recently loaded variables added to scope", simple((*repl).showLast)},
		{[]string{":p", ":print"}, "<expr>", "Evaluate and print expression recursively\nStrings are printed directly, without escaping.", simple((*repl).printAll)},
		{[]string{":q", ":quit"}, "", "Exit nix-repl", func(*repl, string) (bool, error) { return true, nil }},
		{[]string{":r", ":reload"}, "", "Reload all files", simple((*repl).reload)},
		{[]string{":sh"}, "<expr>", "Build dependencies of derivation, then start\nnix-shell", tool("nix-shell")},
		{[]string{":t"}, "<expr>", "Describe result of evaluation", simple((*repl).typeOf)},
		{[]string{":u"}, "<expr>", "Build derivation, then start nix-shell", simple((*repl).use)},
		{[]string{":doc"}, "<expr>", "Show documentation of a builtin function", simple((*repl).doc)},
		{[]string{":log"}, "<expr>", "Show logs for a derivation", drv((*repl).log)},
		{[]string{":te", ":trace-enable"}, "[bool]", "Enable, disable or toggle showing traces for\nerrors", simple((*repl).traceEnable)},
		{[]string{":?", ":help"}, "", "Brings up this help menu", simple((*repl).help)},
	}
}

// ownCommands are those that the reference has not, or only in its debugger.
func ownCommands() []replCommand {
	simple := func(f func(r *repl, arg string) error) func(*repl, string) (bool, error) {
		return func(r *repl, arg string) (bool, error) { return false, f(r, arg) }
	}
	return []replCommand{
		{[]string{":env"}, "", "Show the variables of this session", simple((*repl).env)},
		{[]string{":stats"}, "[expr]", "Show what evaluation has used, or uses for expr", simple((*repl).stats)},
		{[]string{":time"}, "<expr>", "Evaluate and print, and tell how long it took", simple((*repl).time)},
	}
}

// debugCommands are those of a debugger.
func debugCommands() []replCommand {
	simple := func(f func(r *repl, arg string) error) func(*repl, string) (bool, error) {
		return func(r *repl, arg string) (bool, error) { return false, f(r, arg) }
	}
	return []replCommand{
		{[]string{":env"}, "", "Show env stack", simple((*repl).envStack)},
		{[]string{":bt", ":backtrace"}, "", "Show trace stack", simple((*repl).backtrace)},
		{[]string{":st"}, "[idx]", "Change to another trace in the stack", simple((*repl).chooseTrace)},
		{[]string{":c", ":continue"}, "", "Go until end of program, exception, or builtins.break", goOn(false)},
		{[]string{":s", ":step"}, "", "Go one step", goOn(true)},
	}
}

// commands are those that the session has.
func (r *repl) commands() []replCommand {
	if r.debug != nil {
		return slices.Concat(debugCommands(), replCommands(), ownCommands())
	}
	return slices.Concat(replCommands(), ownCommands())
}

func (r *repl) command(name, arg string) (quit bool, err error) {
	for _, c := range r.commands() {
		for _, n := range c.names {
			if n == name {
				return c.run(r, arg)
			}
		}
	}
	return false, fmt.Errorf("unknown command '%s'", name)
}

func (r *repl) help(string) error {
	r.a.println("The following commands are available:")
	r.a.println()
	line := func(what, doc string) {
		r.a.printf("  %-28s %s\n", what, strings.ReplaceAll(doc, "\n", "\n"+strings.Repeat(" ", 31)))
	}
	list := func(commands []replCommand) {
		for _, c := range commands {
			line(strings.TrimSpace(strings.Join(c.names, ", ")+" "+c.arg), c.doc)
		}
	}
	line("<expr>", "Evaluate and print expression")
	line("<x> = <expr>", "Bind expression to variable")
	list(replCommands())
	if !r.a.asNix {
		list(ownCommands())
	}
	if r.debug != nil {
		r.a.print(debugHelp)
	}
	return nil
}

// debugHelp is the reference's.
const debugHelp = `
        Debug mode commands
  :env             Show env stack
  :bt, :backtrace  Show trace stack
  :st              Show current trace
  :st <idx>        Change to another trace in the stack
  :c, :continue    Go until end of program, exception, or builtins.break
  :s, :step        Go one step
`

func (r *repl) add(arg string) error {
	return r.withValue(arg, func(v *eval.Value) error { return r.x.Do(func() { r.addAttrs(v) }) })
}

func (r *repl) loadCommand(arg string) error {
	if arg == "" {
		return fmt.Errorf("cannot use ':load' without a path specified. (Use '.' for the current working directory.)")
	}
	r.x.E.ResetFiles()
	return r.loadFile(arg)
}

func (r *repl) loadFlake(arg string) error {
	if arg == "" {
		return fmt.Errorf("cannot use ':load-flake' without a path specified. (Use '.' for the current working directory.)")
	}
	if r.a.asNix && !r.a.settings.FeatureEnabled("flakes") {
		return local.MissingFeature("flakes")
	}
	r.flakes = append(slices.DeleteFunc(r.flakes, func(f string) bool { return f == arg }), arg)
	ref, fragment, err := r.a.env.ParseFlakeRef(arg, func(text string) { r.notice("%s", text) })
	if err != nil {
		return err
	}
	if fragment != "" {
		return fmt.Errorf("unexpected fragment '%s' in flake reference '%s'", fragment, arg)
	}
	return r.x.Do(func() {
		r.addAttrs(r.x.NewValue(r.a.lockFlake(r.x, ref, &local.LockFlags{}).Outputs(r.x.Machine, ast.NoPos)))
	})
}

func (r *repl) reload(string) error {
	r.x.E.ResetFiles()
	r.reset()
	return r.load()
}

func (r *repl) showLast(string) error {
	if r.last == nil {
		return fmt.Errorf("nothing has been loaded yet")
	}
	for a := range r.last.Sorted(r.x.Machine) {
		r.a.println(r.x.E.Symbols.Name(a.Name))
	}
	return nil
}

func (r *repl) env(string) error {
	for _, n := range r.names() {
		if sym, ok := r.x.E.Symbols.Lookup(n); ok && r.vars[sym] != nil {
			r.a.println(ast.ShowIdentifier(n))
		}
	}
	return nil
}

func (r *repl) typeOf(arg string) error {
	return r.withValue(arg, func(v *eval.Value) error {
		return r.x.Do(func() { r.a.println(r.x.ShowType(v)) })
	})
}

func (r *repl) printAll(arg string) error {
	return r.withValue(arg, func(v *eval.Value) error {
		if v.Kind() == eval.KindString {
			r.a.println(v.Str())
			return nil
		}
		return r.print(v, 0)
	})
}

func (r *repl) time(arg string) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := r.withValue(arg, func(v *eval.Value) error { return r.print(v, 1) })
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if err == nil {
		r.a.printf("%v, %s allocated\n", took.Round(time.Microsecond), renderSize(int64(after.TotalAlloc-before.TotalAlloc)))
	}
	return err
}

// stats tells what an expression takes to evaluate; without one, what the
// session has used.
func (r *repl) stats(arg string) error {
	if arg != "" {
		return r.statsOf(arg)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.a.printf("variables   %d of the session, %d of the base scope\n", len(r.vars), len(r.x.E.Globals()))
	r.a.printf("names       %d, %s\n", r.x.E.Symbols.Len(), renderSize(r.x.E.Symbols.Bytes()))
	r.a.printf("memory      %s in use, %s allocated in all, %s from the system\n",
		renderSize(int64(m.HeapAlloc)), renderSize(int64(m.TotalAlloc)), renderSize(int64(m.Sys)))
	r.a.printf("collections %d, %v paused\n", m.NumGC, time.Duration(m.PauseTotalNs).Round(time.Microsecond))
	return nil
}

func (r *repl) statsOf(arg string) error {
	var before, after runtime.MemStats
	names := r.x.E.Symbols.Len()
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := r.withValue(arg, func(v *eval.Value) error { return r.print(v, 0) })
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if err != nil {
		return err
	}
	r.a.printf("time        %v\n", took.Round(time.Microsecond))
	r.a.printf("memory      %s allocated in %d pieces, %s more in use than before\n", renderSize(int64(after.TotalAlloc-before.TotalAlloc)),
		after.Mallocs-before.Mallocs, renderSize(max(0, int64(after.HeapAlloc)-int64(before.HeapAlloc))))
	r.a.printf("names       %d new\n", r.x.E.Symbols.Len()-names)
	r.a.printf("collections %d, %v paused\n", after.NumGC-before.NumGC, time.Duration(after.PauseTotalNs-before.PauseTotalNs).Round(time.Microsecond))
	return nil
}

func (r *repl) traceEnable(arg string) error {
	switch {
	case arg == "false", arg == "" && r.showTrace:
		r.a.println("not showing error traces")
		r.showTrace = false
	case arg == "true", arg == "":
		r.a.println("showing error traces")
		r.showTrace = true
	default:
		return fmt.Errorf("unexpected argument '%s' to %s", arg, ":te")
	}
	r.x.E.Options().ShowTrace = r.showTrace
	return nil
}

// derivation evaluates an expression to a derivation in the store.
func (r *repl) derivation(arg string) (storepath.Path, error) {
	v, err := r.eval(arg)
	if err != nil {
		return storepath.Path{}, err
	}
	return r.derivationOf(v)
}

func (r *repl) derivationOf(v *eval.Value) (p storepath.Path, err error) {
	err = r.x.Do(func() {
		pkg := local.PackageOf(r.x.Machine, v, false)
		switch {
		case pkg == nil:
			r.x.FailErr(ast.NoPos, fmt.Errorf("expression does not evaluate to a derivation, so I can't build it"))
		case !pkg.HasDrvPath():
			r.x.FailErr(ast.NoPos, fmt.Errorf("expression did not evaluate to a valid derivation (no 'drvPath' attribute)"))
		}
		p = pkg.DrvPath()
	})
	if err != nil {
		return p, err
	}
	if ok, err := r.a.session.API.IsValid(p); err != nil || !ok {
		if err == nil {
			err = fmt.Errorf("expression evaluated to invalid derivation '%s'", r.a.session.Scheme.Print(p))
		}
		return p, err
	}
	return p, nil
}

func (r *repl) build(drv storepath.Path) error     { return r.buildAs(drv, false) }
func (r *repl) buildLink(drv storepath.Path) error { return r.buildAs(drv, true) }

func (r *repl) buildAs(drv storepath.Path, link bool) error {
	results, err := r.a.realise([]realise.Target{{Drv: drv}}, realise.Normal, false)
	if err != nil {
		return err
	}
	r.a.println("\nThis derivation produced the following outputs:")
	for _, res := range results {
		for _, name := range sortedNames(res.Outputs) {
			path := r.a.session.Scheme.Print(res.Outputs[name])
			if !link || r.a.session.Store == nil {
				r.a.printf("  %s -> %s\n", name, path)
				continue
			}
			to := "repl-result-" + name
			if err := r.a.session.Store.AddPermRoot(res.Outputs[name], r.a.absolute(to)); err != nil {
				return err
			}
			r.a.printf("  ./%s -> %s\n", to, path)
		}
	}
	return nil
}

func (r *repl) log(drv storepath.Path) error {
	s, err := r.a.session.LocalStore()
	if err != nil {
		return err
	}
	return r.a.printLog(s, drv)
}

// use opens a shell that has a package.
func (r *repl) use(arg string) error {
	v, err := r.eval(arg)
	if err != nil {
		return err
	}
	f, err := r.eval(`drv: (import <nixpkgs> { }).runCommand "shell" { buildInputs = [ drv ]; } ""`)
	if err != nil {
		return err
	}
	var shell *eval.Value
	err = r.x.Do(func() { shell = r.x.NewValue(r.x.Call(f, ast.NoPos, v)) })
	if err != nil {
		return err
	}
	drv, err := r.derivationOf(shell)
	if err != nil {
		return err
	}
	return r.runTool("nix-shell", r.a.session.Scheme.Print(drv))
}

// runTool runs one of the tools of this program with the terminal.
func (r *repl) runTool(words ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return r.run(self, words...)
}

func (r *repl) run(program string, args ...string) error {
	r.a.stdout.Flush()
	resume := r.in.Suspend()
	defer resume()
	c := exec.Command(program, args...)
	c.Stdin, c.Stdout, c.Stderr, c.Dir = os.Stdin, os.Stdout, os.Stderr, r.a.env.Cwd
	err := c.Run()
	var status *exec.ExitError
	switch {
	case errors.As(err, &status) && status.Exited():
		return fmt.Errorf("program '%s' failed with exit code %d", program, status.ExitCode())
	case err != nil:
		return fmt.Errorf("program '%s' failed: %w", program, err)
	}
	return nil
}

// edit opens what a value refers to in an editor.
func (r *repl) edit(arg string) error {
	var file string
	line := 0
	err := r.withValue(arg, func(v *eval.Value) error {
		return r.x.Do(func() { file, line = r.placeOf(v, arg) })
	})
	if err != nil {
		return err
	}
	words := r.a.editor(file, line)
	if err := r.run(words[0], words[1:]...); err != nil {
		return err
	}
	return r.reload("")
}

// placeOf finds the file and line that a value is about; within Do.
func (r *repl) placeOf(v *eval.Value, arg string) (file string, line int) {
	switch {
	case v.Kind() == eval.KindPath || v.Kind() == eval.KindString:
		p, _ := r.x.CoerceToPath(v, ast.NoPos, "while evaluating the filename to edit")
		return p, 0
	case v.Kind() == eval.KindLambda:
		loc, ok := r.x.E.Sources.Locate(r.x.Function(v).Pos)
		if !ok || loc.Source.Origin != ast.FromFile {
			r.x.FailErr(ast.NoPos, fmt.Errorf("'%s' cannot be shown in an editor", r.x.E.PosText(r.x.Function(v).Pos)))
		}
		return loc.Source.Path, loc.Line
	}
	found, _ := r.x.SelectPath(v, "meta.position", r.x.auto)
	text := r.x.ForceStringNoCtx(found, ast.NoPos, "while evaluating the 'meta.position' attribute of a derivation")
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		r.x.FailErr(ast.NoPos, fmt.Errorf("cannot parse 'meta.position' attribute '%s'", text))
	}
	if _, err := fmt.Sscanf(text[i+1:], "%d", &line); err != nil {
		r.x.FailErr(ast.NoPos, fmt.Errorf("cannot parse line number '%s'", text[i+1:]))
	}
	return text[:i], line
}
