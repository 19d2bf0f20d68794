package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) logCommand() *cobra.Command {
	return a.command(groupMain, "log INSTALLABLE", "show the log of a build", "", func(f *flagSet) func() error {
		src := a.sourceFlags(f)
		return func() error {
			list, err := a.installables(src, f.args)
			if err != nil {
				return err
			}
			if len(list) != 1 {
				return usagef("one installable expected")
			}
			sess, err := a.open()
			if err != nil {
				return err
			}
			s, err := sess.LocalStore()
			if err != nil {
				return err
			}
			targets, err := list[0].targets()
			if err != nil {
				return err
			}
			for _, t := range targets {
				p := t.Path
				if !t.Drv.IsZero() {
					p = t.Drv
				}
				if err := a.printLog(s, p); err != nil {
					return fmt.Errorf("build log of '%s' is not available", list[0].what)
				}
			}
			return nil
		}
	})
}

// printLog prints the log of the build of a path.
func (a *app) printLog(s *store.Store, p storepath.Path) error {
	text, err := s.Log(p)
	if err != nil {
		return err
	}
	if text == nil {
		return fmt.Errorf("build log of derivation '%s' is not available", s.Scheme().Print(p))
	}
	_, err = a.stdout.Write(text)
	return err
}
