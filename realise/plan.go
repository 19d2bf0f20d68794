//go:build unix

package realise

import (
	"context"
	"errors"

	"github.com/seed192a40f6/glang/store/storepath"
)

// A Plan is what Realise would do.
type Plan struct {
	Build        []storepath.Path // derivations, inputs before what needs them
	Substitute   []storepath.Path // likewise
	Unknown      []storepath.Path // nothing can make them valid
	DownloadSize int64            // bytes, where the substituters tell
	NarSize      int64
}

// Plan finds out what Realise would do for the targets.
func (r *Realiser) Plan(ctx context.Context, targets []Target) (*Plan, error) {
	g := r.newGraph(Normal)
	p := &Plan{}
	for _, t := range targets {
		var res Result
		_, err := g.target(ctx, t, &res)
		var missing *MissingPathError
		if errors.As(err, &missing) {
			p.Unknown = append(p.Unknown, missing.Path)
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	for _, t := range g.builds {
		p.Build = append(p.Build, t.node.path)
	}
	for _, t := range g.subs {
		p.Substitute = append(p.Substitute, t.path)
		p.DownloadSize += t.sub.info.DownloadSize
		p.NarSize += t.sub.info.NarSize
	}
	return p, nil
}
