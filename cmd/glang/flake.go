package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
)

func (a *app) flakeCommand() *cobra.Command {
	info := a.flakeMetadata()
	info.Aliases = []string{"info"}
	return a.family(groupMain, "flake", "work with flakes",
		a.flakeUpdate(), a.flakeLock(), info, a.flakeShow(), a.flakeCheck(),
		a.flakeInit(), a.flakeNew(), a.flakePrefetch(), a.flakeArchive(), a.flakeClone())
}

// flakeArg is the flake that a command works on.
type flakeArg struct {
	app  *app
	eval *evalArgs
	lock *local.LockFlags
	url  string // "": the first argument, or the working directory
}

func (a *app) flakeArg(f *flagSet) *flakeArg {
	return &flakeArg{app: a, eval: a.evalFlags(f), lock: a.lockFlags(f)}
}

// ref is the flake named.
func (fa *flakeArg) ref(args []string) (flakeref.Ref, error) {
	a := fa.app
	if err := a.needFlakes(); err != nil {
		return flakeref.Ref{}, err
	}
	url := fa.url
	switch {
	case len(args) > 1:
		return flakeref.Ref{}, usagef("unexpected argument '%s'", args[1])
	case len(args) == 1:
		url = args[0]
	case url == "":
		url = "."
	}
	return a.flakeRef(url)
}

// locked locks the flake, and calls use with it within Do.
func (fa *flakeArg) locked(args []string, use func(x *evaluation, f *builtins.LockedFlake)) error {
	ref, err := fa.ref(args)
	if err != nil {
		return err
	}
	x, err := fa.app.evaluate(fa.eval, true)
	if err != nil {
		return err
	}
	return x.Do(func() { use(x, fa.app.lockFlake(x, ref, fa.lock)) })
}

func lockOnly(*evaluation, *builtins.LockedFlake) {}

func (a *app) flakeUpdate() *cobra.Command {
	return a.command("", "update [INPUT...]", "lock inputs to what they are now",
		`Updates the lock file of the flake in the working directory, or of --flake: all
inputs, or those named, as "nixpkgs" or "tool/nixpkgs".`, func(f *flagSet) func() error {
			fa := a.flakeArg(f)
			f.text(&fa.url, "flake", "flake-url", "the flake to work on")
			return func() error {
				for _, w := range f.args {
					p, err := flakeref.ParseInputPath(w)
					if err == nil && len(p) == 0 {
						err = usagef("input path to be updated cannot be zero-length; it would refer to the flake itself, not an input")
					}
					if err != nil {
						a.warnf("Invalid flake input '%s'. To update a specific flake, use '%s flake update --flake %s' instead.", w, a.program, w)
						return err
					}
					if slices.ContainsFunc(fa.lock.Update, func(q flakeref.InputPath) bool { return slices.Equal(p, q) }) {
						a.warnf("Input '%s' was specified multiple times. You may have done this by accident.", p)
					}
					fa.lock.Update = append(fa.lock.Update, p)
				}
				fa.lock.Recreate, fa.lock.NoWrite = len(fa.lock.Update) == 0, false
				if err := a.settings.Set("tarball-ttl", "0"); err != nil {
					return err
				}
				return fa.locked(nil, lockOnly)
			}
		})
}

func (a *app) flakeLock() *cobra.Command {
	return a.command("", "lock [FLAKE]", "lock the inputs that the lock file does not have yet", "", func(f *flagSet) func() error {
		fa := a.flakeArg(f)
		return func() error {
			fa.lock.FailUnlocked, fa.lock.NoWrite = true, false
			if err := a.settings.Set("tarball-ttl", "0"); err != nil {
				return err
			}
			return fa.locked(f.args, lockOnly)
		}
	})
}

func (a *app) flakeMetadata() *cobra.Command {
	return a.command("", "metadata [FLAKE]", "show where a flake comes from, and its inputs", "", func(f *flagSet) func() error {
		fa := a.flakeArg(f)
		asJSON, pretty := false, a.prettyDefault()
		f.boolean(&asJSON, "json", "print JSON")
		a.prettyFlags(f, &pretty)
		return func() error {
			var locked *builtins.LockedFlake
			if err := fa.locked(f.args, func(_ *evaluation, l *builtins.LockedFlake) { locked = l }); err != nil {
				return err
			}
			m, err := a.metadata(locked)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(m, pretty)
			}
			a.printMetadata(m, locked)
			return nil
		}
	})
}

// metadata is what there is to say about a flake, as in JSON.
func (a *app) metadata(f *builtins.LockedFlake) (map[string]any, error) {
	m := map[string]any{
		"original": f.Original.Attrs(), "resolved": f.Resolved.Attrs(), "locked": f.Locked.Attrs(),
		"path": a.session.Scheme.Print(f.Path), "locks": f.Lock.JSON(),
	}
	for name, ref := range map[string]flakeref.Ref{"originalUrl": f.Original, "resolvedUrl": f.Resolved, "url": f.Locked} {
		text, err := ref.Text()
		if err != nil {
			return nil, err
		}
		m[name] = text
	}
	if f.Description != "" {
		m["description"] = f.Description
	}
	if h, ok := f.Fingerprint(); ok {
		m["fingerprint"] = h.Base16()
	}
	for from, to := range map[string]string{"rev": "revision", "dirtyRev": "dirtyRevision", "revCount": "revCount", "lastModified": "lastModified"} {
		if v, ok := f.Locked.Input[from]; ok {
			m[to] = v
		}
	}
	return m, nil
}

func (a *app) printMetadata(m map[string]any, f *builtins.LockedFlake) {
	bold := a.marker("1")
	line := func(label string, value any) {
		if value != nil {
			a.printf("%s%*s%v\n", bold(label+":"), 15-len(label)-1, "", value)
		}
	}
	line("Resolved URL", m["resolvedUrl"])
	if f.Locked.Input.IsLocked() {
		line("Locked URL", m["url"])
	}
	line("Description", m["description"])
	line("Path", m["path"])
	line("Revision", m["revision"])
	line("Revision", m["dirtyRevision"])
	line("Revisions", m["revCount"])
	if t, ok := m["lastModified"].(int64); ok {
		line("Last modified", time.Unix(t, 0).Format(time.DateTime))
	}
	line("Fingerprint", m["fingerprint"])
	if len(f.Lock.Root.Inputs) == 0 {
		return
	}
	a.println(bold("Inputs:"))
	seen := map[*flakeref.LockNode]bool{f.Lock.Root: true}
	a.printInputs(f.Lock.Root, "", seen)
}

// printInputs draws the inputs of a node as a tree.
func (a *app) printInputs(n *flakeref.LockNode, prefix string, seen map[*flakeref.LockNode]bool) {
	bold := a.marker("1")
	names := slices.Sorted(maps.Keys(n.Inputs))
	for i, name := range names {
		branch, below := treeBranch(i == len(names)-1)
		e := n.Inputs[name]
		if e.Node == nil {
			a.printf("%s%s%s follows input '%s'\n", prefix, branch, bold(name), e.Follows)
			continue
		}
		text, err := e.Node.Locked.Text()
		if err != nil {
			text = err.Error()
		}
		if t, ok := e.Node.Locked.Input["lastModified"].(int64); ok {
			text += time.Unix(t, 0).UTC().Format(" (2006-01-02 15:04:05)")
		}
		a.printf("%s%s%s: %s\n", prefix, branch, bold(name), text)
		if !seen[e.Node] {
			seen[e.Node] = true
			a.printInputs(e.Node, prefix+below, seen)
		}
	}
}

// treeBranch are the lines of a tree before an element, and before what is
// below that.
func treeBranch(last bool) (branch, below string) {
	if last {
		return "└───", "    "
	}
	return "├───", "│   "
}

// marker makes texts on standard output stand out, if it is in colour.
func (a *app) marker(code string) func(string) string {
	if !a.colorOut() {
		return func(s string) string { return s }
	}
	return func(s string) string { return "\x1b[" + code + "m" + s + "\x1b[0m" }
}

func (a *app) flakeShow() *cobra.Command {
	return a.command("", "show [FLAKE]", "show what a flake provides", "", func(f *flagSet) func() error {
		fa := a.flakeArg(f)
		s := &local.ShowFlake{Warn: a.warn}
		asJSON, pretty := false, a.prettyDefault()
		f.boolean(&s.Legacy, "legacy", "look into legacyPackages")
		f.boolean(&s.AllSystems, "all-systems", "show what is for other systems")
		f.boolean(&asJSON, "json", "print JSON")
		a.prettyFlags(f, &pretty)
		return func() error {
			if !a.settings.Overridden("allow-import-from-derivation") {
				a.settings.SetDefault("allow-import-from-derivation", "false")
			}
			s.System = a.settings.System()
			var root *local.FlakeOutput
			var failed *eval.Failure
			err := fa.locked(f.args, func(x *evaluation, l *builtins.LockedFlake) {
				text, err := l.Locked.Text()
				if err != nil {
					x.FailErr(ast.NoPos, err)
				}
				root, failed = s.Outputs(x.Machine, x.NewValue(l.Outputs(x.Machine, ast.NoPos)))
				root.Name = text
				if failed != nil && asJSON {
					failed.Throw()
				}
				if !asJSON {
					a.println(a.marker("1")(root.Name))
					a.printOutputs(root, "")
				}
				if failed != nil {
					failed.Throw()
				}
			})
			if err != nil || !asJSON {
				return err
			}
			return a.printJSON(root.JSON(), pretty)
		}
	})
}

// printOutputs draws what is in a set of outputs.
func (a *app) printOutputs(o *local.FlakeOutput, prefix string) {
	bold, green, warning := a.marker("1"), a.marker("32;1"), a.marker("35;1")
	for i, c := range o.Children {
		branch, below := treeBranch(i == len(o.Children)-1)
		text := ""
		switch {
		case c.Omitted != "":
			why, how, _ := strings.Cut(c.Omitted, " (")
			text = " " + warning(why)
			if how != "" {
				text += " (" + how
			}
		case c.Quoted:
			text = fmt.Sprintf(": %s '%s'", c.What, c.Detail)
		case c.Detail != "":
			text = ": " + c.What + ": " + bold(c.Detail)
		case c.What != "":
			text = ": " + warning(c.What)
		}
		a.printf("%s%s%s\n", green(prefix+branch), bold(c.Name), text)
		a.printOutputs(c, prefix+below)
	}
}

func (a *app) flakeCheck() *cobra.Command {
	return a.command("", "check [FLAKE]", "evaluate what a flake provides and build its checks", "", func(f *flagSet) func() error {
		fa := a.flakeArg(f)
		c := &local.CheckFlake{Warn: a.warn, Log: func(s string) { a.logf(levelInfo, "%s", s) }}
		noBuild, keepGoing := false, false
		f.boolean(&noBuild, "no-build", "build nothing")
		f.boolean(&c.AllSystems, "all-systems", "check what is for other systems")
		f.call("keep-going,k", "go on after an error", nil, func([]string) error {
			keepGoing = true
			return a.settings.Set("keep-going", "true")
		})
		return func() error {
			if noBuild {
				a.readOnly = true
				if !a.settings.Overridden("allow-import-from-derivation") {
					a.settings.SetDefault("allow-import-from-derivation", "false")
				}
			}
			c.System = a.settings.System()
			keepGoing = keepGoing || a.settings.Bool("keep-going")
			failed := false
			c.Report = func(err error) bool {
				if keepGoing {
					failed = true
					a.printError(err)
				}
				return keepGoing
			}
			err := fa.locked(f.args, func(x *evaluation, l *builtins.LockedFlake) {
				c.Run(x.Machine, x.NewValue(l.Outputs(x.Machine, ast.NoPos)))
			})
			if err != nil {
				return err
			}
			if !noBuild {
				if err := a.runChecks(c, &failed, keepGoing); err != nil {
					return err
				}
			}
			if failed {
				return errors.New("some errors were encountered during the evaluation")
			}
			a.logf(levelInfo, "%s", a.markerErr("32;1")("all checks passed!"))
			if len(c.Omitted) > 0 {
				a.warnf("The check omitted these incompatible systems: %s\nUse '--all-systems' to check all.", strings.Join(c.Omitted, ", "))
			}
			return nil
		}
	})
}

// markerErr is marker for standard error.
func (a *app) markerErr(code string) func(string) string {
	if !a.color {
		return func(s string) string { return s }
	}
	return func(s string) string { return "\x1b[" + code + "m" + s + "\x1b[0m" }
}

// runChecks builds the derivations of checks.
func (a *app) runChecks(c *local.CheckFlake, failed *bool, keepGoing bool) error {
	var targets []realise.Target
	for drv := range c.Checks {
		targets = append(targets, realise.Target{Drv: drv})
	}
	if len(targets) == 0 {
		return nil
	}
	slices.SortFunc(targets, func(x, y realise.Target) int { return strings.Compare(c.Checks[x.Drv][0], c.Checks[y.Drv][0]) })
	a.logf(levelInfo, "running %d flake checks...", len(targets))
	results, err := a.realise(targets, realise.Normal, false)
	reported := false
	for _, r := range results {
		var b *realise.BuildError
		if !errors.As(r.Err, &b) || b.Kind == realise.DependencyFailed {
			continue // what it needs is reported, if anything
		}
		for _, at := range c.Checks[r.Target.Drv] {
			report := fmt.Errorf("failed to build attribute '%s', build of '%s^*' failed: %w", at, a.session.Scheme.Print(r.Target.Drv), r.Err)
			if !keepGoing {
				return report
			}
			*failed, reported = true, true
			a.printError(report)
		}
	}
	if reported {
		return nil
	}
	return err
}
