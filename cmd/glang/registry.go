package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/fetch"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/local"
)

func (a *app) registryCommand() *cobra.Command {
	return a.family(groupUtility, "registry", "say what the names of flakes stand for",
		a.registryList(), a.registryAdd(), a.registryRemove(), a.registryPin(), a.registryResolve())
}

// registryFlags are the flags of commands that change a registry. The function
// reads it, has what the first argument names changed, and writes it.
func (a *app) registryFlags(f *flagSet) func(change func(r *fetch.Registry, from flakeref.Ref) error) error {
	file := ""
	f.text(&file, "registry", "path", "the registry to change, instead of the user's")
	return func(change func(r *fetch.Registry, from flakeref.Ref) error) error {
		if err := a.needFlakes(); err != nil {
			return err
		}
		if file == "" {
			file = filepath.Join(a.dirs.Config, "registry.json")
		}
		r, err := fetch.ReadRegistry(a.absolute(file))
		if err != nil {
			return err
		}
		from, err := a.flakeRef(f.args[0])
		if err != nil {
			return err
		}
		if err := change(r, from); err != nil {
			return err
		}
		return r.Write(a.absolute(file))
	}
}

// needFlakes fails if flakes are not enabled where they have to be.
func (a *app) needFlakes() error {
	if a.asNix && !a.settings.FeatureEnabled("flakes") {
		return local.MissingFeature("flakes")
	}
	return nil
}

// openFetcher opens the store to fetch into it.
func (a *app) openFetcher() (*fetch.Fetcher, error) {
	s, err := a.open()
	if err != nil {
		return nil, err
	}
	return s.Fetcher(a.warn, func(text string) { a.logf(levelInfo, "%s", text) }), nil
}

func (a *app) registryList() *cobra.Command {
	return a.command("", "list", "list the names of flakes that are known", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		return func() error {
			if err := a.needFlakes(); err != nil {
				return err
			}
			fetcher, err := a.openFetcher()
			if err != nil {
				return err
			}
			all, err := fetcher.Registries(a.context())
			if err != nil {
				return err
			}
			for i, r := range all {
				kind := []string{"flags ", "user  ", "system", "global"}[min(i, 3)]
				for _, e := range r.Flakes {
					from, err := flakeref.Ref{Input: e.From}.Text()
					if err != nil {
						return err
					}
					to, err := flakeref.FromAttrs(e.To)
					if err != nil {
						return err
					}
					text, err := to.Text()
					if err != nil {
						return err
					}
					a.printf("%s %s %s\n", kind, from, text)
				}
			}
			return nil
		}
	})
}

func (a *app) registryAdd() *cobra.Command {
	return a.command("", "add NAME FLAKE", "let a name stand for a flake", "", func(f *flagSet) func() error {
		edit := a.registryFlags(f)
		return func() error {
			if len(f.args) != 2 {
				return usagef("give a name and what it is to stand for")
			}
			return edit(func(r *fetch.Registry, from flakeref.Ref) error {
				to, err := a.flakeRef(f.args[1])
				if err == nil {
					r.Add(from.Input, to)
				}
				return err
			})
		}
	})
}

func (a *app) registryRemove() *cobra.Command {
	return a.command("", "remove NAME", "forget what a name stands for", "", func(f *flagSet) func() error {
		edit := a.registryFlags(f)
		return func() error {
			if len(f.args) != 1 {
				return usagef("give the name to forget")
			}
			return edit(func(r *fetch.Registry, from flakeref.Ref) error {
				r.Remove(from.Input)
				return nil
			})
		}
	})
}

func (a *app) registryPin() *cobra.Command {
	return a.command("", "pin NAME [FLAKE]", "let a name stand for what a flake is now", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		edit := a.registryFlags(f)
		return func() error {
			if len(f.args) < 1 || len(f.args) > 2 {
				return usagef("give the name to pin, and perhaps a flake")
			}
			return edit(func(r *fetch.Registry, from flakeref.Ref) error {
				to, err := a.flakeRef(f.args[len(f.args)-1])
				if err != nil {
					return err
				}
				fetcher, err := a.openFetcher()
				if err != nil {
					return err
				}
				t, err := fetcher.FetchTree(a.context(), to.Input, eval.AllRegistries)
				if err != nil {
					return err
				}
				locked := flakeref.Ref{Input: t.Locked, Dir: from.Dir}
				if !locked.Input.IsLocked() {
					text, err := locked.Text()
					if err != nil {
						return err
					}
					a.warnf("flake '%s' is not locked", text)
				}
				r.Add(from.Input, locked)
				return nil
			})
		}
	})
}

func (a *app) registryResolve() *cobra.Command {
	return a.command("", "resolve NAME...", "show what names of flakes stand for", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		return func() error {
			if err := a.needFlakes(); err != nil {
				return err
			}
			fetcher, err := a.openFetcher()
			if err != nil {
				return err
			}
			for _, w := range f.args {
				ref, err := a.flakeRef(w)
				if err != nil {
					return err
				}
				if ref, err = fetcher.Resolve(a.context(), ref); err != nil {
					return err
				}
				text, err := ref.Text()
				if err != nil {
					return err
				}
				a.println(text)
			}
			return nil
		}
	})
}
