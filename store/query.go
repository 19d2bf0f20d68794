package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// sqlValue is an int64, a string or nil.
type sqlValue = driver.Value

func text(v sqlValue) string {
	s, _ := v.(string)
	return s
}

func integer(v sqlValue) int64 {
	n, _ := v.(int64)
	return n
}

// IsValid tells whether a path is valid.
func (s *Store) IsValid(p storepath.Path) (bool, error) {
	if err := s.Start(); err != nil {
		return false, err
	}
	valid := false
	err := s.db.read(func() error {
		id, err := s.pathID(p)
		valid = id != 0
		return err
	})
	return valid, err
}

// pathID returns the number of a valid path, 0 of another; db.mu is held.
func (s *Store) pathID(p storepath.Path) (id int64, err error) {
	err = s.db.query(stmtPathID, func(v []sqlValue) error {
		id = integer(v[0])
		return nil
	}, s.scheme.Print(p))
	return id, err
}

// PathInfo returns what is known of a valid path; the error wraps ErrNotValid
// for another.
func (s *Store) PathInfo(p storepath.Path) (*PathInfo, error) {
	if err := s.Start(); err != nil {
		return nil, err
	}
	var info *PathInfo
	err := s.db.read(func() (err error) {
		info, err = s.pathInfo(p)
		return err
	})
	if err != nil {
		return nil, err
	}
	if info == nil {
		return nil, s.notValid(p)
	}
	return info, nil
}

func (s *Store) notValid(p storepath.Path) error { return &notValidError{s.scheme.Print(p)} }

// pathInfo returns nil for a path that is not valid; db.mu is held.
func (s *Store) pathInfo(p storepath.Path) (*PathInfo, error) {
	var info *PathInfo
	var id int64
	err := s.db.query(stmtPathInfo, func(v []sqlValue) (err error) {
		id = integer(v[0])
		info, err = s.decodeInfo(p, v[1:])
		return err
	}, s.scheme.Print(p))
	if info == nil || err != nil {
		return nil, err
	}
	err = s.db.query(stmtReferences, func(v []sqlValue) error {
		r, err := s.scheme.Parse(text(v[0]))
		info.References = append(info.References, r)
		return err
	}, id)
	slices.SortFunc(info.References, storepath.Compare)
	return info, err
}

// decodeInfo reads hash, registrationTime, deriver, narSize, ultimate, sigs, ca.
func (s *Store) decodeInfo(p storepath.Path, v []sqlValue) (*PathInfo, error) {
	info := &PathInfo{
		Path:             p,
		RegistrationTime: time.Unix(integer(v[1]), 0),
		NarSize:          integer(v[3]),
		Ultimate:         integer(v[4]) == 1,
		Sigs:             strings.Fields(text(v[5])),
	}
	var err error
	if info.NarHash, err = hash.ParseAny(text(v[0]), 0); err != nil {
		return nil, fmt.Errorf("invalid-path entry for '%s': %w", s.scheme.Print(p), err)
	}
	if d := text(v[2]); d != "" {
		if info.Deriver, err = s.scheme.Parse(d); err != nil {
			return nil, fmt.Errorf("deriver of '%s': %w", s.scheme.Print(p), err)
		}
	}
	if info.CA, err = storepath.ParseContentAddress(text(v[6])); err != nil {
		return nil, fmt.Errorf("content address of '%s': %w", s.scheme.Print(p), err)
	}
	return info, nil
}

// AllValidPaths returns all valid paths, sorted.
func (s *Store) AllValidPaths() ([]storepath.Path, error) {
	return s.paths(stmtAllPaths)
}

// Referrers returns the valid paths that have p among their references,
// sorted; p itself is among them if it refers to itself.
func (s *Store) Referrers(p storepath.Path) ([]storepath.Path, error) {
	return s.paths(stmtReferrers, s.scheme.Print(p))
}

// ValidDerivers returns the valid derivations that have p as an output.
func (s *Store) ValidDerivers(p storepath.Path) ([]storepath.Path, error) {
	return s.paths(stmtDerivers, s.scheme.Print(p))
}

// paths runs a statement whose rows begin with a path.
func (s *Store) paths(id stmt, args ...sqlValue) ([]storepath.Path, error) {
	if err := s.Start(); err != nil {
		return nil, err
	}
	var out []storepath.Path
	err := s.db.read(func() (err error) {
		out, err = s.pathsLocked(id, args...)
		return err
	})
	return out, err
}

func (s *Store) pathsLocked(id stmt, args ...sqlValue) ([]storepath.Path, error) {
	var out []storepath.Path
	err := s.db.query(id, func(v []sqlValue) error {
		p, err := s.scheme.Parse(text(v[0]))
		out = append(out, p)
		return err
	}, args...)
	slices.SortFunc(out, storepath.Compare)
	return out, err
}

// DerivationOutputs returns the output paths, by output name, that a valid
// derivation has in the database: those that are known before it is built.
func (s *Store) DerivationOutputs(drv storepath.Path) (map[string]storepath.Path, error) {
	if err := s.Start(); err != nil {
		return nil, err
	}
	var out map[string]storepath.Path
	err := s.db.read(func() error {
		id, err := s.pathID(drv)
		if err != nil {
			return err
		}
		if id == 0 {
			return s.notValid(drv)
		}
		out = map[string]storepath.Path{}
		return s.db.query(stmtOutputs, func(v []sqlValue) error {
			p, err := s.scheme.Parse(text(v[1]))
			out[text(v[0])] = p
			return err
		}, id)
	})
	return out, err
}

// PathFromHashPart returns the valid path whose base name begins with the 32
// characters given; zero if there is none.
func (s *Store) PathFromHashPart(part string) (storepath.Path, error) {
	if len(part) != storepath.HashLen {
		return storepath.Path{}, errors.New("invalid hash part")
	}
	found, err := s.paths(stmtFromHashPart, s.scheme.Dir+"/"+part)
	if err != nil || len(found) == 0 || found[0].HashPart() != part {
		return storepath.Path{}, err
	}
	return found[0], nil
}

// ClosureOptions says which edges Closure follows.
type ClosureOptions struct {
	Reverse         bool // referrers instead of references
	IncludeOutputs  bool // from a derivation to its valid outputs; reversed: from a path to its derivers
	IncludeDerivers bool // from a path to its valid deriver; reversed: from a derivation to its outputs
}

// Closure returns start and all that can be reached from it, sorted. A start
// that is not valid is an error that wraps ErrNotValid, unless Reverse is set.
func (s *Store) Closure(start []storepath.Path, o ClosureOptions) ([]storepath.Path, error) {
	return closure(s, start, o)
}

func closure(s API, start []storepath.Path, o ClosureOptions) ([]storepath.Path, error) {
	seen := make(map[storepath.Path]bool, len(start))
	todo := slices.Clone(start)
	var out []storepath.Path
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		out = append(out, p)
		next, err := edges(s, p, o)
		if err != nil {
			return nil, err
		}
		todo = append(todo, next...)
	}
	slices.SortFunc(out, storepath.Compare)
	return out, nil
}

func edges(s API, p storepath.Path, o ClosureOptions) ([]storepath.Path, error) {
	var next []storepath.Path
	if o.Reverse {
		refs, err := s.Referrers(p)
		if err != nil {
			return nil, err
		}
		next = refs
		if o.IncludeOutputs {
			derivers, err := s.ValidDerivers(p)
			if err != nil {
				return nil, err
			}
			next = append(next, derivers...)
		}
		if o.IncludeDerivers && p.IsDerivation() {
			return appendValidOutputs(s, next, p)
		}
		return next, nil
	}
	info, err := s.PathInfo(p)
	if err != nil {
		return nil, err
	}
	next = slices.Clone(info.References)
	if o.IncludeDerivers && !info.Deriver.IsZero() {
		ok, err := s.IsValid(info.Deriver)
		if err != nil {
			return nil, err
		}
		if ok {
			next = append(next, info.Deriver)
		}
	}
	if o.IncludeOutputs && p.IsDerivation() {
		return appendValidOutputs(s, next, p)
	}
	return next, nil
}

func appendValidOutputs(s API, to []storepath.Path, drv storepath.Path) ([]storepath.Path, error) {
	outs, err := s.DerivationOutputs(drv)
	if err != nil {
		return nil, err
	}
	for _, out := range outs {
		ok, err := s.IsValid(out)
		if err != nil {
			return nil, err
		}
		if ok {
			to = append(to, out)
		}
	}
	return to, nil
}

// CycleError reports that paths refer to each other in a circle.
type CycleError struct{ Path, Parent string }

func (e *CycleError) Error() string {
	return fmt.Sprintf("cycle detected in the references of '%s' from '%s'", e.Path, e.Parent)
}

// TopoSort sorts paths so that each comes before those it refers to; the order
// is that of the reference. Paths that are not valid have no references.
func TopoSort(s API, paths []storepath.Path) ([]storepath.Path, error) {
	return topoSort(s.Scheme(), sortedPaths(paths), func(p storepath.Path) ([]storepath.Path, error) {
		info, err := s.PathInfo(p)
		if errors.Is(err, ErrNotValid) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return info.References, nil
	})
}

// TopoSort is [TopoSort] for paths of this store.
func (s *Store) TopoSort(paths []storepath.Path) ([]storepath.Path, error) { return TopoSort(s, paths) }

// topoSort wants its items sorted and unique.
func topoSort(scheme storepath.Scheme, items []storepath.Path, refs func(storepath.Path) ([]storepath.Path, error)) ([]storepath.Path, error) {
	todo := make(map[storepath.Path]bool, len(items))
	for _, p := range items {
		todo[p] = true
	}
	done := make(map[storepath.Path]bool, len(items))
	active := map[storepath.Path]bool{}
	var out []storepath.Path
	var visit func(p storepath.Path, parent *storepath.Path) error
	visit = func(p storepath.Path, parent *storepath.Path) error {
		if active[p] {
			return &CycleError{scheme.Print(p), scheme.Print(*parent)}
		}
		if done[p] {
			return nil
		}
		done[p], active[p] = true, true
		rs, err := refs(p)
		if err != nil {
			return err
		}
		for _, r := range rs {
			if r != p && todo[r] {
				if err := visit(r, &p); err != nil {
					return err
				}
			}
		}
		delete(active, p)
		out = append(out, p)
		return nil
	}
	for _, p := range items {
		if err := visit(p, nil); err != nil {
			return nil, err
		}
	}
	slices.Reverse(out)
	return out, nil
}
