package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) logCommand() *cobra.Command {
	return a.command(groupMain, "log INSTALLABLE", "show the log of a build", "", func(f *flagSet) func() error {
		src := a.sourceFlags(f)
		a.storeFlag(f)
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
			targets, err := list[0].targets()
			if err != nil {
				return err
			}
			for _, t := range targets {
				p := t.Path
				if !t.Drv.IsZero() {
					p = t.Drv
				}
				if err := a.showLog(sess, p); err != nil {
					return fmt.Errorf("build log of '%s' is not available", list[0].what)
				}
			}
			return nil
		}
	})
}

// printLog prints the log of the build of a path in a store on disk.
func (a *app) printLog(_ *store.Store, p storepath.Path) error { return a.showLog(a.session, p) }

// showLog prints the log of the build of a path.
func (a *app) showLog(s *local.Session, p storepath.Path) error {
	text, err := s.Log(a.context(), p)
	if err != nil {
		return err
	}
	if text == nil {
		return fmt.Errorf("build log of derivation '%s' is not available", s.Scheme.Print(p))
	}
	_, err = a.stdout.Write(text)
	return err
}

func (a *app) storeCopyLog() *cobra.Command {
	return a.command("", "copy-log --to STORE INSTALLABLE...", "copy the logs of builds to another store", "", func(f *flagSet) func() error {
		src := a.sourceFlags(f)
		var from, to string
		f.text(&from, "from", "store-uri", "the store to copy from")
		f.text(&to, "to", "store-uri", "the store to copy to")
		return func() error {
			if from == "" && to == "" {
				return usagef("you must pass '--from' and/or '--to'")
			}
			if from != "" {
				a.storeURI = from
			}
			list, err := a.installables(src, f.args)
			if err != nil {
				return err
			}
			sess, err := a.open()
			if err != nil {
				return err
			}
			drvs, err := a.derivations(list)
			if err != nil {
				return err
			}
			dst, err := local.Open(a.settings, a.dirs, a.env, to, a.storeLog)
			if err != nil {
				return err
			}
			defer dst.Close()
			for _, drv := range drvs {
				text, err := sess.Log(a.context(), drv)
				if err != nil {
					return err
				}
				if text == nil {
					return fmt.Errorf("build log for '%s' is not available", sess.Scheme.Print(drv))
				}
				if err := dst.AddLog(a.context(), drv, text); err != nil {
					return err
				}
			}
			return nil
		}
	})
}
