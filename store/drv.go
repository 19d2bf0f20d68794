package store

import (
	"fmt"
	"os"
	"sync"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// drvCache checks the output paths of derivations, remembering the hashes of
// those they depend on, and passes the outputs of one that was just written
// from memory on to its registration.
type drvCache struct {
	mu      sync.Mutex
	hasher  *derivation.Hasher
	written map[storepath.Path]map[string]storepath.Path
}

// WriteDerivation adds a derivation whose output paths are filled in, and
// returns its path. The paths are taken on trust: they were just computed.
func (s *Store) WriteDerivation(d *derivation.Derivation) (storepath.Path, error) {
	p, err := derivation.Path(s.scheme, d)
	if err != nil {
		return p, err
	}
	return p, s.AddDerivation(p, d, d.ATerm(s.scheme))
}

// AddDerivation is WriteDerivation for a derivation whose path and text have
// been computed already.
func (s *Store) AddDerivation(p storepath.Path, d *derivation.Derivation, text []byte) error {
	return s.add(p, false, false, func(tmp string) (*PathInfo, error) {
		if err := writeStoreFile(tmp, text, false); err != nil {
			return nil, err
		}
		s.drvs.put(p, knownOutputs(d))
		info := &PathInfo{
			Path:       p,
			References: sortedPaths(d.References()),
			CA:         storepath.ContentAddress{Method: storepath.Text, Hash: hash.Sum(s.scheme.Hash, text)},
		}
		info.NarHash, info.NarSize = narOfFile(s.scheme.Hash, text)
		return info, nil
	})
}

func knownOutputs(d *derivation.Derivation) map[string]storepath.Path {
	outs := map[string]storepath.Path{}
	for name, o := range d.Outputs {
		if !o.Path.IsZero() {
			outs[name] = o.Path
		}
	}
	return outs
}

func (c *drvCache) put(p storepath.Path, outs map[string]storepath.Path) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written == nil {
		c.written = map[storepath.Path]map[string]storepath.Path{}
	}
	c.written[p] = outs
}

func (c *drvCache) take(p storepath.Path) (map[string]storepath.Path, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	outs, ok := c.written[p]
	delete(c.written, p)
	return outs, ok
}

// ReadDerivation reads a valid derivation.
func (s *Store) ReadDerivation(p storepath.Path) (*derivation.Derivation, error) {
	ok, err := s.IsValid(p)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, s.notValid(p)
	}
	return s.readDerivation(p)
}

// readDerivation reads a derivation that may not be registered yet.
func (s *Store) readDerivation(p storepath.Path) (*derivation.Derivation, error) {
	text, err := os.ReadFile(s.RealPath(p))
	if err != nil {
		return nil, fmt.Errorf("opening file '%s': %w", s.RealPath(p), bare(err))
	}
	d, err := derivation.Parse(s.scheme, p.DrvName(), text)
	if err != nil {
		return nil, fmt.Errorf("error parsing derivation '%s': %w", s.scheme.Print(p), err)
	}
	return d, nil
}

// checkedOutputs returns the outputs of a derivation that lies in the store,
// having checked that their paths follow from it.
func (s *Store) checkedOutputs(p storepath.Path) (map[string]storepath.Path, error) {
	if outs, ok := s.drvs.take(p); ok {
		return outs, nil
	}
	d, err := s.readDerivation(p)
	if err != nil {
		return nil, err
	}
	s.drvs.mu.Lock()
	if s.drvs.hasher == nil {
		s.drvs.hasher = derivation.NewHasher(s.scheme, s.readDerivation)
	}
	h := s.drvs.hasher
	s.drvs.mu.Unlock()
	if err := h.Check(d); err != nil {
		return nil, fmt.Errorf("derivation '%s': %w", s.scheme.Print(p), err)
	}
	return knownOutputs(d), nil
}
