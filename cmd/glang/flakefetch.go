package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/fetch"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) flakeInit() *cobra.Command {
	return a.command("", "init [-t TEMPLATE]", "begin a flake in the working directory from a template", "", func(f *flagSet) func() error {
		run := a.templateFlags(f)
		return func() error {
			if len(f.args) > 0 {
				return usagef("unexpected argument '%s'", f.args[0])
			}
			return run(a.env.Cwd)
		}
	})
}

func (a *app) flakeNew() *cobra.Command {
	return a.command("", "new [-t TEMPLATE] DIR", "begin a flake in a folder from a template", "", func(f *flagSet) func() error {
		run := a.templateFlags(f)
		return func() error {
			if len(f.args) != 1 {
				return usagef("name the folder to make")
			}
			return run(a.absolute(f.args[0]))
		}
	})
}

// templateFlags are the flags of init and new; the function copies the
// template into a folder.
func (a *app) templateFlags(f *flagSet) func(dir string) error {
	s := &sourceArgs{evalArgs: a.evalFlags(f), lock: &local.LockFlags{NoWrite: true}}
	s.flake = flakePaths{defaults: []string{"templates.default", "defaultTemplate"}, prefixes: []string{"templates."}}
	url := "templates"
	f.text(&url, "template,t", "template", "the template, as FLAKE#NAME")
	return func(dir string) error {
		i, err := a.flakeInstallable(s, url, nil)
		if err != nil {
			return err
		}
		t := &local.Template{
			Files: i.x.E.Files(), Notice: func(s string) { a.logf(levelNotice, "%s", s) },
			Conflict: func(s string) { a.logf(levelError, "%s", s) },
		}
		welcome := ""
		err = i.x.Do(func() {
			set := i.x.ForceAttrs(i.value, ast.NoPos, "")
			v, pos := i.x.GetAttr(set, i.x.E.Symbols.Intern("path"), "")
			from, _ := i.x.CoerceToPath(v, pos, "")
			if err := t.Copy(from, dir); err != nil {
				i.x.FailErr(ast.NoPos, err)
			}
			if v, pos, ok := set.Find(i.x.E.Symbols.Intern("welcomeText")); ok {
				welcome, _ = i.x.ForceString(v, pos, "")
			}
		})
		if err != nil {
			return err
		}
		if err := fetch.AddToGit(a.context(), dir, t.Written); err != nil {
			return err
		}
		if welcome != "" {
			a.logf(levelNotice, "\n%s", a.renderMarkdown(welcome))
		}
		if t.Conflicts > 0 {
			return fmt.Errorf("encountered %d conflicts - see above", t.Conflicts)
		}
		return nil
	}
}

func (a *app) flakePrefetch() *cobra.Command {
	return a.command("", "prefetch [FLAKE]", "fetch the tree of a flake into the store", "", func(f *flagSet) func() error {
		fa := a.flakeArg(f)
		asJSON, pretty, link := false, a.prettyDefault(), ""
		f.boolean(&asJSON, "json", "print JSON")
		f.text(&link, "out-link,o", "path", "make a link to the tree")
		a.prettyFlags(f, &pretty)
		return func() error {
			ref, err := fa.ref(f.args)
			if err != nil {
				return err
			}
			fetcher, err := a.openFetcher()
			if err != nil {
				return err
			}
			t, err := fetcher.FetchTree(a.context(), ref.Input, eval.AllRegistries)
			if err != nil {
				return err
			}
			locked := flakeref.Ref{Input: t.Locked, Dir: ref.Dir}
			resolved := flakeref.Ref{Input: t.Resolved, Dir: ref.Dir}
			text, err := locked.Text()
			if err != nil {
				return err
			}
			path := a.session.Scheme.Print(t.Path)
			if asJSON {
				err = a.printJSON(map[string]any{
					"storePath": path, "hash": t.Locked["narHash"], "original": resolved.Attrs(), "locked": locked.Attrs(),
				}, pretty)
			} else {
				a.logf(levelNotice, "Downloaded '%s' to '%s' (hash '%s').", text, path, t.Locked["narHash"])
			}
			if err != nil || link == "" {
				return err
			}
			return a.outLinks([]realise.Result{{Target: realise.Target{Path: t.Path}}}, link)
		}
	})
}

func (a *app) flakeArchive() *cobra.Command {
	return a.command("", "archive [FLAKE]", "fetch a flake and all its inputs, and copy them to a store", "", func(f *flagSet) func() error {
		fa := a.flakeArg(f)
		asJSON, pretty, dryRun, to, noCheck := false, a.prettyDefault(), false, "", false
		f.boolean(&asJSON, "json", "print JSON")
		f.boolean(&dryRun, "dry-run", "fetch and copy nothing")
		f.text(&to, "to", "store-url", "the store to copy to")
		f.boolean(&noCheck, "no-check-sigs", "do not ask for signatures of trusted keys")
		a.prettyFlags(f, &pretty)
		return func() error {
			var paths []storepath.Path
			var tree map[string]any
			err := fa.locked(f.args, func(x *evaluation, l *builtins.LockedFlake) {
				paths = []storepath.Path{l.Path}
				tree = a.archiveInputs(x, l, l.Lock.Root, &paths, dryRun)
				tree["path"] = a.session.Scheme.Print(l.Path)
			})
			if err != nil {
				return err
			}
			if asJSON {
				if err := a.printJSON(tree, pretty); err != nil {
					return err
				}
			}
			if to == "" || dryRun {
				return nil
			}
			dst, err := local.Open(a.settings, a.dirs, a.env, to, a.storeLog)
			if err != nil {
				return err
			}
			defer dst.Close()
			return local.Copy(a.context(), a.session, dst, paths, local.CopyOptions{CheckSignatures: !noCheck})
		}
	})
}

// archiveInputs fetches the inputs of a node, and describes them.
func (a *app) archiveInputs(x *evaluation, l *builtins.LockedFlake, n *flakeref.LockNode, paths *[]storepath.Path, dryRun bool) map[string]any {
	inputs := map[string]any{}
	for name, e := range n.Inputs {
		if e.Node == nil {
			continue
		}
		in := a.archiveInputs(x, l, e.Node, paths, dryRun)
		if !e.Node.Locked.Input.IsRelative() {
			p, err := l.TreePath(x.Machine, e.Node, !dryRun)
			if err != nil {
				x.FailErr(ast.NoPos, err)
			}
			*paths = append(*paths, p)
			in["path"] = a.session.Scheme.Print(p)
		}
		inputs[name] = in
	}
	return map[string]any{"inputs": inputs}
}

func (a *app) flakeClone() *cobra.Command {
	return a.command("", "clone [FLAKE] --dest DIR", "clone the repository of a flake", "", func(f *flagSet) func() error {
		fa := a.flakeArg(f)
		dest := ""
		f.text(&dest, "dest,f", "path", "the folder to make")
		return func() error {
			ref, err := fa.ref(f.args)
			if err != nil {
				return err
			}
			if dest == "" {
				return errors.New("missing flag '--dest'")
			}
			fetcher, err := a.openFetcher()
			if err != nil {
				return err
			}
			if ref, err = fetcher.Resolve(a.context(), ref); err != nil {
				return err
			}
			return fetcher.Clone(a.context(), ref.Input, a.absolute(dest))
		}
	})
}
