package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/local"
)

// lockFlags are the flags of commands that may have to write a flake's lock file.
func (a *app) lockFlags(f *flagSet) *local.LockFlags {
	l := &local.LockFlags{}
	input := func(flag, word string) (flakeref.InputPath, error) {
		p, err := flakeref.ParseInputPath(word)
		if err == nil && len(p) == 0 {
			err = usagef("--%s was passed a zero-length input path, which would refer to the flake itself, not an input", flag)
		}
		return p, err
	}
	f.boolean(&l.NoUpdate, "no-update-lock-file", "fail where a flake's lock file is out of date")
	f.boolean(&l.NoWrite, "no-write-lock-file", "lock a flake's inputs without writing its lock file")
	f.boolean(&l.Commit, "commit-lock-file", "commit a lock file that was written")
	f.call("override-input", "take a flake's input from elsewhere; writes no lock file", []string{"input-path", "flake-url"}, func(w []string) error {
		p, err := input("override-input", w[0])
		if err != nil {
			return err
		}
		ref, err := a.flakeRef(w[1])
		if err != nil {
			return err
		}
		l.NoWrite = true
		l.Override = append(l.Override, builtins.LockOverride{Path: p, Ref: ref})
		return nil
	})
	f.text(&l.Reference, "reference-lock-file", "path", "take a flake's locks from this file")
	f.text(&l.Output, "output-lock-file", "path", "write a flake's locks to this file")
	f.texts(&a.inputsFrom, "inputs-from", "flake-url", "let names of flakes stand for the inputs of this flake")
	f.call("recreate-lock-file", "", nil, func([]string) error {
		a.warn("'--recreate-lock-file' is deprecated and will be removed in a future version; use '" + a.program + " flake update' instead.")
		l.Recreate = true
		return nil
	}).hidden = true
	f.call("update-input", "", []string{"input-path"}, func(w []string) error {
		a.warn("'--update-input' is a deprecated alias for 'flake update' and will be removed in a future version.")
		p, err := input("update-input", w[0])
		l.Update = append(l.Update, p)
		return err
	}).hidden = true
	f.call("no-registries", "", nil, func([]string) error {
		a.warn("'--no-registries' is deprecated; use '--no-use-registries'")
		return a.settings.Set("use-registries", "false")
	}).hidden = true
	return l
}

// flakeRef reads the reference of a whole flake.
func (a *app) flakeRef(word string) (flakeref.Ref, error) {
	ref, fragment, err := a.env.ParseFlakeRef(word, func(text string) { a.logf(levelNotice, "%s", text) })
	if err == nil && fragment != "" {
		err = fmt.Errorf("unexpected fragment '%s' in flake reference '%s'", fragment, word)
	}
	return ref, err
}

// useInputs has names stand for what --inputs-from says; within Do.
func (a *app) useInputs(x *evaluation) {
	from := a.inputsFrom
	a.inputsFrom = nil
	for _, word := range from {
		ref, err := a.flakeRef(word)
		if err != nil {
			x.FailErr(ast.NoPos, err)
		}
		f := a.lockFlake(x, ref, &local.LockFlags{NoWrite: true})
		for name := range f.Lock.Root.Inputs {
			n, err := f.Lock.Find(flakeref.InputPath{name})
			if err != nil {
				x.FailErr(ast.NoPos, err)
			}
			if n != nil && n != f.Lock.Root {
				a.registry.Add(flakeref.Attrs{"type": "indirect", "id": name}, n.Locked)
			}
		}
	}
}

// lockFlake locks a flake as the flags and settings have it; within Do.
func (a *app) lockFlake(x *evaluation, ref flakeref.Ref, l *local.LockFlags) *builtins.LockedFlake {
	a.useInputs(x)
	if l.Reference != "" && !a.settings.Bool("allow-dirty") {
		x.FailErr(ast.NoPos, errors.New("reference lock file was provided, but the `allow-dirty` setting is set to false"))
	}
	flags := *l
	flags.Summary = a.settings.Get("commit-lock-file-summary")
	flags.AllowDirty = a.settings.Bool("allow-dirty-locks")
	flags.WarnDirty = a.settings.Bool("warn-dirty")
	flags.Colour, flags.Warn, flags.Configure = a.color, a.warn, a.configure
	return local.LockFlake(x.Machine, ref, &flags)
}

// harmless are settings that any flake may choose.
var harmless = []string{
	"bash-prompt", "bash-prompt-prefix", "bash-prompt-suffix", "flake-registry", "commit-lock-file-summary", "commit-lockfile-summary",
}

// configure applies a setting that a flake asks for, if the user trusts it:
// by --accept-flake-config, by the list of settings trusted for ever, or when asked.
func (a *app) configure(name, value string) error {
	if !slices.Contains(harmless, strings.TrimPrefix(name, "extra-")) && !a.settings.Bool("accept-flake-config") {
		list, err := local.ReadTrusted(a.dirs)
		if err != nil {
			return err
		}
		trusted, known := list[name][value]
		if known {
			a.logf(levelInfo, "Using saved setting for '%s = %s' from %s.", name, value, local.TrustedFile(a.dirs))
		} else if isTerminal(a) && a.tty {
			trusted = a.ask(fmt.Sprintf("do you want to allow configuration setting '%s' to be set to '%s' (y/N)? ", name, value))
			if a.ask(fmt.Sprintf("do you want to permanently mark this value as %s (y/N)? ", map[bool]string{true: "trusted", false: "untrusted"}[trusted])) {
				if err := list.Write(a.dirs, name, value, trusted); err != nil {
					return err
				}
			}
		}
		if !trusted {
			a.warnf("ignoring untrusted flake configuration setting '%s'.\nPass '--accept-flake-config' to trust it", name)
			return nil
		}
	}
	return a.settings.Set(name, value)
}

// ask asks a question on the terminal; anything but y means no.
func (a *app) ask(question string) bool {
	a.progress.stop()
	fmt.Fprint(os.Stderr, question)
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	return err == nil && strings.EqualFold(strings.TrimSpace(line), "y")
}
