package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// A Realisation records which path an output of a derivation turned out to
// have, for outputs whose paths are not known before they are built. A store
// keeps them if Config.CADerivations is set.
type Realisation struct {
	Drv     hash.Hash // of the derivation modulo what does not matter, see derivation.Hasher
	Output  string
	OutPath storepath.Path // valid
	Sigs    []string
}

// ID is how the output is named: "sha256:HASH!OUTPUT".
func (r *Realisation) ID() string { return r.Drv.Prefixed(hash.Base16) + "!" + r.Output }

// RegisterRealisation records a realisation. One that is known already gets
// the signatures of both; that an output has two different paths is an error.
func (s *Store) RegisterRealisation(r Realisation) error {
	if err := s.writable(); err != nil {
		return err
	}
	drv := r.Drv.Prefixed(hash.Base16)
	return s.explainDB(s.db.write(func() error {
		old, err := s.realisation(r.Drv, r.Output)
		if err != nil {
			return err
		}
		sigs := strings.Join(sortedStrings(r.Sigs), " ")
		if old == nil {
			if id, err := s.pathID(r.OutPath); err != nil {
				return err
			} else if id == 0 {
				return s.notValid(r.OutPath)
			}
			_, err = s.db.exec(stmtInsertRealisation, drv, r.Output, s.scheme.Print(r.OutPath), sigs)
			return err
		}
		if old.OutPath != r.OutPath {
			return fmt.Errorf("Trying to register a realisation of '%s', but we already have another one locally.\nLocal:  %s\nRemote: %s",
				r.ID(), s.scheme.Print(old.OutPath), s.scheme.Print(r.OutPath))
		}
		sigs = strings.Join(sortedStrings(slices.Concat(old.Sigs, r.Sigs)), " ")
		_, err = s.db.exec(stmtUpdateRealisation, sigs, drv, r.Output)
		return err
	}))
}

// Realisation returns what is known of an output; nil if nothing is.
func (s *Store) Realisation(drv hash.Hash, output string) (*Realisation, error) {
	if err := s.Start(); err != nil || !s.cfg.CADerivations {
		return nil, err
	}
	var r *Realisation
	err := s.db.read(func() (err error) {
		r, err = s.realisation(drv, output)
		return err
	})
	return r, err
}

func (s *Store) realisation(drv hash.Hash, output string) (*Realisation, error) {
	var r *Realisation
	err := s.db.query(stmtRealisation, func(v []sqlValue) error {
		p, err := s.scheme.Parse(text(v[0]))
		r = &Realisation{Drv: drv, Output: output, OutPath: p, Sigs: strings.Fields(text(v[1]))}
		return err
	}, drv.Prefixed(hash.Base16), output)
	return r, err
}
