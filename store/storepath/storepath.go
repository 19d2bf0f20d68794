// Package storepath has the names of things in a store and how they are
// computed.
//
// A [Path] is the base name "hash-name" of an entry of a store directory, the
// hash being 32 characters of nix32 (160 bits). It does not know its store
// directory; a [Scheme] has that, and says which hash the names are made
// with: SHA-256 in stores that share paths with the reference
// implementation, BLAKE3 in native ones. Everything else is the same under
// both: a path is the compressed hash of a fingerprint
//
//	type ":" algo ":" hash in base 16 ":" store directory ":" name
//
// whose type is "text" or "source" followed by ":" and each reference, or
// "output:" and the name of an output. Each literal "sha256" of a fingerprint
// is the hash of the scheme.
//
// Texts are parsed once, at the edge; a Path that exists is well-formed.
package storepath

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/seed192a40f6/glang/store/hash"
)

const (
	// HashLen is the number of characters of the hash in a base name.
	HashLen = 32
	// hashBytes is the number of bytes that the hash of a name encodes.
	hashBytes = 20
	// MaxNameLen is the greatest length of the name after the hash.
	MaxNameLen = 211
	// DrvExtension ends the name of a store derivation.
	DrvExtension = ".drv"
)

// ErrInvalid is what errors about malformed paths and names match.
var ErrInvalid = errors.New("invalid store path")

// ErrNotInStore is what errors about paths outside the store directory match.
var ErrNotInStore = errors.New("not in the store")

type pathError struct {
	text string
	is   error
}

func (e *pathError) Error() string        { return e.text }
func (e *pathError) Is(target error) bool { return target == e.is }

func invalidf(format string, args ...any) error {
	return &pathError{fmt.Sprintf(format, args...), ErrInvalid}
}

// Path is a store path without its store directory. The zero Path is none.
type Path struct{ base string }

// String is the base name, "hash-name".
func (p Path) String() string { return p.base }

// Name is what follows the hash and its dash.
func (p Path) Name() string {
	if p.base == "" {
		return ""
	}
	return p.base[HashLen+1:]
}

// HashPart is the 32 characters of the hash.
func (p Path) HashPart() string {
	if p.base == "" {
		return ""
	}
	return p.base[:HashLen]
}

// IsZero tells whether there is no path.
func (p Path) IsZero() bool { return p.base == "" }

// IsDerivation tells whether the name ends in ".drv".
func (p Path) IsDerivation() bool { return strings.HasSuffix(p.Name(), DrvExtension) }

// DrvName is the name of the derivation that a path ending in ".drv" holds:
// the name without that ending.
func (p Path) DrvName() string { return strings.TrimSuffix(p.Name(), DrvExtension) }

// Compare orders paths by base name: -1, 0 or +1.
func Compare(a, b Path) int { return strings.Compare(a.base, b.base) }

// MarshalText is the base name.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.base), nil }

// UnmarshalText is [ParseBase].
func (p *Path) UnmarshalText(b []byte) error {
	v, err := ParseBase(string(b))
	if err == nil {
		*p = v
	}
	return err
}

// CheckName tells what is wrong with the name of a store object, if anything.
func CheckName(name string) error {
	if name == "" {
		return invalidf("name must not be empty")
	}
	if len(name) > MaxNameLen {
		return invalidf("name '%s' must be no longer than %d characters", name, MaxNameLen)
	}
	if name[0] == '.' {
		if name == "." || name == ".." {
			return invalidf("name '%s' is not valid", name)
		}
		if first, _, ok := strings.Cut(name, "-"); ok && (first == "." || first == "..") {
			return invalidf("name '%s' is not valid: first dash-separated component must not be '%s'", name, first)
		}
	}
	for i := range len(name) {
		if !isNameChar(name[i]) {
			return invalidf("name '%s' contains illegal character '%s'", name, name[i:i+1])
		}
	}
	return nil
}

func isNameChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		c == '+' || c == '-' || c == '.' || c == '_' || c == '?' || c == '='
}

// ParseBase checks a base name, "hash-name".
func ParseBase(base string) (Path, error) {
	if len(base) < HashLen+1 {
		return Path{}, invalidf("'%s' is too short to be a valid store path", base)
	}
	for i := range HashLen {
		if !hash.IsNix32(base[i]) {
			return Path{}, invalidf("store path '%s' contains illegal base-32 character '%s'", base, base[i:i+1])
		}
	}
	if base[HashLen] != '-' {
		return Path{}, invalidf("store path '%s' has no dash after its hash", base)
	}
	if err := CheckName(base[HashLen+1:]); err != nil {
		return Path{}, invalidf("path '%s' is not a valid store path: %s", base, err)
	}
	return Path{base}, nil
}

// FromHash makes a path of the 20 bytes that its hash part encodes.
func FromHash(digest []byte, name string) (Path, error) {
	if len(digest) != hashBytes {
		return Path{}, invalidf("hash of a store path has %d bytes, not %d", len(digest), hashBytes)
	}
	var room [HashLen + 1 + MaxNameLen]byte
	buf := hash.AppendNix32(room[:0], digest)
	buf = append(buf, '-')
	buf = append(buf, name...)
	base := string(buf)
	if err := CheckName(name); err != nil {
		return Path{}, invalidf("path '%s' is not a valid store path: %s", base, err)
	}
	return Path{base}, nil
}

// Scheme is a store directory and the hash its paths are made with.
type Scheme struct {
	// Dir is the logical store directory: absolute, canonical, no slash at
	// the end.
	Dir string
	// Hash is SHA256 or BLAKE3.
	Hash hash.Algo
}

// Nix is the scheme whose paths the reference implementation computes too.
func Nix(dir string) Scheme { return Scheme{Dir: dir, Hash: hash.SHA256} }

// Native is the scheme that uses BLAKE3 throughout.
func Native(dir string) Scheme { return Scheme{Dir: dir, Hash: hash.BLAKE3} }

// Print is the absolute path of p.
func (s Scheme) Print(p Path) string { return s.Dir + "/" + p.base }

// Parse reads the absolute path of an entry of the store directory.
func (s Scheme) Parse(abs string) (Path, error) {
	if !strings.HasPrefix(abs, "/") {
		return Path{}, invalidf("not an absolute path: \"%s\"", abs)
	}
	// Most paths are canonical already, and cleaning allocates nothing then.
	clean := path.Clean(abs)
	dir, base := path.Split(clean)
	if strings.TrimSuffix(dir, "/") != s.Dir || base == "" {
		return Path{}, &pathError{fmt.Sprintf("path \"%s\" is not in the Nix store", clean), ErrNotInStore}
	}
	return ParseBase(base)
}

// IsStorePath tells whether [Scheme.Parse] accepts the path.
func (s Scheme) IsStorePath(abs string) bool {
	_, err := s.Parse(abs)
	return err == nil
}

// IsInStore tells whether abs lies below the store directory, at any depth.
func (s Scheme) IsInStore(abs string) bool {
	return len(abs) > len(s.Dir)+1 && abs[len(s.Dir)] == '/' && abs[:len(s.Dir)] == s.Dir
}

// ToStorePath splits a path at or below a store object into the object and
// the rest, "" or "/" followed by a canonical relative path.
func (s Scheme) ToStorePath(abs string) (p Path, rest string, err error) {
	if !s.IsInStore(abs) {
		return Path{}, "", &pathError{fmt.Sprintf("path '%s' is not in the Nix store", abs), ErrNotInStore}
	}
	tail := abs[len(s.Dir)+1:]
	base, rest, ok := strings.Cut(tail, "/")
	if ok {
		if rest = path.Clean("/" + rest); rest == "/" {
			rest = ""
		}
	}
	p, err = s.Parse(s.Dir + "/" + base)
	return p, rest, err
}
