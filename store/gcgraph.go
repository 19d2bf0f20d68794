package store

import (
	"fmt"

	"github.com/seed192a40f6/glang/store/storepath"
)

// graph is what the database says of all valid paths.
type graph struct {
	nodes map[storepath.Path]*graphNode
}

type graphNode struct {
	path            storepath.Path
	refs, referrers []*graphNode // without itself
	deriver         storepath.Path
	outputs         []storepath.Path // of a derivation
	derivers        []storepath.Path // valid derivations that have it as output
	gone            bool
}

func (n *graphNode) refPaths() []storepath.Path {
	out := make([]storepath.Path, len(n.refs))
	for i, r := range n.refs {
		out[i] = r.path
	}
	return out
}

// loadGraph reads the whole database in three queries, for asking about each
// path costs the collector more than deleting it.
func (s *Store) loadGraph() (*graph, error) {
	g := &graph{nodes: map[storepath.Path]*graphNode{}}
	byID := map[int64]*graphNode{}
	err := s.db.read(func() error {
		err := s.db.query(stmtGraphPaths, func(v []sqlValue) error {
			p, err := s.scheme.Parse(text(v[1]))
			if err != nil {
				return err
			}
			n := &graphNode{path: p}
			if d := text(v[2]); d != "" {
				if n.deriver, err = s.scheme.Parse(d); err != nil {
					return fmt.Errorf("deriver of '%s': %w", s.scheme.Print(p), err)
				}
			}
			g.nodes[p], byID[integer(v[0])] = n, n
			return nil
		})
		if err != nil {
			return err
		}
		err = s.db.query(stmtAllRefs, func(v []sqlValue) error {
			from, to := byID[integer(v[0])], byID[integer(v[1])]
			if from != nil && to != nil && from != to {
				from.refs = append(from.refs, to)
				to.referrers = append(to.referrers, from)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return s.db.query(stmtAllOutputs, func(v []sqlValue) error {
			drv := byID[integer(v[0])]
			out, err := s.scheme.Parse(text(v[1]))
			if err != nil || drv == nil {
				return err
			}
			drv.outputs = append(drv.outputs, out)
			if n := g.nodes[out]; n != nil {
				n.derivers = append(n.derivers, drv.path)
			}
			return nil
		})
	})
	return g, err
}

func (g *graph) remove(p storepath.Path) {
	if n := g.nodes[p]; n != nil {
		n.gone = true
		delete(g.nodes, p)
	}
}
