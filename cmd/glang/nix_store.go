package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// storeRun is a run of nix-store: one operation with its flags and arguments.
type storeRun struct {
	app      *app
	store    *store.Store
	flags    []string
	args     []string
	root     string // --add-root
	roots    int
	noOutput bool
}

type storeOp struct {
	names string // its flags
	run   func(*storeRun) error
	bare  bool // needs no store
}

// storeOps are the operations of nix-store; nix_store_*.go hold them.
func storeOps() []storeOp {
	return []storeOp{
		{names: "--realise --realize -r", run: (*storeRun).realise},
		{names: "--add -A", run: (*storeRun).add},
		{names: "--add-fixed", run: (*storeRun).addFixed},
		{names: "--print-fixed-path", run: (*storeRun).printFixedPath},
		{names: "--delete", run: (*storeRun).delete},
		{names: "--query -q", run: (*storeRun).query},
		{names: "--print-env", run: (*storeRun).printEnv},
		{names: "--read-log -l", run: (*storeRun).readLog},
		{names: "--dump-db", run: (*storeRun).dumpDB},
		{names: "--load-db", run: (*storeRun).loadDB},
		{names: "--register-validity", run: (*storeRun).registerValidity},
		{names: "--check-validity", run: (*storeRun).checkValidity},
		{names: "--gc", run: (*storeRun).gc},
		{names: "--dump", run: (*storeRun).dump, bare: true},
		{names: "--restore", run: (*storeRun).restore, bare: true},
		{names: "--export", run: (*storeRun).export},
		{names: "--import", run: (*storeRun).importPaths},
		{names: "--init", run: (*storeRun).init},
		{names: "--verify", run: (*storeRun).verify},
		{names: "--verify-path", run: (*storeRun).verifyPath},
		{names: "--repair-path", run: (*storeRun).repairPath},
		{names: "--optimise --optimize", run: (*storeRun).optimise},
		{names: "--serve", run: (*storeRun).serve},
		{names: "--generate-binary-cache-key", run: (*storeRun).generateKey},
	}
}

// nixStore is nix-store.
func nixStore(a *app, args []string) error {
	f := a.oldFlags()
	r := &storeRun{app: a}
	ops := storeOps()
	var op *storeOp
	find := func(name string) *storeOp {
		for i := range ops {
			if slices.Contains(strings.Fields(ops[i].names), name) {
				return &ops[i]
			}
		}
		return nil
	}
	readWords := false
	f.other = func(arg string, next func() (string, error)) (bool, error) {
		old := op
		switch o := find(arg); {
		case o != nil:
			op = o
		case arg == "--add-root":
			w, err := next()
			if err != nil {
				return false, err
			}
			r.root = filepath.Clean(a.absolute(w))
		case arg == "--stdin" && !isTerminal(a):
			readWords = true
		case arg == "--indirect":
		case arg == "--no-output":
			r.noOutput = true
		default:
			r.flags = append(r.flags, arg)
			if arg == "--max-freed" || arg == "--max-links" || arg == "--max-atime" {
				w, err := next()
				if err != nil {
					return false, err
				}
				r.flags = append(r.flags, w)
			}
		}
		if old != nil && op != old {
			return false, usagef("only one operation may be specified")
		}
		return true, nil
	}
	f.arg = func(w string) error { r.args = append(r.args, w); return nil }
	if done, err := a.parseOld(f, args); done || err != nil {
		return err
	}
	if op == nil {
		return usagef("no operation specified")
	}
	if readWords && find("--import") != op && find("--restore") != op && find("--serve") != op {
		sc := bufio.NewScanner(a.stdin)
		sc.Buffer(nil, 1<<20)
		sc.Split(bufio.ScanWords)
		for sc.Scan() {
			r.args = append(r.args, sc.Text())
		}
		if err := sc.Err(); err != nil {
			return err
		}
	}
	if !op.bare {
		s, err := a.open()
		if err != nil {
			return err
		}
		if r.store, err = s.LocalStore(); err != nil {
			return err
		}
	}
	return op.run(r)
}

func isTerminal(a *app) bool {
	f, ok := a.stdin.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// noFlags and noArgs check that there are none.
func (r *storeRun) noFlags() error {
	if len(r.flags) > 0 {
		return usagef("unknown flag '%s'", r.flags[0])
	}
	return nil
}

func (r *storeRun) noArgs() error {
	if len(r.args) > 0 {
		return usagef("no arguments expected")
	}
	return nil
}

func (r *storeRun) scheme() storepath.Scheme { return r.store.Scheme() }

func (r *storeRun) show(p storepath.Path) string { return r.store.Scheme().Print(p) }

// rootName is the name of the n-th root.
func (r *storeRun) rootName(output string) string {
	name := r.root
	if r.roots > 1 {
		name += fmt.Sprintf("-%d", r.roots)
	}
	if output != "" && output != "out" {
		name += "-" + output
	}
	return name
}

// keep makes p a root if asked to, and returns what to print for it.
func (r *storeRun) keep(p storepath.Path, output string) (string, error) {
	if r.root == "" {
		r.app.warnNoRoot()
		return r.show(p), nil
	}
	name := r.rootName(output)
	return name, r.store.AddPermRoot(p, name)
}

func (r *storeRun) realise() error {
	a := r.app
	mode, dryRun, ignoreUnknown := realise.Normal, false, false
	for _, fl := range r.flags {
		switch fl {
		case "--dry-run":
			dryRun = true
		case "--repair":
			mode = realise.Repair
		case "--check":
			mode = realise.Check
		case "--ignore-unknown":
			ignoreUnknown = true
		default:
			return usagef("unknown flag '%s'", fl)
		}
	}
	var targets []realise.Target
	for _, w := range r.args {
		p, outputs, err := a.pathOutputs(r.scheme(), w)
		if err != nil {
			return err
		}
		t := realise.Target{Path: p}
		if p.IsDerivation() || len(outputs) > 0 {
			t = realise.Target{Drv: p, Outputs: outputs}
		}
		targets = append(targets, t)
	}
	if ignoreUnknown {
		rr, err := a.realiser()
		if err != nil {
			return err
		}
		plan, err := rr.Plan(a.context(), targets)
		if err != nil {
			return err
		}
		targets = slices.DeleteFunc(targets, func(t realise.Target) bool {
			return slices.Contains(plan.Unknown, t.Path) || !t.Drv.IsZero() && slices.Contains(plan.Unknown, t.Drv)
		})
	}
	results, err := a.realise(targets, mode, dryRun)
	if err != nil || dryRun || ignoreUnknown {
		return err
	}
	for _, res := range results {
		r.roots++
		var out []string
		if res.Target.Drv.IsZero() {
			w, err := r.keep(res.Target.Path, "")
			if err != nil {
				return err
			}
			out = append(out, w)
		}
		for name, p := range res.Outputs {
			w, err := r.keep(p, name)
			if err != nil {
				return err
			}
			out = append(out, w)
		}
		slices.Sort(out)
		if !r.noOutput {
			for _, w := range out {
				a.println(w)
			}
		}
	}
	return nil
}
