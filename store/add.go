package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// AddText adds a file whose path follows from its name, contents and
// references, which must be valid: what toFile makes, and derivations.
func (s *Store) AddText(name string, contents []byte, refs []storepath.Path) (storepath.Path, error) {
	return s.addText(name, contents, refs, false)
}

func (s *Store) addText(name string, contents []byte, refs []storepath.Path, repair bool) (storepath.Path, error) {
	h := hash.Sum(s.scheme.Hash, contents)
	p, err := s.scheme.TextPath(name, h, refs)
	if err != nil {
		return p, err
	}
	return p, s.add(p, repair, false, func(tmp string) (*PathInfo, error) {
		if err := writeStoreFile(tmp, contents, false); err != nil {
			return nil, err
		}
		info := &PathInfo{Path: p, References: sortedPaths(refs), CA: storepath.ContentAddress{Method: storepath.Text, Hash: h}}
		info.NarHash, info.NarSize = narOfFile(s.scheme.Hash, contents)
		return info, nil
	})
}

// narOfFile hashes the archive of a file that is not executable.
func narOfFile(algo hash.Algo, contents []byte) (hash.Hash, int64) {
	h := hash.New(algo)
	// a Hasher's Write never fails, and there is nothing else that could
	_ = nar.DumpString(h, string(contents))
	return h.Sum(), h.Size()
}

// AddFile adds the bytes that r yields as a file, hashed flat (or as text or
// archive, as o.Method says).
func (s *Store) AddFile(name string, r io.Reader, o AddOptions) (storepath.Path, error) {
	dir, done, err := s.TempDir()
	if err != nil {
		return storepath.Path{}, err
	}
	defer done()
	file := filepath.Join(dir, "x")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return storepath.Path{}, err
	}
	_, err = io.Copy(f, r)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return storepath.Path{}, fmt.Errorf("writing to file '%s': %w", file, bare(err))
	}
	return s.AddTree(name, nar.OS(), file, o)
}

// AddPath adds what lies at path in the file system. An ordinary user's
// mistake, a special file, is an error; nothing of it stays.
func (s *Store) AddPath(name, path string, o AddOptions) (storepath.Path, error) {
	return s.AddTree(name, nar.OS(), path, o)
}

// AddTree adds what lies at path in a tree of files. The tree is read once if
// it fits into memory.
func (s *Store) AddTree(name string, t nar.Tree, path string, o AddOptions) (storepath.Path, error) {
	if o.Algo == 0 {
		o.Algo = s.scheme.Hash
	}
	if err := storepath.CheckName(name); err != nil {
		return storepath.Path{}, err
	}
	if s.cfg.ReadOnly { // there is nowhere to put it, but it may be there already
		p, _, err := ComputePath(s.scheme, name, t, path, o)
		if err != nil {
			return p, err
		}
		return p, s.add(p, false, false, nil)
	}
	if err := s.writable(); err != nil {
		return storepath.Path{}, err
	}
	d, err := s.takeDump(t, path, o)
	if err != nil {
		return storepath.Path{}, err
	}
	defer d.drop()
	ca := storepath.ContentAddress{Method: o.Method, Hash: d.hash}
	p, err := caPath(s.scheme, name, ca, o.Refs, false)
	if err != nil {
		return p, err
	}
	if !o.Expect.IsZero() && o.Expect != d.hash {
		return p, &HashMismatch{Path: path, Want: o.Expect, Got: d.hash}
	}
	return p, s.add(p, o.Repair, false, func(tmp string) (*PathInfo, error) {
		info := &PathInfo{Path: p, References: sortedPaths(o.Refs), CA: ca, NarHash: d.narHash, NarSize: d.narSize}
		return info, d.restore(tmp)
	})
}

// HashMismatch reports contents that have another hash than they should.
type HashMismatch struct {
	Path      string
	Want, Got hash.Hash
}

func (e *HashMismatch) Error() string {
	return fmt.Sprintf("hash mismatch for path '%s'\n  specified: %s\n  got:       %s", e.Path, e.Want.SRI(), e.Got.SRI())
}

// ComputePath returns the path under which AddTree would add a tree, and the
// hash in it, without a store.
func ComputePath(scheme storepath.Scheme, name string, t nar.Tree, path string, o AddOptions) (storepath.Path, hash.Hash, error) {
	if o.Algo == 0 {
		o.Algo = scheme.Hash
	}
	if err := storepath.CheckName(name); err != nil {
		return storepath.Path{}, hash.Hash{}, err
	}
	h, err := hashTree(o.Method, o.Algo, t, path, o.Filter)
	if err != nil {
		return storepath.Path{}, hash.Hash{}, err
	}
	p, err := caPath(scheme, name, storepath.ContentAddress{Method: o.Method, Hash: h}, o.Refs, false)
	return p, h, err
}

// hashTree hashes a tree by a method.
func hashTree(m storepath.Method, algo hash.Algo, t nar.Tree, path string, filter nar.Filter) (hash.Hash, error) {
	switch m {
	case storepath.NAR:
		h, _, err := nar.HashTree(algo, t, path, filter)
		return h, err
	case storepath.Git:
		return gitHash(algo, t, path, filter)
	}
	h := hash.New(algo)
	err := CopyFlat(h, t, path)
	return h.Sum(), err
}

// CopyFlat writes the bytes of a regular file, as many as it had at first.
func CopyFlat(w io.Writer, t nar.Tree, path string) error {
	f, fi, err := openFlat(t, path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = io.CopyN(w, f, fi.Size()); err == io.EOF {
		err = fmt.Errorf("file '%s' changed while it was being read", path)
	}
	return err
}

// openFlat opens a regular file.
func openFlat(t nar.Tree, path string) (io.ReadCloser, fs.FileInfo, error) {
	fi, err := t.Lstat(path)
	if err != nil {
		return nil, nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("path '%s' is not a regular file", path)
	}
	f, err := t.Open(path)
	return f, fi, err
}

// AddNAR adds the archive read from r as the path that info describes. The
// archive must have info's hash and size, and, if info has a content address,
// that. Nothing is read from r if the path is valid already. Whether to trust
// info is the caller's business.
func (s *Store) AddNAR(info *PathInfo, r io.Reader, o AddNAROptions) error {
	return s.add(info.Path, o.Repair, o.Locked, func(tmp string) (*PathInfo, error) {
		h := hash.New(s.scheme.Hash)
		if err := restore(nar.NewReader(io.TeeReader(r, h)), tmp); err != nil {
			return nil, err
		}
		name := s.scheme.Print(info.Path)
		if got := h.Sum(); got != info.NarHash {
			return nil, fmt.Errorf("hash mismatch importing path '%s';\n  specified: %s\n  got:       %s",
				name, info.NarHash.Prefixed(hash.Nix32), got.Prefixed(hash.Nix32))
		}
		if h.Size() != info.NarSize {
			return nil, fmt.Errorf("size mismatch importing path '%s';\n  specified: %d\n  got:       %d", name, info.NarSize, h.Size())
		}
		if !info.CA.IsZero() {
			got, err := HashModulo(info.CA.Method, info.CA.Hash.Algo(), nar.OS(), tmp, info.Path.HashPart())
			if err != nil {
				return nil, err
			}
			if got != info.CA.Hash {
				return nil, fmt.Errorf("ca hash mismatch importing path '%s';\n  specified: %s\n  got:       %s",
					name, info.CA.Hash.Prefixed(hash.Nix32), got.Prefixed(hash.Nix32))
			}
		}
		return info, nil
	})
}

// add makes p valid unless it is. write makes the canonical object at tmp, a
// directory at the top with mode 0755, and says what to register.
func (s *Store) add(p storepath.Path, repair, locked bool, write func(tmp string) (*PathInfo, error)) error {
	if err := s.AddTempRoot(p); err != nil {
		return err
	}
	if !repair { // without the lock first, which costs more than the question
		if ok, err := s.IsValid(p); ok || err != nil {
			return err
		}
	}
	if err := s.writable(); err != nil {
		return err
	}
	if !locked {
		unlock, err := s.Lock(context.Background(), []storepath.Path{p}, nil)
		if err != nil {
			return err
		}
		defer unlock()
		if !repair {
			if ok, err := s.IsValid(p); ok || err != nil {
				return err
			}
		}
	}
	if err := s.AutoGC(true); err != nil {
		return err
	}
	tmp, err := s.tempName()
	if err != nil {
		return err
	}
	info, err := write(tmp)
	if err == nil {
		err = s.Install(tmp, p)
	}
	if err == nil {
		err = s.Register([]PathInfo{*info})
	}
	if err != nil {
		if _, derr := deleteTree(tmp); derr != nil {
			err = errors.Join(err, derr)
		}
		return s.Explain(err)
	}
	return nil
}

// Install moves a canonical object (see [Store.Canonicalise], with
// KeepRootWritable) from a file name on the same file system, as [Store.TempDir]
// gives it, to where store path p lies, in place of what may lie there. The
// caller holds the lock of p and registers it next.
func (s *Store) Install(tmp string, p storepath.Path) error {
	real := s.RealPath(p)
	if _, err := s.discard(real, true); err != nil {
		return err
	}
	if err := renameNew(tmp, real); err != nil {
		return fmt.Errorf("renaming \"%s\" to \"%s\": %w", tmp, real, bare(err))
	}
	fi, err := os.Lstat(real)
	if err == nil && fi.IsDir() {
		if err = os.Chmod(real, 0o555); err == nil {
			// the rename has left the time alone on the file systems we know
			err = os.Chtimes(real, time.Time{}, time.Unix(storeMtime, 0))
		}
	}
	if err != nil {
		return err
	}
	if s.cfg.AutoOptimise {
		// What replaces a valid object does so because that was corrupt, and
		// so may be the file in .links that it shared.
		repair, err := s.IsValid(p)
		if err != nil {
			return err
		}
		if _, err := s.optimisePath(p, repair); err != nil {
			return err
		}
	}
	if s.cfg.FsyncStorePaths {
		return syncTree(real)
	}
	return nil
}

// discard deletes what lies under the name of a path: garbage, what an
// interrupted process left there, or what a repair replaces. A directory is
// first renamed, so that nothing under the name of a path is ever a part of
// what it was: that is what Rebuild relies on.
func (s *Store) discard(real string, known bool) (freed int64, err error) {
	fi, err := os.Lstat(real)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if !known || !fi.IsDir() {
		return deleteTree(real)
	}
	tmp, err := s.tempName()
	if err != nil {
		return 0, err
	}
	// moving a directory to another one changes its entry ".."
	if err := os.Chmod(real, 0o755); err != nil {
		return 0, err
	}
	if err := os.Rename(real, tmp); err != nil {
		return 0, fmt.Errorf("renaming \"%s\" to \"%s\": %w", real, tmp, bare(err))
	}
	return deleteTree(tmp)
}

// Tree gives the contents of the store: names begin with the base name of a
// store path. Whether the path is valid is the caller's business.
func (s *Store) Tree() nar.Tree { return storeTree{s.real} }

type storeTree struct{ dir string }

func (t storeTree) Open(name string) (fs.File, error) {
	return nar.OS().Open(filepath.Join(t.dir, name))
}
func (t storeTree) Lstat(name string) (fs.FileInfo, error) {
	return os.Lstat(filepath.Join(t.dir, name))
}
func (t storeTree) ReadDir(name string) ([]fs.DirEntry, error) {
	return os.ReadDir(filepath.Join(t.dir, name))
}
func (t storeTree) Readlink(name string) (string, error) {
	return os.Readlink(filepath.Join(t.dir, name))
}

// DumpNAR writes the archive of a valid path.
func (s *Store) DumpNAR(p storepath.Path, w io.Writer) error {
	ok, err := s.IsValid(p)
	if err != nil {
		return err
	}
	if !ok {
		return s.notValid(p)
	}
	return nar.Dump(w, s.RealPath(p), nil)
}
