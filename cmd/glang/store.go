package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
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
			s, err := a.localStore()
			if err != nil {
				return err
			}
			if dryRun {
				o.Action = store.GCReturnDead
			}
			return a.collect(s, o, dryRun)
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

func (a *app) storeVerify() *cobra.Command {
	return a.command("", "verify PATH...", "check contents and signatures of store paths", "", func(f *flagSet) func() error {
		args := a.storePathFlags(f, false)
		v := &verification{app: a}
		f.boolean(&v.noContents, "no-contents", "do not read the contents")
		f.boolean(&v.noTrust, "no-trust", "do not check signatures")
		f.texts(&v.substituters, "substituter,s", "store-uri", "take signatures from this store as well")
		f.call("sigs-needed,n", "how many signatures are needed", []string{"n"}, func(w []string) error {
			n, ok := local.ParseSize(w[0])
			if !ok {
				return usagef("'%s' is not an integer", w[0])
			}
			v.needed = int(n)
			return nil
		})
		return func() error {
			if !a.asNix && len(f.args) == 0 {
				args.all = true
			}
			paths, err := a.argPaths(args, f.args, false)
			if err != nil {
				return err
			}
			return v.run(a.context(), paths)
		}
	})
}

// verification checks paths one by one.
type verification struct {
	app                 *app
	noContents, noTrust bool
	substituters        []string
	needed              int
}

func (v *verification) run(ctx context.Context, paths []storepath.Path) error {
	a := v.app
	api := a.session.API
	show := a.session.Scheme.Print
	status := 0
	complain := func(bit int, format string, args ...any) {
		status |= bit
		a.progress.print(fmt.Sprintf(format, args...))
	}
	for _, p := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := api.PathInfo(p)
		if err != nil {
			a.printError(err)
			status |= 4
			continue
		}
		a.logf(levelInfo, "checking '%s'...", show(p))
		if !v.noContents {
			h := hash.New(info.NarHash.Algo())
			if err := api.DumpNAR(p, h); err != nil {
				a.printError(err)
				status |= 4
				continue
			}
			if got := h.Sum(); got != info.NarHash {
				complain(1, "path '%s' was modified! expected hash '%s', got '%s'", show(p), info.NarHash, got)
			}
		}
		if !v.noTrust && !(info.Ultimate && v.needed == 0) && a.signatures(info, v.substituters) < max(v.needed, 1) {
			complain(2, "path '%s' is untrusted", show(p))
		}
	}
	if status != 0 {
		return exit(status)
	}
	return nil
}
