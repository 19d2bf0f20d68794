//go:build unix

package realise

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// corrupt tells whether a valid path is not as the database has it. From then
// on needPath fetches one that is, as if it were missing.
func (g *graph) corrupt(p storepath.Path) bool {
	sound, ok := g.sound[p]
	if !ok {
		sound = g.r.contentsGood(p) == nil
		g.sound[p] = sound
		if !sound && g.paths[p] == nil {
			delete(g.paths, p) // found valid before
		}
	}
	return !sound
}

// repairClosure arranges for what the outputs refer to, themselves sound, to be
// fetched or built again where it is corrupt. own says that this includes
// another output of the derivation itself.
func (g *graph) repairClosure(ctx context.Context, n *drvNode, outputs []string) (own bool, err error) {
	var start []storepath.Path
	mine := map[storepath.Path]bool{}
	for _, name := range n.drv.OutputNames() {
		p, err := n.drv.OutputPath(g.r.scheme, name)
		if err != nil {
			return false, err
		}
		mine[p] = true
		if slices.Contains(outputs, name) {
			start = append(start, p)
		}
	}
	closure, err := g.closure(start)
	if err != nil {
		return false, err
	}
	var bad []storepath.Path
	for _, p := range closure {
		if !g.corrupt(p) {
			continue
		}
		if mine[p] {
			own = true
			continue
		}
		bad = append(bad, p)
	}
	if own || len(bad) == 0 {
		return own, nil // building again repairs the inputs as well
	}
	makers, err := g.makers(n.path)
	if err != nil {
		return false, err
	}
	for _, p := range bad {
		g.r.event(Event{Kind: Message, Path: p, Text: fmt.Sprintf("found corrupted or missing path '%s' in the output closure of '%s'",
			g.r.print(p), g.r.print(n.path))})
		if m, ok := makers[p]; ok {
			dep, err := g.need(ctx, m.drv, []string{m.output}, Repair)
			if err != nil {
				return false, err
			}
			n.tasks = append(n.tasks, dep.tasks...)
			n.status = max(n.status, dep.status)
			continue
		}
		t, err := g.needPath(ctx, p)
		var missing *MissingPathError
		if errors.As(err, &missing) {
			err = fmt.Errorf("some paths in the output closure of derivation '%s' could not be repaired: %w", g.r.print(n.path), err)
		}
		if err != nil {
			return false, err
		}
		n.tasks = append(n.tasks, t)
		n.status = max(n.status, Substituted)
	}
	return false, nil
}

// A maker is the output of a derivation that a path is.
type maker struct {
	drv    storepath.Path
	output string
}

// makers finds what the derivations below one, itself included, make.
func (g *graph) makers(drv storepath.Path) (map[storepath.Path]maker, error) {
	closure, err := g.r.store.Closure([]storepath.Path{drv}, store.ClosureOptions{})
	if err != nil {
		return nil, err
	}
	out := map[storepath.Path]maker{}
	for _, p := range closure {
		if !p.IsDerivation() {
			continue
		}
		d, err := g.r.ReadDerivation(p)
		if err != nil {
			return nil, err
		}
		for name := range d.Outputs {
			path, err := d.OutputPath(g.r.scheme, name)
			if err != nil {
				return nil, err
			}
			if !path.IsZero() {
				out[path] = maker{p, name}
			}
		}
	}
	return out, nil
}
