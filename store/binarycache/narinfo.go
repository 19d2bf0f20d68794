package binarycache

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

// NarInfo describes a store path in a binary cache.
type NarInfo struct {
	store.PathInfo
	// URL is where the archive is, relative to the cache.
	URL string
	// Compression is that of the file at URL; FileHash and FileSize are of
	// the compressed file, and may be unknown.
	Compression string
	FileHash    hash.Hash
	FileSize    int64
}

// Claim is a NarInfo as it was read, which nobody vouches for yet.
type Claim struct {
	info    NarInfo
	trusted bool
}

// Path is what the claim is about.
func (c *Claim) Path() storepath.Path { return c.info.Path }

// Policy says what is believed.
type Policy struct {
	Scheme storepath.Scheme
	// Keys are the keys that are trusted.
	Keys PublicKeys
	// RequireSignature is false where anything is believed.
	RequireSignature bool
}

// Verify believes a claim if the path is addressed by its contents, if a
// trusted key has signed it, or if the policy or the cache's address say that
// signatures do not matter.
func (c *Claim) Verify(p Policy) (*NarInfo, error) {
	if p.RequireSignature && !c.trusted && !c.info.IsContentAddressed(p.Scheme) {
		text, err := c.info.Fingerprint(p.Scheme)
		if err != nil {
			return nil, err
		}
		if p.Keys.Count(text, c.info.Sigs) == 0 {
			return nil, &UntrustedError{Path: p.Scheme.Print(c.info.Path)}
		}
	}
	info := c.info
	return &info, nil
}

// Unverified yields what is claimed, for those who only show it.
func (c *Claim) Unverified() NarInfo { return c.info }

// UntrustedError says that no trusted key has signed a path.
type UntrustedError struct{ Path string }

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("path '%s' is not signed by any of the keys in 'trusted-public-keys'", e.Path)
}

// ParseNarInfo reads a .narinfo file; whence names it in errors.
func ParseNarInfo(s storepath.Scheme, text, whence string) (*Claim, error) {
	p := &narinfoParser{scheme: s, whence: whence, line: 1}
	for pos := 0; pos < len(text); p.line++ {
		colon := strings.IndexByte(text[pos:], ':')
		if colon < 0 {
			return nil, p.corrupt("expecting ':'")
		}
		start := pos + colon + 2 // past the colon and the blank
		eol := -1
		if start <= len(text) {
			eol = strings.IndexByte(text[start:], '\n')
		}
		if eol < 0 {
			return nil, p.corrupt(`expecting '\n'`)
		}
		if err := p.field(text[pos:pos+colon], text[start:start+eol]); err != nil {
			return nil, err
		}
		pos = start + eol + 1
	}
	if p.info.Compression == "" {
		p.info.Compression = "bzip2"
	}
	p.line = 0
	switch {
	case p.info.Path.IsZero():
		return nil, p.corrupt("StorePath missing")
	case p.info.NarHash.IsZero():
		return nil, p.corrupt("NarHash missing")
	case p.info.URL == "":
		return nil, p.corrupt("URL missing")
	case p.info.NarSize == 0:
		return nil, p.corrupt("NarSize missing or zero")
	}
	slices.SortFunc(p.info.References, storepath.Compare)
	p.info.References = slices.Compact(p.info.References)
	return &Claim{info: p.info}, nil
}

type narinfoParser struct {
	scheme storepath.Scheme
	whence string
	line   int
	info   NarInfo
}

func (p *narinfoParser) corrupt(reason string) error {
	if p.line > 0 {
		reason += fmt.Sprintf(" at line %d", p.line)
	}
	return fmt.Errorf("NAR info file '%s' is corrupt: %s", p.whence, reason)
}

func (p *narinfoParser) hash(value string) (hash.Hash, error) {
	h, err := hash.ParsePrefixed(value)
	if err != nil {
		return h, p.corrupt("bad hash")
	}
	return h, nil
}

func (p *narinfoParser) size(name, value string) (int64, error) {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return 0, p.corrupt("invalid " + name)
	}
	return int64(n), nil
}

func (p *narinfoParser) field(name, value string) (err error) {
	info := &p.info
	switch name {
	case "StorePath":
		info.Path, err = p.scheme.Parse(value)
	case "URL":
		info.URL = value
	case "Compression":
		info.Compression = value
	case "FileHash":
		info.FileHash, err = p.hash(value)
	case "FileSize":
		info.FileSize, err = p.size(name, value)
	case "NarHash":
		info.NarHash, err = p.hash(value)
	case "NarSize":
		info.NarSize, err = p.size(name, value)
	case "References":
		if len(info.References) > 0 {
			return p.corrupt("extra References")
		}
		for _, base := range strings.Fields(value) {
			ref, err := storepath.ParseBase(base)
			if err != nil {
				return err
			}
			info.References = append(info.References, ref)
		}
	case "Deriver":
		if value != "unknown-deriver" {
			info.Deriver, err = storepath.ParseBase(value)
		}
	case "Sig":
		if _, _, err = parseSignature(value); err == nil {
			info.addSigs(value)
		}
	case "CA":
		if !info.CA.IsZero() {
			return p.corrupt("extra CA")
		}
		info.CA, err = storepath.ParseContentAddress(value)
	}
	return err
}

// addSigs adds signatures, sorted and once each.
func (n *NarInfo) addSigs(sigs ...string) {
	n.Sigs = append(slices.Clone(n.Sigs), sigs...)
	slices.Sort(n.Sigs)
	n.Sigs = slices.Compact(n.Sigs)
}

// Sign adds signatures by the keys.
func (n *NarInfo) Sign(s storepath.Scheme, keys []SecretKey) error {
	if len(keys) == 0 {
		return nil
	}
	text, err := n.Fingerprint(s)
	if err != nil {
		return err
	}
	for _, k := range keys {
		n.addSigs(k.Sign(text))
	}
	return nil
}

// Format is the text of the .narinfo file.
func (n *NarInfo) Format(s storepath.Scheme) string {
	var b strings.Builder
	line := func(name, value string) { b.WriteString(name + ": " + value + "\n") }
	line("StorePath", s.Print(n.Path))
	line("URL", n.URL)
	line("Compression", n.Compression)
	if !n.FileHash.IsZero() {
		line("FileHash", n.FileHash.Prefixed(hash.Nix32))
	}
	if n.FileSize > 0 || !n.FileHash.IsZero() {
		line("FileSize", strconv.FormatInt(n.FileSize, 10))
	}
	line("NarHash", n.NarHash.Prefixed(hash.Nix32))
	line("NarSize", strconv.FormatInt(n.NarSize, 10))
	refs := make([]string, len(n.References))
	for i, r := range n.References {
		refs[i] = r.String()
	}
	slices.Sort(refs)
	line("References", strings.Join(refs, " "))
	if !n.Deriver.IsZero() {
		line("Deriver", n.Deriver.String())
	}
	for _, sig := range n.Sigs {
		line("Sig", sig)
	}
	if !n.CA.IsZero() {
		line("CA", n.CA.String())
	}
	return b.String()
}
