//go:build unix

// Package fetch downloads what expressions ask for while they are evaluated:
// files, archives and trees, by address (builtins.fetchurl, fetchTarball) or
// by a set of attributes (fetchGit, fetchTree).
//
// Everything ends up in the store. What a server sent is remembered with its
// tag for a while ([Options.TTL]); then the server is asked whether it has
// changed. Git repositories are cloned, bare, into the cache, by the git
// command; a repository on this machine is read where it lies, with changes
// that are not committed.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/lang/flakeref"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Store is where trees are put.
type Store interface {
	Scheme() storepath.Scheme
	IsValid(p storepath.Path) (bool, error)
	AddTree(name string, t nar.Tree, path string, o store.AddOptions) (storepath.Path, error)
	AddTempRoot(p storepath.Path) error
}

// Options are what a [Fetcher] works with.
type Options struct {
	Store Store
	// CacheDir is a folder for clones and for what is known of downloads.
	CacheDir string
	// TTL is how long a download counts as fresh.
	TTL time.Duration
	// AllowDirty permits git trees with uncommitted changes, WarnDirty warns of them.
	AllowDirty, WarnDirty bool
	// ForceClone clones repositories of this machine too.
	ForceClone bool
	// Registries say what names of flakes stand for, the most important
	// first: absolute names of files, which may be missing, and addresses. The
	// last GlobalRegistries of them are the same on every machine.
	Registries       []string
	GlobalRegistries int
	// Flags are asked before all of them; nil: none.
	Flags *Registry
	// Tokens are access tokens of code forges, by host.
	Tokens map[string]string
	// Client downloads; nil: the default one.
	Client *http.Client
	// Warn receives warnings, Log what is being done; nil drops them.
	Warn, Log func(text string)
}

// Fetcher downloads into a store. It may be used by several goroutines.
type Fetcher struct {
	o     Options
	facts facts
	pause time.Duration // before the second attempt
}

// New makes a Fetcher.
func New(o Options) *Fetcher {
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Flags == nil {
		o.Flags = &Registry{}
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	return &Fetcher{o: o, facts: facts{file: filepath.Join(o.CacheDir, factsFile)}, pause: 250 * time.Millisecond}
}

// HashMismatchError says that a download is not what was expected.
type HashMismatchError struct {
	URL            string
	Expected, Have hash.Hash
}

func (e *HashMismatchError) Error() string {
	return fmt.Sprintf("hash mismatch in file downloaded from '%s':\n  specified: %s\n  got:       %s",
		e.URL, e.Expected.Prefixed(hash.Nix32), e.Have.Prefixed(hash.Nix32))
}

// ExitStatus is that of a command which fails for this.
func (e *HashMismatchError) ExitStatus() int { return 102 }

// FetchFile downloads a file. expected, unless zero, is the hash of its bytes.
func (f *Fetcher) FetchFile(ctx context.Context, url, name string, expected hash.Hash) (storepath.Path, error) {
	d, err := f.download(ctx, url, "file "+name, func(file string) (entry, error) {
		if !expected.IsZero() {
			have, err := hashFile(file, expected.Algo())
			if err != nil {
				return entry{}, err
			}
			if have != expected {
				return entry{}, &HashMismatchError{url, expected, have}
			}
		}
		p, err := f.o.Store.AddTree(name, nar.OS(), file, store.AddOptions{Method: storepath.Flat, Algo: hash.SHA256})
		return entry{Path: p}, err
	})
	if err != nil {
		return storepath.Path{}, err
	}
	if !expected.IsZero() {
		// It may have been downloaded before, for another hash.
		want, err := f.o.Store.Scheme().FixedOutputPath(name, storepath.Flat, expected, nil, false)
		if err != nil {
			return storepath.Path{}, err
		}
		if d.Path != want {
			return storepath.Path{}, f.mismatch(d.Path, url, expected, storepath.Flat)
		}
	}
	return d.Path, nil
}

func hashFile(name string, algo hash.Algo) (hash.Hash, error) {
	r, err := os.Open(name)
	if err != nil {
		return hash.Hash{}, err
	}
	defer r.Close()
	h, _, err := hash.Copy(algo, r)
	return h, err
}

// FetchTarball downloads an archive and unpacks it. expected, unless zero, is
// the hash of the tree.
func (f *Fetcher) FetchTarball(ctx context.Context, url, name string, expected hash.Hash) (storepath.Path, error) {
	e, err := f.tarball(ctx, url, name)
	if err != nil || expected.IsZero() {
		return e.Path, err
	}
	scheme := f.o.Store.Scheme()
	want, err := scheme.FixedOutputPath(name, storepath.NAR, expected, nil, false)
	if err != nil {
		return storepath.Path{}, err
	}
	if want == e.Path {
		return want, nil
	}
	have, err := f.treeHash(e.Path, expected.Algo())
	if err != nil {
		return storepath.Path{}, err
	}
	if have != expected {
		return storepath.Path{}, &HashMismatchError{url, expected, have}
	}
	// The same tree under the name that its hash by another algorithm gives.
	return f.o.Store.AddTree(name, nar.OS(), f.real(e.Path), store.AddOptions{Method: storepath.NAR, Algo: expected.Algo()})
}

func (f *Fetcher) mismatch(p storepath.Path, url string, expected hash.Hash, method storepath.Method) error {
	have, err := hashFile(f.real(p), expected.Algo())
	if err != nil {
		return err
	}
	return &HashMismatchError{url, expected, have}
}

// realPather is a store whose objects lie elsewhere than their paths say.
type realPather interface {
	RealPath(p storepath.Path) string
}

// real is where a store object lies.
func (f *Fetcher) real(p storepath.Path) string {
	if r, ok := f.o.Store.(realPather); ok {
		return r.RealPath(p)
	}
	return f.o.Store.Scheme().Print(p)
}

func (f *Fetcher) treeHash(p storepath.Path, algo hash.Algo) (hash.Hash, error) {
	h, _, err := nar.HashTree(algo, nar.OS(), f.real(p), nil)
	return h, err
}

// FetchTree fetches a tree or file by attributes that [flakeref.CheckInput]
// has checked.
func (f *Fetcher) FetchTree(ctx context.Context, attrs map[string]any, r eval.Registries) (t eval.FetchedTree, err error) {
	kind, _ := attrs["type"].(string)
	if kind == "indirect" {
		resolved, err := f.resolve(ctx, attrs, r)
		if err != nil {
			return t, err
		}
		t.Dir, _ = resolved["dir"].(string)
		delete(resolved, "dir")
		if attrs, err = flakeref.CheckInput(resolved); err != nil {
			return t, err
		}
		kind, _ = attrs["type"].(string)
	}
	t.Resolved, t.Locked = attrs, maps.Clone(attrs)
	in := input{Attrs: attrs}
	switch kind {
	case "path":
		t.Path, err = f.path(in, t.Locked)
	case "file":
		t.Path, err = f.FetchFile(ctx, in.text("url"), in.name(), hash.Hash{})
	case "tarball":
		t.Path, err = f.tarballTree(ctx, in, t.Locked)
	case "git":
		t.Path, err = f.git(ctx, in, t.Locked)
	case "github", "gitlab", "sourcehut":
		t.Path, err = f.forge(ctx, kind, in, t.Locked)
	default:
		err = fmt.Errorf("cannot fetch unsupported input '%s'", flakeref.Attrs(attrs))
	}
	if err != nil {
		return t, err
	}
	return t, f.checkHash(t.Path, in, t.Locked)
}

// checkHash notes the hash of a tree and compares it with the one demanded.
func (f *Fetcher) checkHash(p storepath.Path, in input, locked map[string]any) error {
	have, err := f.treeHash(p, hash.SHA256)
	if err != nil {
		return err
	}
	locked["narHash"] = have.SRI()
	want := in.text("narHash")
	if want == "" {
		return nil
	}
	h, err := hash.ParseAny(want, 0)
	if err != nil {
		return err
	}
	if h.Algo() != have.Algo() {
		if have, err = f.treeHash(p, h.Algo()); err != nil {
			return err
		}
	}
	if h != have {
		return &NARHashMismatchError{flakeref.Attrs(in.Attrs), h, have}
	}
	return nil
}

// NARHashMismatchError says that a tree is not the one that narHash describes.
type NARHashMismatchError struct {
	Input          flakeref.Attrs
	Expected, Have hash.Hash
}

func (e *NARHashMismatchError) Error() string {
	text := e.Input.String()
	if u, err := e.Input.URL(); err == nil {
		text = u.String()
	}
	return fmt.Sprintf("NAR hash mismatch in input '%s', expected '%s' but got '%s'", text, e.Expected.SRI(), e.Have.SRI())
}

// ExitStatus is that of a command which fails for this.
func (e *NARHashMismatchError) ExitStatus() int { return 102 }

// input is the attributes of something to fetch.
type input struct{ Attrs map[string]any }

func (in input) text(name string) string {
	s, _ := in.Attrs[name].(string)
	return s
}

func (in input) flag(name string) bool {
	b, _ := in.Attrs[name].(bool)
	return b
}

// name is that of the store path.
func (in input) name() string {
	if n := in.text("name"); n != "" {
		return n
	}
	return "source"
}

// tempDir makes a folder of its own in the cache; the caller removes it.
func (f *Fetcher) tempDir() (string, error) {
	if err := os.MkdirAll(f.o.CacheDir, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(f.o.CacheDir, "tmp-")
}

// addTree puts a tree into the store under the scheme's own hash.
func (f *Fetcher) addTree(name, dir string, filter nar.Filter) (storepath.Path, error) {
	return f.o.Store.AddTree(name, nar.OS(), dir, store.AddOptions{Method: storepath.NAR, Filter: filter})
}

// path copies a tree of this machine, unless it lies in the store already.
func (f *Fetcher) path(in input, locked map[string]any) (storepath.Path, error) {
	name := in.text("path")
	if !filepath.IsAbs(name) {
		return storepath.Path{}, fmt.Errorf("cannot fetch input 'path:%s' because it uses a relative path", name)
	}
	name = filepath.Clean(name)
	scheme := f.o.Store.Scheme()
	if p, err := scheme.Parse(name); err == nil {
		if ok, err := f.o.Store.IsValid(p); err == nil && ok {
			if err := f.o.Store.AddTempRoot(p); err != nil {
				return p, err
			}
			if _, ok := in.Attrs["lastModified"]; !ok {
				locked["lastModified"] = int64(1)
			}
			return p, nil
		}
	}
	newest, err := newestIn(name)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return storepath.Path{}, fmt.Errorf("path '%s' does not exist", name)
		}
		return storepath.Path{}, err
	}
	if _, ok := in.Attrs["lastModified"]; !ok {
		locked["lastModified"] = newest
	}
	return f.addTree("source", name, nil)
}

// newestIn is the latest change of anything in a tree, in seconds.
func newestIn(dir string) (int64, error) {
	newest := int64(0)
	err := filepath.Walk(dir, func(_ string, fi os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		newest = max(newest, fi.ModTime().Unix())
		return nil
	})
	return newest, err
}
