package derivation

import (
	"slices"
	"sort"
	"strings"

	"github.com/seed192a40f6/glang/store/storepath"
)

// ShouldResolve tells whether the derivation has to be resolved before it is
// built: with paths of inputs in it that are known only after they are built.
// Fixed outputs need not be, but may be, which saves rebuilds; ca says whether
// outputs addressed by contents are in use.
func (d *Derivation) ShouldResolve(ca bool) (bool, error) {
	if len(d.InputDrvs) == 0 {
		return false, nil
	}
	t, err := d.Type()
	if err != nil {
		return false, err
	}
	switch t.Kind {
	case Deferred, Floating, Impure:
		return true, nil
	case Fixed:
		if ca {
			return true, nil
		}
	}
	return d.HasDynamicInputs(), nil
}

// Resolve makes of d a derivation without input derivations: outputs of
// inputs become sources, and placeholders for them their paths. built tells
// the path of an output of an input; names leads through outputs that are
// derivations themselves. ok is false if it does not know one.
func (h *Hasher) Resolve(d *Derivation, built func(drv storepath.Path, names []string) (storepath.Path, bool)) (resolved *Derivation, ok bool, err error) {
	r := d.Clone()
	r.InputDrvs = nil
	rewrites := make(map[string]string)
	ok = true
	for drv, in := range d.InputDrvs {
		in.walk(nil, func(names []string) {
			if !ok {
				return
			}
			var p storepath.Path
			if p, ok = built(drv, slices.Clone(names)); ok {
				rewrites[h.scheme.DynamicPlaceholder(drv, names...)] = h.scheme.Print(p)
				r.InputSrcs = append(r.InputSrcs, p)
			}
		})
	}
	if !ok {
		return nil, false, nil
	}
	slices.SortFunc(r.InputSrcs, storepath.Compare)
	r.InputSrcs = slices.Compact(r.InputSrcs)
	r.Rewrite(rewrites)
	if err := h.fillResolved(r); err != nil {
		return nil, false, err
	}
	return r, true, nil
}

// fillResolved computes the paths of Deferred outputs, and puts them into the
// environment whatever is there.
func (h *Hasher) fillResolved(d *Derivation) error {
	t, err := d.Type()
	if err != nil || t.Kind != Deferred {
		return err
	}
	hashes, err := h.OutputHashes(d)
	if err != nil {
		return err
	}
	for _, name := range d.OutputNames() {
		path, err := h.scheme.OutputPath(name, hashes.Outputs[name], d.Name)
		if err != nil {
			return err
		}
		d.Env[name] = h.scheme.Print(path)
		d.Outputs[name] = Output{Kind: InputAddressed, Path: path}
	}
	return nil
}

// Rewrite replaces strings in builder, arguments and environment, names of
// variables included.
func (d *Derivation) Rewrite(rewrites map[string]string) {
	if len(rewrites) == 0 {
		return
	}
	var pairs []string
	for from := range rewrites {
		pairs = append(pairs, from)
	}
	sort.Strings(pairs)
	oldnew := make([]string, 0, 2*len(pairs))
	for _, from := range pairs {
		oldnew = append(oldnew, from, rewrites[from])
	}
	rep := strings.NewReplacer(oldnew...)
	d.Builder = rep.Replace(d.Builder)
	for i, arg := range d.Args {
		d.Args[i] = rep.Replace(arg)
	}
	env := make(map[string]string, len(d.Env))
	for k, v := range d.Env {
		env[rep.Replace(k)] = rep.Replace(v)
	}
	d.Env = env
}
