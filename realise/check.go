//go:build unix

package realise

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// checkOutputs applies what the derivation says its outputs must be. infos has
// what was built, by output; none of it needs to be registered yet.
func (b *build) checkOutputs(infos map[string]*store.PathInfo) error {
	byPath := make(map[storepath.Path]*store.PathInfo, len(infos))
	for _, info := range infos {
		byPath[info.Path] = info
	}
	for _, name := range sortedNames(infos) {
		info := infos[name]
		if err := b.checkFixed(name, info); err != nil {
			return err
		}
		c := checker{b: b, output: name, info: info, infos: infos, byPath: byPath, checks: b.opts.For(name)}
		if err := c.run(); err != nil {
			return err
		}
	}
	return nil
}

// checkFixed compares the hash of a fixed output with the one it should have.
func (b *build) checkFixed(name string, info *store.PathInfo) error {
	want := b.drv.Outputs[name]
	if want.Kind != derivation.Fixed {
		return nil
	}
	if got := info.CA.Hash; got != want.Hash {
		err := b.r.failf(HashMismatch, b.path, "hash mismatch in fixed-output derivation '%s':\n  specified: %s\n     got:    %s",
			b.r.print(b.path), want.Hash.SRI(), got.SRI())
		err.Wanted, err.Got, err.GotPath = want.Hash, got, b.r.store.RealPath(info.Path)
		return err
	}
	if n := len(info.References); n > 0 {
		return b.r.failf(HashMismatch, b.path,
			"fixed-output derivations must not reference store paths: '%s' references %d distinct paths, e.g. '%s'",
			b.r.print(b.path), n, b.r.print(info.References[0]))
	}
	return nil
}

// A checker applies the checks of one output.
type checker struct {
	b      *build
	output string
	info   *store.PathInfo
	infos  map[string]*store.PathInfo
	byPath map[storepath.Path]*store.PathInfo
	checks derivation.OutputChecks
}

func (c *checker) reject(format string, args ...any) error {
	return c.b.r.failf(OutputRejected, c.b.path, format, args...)
}

func (c *checker) run() error {
	r := c.b.r
	if limit := c.checks.MaxSize; limit != nil && uint64(c.info.NarSize) > *limit {
		return c.reject("path '%s' is too large at %d bytes; limit is %d bytes", r.print(c.info.Path), c.info.NarSize, *limit)
	}
	if limit := c.checks.MaxClosureSize; limit != nil {
		_, size, err := c.closure()
		if err != nil {
			return err
		}
		if size > *limit {
			return c.reject("closure of path '%s' is too large at %d bytes; limit is %d bytes", r.print(c.info.Path), size, *limit)
		}
	}
	if c.checks.HasAllowedReferences {
		if err := c.refs(c.checks.AllowedReferences, true, false); err != nil {
			return err
		}
	}
	if c.checks.HasAllowedRequisites {
		if err := c.refs(c.checks.AllowedRequisites, true, true); err != nil {
			return err
		}
	}
	if len(c.checks.DisallowedReferences) > 0 {
		if err := c.refs(c.checks.DisallowedReferences, false, false); err != nil {
			return err
		}
	}
	if len(c.checks.DisallowedRequisites) > 0 {
		return c.refs(c.checks.DisallowedRequisites, false, true)
	}
	return nil
}

// closure is that of the output, some of which may not be valid yet.
func (c *checker) closure() ([]storepath.Path, uint64, error) {
	var size uint64
	seen := map[storepath.Path]bool{}
	var all []storepath.Path
	for todo := []storepath.Path{c.info.Path}; len(todo) > 0; {
		p := todo[0]
		todo = todo[1:]
		if seen[p] {
			continue
		}
		seen[p] = true
		all = append(all, p)
		info := c.byPath[p]
		if info == nil {
			var err error
			if info, err = c.b.r.store.PathInfo(p); err != nil {
				return nil, 0, err
			}
		}
		size += uint64(info.NarSize)
		todo = append(todo, info.References...)
	}
	slices.SortFunc(all, storepath.Compare)
	return all, size, nil
}

// refs checks that only (allowed) or none of (not allowed) the named paths are
// referred to.
func (c *checker) refs(names []string, allowed, recursive bool) error {
	spec := map[storepath.Path]bool{}
	for _, name := range names {
		p, err := c.path(name)
		if err != nil {
			return err
		}
		spec[p] = true
	}
	used := c.info.References
	if recursive {
		var err error
		if used, _, err = c.closure(); err != nil {
			return err
		}
	}
	var bad strings.Builder
	for _, p := range used {
		if recursive && c.checks.IgnoreSelfRefs && p == c.info.Path {
			continue
		}
		if spec[p] != allowed {
			bad.WriteString("\n  " + c.b.r.print(p))
		}
	}
	if bad.Len() > 0 {
		return c.reject("output '%s' is not allowed to refer to the following paths:%s", c.b.r.print(c.info.Path), bad.String())
	}
	return nil
}

// path reads an element of a list: a store path, a placeholder of one, or the
// name of an output.
func (c *checker) path(name string) (storepath.Path, error) {
	if s := c.b.rewriteInputs(name); strings.HasPrefix(s, "/") {
		p, _, err := c.b.r.scheme.ToStorePath(s)
		if err != nil {
			return p, fmt.Errorf("derivation contains an illegal reference specifier '%s': %w", name, err)
		}
		return p, nil
	}
	if info := c.infos[name]; info != nil {
		return info.Path, nil
	}
	return storepath.Path{}, c.reject("derivation '%s' output check for '%s' contains output name '%s', but this is not a valid output of this derivation. (Valid outputs are [%s].)",
		c.b.r.print(c.b.path), c.output, name, strings.Join(sortedNames(c.infos), ", "))
}

func sortedNames[V any](m map[string]V) []string {
	l := make([]string, 0, len(m))
	for name := range m {
		l = append(l, name)
	}
	slices.Sort(l)
	return l
}
