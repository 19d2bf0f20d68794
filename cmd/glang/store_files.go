package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// storeFile is the one file in the store that is named, perhaps behind links.
func (a *app) storeFile(words []string) (*local.Session, string, error) {
	if len(words) != 1 {
		return nil, "", usagef("one path expected")
	}
	s, err := a.open()
	if err != nil || a.asNix {
		return s, words[0], err
	}
	name, err := a.followLinks(s.Scheme, words[0])
	return s, name, err
}

func (a *app) storeLs() *cobra.Command {
	return a.command("", "ls PATH", "list what is in a store path", "", func(f *flagSet) func() error {
		l := &lister{app: a}
		a.storeFlag(f)
		l.flags(f)
		return func() error {
			s, name, err := a.storeFile(f.args)
			if err != nil {
				return err
			}
			if !l.asJSON {
				return store.List(s.API, name, store.ListOptions{Recursive: l.recursive, Long: l.long, Directory: l.directories}, a.stdout)
			}
			p, rest, err := s.Scheme.ToStorePath(name)
			if err != nil {
				return err
			}
			if ok, err := s.API.IsValid(p); err != nil {
				return err
			} else if !ok {
				return fmt.Errorf("path '%s' is not valid", s.Scheme.Print(p))
			}
			return l.list(s.API.Tree(), p.String()+rest)
		}
	})
}

func (a *app) storeCat() *cobra.Command {
	return a.command("", "cat PATH", "print a file in the store", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		return func() error {
			s, name, err := a.storeFile(f.args)
			if err != nil {
				return err
			}
			return store.Cat(s.API, name, a.stdout)
		}
	})
}

func (a *app) storeAdd(name string, mode storepath.Method) *cobra.Command {
	return a.command("", name+" PATH", "add a file or folder to the store", "", func(f *flagSet) func() error {
		var label string
		var algo hash.Algo
		dryRun := false
		a.storeFlag(f)
		f.text(&label, "name,n", "name", "the name in the store path, instead of the file's")
		f.call("mode", "how it is hashed: flat, text, nar or git", []string{"mode"}, func(w []string) (err error) {
			mode, err = storepath.ParseMethod(w[0])
			return err
		})
		f.algo(&algo, "hash-algo", "hash algorithm")
		f.boolean(&dryRun, "dry-run", "only print the path that it would get")
		return func() error {
			if len(f.args) != 1 {
				return usagef("one path expected")
			}
			s, err := a.open()
			if err != nil {
				return err
			}
			if algo == 0 {
				algo = s.Scheme.Hash
			}
			file := canonicalParent(f.args[0])
			if label == "" {
				label = filepath.Base(file)
			}
			if err := a.needBlake3(algo); err != nil {
				return err
			}
			if mode == storepath.Git && a.asNix && !a.settings.FeatureEnabled("git-hashing") {
				return local.MissingFeature("git-hashing")
			}
			o := store.AddOptions{Method: mode, Algo: algo}
			var p storepath.Path
			if dryRun {
				p, _, err = store.ComputePath(s.Scheme, label, nar.OS(), file, o)
			} else {
				a.announce()
				p, err = s.API.AddTree(label, nar.OS(), file, o)
			}
			if err != nil {
				return err
			}
			a.println(s.Scheme.Print(p))
			return nil
		}
	})
}

func (a *app) storeDump() *cobra.Command {
	return a.command("", "dump-path PATH", "write the archive of a store path to standard output", "", func(f *flagSet) func() error {
		args := a.storePathFlags(f, false)
		return func() error {
			paths, err := a.argPaths(args, f.args, true)
			if err != nil {
				return err
			}
			if len(paths) != 1 {
				return usagef("this command requires exactly one store path")
			}
			return a.session.API.DumpNAR(paths[0], a.stdout)
		}
	})
}

func (a *app) storeFromHash() *cobra.Command {
	return a.command("", "path-from-hash-part HASH", "find the store path with this hash", "", func(f *flagSet) func() error {
		a.storeFlag(f)
		return func() error {
			if len(f.args) != 1 {
				return usagef("one argument expected")
			}
			s, err := a.open()
			if err != nil {
				return err
			}
			p, err := s.API.PathFromHashPart(f.args[0])
			if err != nil {
				return err
			}
			if p.IsZero() {
				return fmt.Errorf("there is no store path corresponding to '%s'", f.args[0])
			}
			a.println(s.Scheme.Print(p))
			return nil
		}
	})
}
