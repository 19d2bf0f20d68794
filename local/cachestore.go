package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/binarycache"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// cacheStore lets a binary cache be used where a store is expected: to look
// at what it claims, and to copy from and to it.
type cacheStore struct {
	store.API // a read-only dummy, for what a cache cannot do
	c         *binarycache.Cache
	scheme    storepath.Scheme
}

// openCache opens a binary cache. Nothing is read or made yet.
func (s *Session) openCache(uri string) error {
	dir := s.Dirs.StoreDir
	if s.Dirs.Tool {
		s.Scheme = storepath.Nix(dir)
	} else {
		dir, _, _ = s.nativeDir(false)
		s.Scheme = storepath.Native(dir)
	}
	c, err := s.cache(uri)
	if err != nil {
		return err
	}
	s.API = &cacheStore{API: store.NewDummy(s.Scheme, true), c: c, scheme: s.Scheme}
	return nil
}

// cache opens a cache for the paths of the session's store.
func (s *Session) cache(uri string) (*binarycache.Cache, error) {
	o := binarycache.Options{Scheme: s.Scheme, Retries: int(s.Settings.Int("download-attempts"))}
	keys, err := s.secretKeys()
	if err != nil {
		return nil, err
	}
	o.SecretKeys = keys
	return binarycache.Open(uri, o)
}

func (c *cacheStore) ReadOnly() bool { return false }

func (c *cacheStore) notValid(p storepath.Path) error {
	return fmt.Errorf("path '%s' %w", c.scheme.Print(p), store.ErrNotValid)
}

// claim is what the cache says of a path.
func (c *cacheStore) claim(p storepath.Path) (binarycache.NarInfo, error) {
	claim, err := c.c.Lookup(context.Background(), p)
	if errors.Is(err, binarycache.ErrNotFound) {
		return binarycache.NarInfo{}, c.notValid(p)
	}
	if err != nil {
		return binarycache.NarInfo{}, err
	}
	return claim.Unverified(), nil
}

func (c *cacheStore) IsValid(p storepath.Path) (bool, error) {
	return c.c.Has(context.Background(), p)
}

func (c *cacheStore) PathInfo(p storepath.Path) (*store.PathInfo, error) {
	info, err := c.claim(p)
	if err != nil {
		return nil, err
	}
	return &info.PathInfo, nil
}

func (c *cacheStore) AllValidPaths() ([]storepath.Path, error) {
	return c.c.Paths(context.Background())
}

func (c *cacheStore) PathFromHashPart(part string) (storepath.Path, error) {
	p, err := c.c.PathFromHashPart(context.Background(), part)
	if errors.Is(err, binarycache.ErrNotFound) {
		return storepath.Path{}, nil
	}
	return p, err
}

// Closure follows references.
func (c *cacheStore) Closure(start []storepath.Path, o store.ClosureOptions) ([]storepath.Path, error) {
	if o.Reverse {
		return nil, errors.New("a binary cache does not know what refers to a path")
	}
	seen := map[storepath.Path]bool{}
	todo := slices.Clone(start)
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		info, err := c.PathInfo(p)
		if err != nil {
			return nil, err
		}
		todo = append(todo, info.References...)
	}
	out := make([]storepath.Path, 0, len(seen))
	for p := range seen {
		out = append(out, p)
	}
	slices.SortFunc(out, storepath.Compare)
	return out, nil
}

func (c *cacheStore) DumpNAR(p storepath.Path, w io.Writer) error {
	info, err := c.claim(p)
	if err != nil {
		return err
	}
	r, err := c.c.NAR(context.Background(), &info, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// unpack puts an object into a store in memory, to look into it.
func (c *cacheStore) unpack(p storepath.Path) (*store.Dummy, error) {
	info, err := c.PathInfo(p)
	if err != nil {
		return nil, err
	}
	d := store.NewDummy(c.scheme, false)
	r, w := io.Pipe()
	go func() { w.CloseWithError(c.DumpNAR(p, w)) }()
	only := *info
	only.References = nil
	if err := d.AddNAR(&only, r, store.AddNAROptions{}); err != nil {
		r.CloseWithError(err)
		return nil, err
	}
	return d, nil
}

func (c *cacheStore) ReadDerivation(p storepath.Path) (*derivation.Derivation, error) {
	d, err := c.unpack(p)
	if err != nil {
		return nil, err
	}
	return d.ReadDerivation(p)
}

func (c *cacheStore) AddNAR(info *store.PathInfo, r io.Reader, o store.AddNAROptions) error {
	ctx := context.Background()
	if err := c.c.Init(ctx, true); err != nil {
		return err
	}
	return c.c.Add(ctx, info, func(w io.Writer) error { return nar.Copy(w, r) }, o.Repair)
}

// AddSignatures adds signatures to those of a path that the store has.
func (s *Session) AddSignatures(ctx context.Context, p storepath.Path, sigs []string) error {
	if c, ok := s.API.(*cacheStore); ok {
		return c.c.AddSignatures(ctx, p, sigs)
	}
	st, err := s.LocalStore()
	if err != nil {
		return err
	}
	return st.AddSignatures(p, sigs)
}

// put makes something in a store in memory and puts it into the cache.
func (c *cacheStore) put(make func(d *store.Dummy) (storepath.Path, error)) (storepath.Path, error) {
	d := store.NewDummy(c.scheme, false)
	p, err := make(d)
	if err != nil {
		return p, err
	}
	info, err := d.PathInfo(p)
	if err != nil {
		return p, err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(d.DumpNAR(p, w)) }()
	err = c.AddNAR(info, r, store.AddNAROptions{})
	r.CloseWithError(err)
	return p, err
}

func (c *cacheStore) AddText(name string, contents []byte, refs []storepath.Path) (storepath.Path, error) {
	h := hash.Sum(c.scheme.Hash, contents)
	p, err := c.scheme.TextPath(name, h, refs)
	if err != nil {
		return p, err
	}
	var b bytes.Buffer
	if err := nar.DumpString(&b, string(contents)); err != nil {
		return p, err
	}
	info := &store.PathInfo{Path: p, NarHash: hash.Sum(c.scheme.Hash, b.Bytes()), NarSize: int64(b.Len()),
		References: refs, CA: storepath.ContentAddress{Method: storepath.Text, Hash: h}}
	return p, c.AddNAR(info, &b, store.AddNAROptions{})
}

func (c *cacheStore) AddTree(name string, t nar.Tree, path string, o store.AddOptions) (storepath.Path, error) {
	return c.put(func(d *store.Dummy) (storepath.Path, error) { return d.AddTree(name, t, path, o) })
}

func (c *cacheStore) AddDerivation(p storepath.Path, d *derivation.Derivation, text []byte) error {
	_, err := c.AddText(p.Name(), text, d.References())
	return err
}

func (c *cacheStore) Close() error { return nil }
