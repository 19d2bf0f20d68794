// Package hash has the digests that name and verify the contents of a store,
// and the ways in which they are written.
//
// A [Hash] is an algorithm and a digest; the zero Hash stands for "none". It
// is a comparable value: it works with == and as a map key. There are four
// ways to write one, the [Format]s:
//
//	base16  hexadecimal
//	nix32   base 32 in the alphabet and digit order of store paths
//	base64  RFC 4648 with padding
//	sri     algo-base64, as in subresource integrity
//
// The first three may be preceded by "algo:". Texts of errors are those of
// the reference implementation, because expressions and scripts see them.
package hash

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"unsafe"

	"github.com/zeebo/blake3"
)

// ErrInvalid is what errors about a malformed hash match with [errors.Is].
var ErrInvalid = errors.New("invalid hash")

// ErrUsage is what errors about unknown names of algorithms and formats match
// besides: they blame the one who typed the command.
var ErrUsage = errors.New("usage")

// invalidError is an error about a malformed hash.
type invalidError string

func (e invalidError) Error() string        { return string(e) }
func (e invalidError) Is(target error) bool { return target == ErrInvalid }

// usageError is an error about the name of an algorithm or format.
type usageError string

func (e usageError) Error() string        { return string(e) }
func (e usageError) Is(target error) bool { return target == ErrInvalid || target == ErrUsage }

func invalidf(format string, args ...any) error {
	return invalidError(fmt.Sprintf(format, args...))
}

// Algo is a hash algorithm. The zero Algo stands for "unknown".
type Algo uint8

// The algorithms.
const (
	MD5 Algo = iota + 1
	SHA1
	SHA256
	SHA512
	BLAKE3
)

// maxSize is the size in bytes of the longest digest.
const maxSize = sha512.Size

// String is the name of the algorithm, as in "sha256:…"; "" for none.
func (a Algo) String() string {
	switch a {
	case MD5:
		return "md5"
	case SHA1:
		return "sha1"
	case SHA256:
		return "sha256"
	case SHA512:
		return "sha512"
	case BLAKE3:
		return "blake3"
	}
	return ""
}

// Size is the length of the algorithm's digests in bytes; 0 for none.
func (a Algo) Size() int {
	switch a {
	case MD5:
		return md5.Size
	case SHA1:
		return sha1.Size
	case SHA256, BLAKE3:
		return sha256.Size
	case SHA512:
		return sha512.Size
	}
	return 0
}

// ParseAlgo finds an algorithm by its name.
func ParseAlgo(s string) (Algo, error) {
	for a := MD5; a <= BLAKE3; a++ {
		if a.String() == s {
			return a, nil
		}
	}
	return 0, usageError(fmt.Sprintf("unknown hash algorithm '%s', expect 'blake3', 'md5', 'sha1', 'sha256', or 'sha512'", s))
}

// Hash is a digest and the algorithm that made it. The zero Hash is none.
type Hash struct {
	algo Algo
	// digest holds algo.Size() bytes; the rest is zero, so that == works.
	digest [maxSize]byte
}

// Algo is the algorithm; 0 for the zero Hash.
func (h Hash) Algo() Algo { return h.algo }

// Bytes is a copy of the digest, [Algo.Size] bytes.
func (h Hash) Bytes() []byte { return append([]byte(nil), h.digest[:h.algo.Size()]...) }

// IsZero tells whether there is no hash.
func (h Hash) IsZero() bool { return h.algo == 0 }

// String is the hash as "algo:nix32".
func (h Hash) String() string { return h.Prefixed(Nix32) }

// FromBytes makes a Hash of a digest, which must be a.Size() bytes long.
func FromBytes(a Algo, digest []byte) (Hash, error) {
	if len(digest) != a.Size() || a == 0 {
		return Hash{}, invalidf("digest of %d bytes is no %s hash", len(digest), a)
	}
	h := Hash{algo: a}
	copy(h.digest[:], digest)
	return h, nil
}

// Sum hashes b.
func Sum(a Algo, b []byte) Hash {
	h := Hash{algo: a}
	switch a {
	case MD5:
		d := md5.Sum(b)
		copy(h.digest[:], d[:])
	case SHA1:
		d := sha1.Sum(b)
		copy(h.digest[:], d[:])
	case SHA256:
		d := sha256.Sum256(b)
		copy(h.digest[:], d[:])
	case SHA512:
		h.digest = sha512.Sum512(b)
	case BLAKE3:
		d := blake3.Sum256(b)
		copy(h.digest[:], d[:])
	default:
		panic("hash: Sum without an algorithm")
	}
	return h
}

// SumString hashes the bytes of s.
func SumString(a Algo, s string) Hash {
	// Sum only reads: no copy, for a text may be long.
	return Sum(a, unsafe.Slice(unsafe.StringData(s), len(s)))
}

// Hasher hashes what is written to it.
type Hasher struct {
	algo Algo
	h    hash.Hash
	n    int64
}

// New makes a Hasher of the algorithm, which must be one of the constants.
func New(a Algo) *Hasher {
	h := &Hasher{algo: a}
	switch a {
	case MD5:
		h.h = md5.New()
	case SHA1:
		h.h = sha1.New()
	case SHA256:
		h.h = sha256.New()
	case SHA512:
		h.h = sha512.New()
	case BLAKE3:
		h.h = blake3.New()
	default:
		panic("hash: New without an algorithm")
	}
	return h
}

// Write adds p; it never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	return h.h.Write(p)
}

// WriteString is Write without a copy of s.
func (h *Hasher) WriteString(s string) (int, error) {
	return h.Write(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// Size is the number of bytes written.
func (h *Hasher) Size() int64 { return h.n }

// Sum is the hash of what has been written so far.
func (h *Hasher) Sum() Hash {
	r := Hash{algo: h.algo}
	h.h.Sum(r.digest[:0])
	return r
}

// Copy hashes what r yields until its end, and counts it.
func Copy(a Algo, r io.Reader) (Hash, int64, error) {
	h := New(a)
	n, err := io.Copy(h, r)
	if err != nil {
		return Hash{}, n, err
	}
	return h.Sum(), n, nil
}

// Compress folds a digest to n bytes, 1 ≤ n, by exclusive or: byte i goes to
// position i modulo n. Store paths are made of 20 such bytes.
func Compress(h Hash, n int) []byte {
	out := make([]byte, n)
	for i, b := range h.digest[:h.algo.Size()] {
		out[i%n] ^= b
	}
	return out
}

// Base16 is the digest in hexadecimal, lower case.
func (h Hash) Base16() string { return hex.EncodeToString(h.digest[:h.algo.Size()]) }

// AppendBase16 appends [Hash.Base16] to dst.
func (h Hash) AppendBase16(dst []byte) []byte {
	return hex.AppendEncode(dst, h.digest[:h.algo.Size()])
}

// Nix32 is the digest in the base 32 of store paths.
func (h Hash) Nix32() string { return EncodeNix32(h.digest[:h.algo.Size()]) }

// Base64 is the digest in padded base 64.
func (h Hash) Base64() string { return encodeBase64(h.digest[:h.algo.Size()]) }

// SRI is the hash as "algo-base64".
func (h Hash) SRI() string { return h.algo.String() + "-" + h.Base64() }

// Format is a way to write a hash.
type Format uint8

// The formats.
const (
	Base16 Format = iota
	Nix32
	Base64
	SRI
)

// String is the name of the format.
func (f Format) String() string {
	switch f {
	case Base16:
		return "base16"
	case Nix32:
		return "nix32"
	case Base64:
		return "base64"
	case SRI:
		return "sri"
	}
	return ""
}

// ParseFormat finds a format by its name. "base32" is an alias of nix32 that
// the reference deprecates; deprecated tells that it was used.
func ParseFormat(s string) (f Format, deprecated bool, err error) {
	switch s {
	case "base16":
		return Base16, false, nil
	case "nix32":
		return Nix32, false, nil
	case "base32":
		return Nix32, true, nil
	case "base64":
		return Base64, false, nil
	case "sri":
		return SRI, false, nil
	}
	return 0, false, usageError(fmt.Sprintf("unknown hash format '%s', expect 'base16', 'base32', 'base64', or 'sri'", s))
}

// Format writes the hash without its algorithm; the format SRI includes it.
func (h Hash) Format(f Format) string {
	switch f {
	case Base16:
		return h.Base16()
	case Nix32:
		return h.Nix32()
	case Base64:
		return h.Base64()
	}
	return h.SRI()
}

// Prefixed writes the hash as "algo:digest", or as SRI.
func (h Hash) Prefixed(f Format) string {
	if f == SRI {
		return h.SRI()
	}
	return h.algo.String() + ":" + h.Format(f)
}

// MarshalText is the SRI form, which JSON output uses; "" for the zero Hash.
func (h Hash) MarshalText() ([]byte, error) {
	if h.IsZero() {
		return nil, nil
	}
	return []byte(h.SRI()), nil
}

// UnmarshalText reads what [ParseAny] accepts with an algorithm.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*h = Hash{}
		return nil
	}
	v, err := ParsePrefixed(string(b))
	if err == nil {
		*h = v
	}
	return err
}
