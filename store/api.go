package store

import (
	"io"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// API is a store as the evaluator, the realiser's planning and copying see it.
// *Store and *Dummy implement it; package storetest tests an implementation.
type API interface {
	Scheme() storepath.Scheme
	ReadOnly() bool

	// IsValid tells whether a path is valid; PathInfo's error wraps
	// ErrNotValid for a path that is not.
	IsValid(p storepath.Path) (bool, error)
	PathInfo(p storepath.Path) (*PathInfo, error)
	AllValidPaths() ([]storepath.Path, error)
	Referrers(p storepath.Path) ([]storepath.Path, error)
	ValidDerivers(p storepath.Path) ([]storepath.Path, error)
	DerivationOutputs(drv storepath.Path) (map[string]storepath.Path, error)
	PathFromHashPart(part string) (storepath.Path, error)
	// Closure returns start and all that can be reached from it, sorted.
	Closure(start []storepath.Path, o ClosureOptions) ([]storepath.Path, error)

	// AddTempRoot keeps a path from being collected while this process lives.
	AddTempRoot(p storepath.Path) error

	// AddText adds a file; its path follows from name, contents and references.
	AddText(name string, contents []byte, refs []storepath.Path) (storepath.Path, error)
	// AddTree adds what lies at path in a tree of files.
	AddTree(name string, t nar.Tree, path string, o AddOptions) (storepath.Path, error)
	// AddNAR adds the archive read from r as the path that info describes.
	AddNAR(info *PathInfo, r io.Reader, o AddNAROptions) error

	// AddDerivation adds a derivation whose path and text have been computed.
	AddDerivation(p storepath.Path, d *derivation.Derivation, text []byte) error
	// ReadDerivation reads a valid derivation.
	ReadDerivation(p storepath.Path) (*derivation.Derivation, error)

	// Tree gives the contents of valid paths: names begin with the base name
	// of a store path.
	Tree() nar.Tree
	// DumpNAR writes the archive of a valid path.
	DumpNAR(p storepath.Path, w io.Writer) error

	Close() error
}

// AddOptions says how AddTree names and hashes what it adds.
type AddOptions struct {
	Method storepath.Method // Flat wants a regular file
	Algo   hash.Algo        // 0: the scheme's
	Filter nar.Filter       // nil: everything
	Refs   []storepath.Path // references that the object shall have
	// Expect, unless zero, is the hash that the object must have.
	Expect hash.Hash
	Repair bool // replace the object though it is valid
}

// AddNAROptions qualifies AddNAR.
type AddNAROptions struct {
	Repair bool // replace the object though it is valid
	// Locked says that the caller holds the lock of the path.
	Locked bool
}

var (
	_ API = (*Store)(nil)
	_ API = (*Dummy)(nil)
)
