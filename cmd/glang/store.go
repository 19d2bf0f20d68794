package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) storeCommand() *cobra.Command {
	return a.family(groupStore, "store", "look into a store and maintain it",
		a.storeInfo(), a.storeLs(), a.storeCat(), a.storeAdd("add", storepath.NAR), a.storeAdd("add-path", storepath.NAR),
		a.storeAdd("add-file", storepath.Flat), a.storeDelete(), a.storeGC(), a.storeVerify(), a.storeRepair(),
		a.storeOptimise(), a.storeRebuild(), a.storeDump(), a.storeFromHash(), a.storeSign(), a.storeCopySigs(), a.storeDiffClosures(), a.storeCopyLog(), a.storePrefetch())
}

// localStore opens the store that must be one on disk.
func (a *app) localStore() (*store.Store, error) {
	s, err := a.open()
	if err != nil {
		return nil, err
	}
	return s.LocalStore()
}

// storeFlag is --store.
func (a *app) storeFlag(f *flagSet) { f.text(&a.storeURI, "store", "store-uri", "the store to use") }

func (a *app) storeInfo() *cobra.Command {
	c := a.command("", "info", "say which store is used, and that it can be opened", "", func(f *flagSet) func() error {
		asJSON, pretty := false, a.prettyDefault()
		a.storeFlag(f)
		f.boolean(&asJSON, "json", "print JSON")
		a.prettyFlags(f, &pretty)
		return func() error {
			s, err := a.open()
			if err != nil {
				return err
			}
			if s.Store != nil {
				if err := s.Store.Start(); err != nil {
					return err
				}
			}
			url := s.Ref.String()
			if s.Ref.Scheme == "auto" {
				url = "local"
			}
			if asJSON {
				out := map[string]any{"url": url}
				if a.asNix {
					out["version"] = nixVersion
				} else {
					out["version"], out["storeDir"], out["hash"] = version(), s.Scheme.Dir, s.Scheme.Hash.String()
				}
				if s.Store != nil {
					out["trusted"] = true
				}
				return a.printJSON(out, pretty)
			}
			say := func(format string, args ...any) {
				if a.asNix {
					a.logf(levelNotice, format, args...)
				} else {
					a.printf(format+"\n", args...)
				}
			}
			say("Store URL: %s", url)
			if a.asNix {
				if s.Store != nil {
					say("Version: %s", nixVersion)
					say("Trusted: 1")
				}
				return nil
			}
			say("Store directory: %s", s.Scheme.Dir)
			if s.Why != "" {
				say("Chosen because: %s", s.Why)
			}
			say("Hash: %s", s.Scheme.Hash)
			if s.Store != nil {
				say("Files lie in: %s", s.Store.RealDir())
				say("Database and roots: %s", s.Store.StateDir())
				say("Build logs: %s", s.Store.LogDir())
			}
			return nil
		}
	})
	c.Aliases = []string{"ping"}
	return c
}

// storePathArgs are the flags of commands that work on store paths.
type storePathArgs struct {
	*sourceArgs
	all, recursive bool
}

func (a *app) storePathFlags(f *flagSet, recursive bool) *storePathArgs {
	s := &storePathArgs{sourceArgs: a.sourceFlags(f), recursive: recursive}
	a.storeFlag(f)
	f.boolean(&s.all, "all", "all paths of the store")
	if recursive {
		f.call("no-recursive", "not what the paths refer to", nil, func([]string) error { s.recursive = false; return nil })
	} else {
		f.boolean(&s.recursive, "recursive,r", "with all that the paths refer to")
	}
	return s
}

// paths finds the store paths that are meant; build makes them valid first.
func (a *app) argPaths(s *storePathArgs, words []string, build bool) ([]storepath.Path, error) {
	sess, err := a.open()
	if err != nil {
		return nil, err
	}
	if s.all {
		if len(words) > 0 {
			return nil, usagef("'--all' does not expect arguments")
		}
		all, err := sess.API.AllValidPaths()
		return sorted(all), err
	}
	list, err := a.installables(s.sourceArgs, words)
	if err != nil {
		return nil, err
	}
	var out []storepath.Path
	if s.derivation {
		if out, err = a.derivations(list); err != nil {
			return nil, err
		}
	} else {
		targets, err := allTargets(list)
		if err != nil {
			return nil, err
		}
		if build {
			results, err := a.realise(targets, realise.Normal, false)
			if err != nil {
				return nil, err
			}
			out = outPaths(results)
		} else if out, err = a.knownPaths(targets); err != nil {
			return nil, err
		}
	}
	if s.recursive {
		closure, err := sess.API.Closure(out, store.ClosureOptions{})
		if err != nil {
			return nil, err
		}
		return local.DependenciesFirst(sess.API, closure)
	}
	return sorted(out), nil
}

// knownPaths are the paths of targets without building.
func (a *app) knownPaths(targets []realise.Target) ([]storepath.Path, error) {
	var out []storepath.Path
	for _, t := range targets {
		if t.Drv.IsZero() {
			out = append(out, t.Path)
			continue
		}
		s, err := a.session.LocalStore()
		if err != nil {
			return nil, err
		}
		d, err := s.ReadDerivation(t.Drv)
		if err != nil {
			return nil, err
		}
		known, err := s.DerivationOutputs(t.Drv)
		if err != nil {
			return nil, err
		}
		names := t.Outputs
		if len(names) == 0 {
			names = d.OutputNames()
		}
		for _, n := range names {
			if _, ok := d.Outputs[n]; !ok {
				return nil, fmt.Errorf("derivation '%s' does not have an output named '%s'", s.Scheme().Print(t.Drv), n)
			}
			p, err := d.OutputPath(s.Scheme(), n)
			if err != nil {
				return nil, err
			}
			if p.IsZero() {
				if p = known[n]; p.IsZero() {
					return nil, fmt.Errorf("the path of the output '%s' of '%s' is not known before it is built", n, s.Scheme().Print(t.Drv))
				}
			}
			out = append(out, p)
		}
	}
	return out, nil
}
