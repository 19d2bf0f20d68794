//go:build unix

package realise

import (
	"slices"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store"
)

// StructuredAttrs gives what a builder gets of structured attributes, for a
// shell in the environment of a build: JSON, and declarations for bash. Both
// are empty if there are none.
func (r *Realiser) StructuredAttrs(d *derivation.Derivation) (text, shell string, err error) {
	o, err := d.Options()
	if err != nil || o.Structured == nil {
		return "", "", err
	}
	// The inputs are valid: whoever wants the shell has realised them.
	inputs := slices.Clone(d.InputSrcs)
	for p, in := range d.InputDrvs {
		input, err := r.ReadDerivation(p)
		if err != nil {
			return "", "", err
		}
		for _, name := range in.Names {
			out, err := input.OutputPath(r.scheme, name)
			if err != nil {
				return "", "", err
			}
			if ok, err := r.store.IsValid(out); err == nil && ok {
				inputs = append(inputs, out)
			}
		}
	}
	b := &build{r: r, drv: d, opts: o}
	if b.inputs, err = r.store.Closure(inputs, store.ClosureOptions{}); err != nil {
		return "", "", err
	}
	return b.structuredAttrs()
}
