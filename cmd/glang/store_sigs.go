package main

import (
	"errors"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) storeCopySigs() *cobra.Command {
	return a.command("", "copy-sigs -s STORE PATH...", "copy signatures of store paths from other stores",
		"Adds the signatures that other stores have for the same contents.", func(f *flagSet) func() error {
			args := a.storePathFlags(f, false)
			var from []string
			f.texts(&from, "substituter,s", "store-uri", "copy signatures from this store")
			return func() error {
				if len(from) == 0 {
					return usagef("you must specify at least one substituter using '-s'")
				}
				paths, err := a.argPaths(args, f.args, false)
				if err != nil {
					return err
				}
				added := 0
				for _, uri := range from {
					other, err := local.Open(a.settings, a.dirs, a.env, uri, a.storeLog)
					if err != nil {
						return err
					}
					n, err := a.copySigs(other, paths)
					if cerr := other.Close(); err == nil {
						err = cerr
					}
					if err != nil {
						return err
					}
					added += n
				}
				a.logf(levelInfo, "imported %d signatures", added)
				return nil
			}
		})
}

// copySigs adds what another store has signed with the same contents, and
// counts the signatures.
func (a *app) copySigs(other *local.Session, paths []storepath.Path) (added int, err error) {
	for _, p := range paths {
		if err := a.context().Err(); err != nil {
			return added, err
		}
		info, err := a.session.API.PathInfo(p)
		if err != nil {
			return added, err
		}
		theirs, err := other.API.PathInfo(p)
		if errors.Is(err, store.ErrNotValid) {
			continue
		}
		if err != nil {
			return added, err
		}
		if info.NarHash != theirs.NarHash || info.NarSize != theirs.NarSize || !slices.Equal(info.References, theirs.References) {
			continue
		}
		var sigs []string
		for _, sig := range theirs.Sigs {
			if !slices.Contains(info.Sigs, sig) {
				sigs = append(sigs, sig)
			}
		}
		if len(sigs) == 0 {
			continue
		}
		if err := a.session.AddSignatures(a.context(), p, sigs); err != nil {
			return added, err
		}
		added += len(sigs)
	}
	return added, nil
}

func (a *app) storeDiffClosures() *cobra.Command {
	return a.command("", "diff-closures BEFORE AFTER", "show how the closures of two paths differ",
		"Lists packages whose versions or sizes differ.", func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			a.storeFlag(f)
			return func() error {
				if len(f.args) != 2 {
					return usagef("two paths are expected, the one before and the one after")
				}
				list, err := a.installables(src, f.args)
				if err != nil {
					return err
				}
				var paths []storepath.Path
				for _, i := range list {
					targets, err := i.targets()
					if err != nil {
						return err
					}
					known := a.knownOutputs(targets)
					if len(known) != 1 {
						return usagef("'%s' is %d store paths, where one is expected", i.what, len(known))
					}
					paths = append(paths, known[0])
				}
				s, err := a.localStore()
				if err != nil {
					return err
				}
				return store.DiffClosures(s, paths[0], paths[1], "", a.colorOut(), a.stdout)
			}
		})
}

func (a *app) storeSign() *cobra.Command {
	return a.command("", "sign -k FILE PATH...", "sign store paths", "", func(f *flagSet) func() error {
		args := a.storePathFlags(f, false)
		var keyFile string
		f.text(&keyFile, "key-file,k", "file", "the secret key")
		return func() error {
			if keyFile == "" {
				return usagef("required argument '--key-file' is missing")
			}
			key, err := os.ReadFile(keyFile)
			if err != nil {
				return sysError("opening file", keyFile, err)
			}
			paths, err := a.argPaths(args, f.args, false)
			if err != nil {
				return err
			}
			n := 0
			for _, p := range paths {
				info, err := a.session.API.PathInfo(p)
				if err != nil {
					return err
				}
				text, err := info.Fingerprint(a.session.Scheme)
				if err != nil {
					return err
				}
				sig, err := local.Sign(string(key), text)
				if err != nil {
					return err
				}
				if slices.Contains(info.Sigs, sig) {
					continue
				}
				if err := a.session.AddSignatures(a.context(), p, []string{sig}); err != nil {
					return err
				}
				n++
			}
			a.logf(levelInfo, "added %d signatures", n)
			return nil
		}
	})
}
