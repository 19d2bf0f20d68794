package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (r *storeRun) add() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	for _, w := range r.args {
		p, err := r.store.AddPath(filepath.Base(w), canonicalParent(w), store.AddOptions{Method: storepath.NAR})
		if err != nil {
			return err
		}
		r.app.println(r.show(p))
	}
	return nil
}

// fixedMethod reads the flag --recursive.
func (r *storeRun) fixedMethod() (storepath.Method, error) {
	m := storepath.Flat
	for _, fl := range r.flags {
		if fl != "--recursive" {
			return m, usagef("unknown flag '%s'", fl)
		}
		m = storepath.NAR
	}
	return m, nil
}

func (r *storeRun) addFixed() error {
	m, err := r.fixedMethod()
	if err != nil {
		return err
	}
	if len(r.args) == 0 {
		return usagef("first argument must be hash algorithm")
	}
	algo, err := hash.ParseAlgo(r.args[0])
	if err != nil {
		return err
	}
	if err := r.app.needBlake3(algo); err != nil {
		return err
	}
	for _, w := range r.args[1:] {
		p, err := r.store.AddPath(filepath.Base(w), canonicalParent(w), store.AddOptions{Method: m, Algo: algo})
		if err != nil {
			return err
		}
		r.app.println(r.show(p))
	}
	return nil
}

func (r *storeRun) printFixedPath() error {
	m, err := r.fixedMethod()
	if err != nil {
		return err
	}
	if len(r.args) != 3 {
		return usagef("'--print-fixed-path' requires three arguments")
	}
	algo, err := hash.ParseAlgo(r.args[0])
	if err != nil {
		return err
	}
	h, err := hash.ParseAny(r.args[1], algo)
	if err != nil {
		return err
	}
	p, err := r.scheme().FixedOutputPath(r.args[2], m, h, nil, false)
	if err != nil {
		return err
	}
	r.app.println(r.show(p))
	return nil
}

func (r *storeRun) delete() error {
	o := store.GCOptions{Action: store.GCDeleteSpecific}
	for _, fl := range r.flags {
		if fl != "--ignore-liveness" {
			return usagef("unknown flag '%s'", fl)
		}
		o.IgnoreLiveness = true
	}
	var err error
	if o.Paths, err = r.app.storePaths(r.scheme(), r.args); err != nil {
		return err
	}
	return r.app.collect(r.store, o, false)
}

// collect runs the collector and says what it freed.
func (a *app) collect(s *store.Store, o store.GCOptions, dryRun bool) error {
	o.KeepOutputs, o.KeepDerivations = a.settings.Bool("keep-outputs"), a.settings.Bool("keep-derivations")
	res, err := s.GC(a.context(), o)
	if res == nil {
		res = &store.GCResult{}
	}
	switch {
	case dryRun:
		a.printf("%d store paths would be deleted\n", len(res.Paths))
	case o.Action == store.GCReturnLive || o.Action == store.GCReturnDead:
		for _, p := range res.Paths {
			a.println(p)
		}
	default:
		a.printf("%d store paths deleted, %s freed\n", len(res.Paths), renderSize(res.BytesFreed))
	}
	return err
}

// collectLocal is collect for the local store; a dry run deletes nothing.
func (a *app) collectLocal(o store.GCOptions, dryRun bool) error {
	s, err := a.localStore()
	if err != nil {
		return err
	}
	if dryRun {
		o.Action = store.GCReturnDead
	}
	return a.collect(s, o, dryRun)
}

func (r *storeRun) gc() error {
	o := store.GCOptions{Action: store.GCDeleteDead}
	printRoots, limited := false, false
	for i := 0; i < len(r.flags); i++ {
		switch fl := r.flags[i]; fl {
		case "--print-roots":
			printRoots = true
		case "--print-live":
			o.Action = store.GCReturnLive
		case "--print-dead":
			o.Action = store.GCReturnDead
		case "--max-freed":
			i++
			n, err := maxFreed(r.flags[i])
			if err != nil {
				return err
			}
			o.MaxFreed, limited = n, true
		default:
			return usagef("bad sub-operation '%s' in GC", fl)
		}
	}
	if err := r.noArgs(); err != nil {
		return err
	}
	if limited && (printRoots || o.Action != store.GCDeleteDead) {
		return usagef("option --max-freed cannot be combined with --print-live, --print-dead, or --print-roots")
	}
	if !printRoots {
		return r.app.collect(r.store, o, false)
	}
	roots, err := r.store.FindRoots(false)
	if err != nil {
		return err
	}
	var lines []string
	for target, links := range roots {
		for _, l := range links {
			lines = append(lines, l+" -> "+r.show(target))
		}
	}
	slices.Sort(lines)
	for _, l := range lines {
		r.app.println(l)
	}
	return nil
}

// maxFreed reads a limit of the collector: bytes, or with a unit.
func maxFreed(text string) (int64, error) {
	if strings.HasPrefix(text, "-") {
		return -1, nil
	}
	n, ok := local.ParseSize(text)
	if !ok || n > 1<<62 {
		return 0, usagef("'%s' is not an integer", text)
	}
	if n == 0 {
		return -1, nil
	}
	return int64(n), nil
}

func (r *storeRun) printEnv() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if len(r.args) != 1 {
		return usagef("'--print-env' requires one derivation store path")
	}
	p, err := r.scheme().Parse(r.args[0])
	if err != nil {
		return err
	}
	d, err := r.store.ReadDerivation(p)
	if err != nil {
		return err
	}
	for _, name := range sortedNames(d.Env) {
		r.app.printf("export %s; %s=%s\n\n", name, name, shellQuote(d.Env[name]))
	}
	r.app.printf("export _args; _args=%s\n", shellQuote(strings.Join(d.Args, " ")))
	return nil
}

func sortedNames[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// shellQuote puts a word in single quotes for a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (r *storeRun) readLog() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	for _, w := range r.args {
		p, err := r.app.storePath(r.scheme(), w)
		if err != nil {
			return err
		}
		if err := r.app.printLog(r.store, p); err != nil {
			return err
		}
	}
	return nil
}

func (r *storeRun) dumpDB() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	paths, err := r.app.storePaths(r.scheme(), r.args)
	if err != nil {
		return err
	}
	if len(r.args) == 0 {
		if paths, err = r.store.AllValidPaths(); err != nil {
			return err
		}
	}
	return store.DumpRegistration(r.store, paths, r.app.stdout, true, true)
}

func (r *storeRun) loadDB() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if err := r.noArgs(); err != nil {
		return err
	}
	return r.store.LoadRegistration(r.app.stdin, store.RegistrationOptions{HashGiven: true, Reregister: true})
}

func (r *storeRun) registerValidity() error {
	again, hashed := false, false
	for _, fl := range r.flags {
		switch fl {
		case "--reregister":
			again = true
		case "--hash-given":
			hashed = true
		default:
			return usagef("unknown flag '%s'", fl)
		}
	}
	if err := r.noArgs(); err != nil {
		return err
	}
	return r.store.LoadRegistration(r.app.stdin, store.RegistrationOptions{HashGiven: hashed, Reregister: again, Canonicalise: true})
}

func (r *storeRun) checkValidity() error {
	printInvalid := false
	for _, fl := range r.flags {
		if fl != "--print-invalid" {
			return usagef("unknown flag '%s'", fl)
		}
		printInvalid = true
	}
	for _, w := range r.args {
		p, err := r.app.storePath(r.scheme(), w)
		if err != nil {
			return err
		}
		ok, err := r.store.IsValid(p)
		switch {
		case err != nil:
			return err
		case ok:
		case printInvalid:
			r.app.println(r.show(p))
		default:
			return fmt.Errorf("path '%s' is not valid", r.show(p))
		}
	}
	return nil
}

func (r *storeRun) oneArg() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if len(r.args) != 1 {
		return usagef("only one argument allowed")
	}
	return nil
}

func (r *storeRun) dump() error {
	if err := r.oneArg(); err != nil {
		return err
	}
	return nar.DumpTree(r.app.stdout, r.app.files(), r.args[0], nil)
}

func (r *storeRun) restore() error {
	if err := r.oneArg(); err != nil {
		return err
	}
	in := bufio.NewReader(r.app.stdin)
	if _, err := os.Lstat(r.args[0]); err == nil {
		// The type of the root comes after three fixed strings.
		head, _ := in.Peek(64 + len("directory"))
		fi, err := os.Stat(r.args[0])
		if err == nil && fi.IsDir() && strings.HasSuffix(string(head), "directory") {
			return fmt.Errorf("path '%s' already exists", r.args[0])
		}
		return fmt.Errorf("creating file '%s': %w", r.args[0], &errnoError{syscall.EEXIST})
	}
	if r.app.settings.Bool("use-case-hack") {
		return nar.RestoreCaseHack(in, r.args[0])
	}
	return nar.Restore(in, r.args[0])
}

// files are those of the machine, by the names that they have in archives.
func (a *app) files() nar.Tree {
	if a.settings.Bool("use-case-hack") {
		return nar.WithoutCaseHack(nar.OS())
	}
	return nar.OS()
}

func (r *storeRun) export() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	paths, err := r.app.storePaths(r.scheme(), r.args)
	if err != nil {
		return err
	}
	return store.Export(r.store, paths, r.app.stdout)
}

func (r *storeRun) importPaths() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if err := r.noArgs(); err != nil {
		return err
	}
	paths, err := store.Import(r.store, r.app.stdin)
	for _, p := range paths {
		r.app.println(r.show(p))
	}
	return err
}

func (r *storeRun) init() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if err := r.noArgs(); err != nil {
		return err
	}
	return r.store.Start()
}

func (r *storeRun) verify() error {
	if err := r.noArgs(); err != nil {
		return err
	}
	o := store.VerifyOptions{}
	for _, fl := range r.flags {
		switch fl {
		case "--check-contents":
			o.CheckContents = true
		case "--repair":
			o.Repair = r.app.repairer()
		default:
			return usagef("unknown flag '%s'", fl)
		}
	}
	bad, err := r.store.Verify(r.app.context(), o)
	if err != nil {
		return err
	}
	if bad {
		r.app.warn("not all store errors were fixed")
		return exit(1)
	}
	return nil
}

// repairer replaces a corrupt path by fetching it again, or else by building
// what it was built from.
func (a *app) repairer() func(context.Context, storepath.Path) error {
	return func(ctx context.Context, p storepath.Path) error {
		r, err := a.realiser()
		if err != nil {
			return err
		}
		s, err := a.localStore()
		if err != nil {
			return err
		}
		_, err = r.Realise(ctx, []realise.Target{{Path: p}}, realise.Repair)
		info, ierr := s.PathInfo(p)
		if ierr != nil {
			return ierr
		}
		if err == nil {
			// It may be that there was nothing to fetch it from.
			got, _, herr := nar.Hash(info.NarHash.Algo(), s.RealPath(p), nil)
			if herr == nil && got == info.NarHash {
				return nil
			}
			err = fmt.Errorf("path '%s' could not be fetched again, and what it was built from is not there", s.Scheme().Print(p))
		}
		if info.Deriver.IsZero() {
			return err
		}
		if ok, verr := s.IsValid(info.Deriver); verr != nil || !ok {
			return err
		}
		_, err = r.Realise(ctx, []realise.Target{{Drv: info.Deriver}}, realise.Repair)
		return err
	}
}

func (r *storeRun) verifyPath() error {
	if len(r.flags) > 0 {
		return usagef("no flags expected")
	}
	status := 0
	for _, w := range r.args {
		p, err := r.app.storePath(r.scheme(), w)
		if err != nil {
			return err
		}
		r.app.logf(levelTalkative, "checking path '%s'...", r.show(p))
		info, err := r.store.PathInfo(p)
		if err != nil {
			return err
		}
		h, _, err := nar.Hash(info.NarHash.Algo(), r.store.RealPath(p), nil)
		if err != nil {
			return err
		}
		if h != info.NarHash {
			fmt.Fprintf(os.Stderr, "path '%s' was modified! expected hash '%s', got '%s'\n", r.show(p), info.NarHash, h)
			status = 1
		}
	}
	if status != 0 {
		return exit(status)
	}
	return nil
}

func (r *storeRun) repairPath() error {
	if len(r.flags) > 0 {
		return usagef("no flags expected")
	}
	for _, w := range r.args {
		p, err := r.app.storePath(r.scheme(), w)
		if err != nil {
			return err
		}
		if err := r.app.repairer()(r.app.context(), p); err != nil {
			return err
		}
	}
	return nil
}

func (r *storeRun) optimise() error {
	if len(r.args) > 0 || len(r.flags) > 0 {
		return usagef("no arguments expected")
	}
	return r.app.optimise(r.store)
}

func (r *storeRun) serve() error {
	return errors.New("this program does not serve its store to others yet")
}

func (r *storeRun) generateKey() error {
	if err := r.noFlags(); err != nil {
		return err
	}
	if len(r.args) != 3 {
		return usagef("three arguments expected")
	}
	return r.app.generateKey(r.args[0], r.args[1], r.args[2])
}
