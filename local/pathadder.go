package local

import (
	"context"
	"fmt"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// PathAdder lets an evaluator use the session's store.
type PathAdder struct {
	s *Session
	// Ensure makes a path valid that is not; nil fails.
	Ensure func(ctx context.Context, p storepath.Path) error
}

// NewPathAdder makes one.
func NewPathAdder(s *Session) *PathAdder { return &PathAdder{s: s} }

var _ eval.PathAdder = (*PathAdder)(nil)

// AddText implements [eval.PathAdder].
func (a *PathAdder) AddText(_ context.Context, name string, contents []byte, refs []storepath.Path) (storepath.Path, error) {
	if a.s.ReadOnly {
		return a.s.Scheme.TextPath(name, hash.Sum(a.s.Scheme.Hash, contents), refs)
	}
	return a.s.API.AddText(name, contents, refs)
}

// AddPath implements [eval.PathAdder].
func (a *PathAdder) AddPath(_ context.Context, req eval.AddPath) (storepath.Path, error) {
	algo := req.Algo
	if algo == 0 {
		algo = a.s.Scheme.Hash
	}
	var tree nar.Tree = req.Files
	if req.Files == nil {
		tree = nar.OS()
	}
	if a.s.ReadOnly || req.DryRun {
		h, err := hashTree(tree, req, algo)
		if err != nil {
			return storepath.Path{}, err
		}
		return a.s.Scheme.FixedOutputPath(req.Name, req.Method, h, req.References, false)
	}
	return a.s.API.AddTree(req.Name, tree, req.Path, store.AddOptions{Method: req.Method, Algo: algo, Filter: req.Filter, Refs: req.References})
}

func hashTree(t nar.Tree, req eval.AddPath, algo hash.Algo) (hash.Hash, error) {
	switch req.Method {
	case storepath.Flat:
		h := hash.New(algo)
		err := store.CopyFlat(h, t, req.Path)
		return h.Sum(), err
	case storepath.NAR:
		h, _, err := nar.HashTree(algo, t, req.Path, req.Filter)
		return h, err
	}
	return hash.Hash{}, fmt.Errorf("paths cannot be added by the method '%s' without writing to the store", req.Method)
}

// AddDerivation implements [eval.PathAdder].
func (a *PathAdder) AddDerivation(_ context.Context, p storepath.Path, d *derivation.Derivation, text []byte) error {
	if a.s.ReadOnly {
		return nil
	}
	return a.s.API.AddDerivation(p, d, text)
}

// IsValid implements [eval.PathAdder].
func (a *PathAdder) IsValid(_ context.Context, p storepath.Path) (bool, error) {
	return a.s.API.IsValid(p)
}

// EnsurePath implements [eval.PathAdder].
func (a *PathAdder) EnsurePath(ctx context.Context, p storepath.Path) error {
	ok, err := a.s.API.IsValid(p)
	if err != nil || ok {
		return err
	}
	if a.Ensure != nil {
		return a.Ensure(ctx, p)
	}
	return fmt.Errorf("path '%s' is not valid", a.s.Scheme.Print(p))
}

// ReadDerivation implements [eval.PathAdder].
func (a *PathAdder) ReadDerivation(_ context.Context, p storepath.Path) (*derivation.Derivation, error) {
	if a.s.Store == nil {
		return nil, fmt.Errorf("path '%s' is not valid", a.s.Scheme.Print(p))
	}
	return a.s.Store.ReadDerivation(p)
}

// References implements [eval.PathAdder].
func (a *PathAdder) References(_ context.Context, p storepath.Path) ([]storepath.Path, error) {
	info, err := a.s.API.PathInfo(p)
	if err != nil {
		return nil, err
	}
	return info.References, nil
}
