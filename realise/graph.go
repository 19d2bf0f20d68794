//go:build unix

package realise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// A graph holds what one call of Realise or Plan has to do: a task for each
// path to substitute and each derivation to build, with edges from what comes
// first. Discovery (need, needPath) makes it; run works it off.
type graph struct {
	r    *Realiser
	mode Mode // of the targets

	drvs   map[storepath.Path]*drvNode
	paths  map[storepath.Path]*task // to substitute; nil: valid already
	infos  map[storepath.Path]*found
	skip   map[storepath.Path]bool // not to be substituted: that failed
	sound  map[storepath.Path]bool // for a repair: whether a valid path is as it should be
	builds []*task                 // in the order of discovery: inputs before what needs them
	subs   []*task

	mu      sync.Mutex // of everything below, and of tasks once they run
	refs    map[storepath.Path][]storepath.Path
	outputs map[storepath.Path]map[string]storepath.Path // of derivations that are done
	counts  [2]Count
	pending int
	ready   []*task // that could run, had they a slot
	failed  bool    // a target failed, and KeepGoing is not set
	cancel  context.CancelCauseFunc
	done    chan struct{}
	rooms   map[int]*slotRoom // by slot; one build at a time is in it
}

// A drvNode is what is known of a derivation that is needed.
type drvNode struct {
	path   storepath.Path
	drv    *derivation.Derivation
	typ    derivation.Type
	opts   *derivation.Options
	wanted []string
	tasks  []*task // that make the wanted outputs valid; none: they are
	build  *task
	mode   Mode
	status Status
}

// A task is one thing to do.
type task struct {
	name   string // what it makes, for messages
	node   *drvNode
	path   storepath.Path // to substitute
	sub    *found
	run    func(ctx context.Context, slot int) error
	slots  chan int // where it gets a slot
	after  []*task  // what waits for it
	waits  int
	failed []*task // of those it waited for
	top    bool    // somebody outside asked for it
	order  int     // of discovery
	ended  bool
	err    error
	kind   int // index into counts
}

const (
	buildTask = iota
	substituteTask
)

// found is a path that a substituter has.
type found struct {
	from Substituter
	info *SubstituteInfo
}

func (r *Realiser) newGraph(mode Mode) *graph {
	return &graph{
		r: r, mode: mode,
		drvs: map[storepath.Path]*drvNode{}, paths: map[storepath.Path]*task{},
		infos: map[storepath.Path]*found{}, refs: map[storepath.Path][]storepath.Path{},
		outputs: map[storepath.Path]map[string]storepath.Path{},
		sound:   map[storepath.Path]bool{},
		done:    make(chan struct{}),
		rooms:   map[int]*slotRoom{},
	}
}

// ReadDerivation reads a derivation of the store, or of Options.Derivations.
func (r *Realiser) ReadDerivation(p storepath.Path) (*derivation.Derivation, error) {
	if ok, err := r.elsewhere(p); err != nil {
		return nil, err
	} else if ok {
		return r.opts.Derivations.ReadDerivation(p)
	}
	return r.store.ReadDerivation(p)
}

// elsewhere tells whether a derivation is in Options.Derivations.
func (r *Realiser) elsewhere(p storepath.Path) (bool, error) {
	if r.opts.Derivations == nil {
		return false, nil
	}
	return r.opts.Derivations.IsValid(p)
}

// need arranges for outputs of a derivation (nil: all) to become valid.
func (g *graph) need(ctx context.Context, path storepath.Path, outputs []string, mode Mode) (*drvNode, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := g.drvs[path]
	if n == nil {
		var err error
		if n, err = g.newNode(ctx, path, mode); err != nil {
			return nil, err
		}
		g.drvs[path] = n
	}
	if outputs == nil {
		outputs = n.drv.OutputNames()
	}
	var more []string
	for _, o := range outputs {
		if _, ok := n.drv.Outputs[o]; !ok {
			return nil, fmt.Errorf("derivation '%s' does not have wanted outputs '%s'", g.r.print(path), o)
		}
		if !slices.Contains(n.wanted, o) {
			more = append(more, o)
		}
	}
	n.wanted = append(n.wanted, more...)
	if len(more) == 0 || n.build != nil {
		return n, nil // a build makes all outputs
	}
	return n, g.arrange(ctx, n, more)
}

func (g *graph) newNode(ctx context.Context, path storepath.Path, mode Mode) (*drvNode, error) {
	there, err := g.r.elsewhere(path)
	if err != nil {
		return nil, err
	}
	if !there {
		t, err := g.needPath(ctx, path)
		if err != nil {
			return nil, err
		}
		if t != nil {
			// Its text is needed now, to go on.
			if err := g.runNow(ctx, t); err != nil {
				return nil, err
			}
		}
	}
	n := &drvNode{path: path, mode: mode}
	if n.drv, err = g.r.ReadDerivation(path); err != nil {
		return nil, err
	}
	if n.typ, err = n.drv.Type(); err != nil {
		return nil, fmt.Errorf("derivation '%s': %w", g.r.print(path), err)
	}
	if n.opts, err = n.drv.Options(); err != nil {
		return nil, fmt.Errorf("while parsing derivation '%s': %w", g.r.print(path), err)
	}
	if err := g.r.features(n); err != nil {
		return nil, err
	}
	return n, nil
}

// features refuses what experimental features would allow.
func (r *Realiser) features(n *drvNode) error {
	missing := ""
	switch {
	case n.typ.IsImpure() && !r.opts.Impure:
		missing = "impure-derivations"
	case !n.typ.HasKnownOutputPaths() && !n.typ.IsImpure() && !r.opts.Floating:
		missing = "ca-derivations"
	case n.drv.HasDynamicInputs():
		missing = "dynamic-derivations"
	}
	if missing == "" {
		return nil
	}
	return fmt.Errorf("experimental Nix feature '%s' is disabled; add '--extra-experimental-features %s' to enable it", missing, missing)
}

// arrange finds the way to make outputs valid that are newly wanted.
func (g *graph) arrange(ctx context.Context, n *drvNode, outputs []string) error {
	if !n.typ.HasKnownOutputPaths() && n.mode == Normal {
		paths, err := g.r.realised(n.drv, n.wanted)
		if err != nil {
			return err
		}
		if paths != nil {
			g.outputs[n.path] = paths
			return nil
		}
	}
	missing, err := g.missing(n, outputs)
	if err != nil {
		return err
	}
	if len(missing) == 0 && n.mode == Normal && n.typ.HasKnownOutputPaths() {
		return nil
	}
	if n.mode == Check && len(missing) > 0 {
		return fmt.Errorf("some outputs of '%s' are not valid, so checking is not possible\n"+
			"Hint: --rebuild and --check error if the derivation was not previously built and cannot be substituted.\n"+
			"      Remove it to perform a fresh build, or use --repair to rewrite missing or corrupted builds in the store.", g.r.print(n.path))
	}
	if n.mode == Repair && len(missing) == 0 && n.typ.HasKnownOutputPaths() {
		own, err := g.repairClosure(ctx, n, outputs)
		if !own || err != nil {
			return err
		}
		return g.arrangeBuild(ctx, n)
	}
	if n.mode != Check && n.typ.HasKnownOutputPaths() && (n.opts.AllowSubstitutes || g.r.opts.AlwaysAllowSubstitutes) {
		ok, err := g.substituteAll(ctx, n, missing)
		if ok || err != nil {
			return err
		}
	}
	return g.arrangeBuild(ctx, n)
}

// missing are the known paths of outputs that are not valid (or, for a repair,
// not good).
func (g *graph) missing(n *drvNode, outputs []string) ([]storepath.Path, error) {
	var missing []storepath.Path
	for _, o := range outputs {
		p, err := n.drv.OutputPath(g.r.scheme, o)
		if err != nil {
			return nil, err
		}
		if p.IsZero() {
			continue
		}
		if err := g.r.store.AddTempRoot(p); err != nil {
			return nil, err
		}
		ok, err := g.r.store.IsValid(p)
		if err != nil {
			return nil, err
		}
		if !ok || n.mode == Repair && g.corrupt(p) {
			missing = append(missing, p)
		}
	}
	return missing, nil
}

// substituteAll arranges for all the paths to be substituted; ok is false if
// one cannot be.
func (g *graph) substituteAll(ctx context.Context, n *drvNode, paths []storepath.Path) (ok bool, err error) {
	for _, p := range paths {
		if f, err := g.find(ctx, p); f == nil || err != nil {
			return false, err
		}
	}
	for _, p := range paths {
		t, err := g.needPath(ctx, p)
		if err != nil {
			return false, err
		}
		if t != nil {
			n.tasks = append(n.tasks, t)
		}
	}
	n.status = max(n.status, Substituted)
	return true, nil
}

// find asks the substituters for a path.
func (g *graph) find(ctx context.Context, p storepath.Path) (*found, error) {
	if f, ok := g.infos[p]; ok || g.skip[p] {
		return f, nil
	}
	for i, s := range g.r.opts.Substituters {
		if g.r.contact(i) == silent {
			continue
		}
		info, err := s.PathInfo(ctx, p)
		missing := errors.Is(err, store.ErrNotValid)
		switch {
		case err == nil:
			g.r.heard(i, answering)
			f := &found{s, info}
			g.infos[p] = f
			return f, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case missing:
			g.r.heard(i, answering)
		case g.r.contact(i) == unknown:
			// One that cannot even be opened is done without.
			g.r.heard(i, silent)
			g.r.event(Event{Kind: Warning, Path: p, Text: err.Error()})
		case g.r.opts.Fallback:
			g.r.event(Event{Kind: Warning, Path: p, Text: err.Error()})
		default:
			return nil, err
		}
	}
	g.infos[p] = nil
	return nil, nil
}

// needPath arranges for a path to become valid by substitution; the task is
// nil if it is valid.
func (g *graph) needPath(ctx context.Context, p storepath.Path) (*task, error) {
	if t, ok := g.paths[p]; ok {
		return t, nil
	}
	if err := g.r.store.AddTempRoot(p); err != nil {
		return nil, err
	}
	valid, err := g.r.store.IsValid(p)
	if err != nil {
		return nil, err
	}
	sound, checked := g.sound[p]
	repair := checked && !sound
	if valid && !repair {
		g.paths[p] = nil
		return nil, nil
	}
	f, err := g.find(ctx, p)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, &MissingPathError{p, g.r.print(p)}
	}
	t := &task{name: g.r.print(p), path: p, sub: f, slots: g.r.subSlots, kind: substituteTask}
	t.run = func(ctx context.Context, _ int) error { return g.r.substitute(ctx, p, f, repair) }
	g.paths[p] = t
	for _, ref := range f.info.References {
		if ref == p {
			continue
		}
		dep, err := g.needPath(ctx, ref)
		if err != nil {
			return nil, err
		}
		g.edge(dep, t)
	}
	g.subs = append(g.subs, t)
	return t, nil
}

// A MissingPathError says that a path is needed that is not valid, and that
// nothing can make valid.
type MissingPathError struct {
	Path storepath.Path
	full string
}

func (e *MissingPathError) Error() string {
	return "path '" + e.full + "' is required, but there is no substituter that can build it"
}

func (g *graph) edge(first, then *task) {
	if first == nil || first.ended {
		return
	}
	first.after = append(first.after, then)
	then.waits++
}

// arrangeBuild arranges for a derivation to be built, after its inputs.
func (g *graph) arrangeBuild(ctx context.Context, n *drvNode) error {
	t := &task{name: g.r.print(n.path), node: n, slots: g.r.slots, kind: buildTask}
	n.build, n.tasks, n.status = t, []*task{t}, Built
	t.run = func(ctx context.Context, slot int) error { return g.build(ctx, n, slot) }
	mode := Normal
	if n.mode == Repair {
		mode = Repair
	}
	inputs := make([]storepath.Path, 0, len(n.drv.InputDrvs))
	for p := range n.drv.InputDrvs {
		inputs = append(inputs, p)
	}
	slices.SortFunc(inputs, storepath.Compare)
	for _, p := range inputs {
		in, err := g.need(ctx, p, n.drv.InputDrvs[p].Names, mode)
		if err != nil {
			return err
		}
		for _, dep := range in.tasks {
			g.edge(dep, t)
		}
	}
	for _, p := range n.drv.InputSrcs {
		dep, err := g.needPath(ctx, p)
		var missing *MissingPathError
		if errors.As(err, &missing) && len(g.r.opts.Substituters) == 0 {
			return fmt.Errorf("dependency '%s' of '%s' does not exist, and substitution is disabled", g.r.print(p), g.r.print(n.path))
		}
		if err != nil {
			return err
		}
		g.edge(dep, t)
	}
	g.builds = append(g.builds, t)
	return nil
}

// closure is that of valid paths, sorted. References are remembered: the
// inputs of many builds have much in common.
func (g *graph) closure(start []storepath.Path) ([]storepath.Path, error) {
	seen := make(map[storepath.Path]bool, len(start))
	all := make([]storepath.Path, 0, len(start))
	todo := slices.Clone(start)
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		all = append(all, p)
		g.mu.Lock()
		refs, ok := g.refs[p]
		g.mu.Unlock()
		if !ok {
			info, err := g.r.store.PathInfo(p)
			if err != nil {
				return nil, err
			}
			refs = info.References
			g.mu.Lock()
			g.refs[p] = refs
			g.mu.Unlock()
		}
		todo = append(todo, refs...)
	}
	slices.SortFunc(all, storepath.Compare)
	return all, nil
}
