package store

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/store/storepath"
)

// pathQueue hands out paths in sorted order, each once.
type pathQueue struct {
	todo map[storepath.Path]bool
	done map[storepath.Path]bool
}

func newPathQueue(roots []storepath.Path) *pathQueue {
	q := &pathQueue{todo: map[storepath.Path]bool{}, done: map[storepath.Path]bool{}}
	q.add(roots...)
	return q
}

func (q *pathQueue) add(paths ...storepath.Path) {
	for _, p := range paths {
		if !q.done[p] {
			q.todo[p] = true
		}
	}
}

func (q *pathQueue) next() (storepath.Path, bool) {
	var first storepath.Path
	for p := range q.todo {
		if first.IsZero() || storepath.Compare(p, first) < 0 {
			first = p
		}
	}
	delete(q.todo, first)
	q.done[first] = true
	return first, !first.IsZero()
}

// WriteDot writes the references of a closure as a graph for dot(1).
func WriteDot(s API, roots []storepath.Path, w io.Writer) error {
	colours := []string{"black", "red", "green", "blue", "magenta", "burlywood"}
	out, n := bufio.NewWriter(w), 0
	fmt.Fprintln(out, "digraph G {")
	q := newPathQueue(roots)
	for p, ok := q.next(); ok; p, ok = q.next() {
		info, err := s.PathInfo(p)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\"%s\" [label = \"%s\", shape = box, style = filled, fillcolor = \"#ff0000\"];\n", p, p.Name())
		for _, r := range info.References {
			if r != p {
				q.add(r)
				fmt.Fprintf(out, "\"%s\" -> \"%s\" [color = \"%s\"];\n", r, p, colours[n%len(colours)])
				n++
			}
		}
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}

// WriteGraphML writes the references of a closure as GraphML.
func WriteGraphML(s API, roots []storepath.Path, w io.Writer) error {
	out := bufio.NewWriter(w)
	out.WriteString("<?xml version='1.0' encoding='utf-8'?>\n" +
		"<graphml xmlns='http://graphml.graphdrawing.org/xmlns'\n" +
		"    xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'\n" +
		"    xsi:schemaLocation='http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd'>\n" +
		"<key id='narSize' for='node' attr.name='narSize' attr.type='long'/>" +
		"<key id='name' for='node' attr.name='name' attr.type='string'/>" +
		"<key id='type' for='node' attr.name='type' attr.type='string'/>" +
		"<graph id='G' edgedefault='directed'>\n")
	q := newPathQueue(roots)
	for p, ok := q.next(); ok; p, ok = q.next() {
		info, err := s.PathInfo(p)
		if err != nil {
			return err
		}
		kind := "output-path"
		if p.IsDerivation() {
			kind = "derivation"
		}
		// up to the first dash, of which there may be none: as the reference
		name := p.Name()
		name = name[:strings.IndexByte(name, '-')+1]
		fmt.Fprintf(out, "  <node id=\"%s\">\n    <data key=\"narSize\">%d</data>\n    <data key=\"name\">%s</data>\n"+
			"    <data key=\"type\">%s</data>\n  </node>\n", p, info.NarSize, name, kind)
		for _, r := range info.References {
			if r != p {
				q.add(r)
				fmt.Fprintf(out, "  <edge source=\"%s\" target=\"%s\"/>\n", p, r)
			}
		}
	}
	out.WriteString("</graph>\n</graphml>\n")
	return out.Flush()
}

// The parts of trees as the reference draws them.
const (
	treeConn = "├───"
	treeLast = "└───"
	treeLine = "│   "
	treeNull = "    "
)

// WriteTree writes the references of paths as trees. What has been shown is
// not shown again but marked "[...]".
func WriteTree(s API, roots []storepath.Path, w io.Writer) error {
	out := bufio.NewWriter(w)
	t := &treeWriter{s: s, w: out, done: map[storepath.Path]bool{}}
	for _, p := range roots {
		if err := t.node(p, "", ""); err != nil {
			return err
		}
	}
	return out.Flush()
}

type treeWriter struct {
	s    API
	w    *bufio.Writer
	done map[storepath.Path]bool
}

func (t *treeWriter) node(p storepath.Path, first, rest string) error {
	if t.done[p] {
		fmt.Fprintf(t.w, "%s%s [...]\n", first, t.s.Scheme().Print(p))
		return nil
	}
	t.done[p] = true
	fmt.Fprintf(t.w, "%s%s\n", first, t.s.Scheme().Print(p))
	info, err := t.s.PathInfo(p)
	if err != nil {
		return err
	}
	// what others of them need comes last and is shown below those, flat
	sorted, err := TopoSort(t.s, info.References)
	if err != nil {
		return err
	}
	slices.Reverse(sorted)
	for i, r := range sorted {
		conn, line := treeConn, treeLine
		if i == len(sorted)-1 {
			conn, line = treeLast, treeNull
		}
		if err := t.node(r, rest+conn, rest+line); err != nil {
			return err
		}
	}
	return nil
}
