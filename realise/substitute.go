//go:build unix

package realise

import (
	"context"
	"fmt"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// substitute fetches one path, whose references are valid; with repair, in the
// place of what is there.
func (r *Realiser) substitute(ctx context.Context, p storepath.Path, f *found, repair bool) error {
	r.event(Event{Kind: SubstituteStarted, Path: p, Text: fmt.Sprintf("copying path '%s' from '%s'", r.print(p), f.from.Name()), Total: f.info.DownloadSize})
	err := f.from.Substitute(ctx, r.store, p, repair, func(done, total int64) {
		r.event(Event{Kind: SubstituteBytes, Path: p, Done: done, Total: total})
	})
	r.event(Event{Kind: SubstituteDone, Path: p, Err: err})
	return err
}

// contentsGood tells whether a valid path is as the database has it.
func (r *Realiser) contentsGood(p storepath.Path) error {
	info, err := r.store.PathInfo(p)
	if err != nil {
		return err
	}
	got, _, err := nar.Hash(info.NarHash.Algo(), r.store.RealPath(p), nil)
	if err == nil && got != info.NarHash {
		err = fmt.Errorf("path '%s' was modified! expected hash '%s', got '%s'", r.print(p), info.NarHash.Prefixed(hash.Nix32), got.Prefixed(hash.Nix32))
	}
	return err
}

// A contact says what is known of a substituter.
type contact uint8

const (
	unknown   contact = iota // not asked yet
	answering                // has answered
	silent                   // failed to answer the first time
)

func (r *Realiser) contact(i int) contact {
	r.contactMu.Lock()
	defer r.contactMu.Unlock()
	return r.contacts[i]
}

func (r *Realiser) heard(i int, c contact) {
	r.contactMu.Lock()
	defer r.contactMu.Unlock()
	r.contacts[i] = c
}
