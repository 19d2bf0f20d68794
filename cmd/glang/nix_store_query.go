package main

import (
	"fmt"
	"slices"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// query is nix-store -q.
func (r *storeRun) query() error {
	a := r.app
	kind, useOutput, includeOutputs, force, binding := "", false, false, false, ""
	for _, fl := range r.flags {
		k := ""
		switch fl {
		case "--outputs", "--requisites", "--references", "--referrers", "--referrers-closure", "--deriver",
			"--valid-derivers", "--hash", "--size", "--tree", "--graph", "--graphml", "--resolve", "--roots":
			k = fl[2:]
		case "-R":
			k = "requisites"
		case "--referers":
			k = "referrers"
		case "--referers-closure":
			k = "referrers-closure"
		case "-d":
			k = "deriver"
		case "--binding", "-b":
			if len(r.args) == 0 {
				return usagef("expected binding name")
			}
			k, binding, r.args = "binding", r.args[0], r.args[1:]
		case "--use-output", "-u":
			useOutput = true
		case "--force-realise", "--force-realize", "-f":
			force = true
		case "--include-outputs":
			includeOutputs = true
		default:
			return usagef("unknown flag '%s'", fl)
		}
		if k != "" {
			if kind != "" && kind != k {
				return usagef("query type '%s' conflicts with earlier flag", fl)
			}
			kind = k
		}
	}
	paths, err := a.storePaths(r.scheme(), r.args)
	if err != nil {
		return err
	}
	// each calls f for what every argument stands for.
	each := func(outputs bool, f func(storepath.Path) error) error {
		for _, p := range paths {
			ps, err := r.useOutputs(p, outputs, force)
			if err != nil {
				return err
			}
			for _, q := range ps {
				if err := f(q); err != nil {
					return err
				}
			}
		}
		return nil
	}
	switch kind {
	case "", "outputs":
		return each(true, func(p storepath.Path) error { a.println(r.show(p)); return nil })
	case "requisites", "references", "referrers", "referrers-closure":
		var found []storepath.Path
		err := each(useOutput, func(p storepath.Path) error {
			var more []storepath.Path
			var err error
			switch kind {
			case "requisites":
				more, err = r.store.Closure([]storepath.Path{p}, store.ClosureOptions{IncludeOutputs: includeOutputs})
			case "references":
				var info *store.PathInfo
				if info, err = r.store.PathInfo(p); err == nil {
					more = info.References
				}
			case "referrers":
				more, err = r.store.Referrers(p)
			default:
				more, err = r.store.Closure([]storepath.Path{p}, store.ClosureOptions{Reverse: true})
			}
			found = append(found, more...)
			return err
		})
		if err != nil {
			return err
		}
		return a.printTopo(r.store, found)
	case "deriver":
		for _, p := range paths {
			info, err := r.store.PathInfo(p)
			if err != nil {
				return err
			}
			if info.Deriver.IsZero() {
				a.println("unknown-deriver")
			} else {
				a.println(r.show(info.Deriver))
			}
		}
	case "valid-derivers":
		var found []storepath.Path
		for _, p := range paths {
			ds, err := r.store.ValidDerivers(p)
			if err != nil {
				return err
			}
			found = append(found, ds...)
		}
		return a.printTopo(r.store, found)
	case "binding":
		for _, p := range paths {
			drv, err := r.deriver(p)
			if err != nil {
				return err
			}
			d, err := r.store.ReadDerivation(drv)
			if err != nil {
				return err
			}
			v, ok := d.Env[binding]
			if !ok {
				return fmt.Errorf("derivation '%s' has no environment binding named '%s'", r.show(drv), binding)
			}
			a.println(v)
		}
	case "hash", "size":
		return each(useOutput, func(p storepath.Path) error {
			info, err := r.store.PathInfo(p)
			if err != nil {
				return err
			}
			if kind == "hash" {
				a.println(info.NarHash)
			} else {
				a.println(info.NarSize)
			}
			return nil
		})
	case "tree":
		return store.WriteTree(r.store, paths, a.stdout)
	case "graph", "graphml":
		var roots []storepath.Path
		if err := each(useOutput, func(p storepath.Path) error { roots = append(roots, p); return nil }); err != nil {
			return err
		}
		if kind == "graph" {
			return store.WriteDot(r.store, roots, a.stdout)
		}
		return store.WriteGraphML(r.store, roots, a.stdout)
	case "resolve":
		for _, p := range paths {
			a.println(r.show(p))
		}
	case "roots":
		var args []storepath.Path
		if err := each(useOutput, func(p storepath.Path) error { args = append(args, p); return nil }); err != nil {
			return err
		}
		referrers, err := r.store.Closure(args, store.ClosureOptions{Reverse: true,
			IncludeOutputs: a.settings.Bool("keep-outputs"), IncludeDerivers: a.settings.Bool("keep-derivations")})
		if err != nil {
			return err
		}
		roots, err := r.store.FindRoots(false)
		if err != nil {
			return err
		}
		for _, target := range sortedKeys(roots) {
			if slices.Contains(referrers, target) {
				for _, link := range slices.Sorted(slices.Values(roots[target])) {
					a.printf("%s -> %s\n", link, r.show(target))
				}
			}
		}
	}
	return nil
}

func sortedKeys[V any](m map[storepath.Path]V) []storepath.Path {
	out := make([]storepath.Path, 0, len(m))
	for p := range m {
		out = append(out, p)
	}
	slices.SortFunc(out, storepath.Compare)
	return out
}

// useOutputs turns a derivation into its outputs, if asked to.
func (r *storeRun) useOutputs(p storepath.Path, outputs, force bool) ([]storepath.Path, error) {
	if force {
		t := realise.Target{Path: p}
		if p.IsDerivation() {
			t = realise.Target{Drv: p}
		}
		if _, err := r.app.realise([]realise.Target{t}, realise.Normal, false); err != nil {
			return nil, err
		}
	}
	if !outputs || !p.IsDerivation() {
		return []storepath.Path{p}, nil
	}
	d, err := r.store.ReadDerivation(p)
	if err != nil {
		return nil, err
	}
	known, err := r.store.DerivationOutputs(p)
	if err != nil {
		return nil, err
	}
	var out []storepath.Path
	for _, name := range d.OutputNames() {
		o, err := d.OutputPath(r.scheme(), name)
		if err != nil {
			return nil, err
		}
		if o.IsZero() {
			if o = known[name]; o.IsZero() {
				return nil, usagef("Cannot use output path of floating content-addressing derivation until we know what it is (e.g. by building it)")
			}
		}
		out = append(out, o)
	}
	return sorted(out), nil
}

// deriver is p itself, if it is a derivation, else what it was built from.
func (r *storeRun) deriver(p storepath.Path) (storepath.Path, error) {
	if p.IsDerivation() {
		return p, nil
	}
	info, err := r.store.PathInfo(p)
	if err != nil {
		return p, err
	}
	if info.Deriver.IsZero() {
		return p, fmt.Errorf("deriver of path '%s' is not known", r.show(p))
	}
	return info.Deriver, nil
}
