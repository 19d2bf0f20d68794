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
		done := map[storepath.Path]bool{}
		for _, p := range paths {
			if err := r.tree(p, "", "", done); err != nil {
				return err
			}
		}
	case "graph", "graphml":
		var roots []storepath.Path
		if err := each(useOutput, func(p storepath.Path) error { roots = append(roots, p); return nil }); err != nil {
			return err
		}
		if kind == "graph" {
			return r.graph(roots)
		}
		return r.graphML(roots)
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

// tree prints what a path refers to, each path's own references once.
func (r *storeRun) tree(p storepath.Path, first, rest string, done map[storepath.Path]bool) error {
	if done[p] {
		r.app.printf("%s%s [...]\n", first, r.show(p))
		return nil
	}
	done[p] = true
	r.app.printf("%s%s\n", first, r.show(p))
	info, err := r.store.PathInfo(p)
	if err != nil {
		return err
	}
	// What others of the list depend on comes first: that keeps the tree flat.
	refs, err := r.store.TopoSort(info.References)
	if err != nil {
		return err
	}
	slices.Reverse(refs)
	for i, q := range refs {
		conn, line := "├───", "│   "
		if i == len(refs)-1 {
			conn, line = "└───", "    "
		}
		if err := r.tree(q, rest+conn, rest+line, done); err != nil {
			return err
		}
	}
	return nil
}

// walk visits the closure of roots, smallest base name first.
func (r *storeRun) walk(roots []storepath.Path, visit func(info *store.PathInfo)) error {
	work := map[storepath.Path]bool{}
	for _, p := range roots {
		work[p] = true
	}
	done := map[storepath.Path]bool{}
	for len(work) > 0 {
		var p storepath.Path
		for q := range work {
			if p.IsZero() || storepath.Compare(q, p) < 0 {
				p = q
			}
		}
		delete(work, p)
		if done[p] {
			continue
		}
		done[p] = true
		info, err := r.store.PathInfo(p)
		if err != nil {
			return err
		}
		visit(info)
		for _, q := range info.References {
			if q != p {
				work[q] = true
			}
		}
	}
	return nil
}

// graph prints references for Graphviz.
func (r *storeRun) graph(roots []storepath.Path) error {
	colours := []string{"black", "red", "green", "blue", "magenta", "burlywood"}
	n := 0
	r.app.println("digraph G {")
	err := r.walk(roots, func(info *store.PathInfo) {
		r.app.printf("%q [label = %q, shape = box, style = filled, fillcolor = \"#ff0000\"];\n", info.Path.String(), info.Path.Name())
		for _, q := range info.References {
			if q != info.Path {
				r.app.printf("%q -> %q [color = %q];\n", q.String(), info.Path.String(), colours[n%len(colours)])
				n++
			}
		}
	})
	r.app.println("}")
	return err
}

// graphML prints references as GraphML.
func (r *storeRun) graphML(roots []storepath.Path) error {
	a := r.app
	a.print("<?xml version='1.0' encoding='utf-8'?>\n" +
		"<graphml xmlns='http://graphml.graphdrawing.org/xmlns'\n" +
		"    xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'\n" +
		"    xsi:schemaLocation='http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd'>\n" +
		"<key id='narSize' for='node' attr.name='narSize' attr.type='long'/>" +
		"<key id='name' for='node' attr.name='name' attr.type='string'/>" +
		"<key id='type' for='node' attr.name='type' attr.type='string'/>" +
		"<graph id='G' edgedefault='directed'>\n")
	err := r.walk(roots, func(info *store.PathInfo) {
		name, kind := info.Path.Name(), "output-path"
		for i := range len(name) {
			if name[i] == '-' {
				name = name[:i+1]
				break
			}
		}
		if info.Path.IsDerivation() {
			kind = "derivation"
		}
		a.printf("  <node id=\"%s\">\n    <data key=\"narSize\">%d</data>\n    <data key=\"name\">%s</data>\n    <data key=\"type\">%s</data>\n  </node>\n",
			info.Path, info.NarSize, name, kind)
		for _, q := range info.References {
			if q != info.Path {
				a.printf("  <edge source=\"%s\" target=\"%s\"/>\n", info.Path, q)
			}
		}
	})
	a.print("</graph>\n</graphml>\n")
	return err
}
