package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
)

func (a *app) copyCommand() *cobra.Command {
	return a.command(groupStore, "copy --to STORE INSTALLABLE...", "copy paths from one store to another",
		`Copies paths, with all they refer to, from the store (or the one named with
--from) to the one named with --to.`, func(f *flagSet) func() error {
			args := a.storePathFlags(f, true)
			var from, to, link, prof string
			f.text(&prof, "profile", "path", "make what was copied a generation of this profile")
			noSigs := false
			f.text(&from, "from", "store-uri", "the store to copy from")
			f.text(&to, "to", "store-uri", "the store to copy to")
			f.text(&link, "out-link,o", "path", "make links to what was copied")
			f.boolean(&noSigs, "no-check-sigs", "do not ask for signatures")
			substitute := false
			f.boolean(&substitute, "substitute-on-destination,s", "let the destination fetch for itself")
			return func() error {
				if from == "" && to == "" {
					return usagef("you must pass '--from' and/or '--to'")
				}
				if from != "" {
					a.storeURI = from
				}
				paths, err := a.argPaths(args, f.args, from == "")
				if err != nil {
					return err
				}
				dst, err := local.Open(a.settings, a.dirs, a.env, to, a.storeLog)
				if err != nil {
					return err
				}
				defer dst.Close()
				if a.session.Scheme != dst.Scheme {
					return fmt.Errorf("cannot copy from '%s' to '%s': their store paths are not alike", a.session.Ref, dst.Ref)
				}
				err = local.Copy(a.context(), a.session, dst, paths, local.CopyOptions{CheckSignatures: !noSigs,
					Copied: func(s string) { a.logf(levelInfo, "%s", s) }})
				if err != nil || prof == "" && link == "" {
					return err
				}
				if dst.Store == nil {
					return fmt.Errorf("'--out-link' is not supported for this Nix store")
				}
				args.recursive = false
				tops, err := a.argPaths(args, f.args, false)
				if err != nil {
					return err
				}
				var results []realise.Result
				for _, p := range tops {
					results = append(results, realise.Result{Target: realise.Target{Path: p}})
				}
				a.session = dst
				if link != "" {
					if err := a.outLinks(results, link); err != nil {
						return err
					}
				}
				if prof != "" {
					return a.setProfile(prof, results)
				}
				return nil
			}
		})
}
