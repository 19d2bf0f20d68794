package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// envFlags say which variables a command gets.
type envFlags struct {
	ignore bool
	keep   []string
	unset  []string
	set    [][2]string
}

func (f *flagSet) environment() *envFlags {
	e := &envFlags{}
	f.boolean(&e.ignore, "ignore-env,i", "start from an empty environment")
	f.long["ignore-environment"] = f.long["ignore-env"]
	f.texts(&e.keep, "keep-env-var,k", "name", "keep this variable in spite of --ignore-env")
	f.long["keep"] = f.long["keep-env-var"]
	f.call("unset-env-var,u", "remove this variable", []string{"name"}, func(w []string) error {
		if e.sets(w[0]) {
			return usagef("Cannot unset environment variable '%s' that is set with '--set-env-var'", w[0])
		}
		e.unset = append(e.unset, w[0])
		return nil
	})
	f.long["unset"] = f.long["unset-env-var"]
	f.call("set-env-var,s", "set a variable", []string{"name", "value"}, func(w []string) error {
		if slices.Contains(e.unset, w[0]) {
			return usagef("Cannot set environment variable '%s' that is unset with '--unset-env-var'", w[0])
		}
		if e.sets(w[0]) {
			return usagef("Duplicate definition of environment variable '%s' with '--set-env-var' is ambiguous", w[0])
		}
		e.set = append(e.set, [2]string{w[0], w[1]})
		return nil
	})
	return e
}

func (e *envFlags) sets(name string) bool {
	return slices.ContainsFunc(e.set, func(kv [2]string) bool { return kv[0] == name })
}

// apply changes this process's environment.
func (e *envFlags) apply() error {
	if e.ignore && len(e.unset) > 0 {
		return usagef("--unset-env-var does not make sense with --ignore-env")
	}
	if e.ignore {
		kept := map[string]string{}
		for _, k := range e.keep {
			if v, ok := os.LookupEnv(k); ok {
				kept[k] = v
			}
		}
		os.Clearenv()
		for k, v := range kept {
			if err := os.Setenv(k, v); err != nil {
				return err
			}
		}
	} else if len(e.keep) > 0 {
		return usagef("--keep-env-var does not make sense without --ignore-env")
	}
	for _, k := range e.unset {
		if err := os.Unsetenv(k); err != nil {
			return err
		}
	}
	for _, kv := range e.set {
		if err := os.Setenv(kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) envCommand() *cobra.Command {
	return a.family(groupMain, "env", "work with environments", a.shellVerb("shell"))
}

func (a *app) shellCommand() *cobra.Command {
	c := a.shellVerb("shell")
	c.GroupID = groupMain
	return c
}

func (a *app) shellVerb(name string) *cobra.Command {
	return a.command("", name+" [FILE | -f FILE ATTR...] [-c COMMAND ARGS...]", "start a shell that has packages in its PATH",
		`Builds packages and runs a shell, or with --command another program, with their
bin folders in front of PATH.`, func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			a.storeFlag(f)
			env := f.environment()
			var command []string
			f.rest("command,c", "run this program instead of a shell", &command)
			return func() error {
				list, err := a.installables(src, f.args)
				if err != nil {
					return err
				}
				targets, err := allTargets(list)
				if err != nil {
					return err
				}
				results, err := a.realise(targets, realise.Normal, false)
				if err != nil {
					return err
				}
				if err := env.apply(); err != nil {
					return err
				}
				var dirs []string
				for _, p := range outPaths(results) {
					more, err := a.binDirs(p)
					if err != nil {
						return err
					}
					dirs = append(dirs, more...)
				}
				if old := os.Getenv("PATH"); old != "" {
					dirs = append(dirs, old)
				}
				if err := os.Setenv("PATH", strings.Join(dirs, ":")); err != nil {
					return err
				}
				if len(command) == 0 {
					command = []string{os.Getenv("SHELL")}
					if command[0] == "" {
						command[0] = "bash"
					}
				}
				return a.exec(command)
			}
		})
}

// binDirs are the bin folders of a path and of what it asks users to have too.
func (a *app) binDirs(p storepath.Path) ([]string, error) {
	s, err := a.localStore()
	if err != nil {
		return nil, err
	}
	var out []string
	seen := map[string]bool{}
	todo := []string{s.Scheme().Print(p)}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if target, err := os.Readlink(s.ToRealPath(name)); err == nil {
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(name), target)
			}
			if name, err = a.followLinks(s.Scheme(), target); err != nil {
				return nil, err
			}
		}
		out = append(out, name+"/bin")
		if text, err := os.ReadFile(s.ToRealPath(name) + "/nix-support/propagated-user-env-packages"); err == nil {
			todo = append(todo, strings.Fields(string(text))...)
		}
	}
	return out, nil
}

// exec replaces this process by a program found in PATH.
func (a *app) exec(argv []string) error {
	if st := a.session; st != nil && st.Store != nil && st.Store.RealDir() != st.Scheme.Dir {
		return a.replace(argv[0], argv, os.Environ()) // it may be in the store: found there
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return fmt.Errorf("unable to execute '%s': %w", argv[0], errors.Unwrap(err))
	}
	return a.replace(program, argv, os.Environ())
}

func (a *app) runCommand() *cobra.Command {
	return a.command(groupMain, "run [FILE | -f FILE ATTR] [-- ARGS...]", "build a package and run its program",
		`Builds a package and runs the program that its meta.mainProgram names, or else
the one named like the package. Of a flake, what is in apps counts before packages.`, func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			a.storeFlag(f)
			src.flakeFirst = func() flakePaths {
				sys := a.settings.System()
				return flakePaths{defaults: []string{"apps." + sys + ".default", "defaultApp." + sys}, prefixes: []string{"apps." + sys + "."}}
			}
			env := f.environment()
			return func() error {
				var args []string
				words := f.args
				if len(words) > 1 {
					words, args = words[:1], words[1:]
				}
				list, err := a.installables(src, words)
				if err != nil {
					return err
				}
				if len(list) != 1 {
					return usagef("one package expected")
				}
				if program, targets, err := list[0].appProgram(); err != nil {
					return err
				} else if program != "" {
					if _, err := a.realise(targets, realise.Normal, false); err != nil {
						return err
					}
					if err := env.apply(); err != nil {
						return err
					}
					return a.exec(append([]string{program}, args...))
				}
				program, target, err := list[0].mainProgram()
				if err != nil {
					return err
				}
				results, err := a.realise([]realise.Target{target}, realise.Normal, false)
				if err != nil {
					return err
				}
				if err := env.apply(); err != nil {
					return err
				}
				s, err := a.localStore()
				if err != nil {
					return err
				}
				for _, p := range outPaths(results) {
					file := a.session.Scheme.Print(p) + "/bin/" + program
					if _, err := os.Stat(s.ToRealPath(file)); err == nil {
						return a.exec(append([]string{file}, args...))
					}
				}
				return fmt.Errorf("'%s' has no program '%s' in its folder bin", list[0].what, program)
			}
		})
}

// appProgram is the program of an app, a set of the type "app", and what must
// be built for it; "" if it is none.
func (i *installable) appProgram() (program string, targets []realise.Target, err error) {
	if i.x == nil {
		return "", nil, nil
	}
	x := i.x
	err = x.Do(func() {
		v, pos := i.selected()
		if v.Kind() != eval.KindAttrs {
			return
		}
		kind, ok := v.Attrs().Get(x.E.Sym.Type)
		name := ""
		if ok {
			name = x.ForceStringNoCtx(kind, pos, "while evaluating the type of an app")
		}
		if want := i.flakeType(); want != "" && name != want {
			x.FailErr(ast.NoPos, fmt.Errorf("attribute '%s' should have type '%s'", i.flakeAttr, want))
		}
		if name != "app" {
			return
		}
		p, ok := v.Attrs().Get(x.E.Symbols.Intern("program"))
		if !ok {
			x.FailErr(ast.NoPos, fmt.Errorf("app '%s' lacks the attribute 'program'", i.what))
		}
		text, ctx := x.ForceString(p, pos, "while evaluating the program of an app")
		if !x.E.Options().Scheme.IsInStore(text) {
			x.FailErr(ast.NoPos, fmt.Errorf("app program '%s' is not in the Nix store", text))
		}
		program = text
		for _, e := range x.E.Contexts.Elems(ctx) {
			switch e.Kind {
			case eval.ContextOutput:
				targets = append(targets, realise.Target{Drv: e.Path, Outputs: []string{e.Output}})
			case eval.ContextPath:
				targets = append(targets, realise.Target{Path: e.Path})
			default:
				targets = append(targets, realise.Target{Drv: e.Path})
			}
		}
	})
	return program, targets, err
}

// flakeType is the type that a flake's attribute must have to be run.
func (i *installable) flakeType() string {
	first, _, _ := strings.Cut(i.flakeAttr, ".")
	switch first {
	case "":
		return ""
	case "apps", "defaultApp":
		return "app"
	}
	return "derivation"
}

// mainProgram is the program of a package, and what must be built for it.
func (i *installable) mainProgram() (program string, target realise.Target, err error) {
	targets, err := i.targets()
	if err != nil {
		return "", target, err
	}
	if len(targets) != 1 {
		return "", target, fmt.Errorf("'%s' is %d packages, where one is expected", i.what, len(targets))
	}
	target = targets[0]
	program = derivation.ParseName(targetName(target)).Name
	if i.x == nil {
		return program, target, nil
	}
	err = i.x.Do(func() {
		v, _ := i.selected()
		v = i.x.AutoCall(v, i.x.auto)
		p := local.PackageOf(i.x.Machine, v, false)
		if p == nil {
			return
		}
		if m := p.MetaString("mainProgram"); m != "" {
			program = m
		} else if pname, ok := p.Attrs.Get(i.x.E.Symbols.Intern("pname")); ok {
			i.x.Force(pname, ast.NoPos)
			if pname.Kind() == eval.KindString {
				program = pname.Str()
			}
		}
	})
	return program, target, err
}

// replace runs another program in the place of this one. Scratch files stay
// for it.
func (a *app) replace(program string, argv, env []string) error {
	if err := a.stdout.Flush(); err != nil {
		return err
	}
	a.progress.stop()
	if a.session != nil {
		_ = a.session.Close()
	}
	if st := a.session; st != nil && st.Store != nil && st.Store.RealDir() != st.Scheme.Dir {
		status, err := realise.RunInStore(st.Scheme.Dir, st.Store.RealDir(), append([]string{program}, argv[1:]...), env)
		if err == nil && status != 0 {
			err = exit(status)
		}
		return err
	}
	err := syscall.Exec(program, argv, env)
	return fmt.Errorf("unable to execute '%s': %w", program, err)
}
