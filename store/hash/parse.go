package hash

import (
	"encoding/hex"
	"strings"
)

// ParseAny reads a hash in any of the forms "algo:digest", "algo-base64" and
// "digest", the digest being base16, nix32 or base64 by its length. want is
// the algorithm known from the context, 0 if none: one of the two must be
// given, and they must agree.
func ParseAny(s string, want Algo) (Hash, error) {
	h, _, err := ParseAnyFormat(s, want)
	return h, err
}

// ParseAnyFormat is [ParseAny] and tells the format that s is in.
func ParseAnyFormat(s string, want Algo) (Hash, Format, error) {
	algo, rest, sri, err := splitAlgo(s)
	if err != nil {
		return Hash{}, 0, err
	}
	switch {
	case algo == 0 && want == 0:
		return Hash{}, 0, invalidf("hash '%s' does not include a type, nor is the type otherwise known from context", s)
	case algo == 0:
		algo = want
	case want != 0 && algo != want:
		return Hash{}, 0, invalidf("hash '%s' should have type '%s'", s, want)
	}
	return parseDigest(rest, algo, sri)
}

// ParsePrefixed reads "algo:digest" or "algo-base64".
func ParsePrefixed(s string) (Hash, error) {
	algo, rest, sri, err := splitAlgo(s)
	if err != nil {
		return Hash{}, err
	}
	if algo == 0 {
		return Hash{}, invalidf("hash '%s' does not include a type", s)
	}
	h, _, err := parseDigest(rest, algo, sri)
	return h, err
}

// ParseSRI reads "algo-base64" alone.
func ParseSRI(s string) (Hash, error) {
	name, rest, ok := strings.Cut(s, "-")
	if !ok {
		return Hash{}, invalidf("hash '%s' is not SRI", s)
	}
	algo, err := ParseAlgo(name)
	if err != nil {
		return Hash{}, err
	}
	return decode(rest, algo, SRI)
}

// ParseDigest reads a digest without algorithm, in base16, nix32 or base64.
func ParseDigest(s string, algo Algo) (Hash, error) {
	h, _, err := parseDigest(s, algo, false)
	return h, err
}

// ParseFormatted reads a digest without algorithm in the given format, or
// the whole of an SRI hash of that algorithm.
func ParseFormatted(s string, algo Algo, f Format) (Hash, error) {
	if f == SRI {
		return ParseAny(s, algo)
	}
	return decode(s, algo, f)
}

// splitAlgo takes the algorithm off, if there is one. A colon counts before a
// dash, wherever they stand.
func splitAlgo(s string) (algo Algo, rest string, sri bool, err error) {
	name, rest, ok := strings.Cut(s, ":")
	if !ok {
		name, rest, ok = strings.Cut(s, "-")
		sri = ok
	}
	if !ok {
		return 0, s, false, nil
	}
	algo, err = ParseAlgo(name)
	return algo, rest, sri, err
}

func parseDigest(s string, algo Algo, sri bool) (Hash, Format, error) {
	f := SRI
	if !sri {
		n := algo.Size()
		switch len(s) {
		case 2 * n:
			f = Base16
		case nix32Len(n):
			f = Nix32
		case (n + 2) / 3 * 4:
			f = Base64
		default:
			return Hash{}, 0, invalidf("hash '%s' has wrong length for hash algorithm '%s'", s, algo)
		}
	}
	h, err := decode(s, algo, f)
	return h, f, err
}

// decode reads a digest in one format. What cannot be decoded counts as
// having no bytes: the reference drops the error of the decoder likewise.
func decode(s string, algo Algo, f Format) (Hash, error) {
	var b []byte
	var name string
	switch f {
	case Base16:
		name = "base16"
		b, _ = hex.DecodeString(s)
		if len(b)*2 != len(s) {
			b = nil
		}
	case Nix32:
		name = "nix32"
		b, _ = DecodeNix32(s)
	case Base64:
		name = "Base64"
		b, _ = DecodeBase64(s)
	default:
		name = "SRI"
		b, _ = DecodeBase64(s)
	}
	if len(b) != algo.Size() {
		return Hash{}, invalidf("invalid %s hash '%s', length %d != expected length %d", name, s, len(b), algo.Size())
	}
	return FromBytes(algo, b)
}
