package store

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// PathInfo is what the database knows of a valid path.
type PathInfo struct {
	Path             storepath.Path
	Deriver          storepath.Path   // zero if unknown
	NarHash          hash.Hash        // of the scheme's algorithm
	NarSize          int64            // bytes of the archive; 0 = unknown
	References       []storepath.Path // sorted by base name, may hold Path itself
	RegistrationTime time.Time        // zero: now, when registering
	Ultimate         bool             // built here, not copied from elsewhere
	Sigs             []string         // "key:base64", sorted
	// CA is the assertion that the path's name follows from its content; zero
	// if there is none.
	CA storepath.ContentAddress
}

// caPath computes the path that the assertion implies for a store object
// with this name and these references (self among them or not).
func caPath(s storepath.Scheme, name string, ca storepath.ContentAddress, refs []storepath.Path, self bool) (storepath.Path, error) {
	return s.FixedOutputPath(name, ca.Method, ca.Hash, refs, self)
}

// IsContentAddressed tells whether the path has a content address from which
// its name follows. Such a path needs no signature.
func (info *PathInfo) IsContentAddressed(s storepath.Scheme) bool {
	return !info.CA.IsZero() && info.checkCA(s) == nil
}

// checkCA verifies that the path follows from its content address, if any.
func (info *PathInfo) checkCA(s storepath.Scheme) error {
	if info.CA.IsZero() {
		return nil
	}
	others, self := splitSelf(info.Path, info.References)
	want, err := caPath(s, info.Path.Name(), info.CA, others, self)
	if err != nil || want != info.Path {
		return fmt.Errorf("cannot add path '%s' to the Nix store because it claims to be content-addressed but isn't", s.Print(info.Path))
	}
	return nil
}

// splitSelf takes p out of refs and tells whether it was there.
func splitSelf(p storepath.Path, refs []storepath.Path) (others []storepath.Path, self bool) {
	others = slices.DeleteFunc(slices.Clone(refs), func(r storepath.Path) bool { return r == p })
	return others, len(others) != len(refs)
}

// Fingerprint is the text that signatures of the path sign.
func (info *PathInfo) Fingerprint(s storepath.Scheme) (string, error) {
	if info.NarSize == 0 {
		return "", fmt.Errorf("cannot calculate fingerprint of path '%s' because its size is not known", s.Print(info.Path))
	}
	refs := make([]string, 0, len(info.References))
	for _, r := range sortedPaths(info.References) {
		refs = append(refs, s.Print(r))
	}
	return fmt.Sprintf("1;%s;%s;%d;%s", s.Print(info.Path), info.NarHash.Prefixed(hash.Nix32),
		info.NarSize, strings.Join(refs, ",")), nil
}

// sortedPaths returns a sorted copy without duplicates.
func sortedPaths(paths []storepath.Path) []storepath.Path {
	out := slices.Clone(paths)
	slices.SortFunc(out, storepath.Compare)
	return slices.Compact(out)
}
