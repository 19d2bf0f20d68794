package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/store"
)

func (a *app) storeRebuild() *cobra.Command {
	return a.command("", "rebuild", "make the store's database again from what lies in the store", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		return func() error {
			s, err := a.localStore()
			if err != nil {
				return err
			}
			if err := s.Close(); err != nil {
				return err
			}
			res, err := store.Rebuild(a.context(), s.Config())
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%d paths registered, %d left out\n", res.Registered, len(res.Skipped))
			if res.OldDatabase != "" {
				fmt.Fprintf(a.stdout, "the former database is now '%s'\n", res.OldDatabase)
			}
			return nil
		}
	})
}
