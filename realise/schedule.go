//go:build unix

package realise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/store/storepath"
)

// Realise makes the targets valid; mode says what to do if they are already.
// The results are in the order of the targets; the error is that of the one
// target that failed, or a *ManyFailed, or says what kept everything from
// starting. With an error some results may be missing their outputs.
func (r *Realiser) Realise(ctx context.Context, targets []Target, mode Mode) ([]Result, error) {
	skip := map[storepath.Path]bool{}
	for {
		g := r.newGraph(mode)
		g.skip = skip
		results, err := g.realise(ctx, targets)
		if ctx.Err() != nil || !g.fallback() {
			return results, err
		}
	}
}

// fallback adds paths that could not be substituted to those to skip, if they
// are to be built then; it tells whether there are any.
func (g *graph) fallback() bool {
	n := len(g.skip)
	for _, t := range g.subs {
		if g.r.opts.Fallback && t.err != nil && !errors.Is(t.err, errStopped) && len(t.failed) == 0 {
			g.r.event(Event{Kind: Failure, Path: t.path, Err: t.err})
			g.skip[t.path] = true
		}
	}
	return len(g.skip) > n
}

func (g *graph) realise(ctx context.Context, targets []Target) ([]Result, error) {
	results := make([]Result, len(targets))
	tasks := make([][]*task, len(targets)) // that each target waits for
	for i, t := range targets {
		results[i] = Result{Target: t}
		var err error
		if tasks[i], err = g.target(ctx, t, &results[i]); err != nil {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			results[i].Status, results[i].Err = Failed, err // it has no chance
			if !g.r.opts.KeepGoing {
				return results, g.summary(results)
			}
		}
		for _, task := range tasks[i] {
			task.top = true
		}
	}
	if err := g.work(ctx); err != nil {
		return nil, err
	}
	for i := range results {
		if results[i].Err == nil {
			results[i].Err = g.targetError(targets[i], tasks[i])
		}
		if results[i].Err != nil {
			results[i].Status = Failed
			continue
		}
		if err := g.fill(&results[i]); err != nil {
			return nil, err
		}
	}
	return results, g.summary(results)
}

// target adds what a target needs to the graph.
func (g *graph) target(ctx context.Context, t Target, res *Result) ([]*task, error) {
	if t.Drv.IsZero() {
		if g.mode == Repair {
			if ok, err := g.r.store.IsValid(t.Path); err != nil {
				return nil, err
			} else if ok {
				g.corrupt(t.Path)
			}
		}
		step, err := g.needPath(ctx, t.Path)
		if step == nil || err != nil {
			return nil, err
		}
		res.Status = Substituted
		return []*task{step}, nil
	}
	n, err := g.need(ctx, t.Drv, t.Outputs, g.mode)
	if err != nil {
		return nil, err
	}
	res.Status = n.status
	return n.tasks, nil
}

func (g *graph) targetError(target Target, tasks []*task) error {
	for _, t := range tasks {
		switch {
		case t.err == nil:
		case t.node != nil || target.Drv.IsZero() || errors.Is(t.err, errStopped):
			return t.err
		default:
			if !g.r.opts.Fallback {
				g.r.event(Event{Kind: Failure, Path: t.path, Err: t.err})
			}
			e := g.r.failf(SubstitutesFailed, target.Drv, "some substitutes for the outputs of derivation '%s' failed "+
				"(usually happens due to networking issues); try '--fallback' to build derivation from source ", g.r.print(target.Drv))
			e.Cause = t.err
			return e
		}
	}
	return nil
}

// fill looks up the paths of a target's outputs.
func (g *graph) fill(res *Result) error {
	n := g.drvs[res.Target.Drv]
	if n == nil {
		return nil
	}
	names := res.Target.Outputs
	if len(names) == 0 {
		names = n.drv.OutputNames()
	}
	res.Outputs = make(map[string]storepath.Path, len(names))
	for _, name := range names {
		p, err := g.outputPath(n, name)
		if err != nil {
			return err
		}
		res.Outputs[name] = p
	}
	return nil
}

// outputPath is the path of an output of a derivation that is done.
func (g *graph) outputPath(n *drvNode, name string) (storepath.Path, error) {
	g.mu.Lock()
	p, ok := g.outputs[n.path][name]
	g.mu.Unlock()
	if ok {
		return p, nil
	}
	p, err := n.drv.OutputPath(g.r.scheme, name)
	if err == nil && p.IsZero() {
		err = fmt.Errorf("derivation '%s' doesn't have expected output '%s'", g.r.print(n.path), name)
	}
	return p, err
}

// summary is the error of a whole call. Errors that it does not carry itself
// are told to the observer.
func (g *graph) summary(results []Result) error {
	var many ManyFailed
	for _, res := range results {
		if res.Err == nil || errors.Is(res.Err, errStopped) {
			continue
		}
		p := res.Target.Drv
		if p.IsZero() {
			p = res.Target.Path
		}
		if name := g.r.print(p); !slices.Contains(many.Targets, name) {
			many.Targets = append(many.Targets, name)
			many.Errs = append(many.Errs, res.Err)
		}
	}
	switch len(many.Errs) {
	case 0:
		return nil
	case 1:
		return many.Errs[0]
	}
	for _, err := range many.Errs {
		g.r.event(Event{Kind: Failure, Err: err})
	}
	slices.Sort(many.Targets)
	return &many
}

// errStopped is the fate of tasks that a failed target took along.
var errStopped = errors.New("stopped because another target failed")

// work runs all tasks. It fails only if ctx is cancelled.
func (g *graph) work(ctx context.Context) error {
	all := append(slices.Clone(g.subs), g.builds...)
	// Of what is ready, the first by name goes first, as in the reference.
	byName := slices.SortedFunc(slices.Values(all), func(a, b *task) int { return strings.Compare(a.key(), b.key()) })
	for i, t := range byName {
		t.order = i
	}
	if len(all) == 0 {
		return nil
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g.mu.Lock()
	g.cancel, g.pending = cancel, len(all)
	var ready []*task
	for _, t := range all {
		if t.ended {
			g.pending--
			continue
		}
		g.counts[t.kind].Total++
		if t.waits == 0 {
			ready = append(ready, t)
		}
	}
	g.ready = slices.Clone(ready)
	if g.pending == 0 {
		close(g.done)
	}
	g.mu.Unlock()
	for _, t := range ready {
		go g.perform(inner, t.slots)
	}
	<-g.done
	g.closeRooms()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// perform takes a slot and does with it the first of the tasks that are ready
// for one of its kind. There is one perform for each of them.
func (g *graph) perform(ctx context.Context, slots chan int) {
	select {
	case <-ctx.Done():
		g.end(ctx, g.next(slots), context.Cause(ctx))
	case slot := <-slots:
		t := g.next(slots)
		err := context.Cause(ctx)
		if err == nil {
			g.count(t, func(c *Count) { c.Running++ })
			err = t.run(ctx, slot)
			g.count(t, func(c *Count) { c.Running-- })
		}
		slots <- slot
		g.end(ctx, t, err)
	}
}

// key orders tasks: by the name in the store path, then by all of it.
func (t *task) key() string {
	p := t.path
	if t.node != nil {
		p = t.node.path
	}
	return p.Name() + "$" + p.String()
}

// next takes the first ready task for the slots.
func (g *graph) next(slots chan int) *task {
	g.mu.Lock()
	defer g.mu.Unlock()
	best := -1
	for i, t := range g.ready {
		if t.slots == slots && (best < 0 || t.order < g.ready[best].order) {
			best = i
		}
	}
	t := g.ready[best]
	g.ready = slices.Delete(g.ready, best, best+1)
	return t
}

func (g *graph) count(t *task, change func(*Count)) {
	if g.r.opts.Progress == nil {
		return
	}
	g.mu.Lock()
	change(&g.counts[t.kind])
	e := Event{Kind: Counts, Builds: g.counts[buildTask], Substitutions: g.counts[substituteTask]}
	g.mu.Unlock()
	g.r.event(e)
}

// end records how a task ended and starts what waited for it alone.
func (g *graph) end(ctx context.Context, t *task, err error) {
	g.count(t, func(c *Count) {
		if err != nil {
			c.Failed++
		} else {
			c.Done++
		}
	})
	g.mu.Lock()
	var ready []*task
	var failures []error
	t.err, t.ended = err, true
	ended := []*task{t}
	for len(ended) > 0 {
		t, ended = ended[0], ended[1:]
		g.pending--
		if t.err != nil && !errors.Is(t.err, errStopped) && ctx.Err() == nil {
			if len(t.after) > 0 && !t.top {
				failures = append(failures, t.err)
			}
			if t.top && !g.r.opts.KeepGoing && !g.failed {
				g.failed = true
				defer g.cancel(errStopped)
			}
		}
		for _, next := range t.after {
			next.waits--
			if next.ended {
				continue
			}
			if t.err != nil {
				next.failed = append(next.failed, t)
			}
			switch {
			case len(next.failed) > 0 && (next.waits == 0 || !g.r.opts.KeepGoing):
				next.err = g.dependencyFailed(next)
				next.ended = true
				ended = append(ended, next)
			case next.waits == 0:
				ready = append(ready, next)
			}
		}
	}
	last := g.pending == 0
	g.ready = append(g.ready, ready...)
	g.mu.Unlock()
	for _, err := range failures {
		g.r.event(Event{Kind: Failure, Err: err})
	}
	for _, next := range ready {
		go g.perform(ctx, next.slots)
	}
	if last {
		close(g.done)
	}
}

// dependencyFailed is the error of a task that never ran.
func (g *graph) dependencyFailed(t *task) error {
	n := len(t.failed)
	for _, dep := range t.failed {
		if errors.Is(dep.err, errStopped) || errors.Is(dep.err, context.Canceled) {
			return dep.err
		}
	}
	if t.node == nil {
		return &BuildError{Kind: SubstitutesFailed, Drv: t.path, Exit: -1, Cause: t.failed[0].err,
			Message: fmt.Sprintf("some references of path '%s' could not be realised", t.name)}
	}
	what := "dependencies"
	if n == 1 {
		what = "dependency"
	}
	e := g.r.failf(DependencyFailed, t.node.path, "Cannot build '%s'.\nReason: %d %s failed.%s", t.name, n, what, g.r.showOutputs(t.node.drv))
	e.Cause = t.failed[0].err
	return e
}

// runNow runs a task that discovery needs the result of, with all before it.
func (g *graph) runNow(ctx context.Context, t *task) error {
	for _, dep := range g.subs {
		if dep.ended {
			continue
		}
		if err := dep.run(ctx, 0); err != nil {
			return err
		}
		dep.ended = true
		for _, next := range dep.after {
			next.waits--
		}
		g.paths[dep.path] = nil
	}
	return nil
}

// build builds one derivation whose inputs are valid.
func (g *graph) build(ctx context.Context, n *drvNode, slot int) error {
	for _, w := range n.opts.Warnings {
		g.r.event(Event{Kind: Warning, Drv: n.path, Text: w})
	}
	b := &build{g: g, r: g.r, ctx: ctx, path: n.path, drv: n.drv, typ: n.typ, opts: n.opts, mode: n.mode, slot: slot}
	start := slices.Clone(n.drv.InputSrcs)
	var pairs []string
	for p, in := range n.drv.InputDrvs {
		dep := g.drvs[p]
		for _, name := range in.Names {
			out, err := g.outputPath(dep, name)
			if err != nil {
				return err
			}
			start = append(start, out)
			pairs = append(pairs, g.r.scheme.DownstreamPlaceholder(p, name), g.r.print(out))
		}
	}
	resolve, err := n.drv.ShouldResolve(g.r.opts.Floating)
	if err != nil {
		return err
	}
	if resolve {
		if err := g.resolve(b); err != nil {
			return err
		}
	}
	if b.inputs, err = g.closure(start); err != nil {
		return err
	}
	if len(pairs) > 0 {
		b.inputRewrites = strings.NewReplacer(pairs...)
	}
	var paths map[string]storepath.Path
	if resolve && n.mode == Normal {
		// Other inputs may have resolved to the same derivation before.
		if paths, err = g.r.realised(b.drv, b.drv.OutputNames()); err != nil {
			return err
		}
	}
	if paths == nil {
		paths, err = b.run()
		g.r.event(Event{Kind: BuildDone, Drv: n.path, Err: err})
		if err != nil {
			return err
		}
	}
	if n.mode != Check {
		if err := g.r.remember(paths, b.drv, n.drv); err != nil {
			return err
		}
	}
	g.mu.Lock()
	g.outputs[n.path] = paths
	g.mu.Unlock()
	return nil
}

// resolve replaces a derivation, some of whose inputs had no known path, by
// one that has them all as sources.
func (g *graph) resolve(b *build) error {
	resolved, ok, err := g.r.hasher.Resolve(b.drv, func(drv storepath.Path, names []string) (storepath.Path, bool) {
		if len(names) != 1 || g.drvs[drv] == nil {
			return storepath.Path{}, false
		}
		p, err := g.outputPath(g.drvs[drv], names[0])
		return p, err == nil
	})
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("cannot resolve derivation '%s': an output of an input is not known", g.r.print(b.path))
	}
	if b.path, err = g.r.store.WriteDerivation(resolved); err != nil {
		return err
	}
	b.drv = resolved
	if b.typ, err = resolved.Type(); err != nil {
		return err
	}
	b.opts, err = resolved.Options()
	return err
}
