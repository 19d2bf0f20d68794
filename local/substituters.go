package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/binarycache"
	"github.com/seed192a40f6/glang/store/storepath"
)

// substituters opens what the settings name, in the order of priority. One
// that cannot be opened is a warning.
func (s *Session) substituters() []realise.Substituter {
	if !s.Settings.Bool("substitute") {
		return nil
	}
	if !s.Dirs.Tool && !s.Settings.Overridden("substituters") {
		return nil // the default ones have paths of the other scheme
	}
	policy, err := s.policy()
	if err != nil {
		s.Settings.warn("%s", err.Error())
		return nil
	}
	type ranked struct {
		realise.Substituter
		priority int
	}
	var list []ranked
	seen := map[string]bool{}
	for _, uri := range s.Settings.Words("substituters") {
		if seen[uri] {
			continue
		}
		seen[uri] = true
		if binarycache.IsAddress(uri) {
			c, err := s.cache(uri)
			if err != nil {
				s.Settings.warn("%s", err.Error())
				continue
			}
			list = append(list, ranked{&cacheSubstituter{s: s, c: c, policy: policy}, c.Priority})
			continue
		}
		other, err := Open(s.Settings, s.Dirs, s.Env, uri, nil)
		if err != nil {
			s.Settings.warn("%s", err.Error())
			continue
		}
		if other.Scheme != s.Scheme {
			s.Settings.warn("the substituter '%s' has a store directory of its own, '%s': it is not used", uri, other.Scheme.Dir)
			continue
		}
		list = append(list, ranked{&storeSubstituter{s: s, from: other}, 0})
	}
	slices.SortStableFunc(list, func(a, b ranked) int { return a.priority - b.priority })
	out := make([]realise.Substituter, len(list))
	for i, r := range list {
		out[i] = r.Substituter
	}
	return out
}

// Substitutable says whether a substituter that wants to be asked about many
// paths has a path; whether its signature would be believed is another matter.
func (s *Session) Substitutable(ctx context.Context, p storepath.Path) bool {
	if s.subs == nil {
		// Asked once: one that cannot be reached costs seconds each time.
		s.subs = slices.DeleteFunc(append([]realise.Substituter{}, s.substituters()...), func(sub realise.Substituter) bool {
			c, ok := sub.(*cacheSubstituter)
			if !ok {
				return false
			}
			mass, err := c.c.WantsMassQuery(ctx)
			return err != nil || !mass
		})
	}
	for _, sub := range s.subs {
		c, ok := sub.(*cacheSubstituter)
		if !ok {
			if _, err := sub.PathInfo(ctx, p); err == nil {
				return true
			}
			continue
		}
		if ok, err := c.c.Has(ctx, p); err == nil && ok {
			return true
		}
	}
	return false
}

// policy says whose signatures are believed.
func (s *Session) policy() (binarycache.Policy, error) {
	keys, err := binarycache.ParsePublicKeys(s.Settings.Words("trusted-public-keys")...)
	if err != nil {
		return binarycache.Policy{}, err
	}
	for _, f := range s.Settings.Words("secret-key-files") {
		if text, err := os.ReadFile(f); err == nil {
			if k, err := binarycache.ParseSecretKey(string(text)); err == nil {
				keys.Add(k)
			}
		}
	}
	return binarycache.Policy{Scheme: s.Scheme, Keys: keys, RequireSignature: s.Settings.Bool("require-sigs")}, nil
}

// cacheSubstituter takes paths from a binary cache.
type cacheSubstituter struct {
	s      *Session
	c      *binarycache.Cache
	policy binarycache.Policy
}

func (c *cacheSubstituter) Name() string { return c.c.Name() }

// info looks a path up and verifies what is claimed of it.
func (c *cacheSubstituter) info(ctx context.Context, p storepath.Path) (*binarycache.NarInfo, error) {
	claim, err := c.c.Lookup(ctx, p)
	if errors.Is(err, binarycache.ErrNotFound) {
		return nil, fmt.Errorf("path '%s' %w in '%s'", c.s.Scheme.Print(p), store.ErrNotValid, c.Name())
	}
	if err != nil {
		return nil, err
	}
	info, err := claim.Verify(c.policy)
	var untrusted *binarycache.UntrustedError
	if errors.As(err, &untrusted) {
		c.s.Settings.warn("ignoring substitute for '%s' from '%s', as it's not signed by any of the keys in 'trusted-public-keys'", c.s.Scheme.Print(p), c.Name())
		return nil, fmt.Errorf("path '%s' %w in '%s'", c.s.Scheme.Print(p), store.ErrNotValid, c.Name())
	}
	return info, err
}

func (c *cacheSubstituter) PathInfo(ctx context.Context, p storepath.Path) (*realise.SubstituteInfo, error) {
	info, err := c.info(ctx, p)
	if err != nil {
		return nil, err
	}
	return &realise.SubstituteInfo{References: info.References, DownloadSize: info.FileSize, NarSize: info.NarSize}, nil
}

func (c *cacheSubstituter) Substitute(ctx context.Context, dst *store.Store, p storepath.Path, repair bool, progress func(done, total int64)) error {
	info, err := c.info(ctx, p)
	if err != nil {
		return err
	}
	return c.c.CopyTo(ctx, dst, info, store.AddNAROptions{Repair: repair}, progress)
}

// storeSubstituter takes paths from another store on this machine.
type storeSubstituter struct{ s, from *Session }

func (c *storeSubstituter) Name() string { return c.from.Ref.String() }

func (c *storeSubstituter) PathInfo(_ context.Context, p storepath.Path) (*realise.SubstituteInfo, error) {
	info, err := c.from.API.PathInfo(p)
	if err != nil {
		return nil, err
	}
	if err := checkSignatures(c.from, c.s, info); err != nil {
		return nil, fmt.Errorf("%w: path '%s' %w", err, c.s.Scheme.Print(p), store.ErrNotValid)
	}
	return &realise.SubstituteInfo{References: info.References, NarSize: info.NarSize}, nil
}

func (c *storeSubstituter) Substitute(_ context.Context, dst *store.Store, p storepath.Path, repair bool, _ func(done, total int64)) error {
	info, err := c.from.API.PathInfo(p)
	if err != nil {
		return err
	}
	return copyPath(c.from.API, dst, info, repair)
}
