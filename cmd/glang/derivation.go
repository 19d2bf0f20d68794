package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// derivationVersion is the version of the JSON form of derivations.
const derivationVersion = 4

func (a *app) derivationCommand() *cobra.Command {
	return a.family(groupUtility, "derivation", "show and add store derivations", a.derivationShow(), a.derivationAdd())
}

func (a *app) derivationShow() *cobra.Command {
	return a.command("", "show [INSTALLABLE...]", "show store derivations as JSON", "", func(f *flagSet) func() error {
		src := a.sourceFlags(f)
		a.storeFlag(f)
		recursive, pretty := false, a.prettyDefault()
		f.boolean(&recursive, "recursive,r", "with the derivations they depend on")
		a.prettyFlags(f, &pretty)
		return func() error {
			list, err := a.installables(src, f.args)
			if err != nil {
				return err
			}
			drvs, err := a.derivations(list)
			if err != nil {
				return err
			}
			s, err := a.localStore()
			if err != nil {
				return err
			}
			if recursive {
				if drvs, err = s.Closure(drvs, store.ClosureOptions{}); err != nil {
					return err
				}
			}
			all := map[string]any{}
			for _, p := range drvs {
				if !p.IsDerivation() {
					continue
				}
				d, err := s.ReadDerivation(p)
				if err != nil {
					return err
				}
				all[p.String()] = d
			}
			return a.printJSON(map[string]any{"version": derivationVersion, "derivations": all}, pretty)
		}
	})
}

func (a *app) derivationAdd() *cobra.Command {
	return a.command("", "add", "add a derivation that standard input describes in JSON", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		dryRun := false
		f.boolean(&dryRun, "dry-run", "only print the path that it would get")
		return func() error {
			text, err := io.ReadAll(a.stdin)
			if err != nil {
				return err
			}
			d := new(derivation.Derivation)
			if err := json.Unmarshal(text, d); err != nil {
				return fmt.Errorf("reading the derivation: %w", err)
			}
			sess, err := a.open()
			if err != nil {
				return err
			}
			h := derivation.NewHasher(sess.Scheme, func(p storepath.Path) (*derivation.Derivation, error) {
				s, err := sess.LocalStore()
				if err != nil {
					return nil, err
				}
				return s.ReadDerivation(p)
			})
			if err := h.FillOutputs(d); err != nil {
				return err
			}
			var p storepath.Path
			if dryRun || sess.ReadOnly {
				p, err = derivation.Path(sess.Scheme, d)
			} else {
				s, lerr := sess.LocalStore()
				if lerr != nil {
					return lerr
				}
				p, err = s.WriteDerivation(d)
			}
			if err != nil {
				return err
			}
			a.println(sess.Scheme.Print(p))
			return nil
		}
	})
}
