//go:build unix

package realise

import (
	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Outputs that are named by their contents, or by those of inputs, have no
// known path. Which one they turned out to have is kept in the store under the
// derivation's hash modulo fixed outputs.

// realised looks up outputs of a derivation that were built before; nil if one
// of them is not known, or not valid any more.
func (r *Realiser) realised(d *derivation.Derivation, outputs []string) (map[string]storepath.Path, error) {
	if !r.opts.Floating {
		return nil, nil
	}
	if t, err := d.Type(); err != nil || t.IsImpure() {
		return nil, err
	}
	hashes, err := r.hasher.OutputHashes(d)
	if err != nil {
		return nil, err
	}
	paths := make(map[string]storepath.Path, len(outputs))
	for _, name := range outputs {
		real, err := r.store.Realisation(hashes.Outputs[name], name)
		if real == nil || err != nil {
			return nil, err
		}
		ok, err := r.store.IsValid(real.OutPath)
		if !ok || err != nil {
			return nil, err
		}
		paths[name] = real.OutPath
	}
	return paths, nil
}

// remember records where the outputs of derivations lie.
func (r *Realiser) remember(paths map[string]storepath.Path, drvs ...*derivation.Derivation) error {
	if !r.opts.Floating {
		return nil
	}
	for _, d := range drvs {
		if t, err := d.Type(); err != nil || t.IsImpure() {
			return err
		}
		hashes, err := r.hasher.OutputHashes(d)
		if err != nil {
			return err
		}
		for _, name := range sortedNames(paths) {
			if err := r.store.RegisterRealisation(store.Realisation{Drv: hashes.Outputs[name], Output: name, OutPath: paths[name]}); err != nil {
				return err
			}
		}
	}
	return nil
}
