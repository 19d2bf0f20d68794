package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

// buildArgs are the flags that commands that build share.
type buildArgs struct {
	outLink string
	noLink  bool
	dryRun  bool
	mode    realise.Mode
}

func (a *app) buildFlags(f *flagSet) *buildArgs {
	b := &buildArgs{outLink: "result"}
	set := func(name, setting, value, doc string) {
		f.call(name, doc, nil, func([]string) error { return a.settings.Set(setting, value) })
	}
	set("keep-failed,K", "keep-failed", "true", "keep the directories of failed builds")
	set("keep-going,k", "keep-going", "true", "go on with other builds after a failure")
	set("fallback", "fallback", "true", "build if substitution fails")
	f.boolean(&b.dryRun, "dry-run", "show what would be done")
	f.call("rebuild", "build again and compare", nil, func([]string) error { b.mode = realise.Check; return nil })
	f.long["check"] = f.long["rebuild"]
	f.call("repair", "build again what is corrupt", nil, func([]string) error { b.mode = realise.Repair; return nil })
	f.text(&a.storeURI, "store", "store-uri", "the store to use")
	return b
}

func (a *app) buildCommand() *cobra.Command {
	return a.command(groupMain, "build [FILE] [-A ATTR]", "build packages, leaving ./result",
		`Builds the derivations that the expression in FILE evaluates to, or what other
arguments mean: a store path, a link to one, or DRV^OUTPUT. The results become
valid in the store, and links to them are made in the working directory, which
keep them from being collected.`, func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			b := a.buildFlags(f)
			printPaths, asJSON, pretty := false, false, a.prettyDefault()
			var prof string
			f.text(&b.outLink, "out-link,o", "path", "the name of the link, instead of result")
			f.boolean(&b.noLink, "no-link", "make no link")
			f.long["no-out-link"] = f.long["no-link"]
			f.boolean(&printPaths, "print-out-paths", "print the paths of the results")
			f.boolean(&asJSON, "json", "print JSON")
			f.text(&prof, "profile", "path", "make the result a generation of this profile")
			a.prettyFlags(f, &pretty)
			return func() error {
				find := func() ([]realise.Target, error) {
					list, err := a.installables(src, f.args)
					if err != nil {
						return nil, err
					}
					if src.derivation {
						return a.derivationTargets(list)
					}
					return allTargets(list)
				}
				if src.cacheable(f.args) {
					evaluate := find
					find = func() ([]realise.Target, error) { return a.cachedTargets(evaluate) }
				}
				targets, err := find()
				if err != nil {
					return err
				}
				results, err := a.realise(targets, b.mode, b.dryRun)
				if err != nil {
					return err
				}
				if b.dryRun {
					if asJSON {
						return a.printJSON(a.targetsJSON(targets), pretty)
					}
					return nil
				}
				if asJSON {
					if err := a.printJSON(a.resultsJSON(results), pretty); err != nil {
						return err
					}
				}
				if !b.noLink {
					if err := a.outLinks(results, b.outLink); err != nil {
						return err
					}
				}
				if printPaths {
					for _, p := range outPaths(results) {
						a.println(a.session.Scheme.Print(p))
					}
				}
				a.reportBuilt(results, b)
				if prof != "" {
					return a.setProfile(prof, results)
				}
				return nil
			}
		})
}

// derivationTargets are the derivations themselves.
func (a *app) derivationTargets(list []*installable) ([]realise.Target, error) {
	drvs, err := a.derivations(list)
	if err != nil {
		return nil, err
	}
	out := make([]realise.Target, len(drvs))
	for i, d := range drvs {
		out[i] = realise.Target{Path: d}
	}
	return out, nil
}

// reportBuilt says that there was nothing to do, where nothing else says so.
func (a *app) reportBuilt(results []realise.Result, b *buildArgs) {
	if a.asNix || a.verbosity < levelNotice || b.mode != realise.Normal {
		return
	}
	for _, r := range results {
		if r.Status != realise.AlreadyValid {
			return
		}
	}
	for _, p := range outPaths(results) {
		a.progress.print(fmt.Sprintf("'%s' was built already: nothing to do", a.session.Scheme.Print(p)))
	}
}

// outPaths are the paths of results, in order.
func outPaths(results []realise.Result) []storepath.Path {
	var out []storepath.Path
	for _, r := range results {
		if r.Target.Drv.IsZero() {
			out = append(out, r.Target.Path)
			continue
		}
		for _, name := range sortedNames(r.Outputs) {
			out = append(out, r.Outputs[name])
		}
	}
	return out
}

// outLinks makes the links RESULT, RESULT-1, …, with -OUTPUT behind other
// outputs than out, and registers them as roots.
func (a *app) outLinks(results []realise.Result, link string) error {
	if a.session.Store == nil {
		return nil
	}
	link = a.absolute(link)
	root := func(p storepath.Path, name string) error {
		err := a.session.Store.AddPermRoot(p, name)
		if target, lerr := os.Readlink(name); err != nil && !a.asNix && (lerr != nil || !a.session.Scheme.IsInStore(target)) {
			return fmt.Errorf("%w\n'%s' is no link into this store: remove it, or choose another name with --out-link", err, name)
		}
		return err
	}
	for i, r := range results {
		name := link
		if i > 0 {
			name += fmt.Sprintf("-%d", i)
		}
		if r.Target.Drv.IsZero() {
			if err := root(r.Target.Path, name); err != nil {
				return err
			}
			continue
		}
		for output, p := range r.Outputs {
			l := name
			if output != "out" {
				l += "-" + output
			}
			if err := root(p, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// targetsJSON describes what would be built.
func (a *app) targetsJSON(targets []realise.Target) any {
	out := []any{}
	show := a.session.Scheme.Print
	for _, t := range targets {
		if t.Drv.IsZero() {
			out = append(out, show(t.Path))
			continue
		}
		outputs := map[string]any{}
		if d, err := a.derivationStore().API.ReadDerivation(t.Drv); err == nil {
			names := t.Outputs
			if len(names) == 0 {
				names = d.OutputNames()
			}
			for _, n := range names {
				outputs[n] = nil
				if p, err := d.OutputPath(a.session.Scheme, n); err == nil && !p.IsZero() {
					outputs[n] = show(p)
				}
			}
		}
		out = append(out, map[string]any{"drvPath": show(t.Drv), "outputs": outputs})
	}
	return out
}

// resultsJSON describes what was built.
func (a *app) resultsJSON(results []realise.Result) any {
	out := []any{}
	show := a.session.Scheme.Print
	for _, r := range results {
		if r.Target.Drv.IsZero() {
			out = append(out, show(r.Target.Path))
			continue
		}
		outputs := map[string]any{}
		for n, p := range r.Outputs {
			outputs[n] = show(p)
		}
		out = append(out, map[string]any{"drvPath": show(r.Target.Drv), "outputs": outputs})
	}
	return out
}
