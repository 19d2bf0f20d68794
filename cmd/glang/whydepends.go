package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

func (a *app) whyDependsCommand() *cobra.Command {
	return a.command(groupStore, "why-depends PACKAGE DEPENDENCY", "show why a package has another in its closure", "",
		func(f *flagSet) func() error {
			src := a.sourceFlags(f)
			a.storeFlag(f)
			w := &whyDepends{app: a}
			f.boolean(&w.all, "all,a", "show all ways, not only a shortest one")
			f.boolean(&w.precise, "precise", "show the files that hold the references")
			return func() error {
				if len(f.args) != 2 {
					return usagef("a package and a dependency expected")
				}
				list, err := a.installables(src, f.args)
				if err != nil {
					return err
				}
				if len(list) != 2 {
					return usagef("a package and a dependency expected")
				}
				targets, err := list[0].targets()
				if err != nil {
					return err
				}
				results, err := a.realise(targets, realise.Normal, false)
				if err != nil {
					return err
				}
				from := outPaths(results)
				if targets, err = list[1].targets(); err != nil {
					return err
				}
				to, err := a.knownPaths(targets)
				if err != nil {
					return err
				}
				for i, paths := range [][]storepath.Path{from, to} {
					if len(sorted(paths)) != 1 {
						return fmt.Errorf("argument '%s' should evaluate to one store path", list[i].what)
					}
				}
				if w.store, err = a.localStore(); err != nil {
					return err
				}
				return w.run(from[0], to[0], list[0].what, list[1].what)
			}
		})
}

// whyDepends is a search for ways from a path to one it depends on.
type whyDepends struct {
	app          *app
	store        *store.Store
	all, precise bool

	from, to storepath.Path
	refs     map[storepath.Path][]storepath.Path
	dist     map[storepath.Path]int // to the dependency, where there is a way
	visited  map[storepath.Path]bool
}

func (w *whyDepends) run(from, to storepath.Path, what, needle string) error {
	closure, err := w.store.Closure([]storepath.Path{from}, store.ClosureOptions{})
	if err != nil {
		return err
	}
	if !slices.Contains(closure, to) {
		w.app.progress.print(fmt.Sprintf("'%s' does not depend on '%s'", what, needle))
		return nil
	}
	w.from, w.to = from, to
	w.refs, w.dist, w.visited = map[storepath.Path][]storepath.Path{}, map[storepath.Path]int{to: 0}, map[storepath.Path]bool{}
	back := map[storepath.Path][]storepath.Path{}
	for _, p := range closure {
		info, err := w.store.PathInfo(p)
		if err != nil {
			return err
		}
		w.refs[p] = info.References
		for _, r := range info.References {
			back[r] = append(back[r], p)
		}
	}
	for queue := []storepath.Path{to}; len(queue) > 0; queue = queue[1:] {
		for _, p := range back[queue[0]] {
			if _, ok := w.dist[p]; !ok {
				w.dist[p] = w.dist[queue[0]] + 1
				queue = append(queue, p)
			}
		}
	}
	show := w.store.Scheme().Print
	if !w.precise {
		w.app.println(show(from))
	}
	_, err = w.node(from, "", "")
	return err
}

// node prints what leads on from p; done says that the shortest way is shown.
func (w *whyDepends) node(p storepath.Path, first, rest string) (done bool, err error) {
	a, show := w.app, w.store.Scheme().Print
	grey := ""
	if w.visited[p] && a.colorOut() {
		grey = "\x1b[38;5;244m"
	}
	normal := ""
	if grey != "" {
		normal = "\x1b[0m"
	}
	if w.precise {
		arrow := ""
		if first != "" {
			arrow = "→ "
		}
		a.println(first + grey + arrow + show(p) + normal)
	}
	if p == w.to && !w.all && w.from != w.to {
		return true, nil
	}
	if w.visited[p] {
		return false, nil
	}
	w.visited[p] = w.precise
	var refs []storepath.Path
	for _, r := range w.refs[p] {
		if _, ok := w.dist[r]; ok && (r != p || w.from == w.to) {
			refs = append(refs, r)
		}
	}
	slices.SortStableFunc(refs, func(x, y storepath.Path) int { return w.dist[x] - w.dist[y] })
	var hits map[storepath.Path][]string
	if w.precise {
		if hits, err = w.hits(p, refs); err != nil {
			return false, err
		}
	}
	for i, r := range refs {
		last := !w.all || i == len(refs)-1
		conn, line := "├───", "│   "
		if last {
			conn, line = "└───", "    "
		}
		for n, h := range hits[r] {
			lead := conn
			if n > 0 {
				lead = line
			}
			a.println(rest + lead + h)
			if !w.all {
				break
			}
		}
		if !w.precise {
			mark := ""
			if w.visited[r] && a.colorOut() {
				mark = "\x1b[38;5;244m"
			}
			a.print(first + mark + conn + show(r))
			if mark != "" {
				a.print("\x1b[0m")
			}
			a.println()
			w.visited[p] = true
		}
		if done, err := w.node(r, rest+line, rest+line); done || err != nil {
			return done, err
		}
	}
	return false, nil
}
