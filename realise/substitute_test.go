//go:build unix

package realise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// A cache has files by path; a nil map is down.
type cache struct {
	name  string
	files map[storepath.Path]string
	asked int
	fail  bool // when it comes to fetching
}

func (c *cache) Name() string { return c.name }

func (c *cache) PathInfo(_ context.Context, p storepath.Path) (*realise.SubstituteInfo, error) {
	c.asked++
	if c.files == nil {
		return nil, errors.New("unable to reach " + c.name)
	}
	content, ok := c.files[p]
	if !ok {
		return nil, fmt.Errorf("%s: %w", p, store.ErrNotValid)
	}
	return &realise.SubstituteInfo{DownloadSize: int64(len(content)), NarSize: int64(len(content))}, nil
}

func (c *cache) Substitute(_ context.Context, dst *store.Store, p storepath.Path, repair bool, _ func(done, total int64)) error {
	if c.fail {
		return errors.New("connection lost")
	}
	var archive strings.Builder
	if err := nar.DumpString(&archive, c.files[p]); err != nil {
		return err
	}
	info := &store.PathInfo{Path: p, NarHash: hash.SumString(hash.SHA256, archive.String()), NarSize: int64(archive.Len())}
	return dst.AddNAR(info, strings.NewReader(archive.String()), store.AddNAROptions{Repair: repair})
}

func TestSubstitute(t *testing.T) {
	b := newBench(t)
	first := b.drv("first", []string{"write $out built"}, nil)
	second := b.drv("second", []string{"copy $in $out"}, b.uses("in", first))
	d, err := b.store.ReadDerivation(first)
	if err != nil {
		t.Fatal(err)
	}
	down := &cache{name: "down"}
	has := &cache{name: "has", files: map[storepath.Path]string{d.Outputs["out"].Path: "fetched"}}
	b.opts.Substituters = []realise.Substituter{down, has}

	plan, err := realise.New(b.store, b.opts).Plan(t.Context(), []realise.Target{{Drv: second}})
	if err != nil || len(plan.Build) != 1 || len(plan.Substitute) != 1 || plan.DownloadSize != int64(len("fetched")) {
		t.Errorf("plan %+v, %v", plan, err)
	}
	down.asked = 0
	if got := read(t, b.out(second)); got != "fetched" {
		t.Errorf("got %q", got)
	}
	if down.asked != 1 {
		t.Errorf("asked one that is down %d times", down.asked)
	}
	if w := b.lines(realise.Warning); len(w) == 0 || w[0] != "unable to reach down" {
		t.Errorf("warnings %q", w)
	}
}

func TestSubstituteFails(t *testing.T) {
	b := newBench(t)
	drv := b.drv("x", []string{"write $out built"}, nil)
	d, err := b.store.ReadDerivation(drv)
	if err != nil {
		t.Fatal(err)
	}
	has := &cache{name: "has", fail: true, files: map[storepath.Path]string{d.Outputs["out"].Path: "fetched"}}
	b.opts.Substituters = []realise.Substituter{has}
	if _, err := b.realise(realise.Normal, drv); err == nil || !strings.Contains(err.Error(), "try '--fallback'") {
		t.Errorf("got %v", err)
	}
	b.opts.Fallback = true
	if got := read(t, b.out(drv)); got != "built" {
		t.Errorf("fallback: %q", got)
	}
}
