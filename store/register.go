package store

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Register makes paths valid, all of them or, on error, none. Their contents
// must be in place, canonical, and each reference valid or among the paths. Of
// a path that is valid already size, hash, signatures, content address and
// trust are updated and references added.
func (s *Store) Register(infos []PathInfo) error {
	if err := s.writable(); err != nil {
		return err
	}
	byPath := make(map[storepath.Path]*PathInfo, len(infos))
	for i := range infos {
		info := &infos[i]
		if info.NarHash.Algo() != s.scheme.Hash {
			return fmt.Errorf("path '%s' has a %s hash of its archive; this store wants %s", s.scheme.Print(info.Path), info.NarHash.Algo(), s.scheme.Hash)
		}
		if err := info.checkCA(s.scheme); err != nil {
			return err
		}
		byPath[info.Path] = info
	}
	outputs, err := s.outputsOf(infos)
	if err != nil {
		return err
	}
	// A cycle can only be one of outputs of one derivation.
	_, err = topoSort(s.scheme, sortedKeys(byPath), func(p storepath.Path) ([]storepath.Path, error) {
		return byPath[p].References, nil
	})
	if err != nil {
		return err
	}
	return s.explainDB(s.db.write(func() error {
		ids := make(map[storepath.Path]int64, len(infos))
		for i := range infos {
			id, err := s.registerOne(&infos[i], outputs[infos[i].Path])
			if err != nil {
				return err
			}
			ids[infos[i].Path] = id
		}
		for i := range infos {
			if err := s.registerRefs(&infos[i], ids); err != nil {
				return err
			}
		}
		return nil
	}))
}

// outputsOf reads the derivations among infos, before the transaction begins.
func (s *Store) outputsOf(infos []PathInfo) (map[storepath.Path]map[string]storepath.Path, error) {
	var all map[storepath.Path]map[string]storepath.Path
	for i := range infos {
		if p := infos[i].Path; p.IsDerivation() {
			outs, err := s.checkedOutputs(p)
			if err != nil {
				return nil, err
			}
			if all == nil {
				all = map[storepath.Path]map[string]storepath.Path{}
			}
			all[p] = outs
		}
	}
	return all, nil
}

func (s *Store) registerOne(info *PathInfo, outputs map[string]storepath.Path) (id int64, err error) {
	if id, err = s.pathID(info.Path); err != nil {
		return 0, err
	}
	narHash, narSize, ultimate, sigs, ca := columns(info)
	if id != 0 {
		_, err = s.db.exec(stmtUpdatePath, narSize, narHash, ultimate, sigs, ca, s.scheme.Print(info.Path))
		return id, err
	}
	when := info.RegistrationTime
	if when.IsZero() {
		when = time.Now()
	}
	var deriver sqlValue
	if !info.Deriver.IsZero() {
		deriver = s.scheme.Print(info.Deriver)
	}
	id, err = s.db.exec(stmtInsertPath, s.scheme.Print(info.Path), narHash, when.Unix(), deriver, narSize, ultimate, sigs, ca)
	if err != nil {
		return 0, err
	}
	// The collector asks whose output a path is.
	for name, out := range outputs {
		if _, err := s.db.exec(stmtInsertOutput, id, name, s.scheme.Print(out)); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// columns encodes what an update of a path writes; null means unknown or none.
func columns(info *PathInfo) (narHash string, narSize, ultimate, sigs, ca sqlValue) {
	if info.NarSize != 0 {
		narSize = info.NarSize
	}
	if info.Ultimate {
		ultimate = int64(1)
	}
	if len(info.Sigs) > 0 {
		sigs = strings.Join(sortedStrings(info.Sigs), " ")
	}
	if !info.CA.IsZero() {
		ca = info.CA.String()
	}
	return info.NarHash.Prefixed(hash.Base16), narSize, ultimate, sigs, ca
}

func sortedStrings(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *Store) registerRefs(info *PathInfo, ids map[storepath.Path]int64) error {
	for _, r := range info.References {
		id := ids[r]
		if id == 0 {
			var err error
			if id, err = s.pathID(r); err != nil {
				return err
			}
			if id == 0 {
				return s.notValid(r)
			}
			ids[r] = id
		}
		if _, err := s.db.exec(stmtInsertRef, ids[info.Path], id); err != nil {
			return err
		}
	}
	return nil
}

// AddSignatures adds signatures to those of a valid path.
func (s *Store) AddSignatures(p storepath.Path, sigs []string) error {
	return s.update(p, func(info *PathInfo) { info.Sigs = append(info.Sigs, sigs...) })
}

// update changes what the database says of a valid path.
func (s *Store) update(p storepath.Path, change func(*PathInfo)) error {
	if err := s.writable(); err != nil {
		return err
	}
	return s.db.write(func() error {
		info, err := s.pathInfo(p)
		if err != nil {
			return err
		}
		if info == nil {
			return s.notValid(p)
		}
		change(info)
		narHash, narSize, ultimate, sigs, ca := columns(info)
		_, err = s.db.exec(stmtUpdatePath, narSize, narHash, ultimate, sigs, ca, s.scheme.Print(p))
		return err
	})
}

// Invalidate makes a path invalid, unless other valid paths refer to it: then
// the error wraps ErrInUse. Its contents stay.
func (s *Store) Invalidate(p storepath.Path) error {
	if err := s.writable(); err != nil {
		return err
	}
	return s.db.write(func() error {
		refs, err := s.pathsLocked(stmtReferrers, s.scheme.Print(p))
		if err != nil {
			return err
		}
		if others, _ := splitSelf(p, refs); len(others) > 0 {
			return &inUseError{s.scheme.Print(p), s.quoted(others)}
		}
		_, err = s.db.exec(stmtDeletePath, s.scheme.Print(p))
		return err
	})
}

type inUseError struct{ path, by string }

func (e *inUseError) Error() string {
	return fmt.Sprintf("cannot delete path '%s' because it is in use by %s", e.path, e.by)
}
func (e *inUseError) Is(target error) bool { return target == ErrInUse }

// quoted lists paths as 'A', 'B'.
func (s *Store) quoted(paths []storepath.Path) string {
	var b strings.Builder
	for i, p := range paths {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("'" + s.scheme.Print(p) + "'")
	}
	return b.String()
}

func sortedKeys[V any](m map[storepath.Path]V) []storepath.Path {
	out := make([]storepath.Path, 0, len(m))
	for p := range m {
		out = append(out, p)
	}
	slices.SortFunc(out, storepath.Compare)
	return out
}
