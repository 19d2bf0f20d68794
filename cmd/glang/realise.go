package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// realiser makes a realiser whose progress is shown.
func (a *app) realiser() (*realise.Realiser, error) {
	s, err := a.open()
	if err != nil {
		return nil, err
	}
	a.announce()
	p := a.progress
	p.color, p.warnf = a.color, a.warn
	p.fail = a.printError
	p.bar = a.tty && strings.HasPrefix(a.logFormat, "bar")
	p.say = a.verbosity >= levelInfo || !p.bar
	if a.verbosity < levelInfo {
		p.say = false
	}
	p.prefix = !a.old
	p.detail = a.verbosity >= levelChatty
	p.bare = a.asNix
	p.logs = a.buildLogs
	if a.old && a.logFormat == "" {
		p.logs = a.verbosity >= levelInfo && !a.noBuildOutput
	}
	cfg := local.RealiseConfig{Derivations: a.evalSession, Progress: p.event, Verbose: p.logs, LogHint: "nix log"}
	switch {
	case a.old:
		cfg.LogHint = "nix-store -l"
	case !a.asNix:
		cfg.LogHint = "glang log"
		cfg.DefaultJobs = runtime.NumCPU()
	}
	if a.asNix && a.settings.FeatureEnabled("nix-command") {
		cfg.LogHint = "nix log"
	}
	r, err := s.Realiser(cfg)
	if err == nil {
		p.start()
	}
	return r, err
}

// announce says, on the first use of the native store, which it is and why.
func (a *app) announce() {
	s := a.session
	if s == nil || !s.Fresh || s.Why == "" || a.announced || a.verbosity < levelNotice {
		return
	}
	a.announced = true
	a.progress.print(fmt.Sprintf("this is the first use of the store '%s', which was chosen because %s", s.Scheme.Dir, s.Why))
}

// realise makes targets valid, having said what it will do.
func (a *app) realise(targets []realise.Target, mode realise.Mode, dryRun bool) ([]realise.Result, error) {
	r, err := a.realiser()
	if err != nil {
		return nil, err
	}
	if err := a.fetchInputs(targets); err != nil {
		return nil, err
	}
	if a.settings.Bool("print-missing") || dryRun {
		level := levelInfo
		if !a.old {
			level = levelChatty
		}
		if dryRun {
			level = levelError
		}
		if a.verbosity >= level || dryRun {
			plan, err := r.Plan(a.context(), targets)
			if err != nil {
				return nil, err
			}
			a.printPlan(plan)
		}
	}
	if dryRun {
		return nil, nil
	}
	results, err := r.Realise(a.context(), targets, mode)
	a.progress.stop()
	if err != nil {
		return results, a.buildFailed(a.nameOutputs(err, targets))
	}
	return results, nil
}

// nameOutputs has subcommands say which outputs of several failed derivations
// were wanted.
func (a *app) nameOutputs(err error, targets []realise.Target) error {
	var many *realise.ManyFailed
	if a.old || !errors.As(err, &many) {
		return err
	}
	for i, name := range many.Targets {
		for _, t := range targets {
			if t.Drv.IsZero() || a.session.Scheme.Print(t.Drv) != name {
				continue
			}
			if t.Outputs == nil {
				many.Targets[i] += "^*"
			} else {
				many.Targets[i] += "^" + strings.Join(slices.Sorted(slices.Values(t.Outputs)), ",")
			}
			break
		}
	}
	return err
}

// buildFailed gives a failed build its exit status: those that scripts around
// the old tools know, and 1 for subcommands.
func (a *app) buildFailed(err error) error {
	if !a.old {
		return err
	}
	return &exitError{realise.ExitStatus(err), err}
}

// printPlan prints what would be built and fetched.
func (a *app) printPlan(p *realise.Plan) {
	show := a.session.Scheme.Print
	say := func(format string, args ...any) { a.progress.print(fmt.Sprintf(format, args...)) }
	if n := len(p.Build); n > 0 {
		if n == 1 {
			say("this derivation will be built:")
		} else {
			say("these %d derivations will be built:", n)
		}
		for _, d := range p.Build {
			say("  %s", show(d))
		}
	}
	if n := len(p.Substitute); n > 0 {
		sizes := fmt.Sprintf("%s download, %s unpacked", renderSize(p.DownloadSize), renderSize(p.NarSize))
		if n == 1 {
			say("this path will be fetched (%s):", sizes)
		} else {
			say("these %d paths will be fetched (%s):", n, sizes)
		}
		list := slices.Clone(p.Substitute)
		slices.SortFunc(list, func(a, b storepath.Path) int {
			if c := strings.Compare(a.Name(), b.Name()); c != 0 {
				return c
			}
			return storepath.Compare(a, b)
		})
		for _, d := range list {
			say("  %s", show(d))
		}
	}
	if len(p.Unknown) > 0 {
		note := ""
		if a.readOnly {
			note = " (may be caused by read-only store access)"
		}
		say("don't know how to build these paths%s:", note)
		for _, d := range p.Unknown {
			say("  %s", show(d))
		}
	}
}

// evalRealiser builds what expressions read while they are evaluated.
func (a *app) evalRealiser() eval.Realiser {
	e := &local.EvalRealiser{Make: a.realiser}
	if a.evalSession != nil {
		e.Before, e.After = a.fetchInputs, a.returnOutputs
	}
	return e
}

// returnOutputs copies what was built while evaluating to the store of --eval-store.
func (a *app) returnOutputs(paths []storepath.Path) error {
	closure, err := a.session.API.Closure(paths, store.ClosureOptions{})
	if err != nil {
		return err
	}
	order, err := local.DependenciesFirst(a.session.API, closure)
	if err != nil {
		return err
	}
	return local.Copy(a.context(), a.session, a.evalSession, order, local.CopyOptions{CheckSignatures: true})
}

// fetchInputs copies what the derivations of targets need from the store of
// --eval-store, save derivations: those are read there.
func (a *app) fetchInputs(targets []realise.Target) error {
	if a.evalSession == nil || a.evalSession.Store == nil {
		return nil
	}
	from := a.evalSession.API
	var drvs []storepath.Path
	for _, t := range targets {
		if !t.Drv.IsZero() {
			drvs = append(drvs, t.Drv)
		} else if ok, err := a.session.API.IsValid(t.Path); err == nil && !ok {
			drvs = append(drvs, t.Path)
		}
	}
	if len(drvs) == 0 {
		return nil
	}
	closure, err := from.Closure(drvs, store.ClosureOptions{})
	if err != nil {
		return err
	}
	sources := slices.DeleteFunc(closure, storepath.Path.IsDerivation)
	for _, t := range targets {
		if t.Drv.IsZero() && t.Path.IsDerivation() {
			sources = append(sources, t.Path) // wanted itself
		}
	}
	if len(sources) == 0 {
		return nil
	}
	if closure, err = from.Closure(sources, store.ClosureOptions{}); err != nil {
		return err
	}
	order, err := local.DependenciesFirst(from, closure)
	if err != nil {
		return err
	}
	return local.Copy(a.context(), a.evalSession, a.session, order, local.CopyOptions{})
}

// derivationStore is where derivations are that evaluation made.
func (a *app) derivationStore() *local.Session {
	if a.evalSession != nil {
		return a.evalSession
	}
	return a.session
}
