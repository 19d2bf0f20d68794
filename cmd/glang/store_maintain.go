package main

import (
	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/store"
)

func (a *app) storeDelete() *cobra.Command {
	return a.command("", "delete PATH...", "delete paths that nothing needs", "", func(f *flagSet) func() error {
		args := a.storePathFlags(f, false)
		ignore := false
		f.boolean(&ignore, "ignore-liveness", "delete them though roots reach them")
		return func() error {
			paths, err := a.argPaths(args, f.args, false)
			if err != nil {
				return err
			}
			s, err := a.localStore()
			if err != nil {
				return err
			}
			return a.collect(s, store.GCOptions{Action: store.GCDeleteSpecific, Paths: paths, IgnoreLiveness: ignore}, false)
		}
	})
}

func (a *app) storeGC() *cobra.Command {
	return a.command("", "gc", "delete what no root needs", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		dryRun, limited := false, false
		o := store.GCOptions{Action: store.GCDeleteDead}
		f.boolean(&dryRun, "dry-run", "only say how many paths would be deleted")
		f.call("max", "stop after so many bytes", []string{"n"}, func(w []string) (err error) {
			limited = true
			o.MaxFreed, err = maxFreed(w[0])
			return err
		})
		return func() error {
			if len(f.args) > 0 {
				return usagef("unexpected argument '%s'", f.args[0])
			}
			if limited && dryRun {
				return usagef("options --max and --dry-run cannot be combined")
			}
			return a.collectLocal(o, dryRun)
		}
	})
}

func (a *app) storeRepair() *cobra.Command {
	return a.command("", "repair PATH...", "fetch or build corrupt paths again", "", func(f *flagSet) func() error {
		args := a.storePathFlags(f, false)
		return func() error {
			paths, err := a.argPaths(args, f.args, false)
			if err != nil {
				return err
			}
			for _, p := range paths {
				if err := a.repairer()(a.context(), p); err != nil {
					return err
				}
			}
			return nil
		}
	})
}

func (a *app) storeOptimise() *cobra.Command {
	c := a.command("", "optimise", "replace equal files by hard links to one", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		return func() error {
			s, err := a.localStore()
			if err != nil {
				return err
			}
			return a.optimise(s)
		}
	})
	c.Aliases = []string{"optimize"}
	return c
}

func (a *app) optimise(s *store.Store) error {
	st, err := s.Optimise(a.context())
	if err != nil {
		return err
	}
	a.logf(levelInfo, "%s freed by hard-linking %d files", renderSize(st.BytesFreed), st.FilesLinked)
	return nil
}
