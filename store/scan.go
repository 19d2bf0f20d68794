package store

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

const hashLen = storepath.HashLen

// Scanner finds the hash parts of store paths in what is written to it, at any
// offset and however the writes are split.
type Scanner struct {
	wanted map[string]storepath.Path // by hash part
	found  []storepath.Path
	tail   []byte // the last hashLen-1 bytes, in which a hash may begin
	// filter has a bit for the first three characters of each wanted hash: a
	// long run of base-32 characters is a candidate at each of its offsets.
	filter [1 << 15 / 64]uint64
}

// NewScanner makes a Scanner for references to these paths.
func NewScanner(candidates []storepath.Path) *Scanner {
	sc := &Scanner{wanted: make(map[string]storepath.Path, len(candidates))}
	for _, p := range candidates {
		h := p.HashPart()
		sc.wanted[h] = p
		i := prefixBits([]byte(h[:3]))
		sc.filter[i/64] |= 1 << (i % 64)
	}
	return sc
}

// prefixBits maps three base-32 characters, 5 bits of each, to 15 bits. That
// these bits of different characters may be equal does no harm.
func prefixBits(b []byte) uint {
	return uint(b[0]&31)<<10 | uint(b[1]&31)<<5 | uint(b[2]&31)
}

// Write looks through p; it never fails.
func (sc *Scanner) Write(p []byte) (int, error) {
	if len(sc.wanted) == 0 {
		return len(p), nil
	}
	if len(sc.tail) > 0 {
		// hashes that begin in the tail end within hashLen-1 bytes of p
		sc.search(append(sc.tail, p[:min(len(p), hashLen-1)]...))
	}
	sc.search(p)
	if len(p) >= hashLen-1 {
		sc.tail = append(sc.tail[:0], p[len(p)-(hashLen-1):]...)
	} else {
		sc.tail = append(sc.tail, p...)
		if n := len(sc.tail) - (hashLen - 1); n > 0 {
			sc.tail = append(sc.tail[:0], sc.tail[n:]...)
		}
	}
	return len(p), nil
}

// search looks at every offset of b. It inspects the last character of a
// window first: if that is no base-32 character, no window that holds it is.
func (sc *Scanner) search(b []byte) {
	for i := 0; i+hashLen <= len(b); {
		j := hashLen - 1
		for j >= 0 && hash.IsNix32(b[i+j]) {
			j--
		}
		if j >= 0 {
			i += j + 1
			continue
		}
		// a run: from here on only the character that comes in must be looked at
		for {
			sc.candidate(b[i : i+hashLen])
			i++
			if i+hashLen > len(b) || !hash.IsNix32(b[i+hashLen-1]) {
				break
			}
		}
		i += hashLen
	}
}

func (sc *Scanner) candidate(b []byte) {
	i := prefixBits(b)
	if sc.filter[i/64]&(1<<(i%64)) == 0 {
		return
	}
	if p, ok := sc.wanted[string(b)]; ok {
		sc.found = append(sc.found, p)
		delete(sc.wanted, p.HashPart())
	}
}

// Found returns the paths found so far, sorted.
func (sc *Scanner) Found() []storepath.Path {
	slices.SortFunc(sc.found, storepath.Compare)
	return sc.found
}

// ScanTree returns which of the candidates are referred to by the archive of
// the tree at path; what is read is written to w as well, unless that is nil.
func ScanTree(path string, candidates []storepath.Path, w io.Writer) ([]storepath.Path, error) {
	sc := NewScanner(candidates)
	to := io.Writer(sc)
	if w != nil {
		to = io.MultiWriter(sc, w)
	}
	if err := nar.Dump(to, path, nil); err != nil {
		return nil, err
	}
	return sc.Found(), nil
}

// Rewriter replaces strings by others of the same length in what is written
// to it, and hands it on. Flush hands on what was held back.
type Rewriter struct {
	w        io.Writer
	from, to [][]byte
	longest  int
	held     []byte // may be the beginning of a string to be replaced
}

// NewRewriter makes a Rewriter of pairs from → to, which must have one length.
func NewRewriter(w io.Writer, rewrites map[string]string) (*Rewriter, error) {
	r := &Rewriter{w: w}
	keys := make([]string, 0, len(rewrites))
	for from := range rewrites {
		keys = append(keys, from)
	}
	slices.Sort(keys)
	for _, from := range keys {
		to := rewrites[from]
		if len(from) != len(to) {
			return nil, fmt.Errorf("cannot rewrite '%s' to '%s', which has another length", from, to)
		}
		if from == to || from == "" {
			continue
		}
		r.from, r.to = append(r.from, []byte(from)), append(r.to, []byte(to))
		r.longest = max(r.longest, len(from))
	}
	return r, nil
}

// Write replaces in p and hands on all but the last bytes, which may begin a match.
func (r *Rewriter) Write(p []byte) (int, error) {
	if r.longest == 0 {
		return r.w.Write(p)
	}
	b := append(r.held, p...)
	r.replace(b)
	keep := min(len(b), r.longest-1)
	_, err := r.w.Write(b[:len(b)-keep])
	r.held = append(r.held[:0], b[len(b)-keep:]...)
	return len(p), err
}

func (r *Rewriter) replace(b []byte) {
	for i, from := range r.from {
		for at := 0; ; {
			n := bytes.Index(b[at:], from)
			if n < 0 {
				break
			}
			copy(b[at+n:], r.to[i])
			at += n
		}
	}
}

// Flush hands on the rest.
func (r *Rewriter) Flush() error {
	_, err := r.w.Write(r.held)
	r.held = nil
	return err
}

// HashModulo hashes a tree by a method as if each occurrence of the hash part
// of its own path were zero bytes: the hash of content that refers to itself.
func HashModulo(m storepath.Method, algo hash.Algo, t nar.Tree, path, hashPart string) (hash.Hash, error) {
	if m == storepath.Git {
		return gitHash(algo, t, path, nil)
	}
	h := hash.New(algo)
	r, err := NewRewriter(h, map[string]string{hashPart: string(make([]byte, len(hashPart)))})
	if err != nil {
		return hash.Hash{}, err
	}
	if m == storepath.NAR {
		err = nar.DumpTree(r, t, path, nil)
	} else {
		err = CopyFlat(r, t, path)
	}
	if err == nil {
		err = r.Flush()
	}
	return h.Sum(), err
}
