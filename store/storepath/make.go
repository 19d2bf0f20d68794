package storepath

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/seed192a40f6/glang/store/hash"
)

// Method is how the contents of a content-addressed object are hashed.
type Method uint8

// The methods.
const (
	// Flat hashes the bytes of a file that is not executable.
	Flat Method = iota
	// NAR hashes the archive of a tree.
	NAR
	// Text hashes the bytes of a file, which may have references.
	Text
	// Git hashes a tree as git does.
	Git
)

// String is the name of the method: "flat", "nar", "text" or "git".
func (m Method) String() string {
	switch m {
	case Flat:
		return "flat"
	case NAR:
		return "nar"
	case Text:
		return "text"
	}
	return "git"
}

// Prefix is what stands before the algorithm of an output in a derivation:
// "", "r:", "text:" or "git:".
func (m Method) Prefix() string {
	switch m {
	case Flat:
		return ""
	case NAR:
		return "r:"
	case Text:
		return "text:"
	}
	return "git:"
}

// ParseMethod finds a method by its name.
func ParseMethod(s string) (Method, error) {
	for m := Flat; m <= Git; m++ {
		if m.String() == s {
			return m, nil
		}
	}
	return 0, invalidf("Unknown file ingestion method '%s', expect `flat`, `nar`, or `git`", s)
}

// ParseMethodPrefix takes the [Method.Prefix] off s.
func ParseMethodPrefix(s string) (m Method, rest string) {
	for _, m := range []Method{NAR, Git, Text} {
		if rest, ok := strings.CutPrefix(s, m.Prefix()); ok {
			return m, rest
		}
	}
	return Flat, s
}

// ContentAddress is the address of an object that is named by its contents.
// It is comparable; the zero ContentAddress is none.
type ContentAddress struct {
	Method Method
	Hash   hash.Hash
}

// IsZero tells whether there is no address.
func (c ContentAddress) IsZero() bool { return c.Hash.IsZero() }

// String is the address as databases and narinfo files write it, for
// instance "fixed:r:sha256:1abc…"; "" for none.
func (c ContentAddress) String() string {
	if c.IsZero() {
		return ""
	}
	if c.Method == Text {
		return "text:" + c.Hash.Prefixed(hash.Nix32)
	}
	return "fixed:" + c.Method.Prefix() + c.Hash.Prefixed(hash.Nix32)
}

// MethodAlgo is the method's prefix and the algorithm, as derivations have it.
func (c ContentAddress) MethodAlgo() string { return c.Method.Prefix() + c.Hash.Algo().String() }

// ParseContentAddress reads what [ContentAddress.String] wrote; "" is none.
func ParseContentAddress(s string) (ContentAddress, error) {
	if s == "" {
		return ContentAddress{}, nil
	}
	prefix, rest, ok := strings.Cut(s, ":")
	if !ok {
		return ContentAddress{}, invalidf("not a content address because it is not in the form '<prefix>:<rest>': %s", s)
	}
	var c ContentAddress
	switch prefix {
	case "text":
		c.Method = Text
	case "fixed":
		if after, ok := strings.CutPrefix(rest, "r:"); ok {
			c.Method, rest = NAR, after
		} else if after, ok := strings.CutPrefix(rest, "git:"); ok {
			c.Method, rest = Git, after
		}
	default:
		return ContentAddress{}, invalidf("content address prefix '%s' is unrecognized. Recogonized prefixes are 'text' or 'fixed'", prefix)
	}
	name, digest, ok := strings.Cut(rest, ":")
	if !ok {
		return ContentAddress{}, invalidf("content address hash must be in form '<algo>:<hash>', but found: %s", s)
	}
	algo, err := hash.ParseAlgo(name)
	if err != nil {
		return ContentAddress{}, err
	}
	c.Hash, err = hash.ParseDigest(digest, algo)
	return c, err
}

// OutputName is the name of the store object of an output: that of the
// derivation, followed by a dash and the output unless it is "out".
func OutputName(drvName, output string) string {
	if output == "out" {
		return drvName
	}
	return drvName + "-" + output
}

// make computes the path of the fingerprint kind:h:dir:name. The types of
// objects with references are built by [appendRefs].
func (s Scheme) make(kind []byte, h hash.Hash, name string) (Path, error) {
	buf := append(kind, ':')
	buf = append(buf, h.Algo().String()...)
	buf = append(buf, ':')
	buf = h.AppendBase16(buf)
	buf = append(buf, ':')
	buf = append(buf, s.Dir...)
	buf = append(buf, ':')
	buf = append(buf, name...)
	return FromHash(hash.Compress(hash.Sum(s.Hash, buf), hashBytes), name)
}

// appendRefs adds references, in order and once each, to a fingerprint type.
func (s Scheme) appendRefs(kind []byte, refs []Path, self bool) []byte {
	if !slices.IsSortedFunc(refs, Compare) {
		refs = slices.SortedFunc(slices.Values(refs), Compare)
	}
	for i, r := range refs {
		if i > 0 && r == refs[i-1] {
			continue
		}
		kind = append(kind, ':')
		kind = append(kind, s.Dir...)
		kind = append(kind, '/')
		kind = append(kind, r.base...)
	}
	if self {
		kind = append(kind, ":self"...)
	}
	return kind
}

// TextPath is the path of a file with these contents, hashed with the hash of
// the scheme, which refers to refs. Store derivations are such files.
func (s Scheme) TextPath(name string, contents hash.Hash, refs []Path) (Path, error) {
	if contents.Algo() != s.Hash {
		return Path{}, fmt.Errorf("text-hashed object '%s' needs a %s hash, not %s", name, s.Hash, contents.Algo())
	}
	buf := fingerprints.Get().(*[]byte)
	defer fingerprints.Put(buf)
	*buf = s.appendRefs(append((*buf)[:0], "text"...), refs, false)
	*buf = slices.Grow(*buf, 128+len(s.Dir)+len(name)) // for make
	return s.make(*buf, contents, name)
}

// fingerprints is memory for those of texts, which may have many references.
var fingerprints = sync.Pool{New: func() any { return new([]byte) }}

// SourcePath is the path of a tree whose archive has the hash narHash (with
// the hash of the scheme) and which refers to refs, and to itself if self.
func (s Scheme) SourcePath(name string, narHash hash.Hash, refs []Path, self bool) (Path, error) {
	return s.FixedOutputPath(name, NAR, narHash, refs, self)
}

// FixedOutputPath is the path of an object addressed by its contents. Only
// archives hashed with the hash of the scheme, and texts, may have references.
func (s Scheme) FixedOutputPath(name string, m Method, h hash.Hash, refs []Path, self bool) (Path, error) {
	switch {
	case m == Text:
		if self {
			return Path{}, fmt.Errorf("self-reference not allowed with text hashing")
		}
		return s.TextPath(name, h, refs)
	case m == Git && h.Algo() != hash.SHA1 && h.Algo() != hash.SHA256:
		return Path{}, fmt.Errorf("Git file ingestion must use SHA-1 or SHA-256 hash, but instead using: %s", h.Algo())
	case m == NAR && h.Algo() == s.Hash:
		kind := append(make([]byte, 0, 256+len(refs)*96), "source"...)
		return s.make(s.appendRefs(kind, refs, self), h, name)
	case len(refs) > 0 || self:
		return Path{}, fmt.Errorf("fixed output derivation '%s' is not allowed to refer to other store paths.\nYou may need to use the 'unsafeDiscardReferences' derivation attribute, see the manual for more details.", name)
	}
	inner := hash.SumString(s.Hash, "fixed:out:"+m.Prefix()+h.Prefixed(hash.Base16)+":")
	return s.make([]byte("output:out"), inner, name)
}

// FromContentAddress is the path of an object without references that has
// the given address.
func (s Scheme) FromContentAddress(name string, ca ContentAddress) (Path, error) {
	return s.FixedOutputPath(name, ca.Method, ca.Hash, nil, false)
}

// OutputPath is the path of an output of a derivation of that name whose
// paths depend on its inputs, modulo being the derivation's hash modulo
// fixed outputs.
func (s Scheme) OutputPath(output string, modulo hash.Hash, drvName string) (Path, error) {
	kind := append(make([]byte, 0, 256), "output:"...)
	return s.make(append(kind, output...), modulo, OutputName(drvName, output))
}

// Placeholder stands, within a derivation, for the path of an output of that
// same derivation while it is unknown.
func (s Scheme) Placeholder(output string) string {
	return "/" + hash.SumString(s.Hash, "nix-output:"+output).Nix32()
}

// DownstreamPlaceholder stands for the path of an output of another
// derivation, drv, as long as it is not built and is named by its contents.
func (s Scheme) DownstreamPlaceholder(drv Path, output string) string {
	return "/" + s.downstream(drv, output).Nix32()
}

func (s Scheme) downstream(drv Path, output string) hash.Hash {
	return hash.SumString(s.Hash, "nix-upstream-output:"+drv.HashPart()+":"+OutputName(drv.DrvName(), output))
}

// DynamicPlaceholder stands for an output of a derivation that is itself an
// output: outputs[0] of drv, of which outputs[1] is taken, and so on. With
// one output it is [Scheme.DownstreamPlaceholder].
func (s Scheme) DynamicPlaceholder(drv Path, outputs ...string) string {
	h := s.downstream(drv, outputs[0])
	for _, o := range outputs[1:] {
		compressed := hash.EncodeNix32(hash.Compress(h, hashBytes))
		h = hash.SumString(s.Hash, "nix-computed-output:"+compressed+":"+o)
	}
	return "/" + h.Nix32()
}
