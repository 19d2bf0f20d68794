package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// linkAlgo is the hash by which files in .links are named.
const linkAlgo = hash.SHA256

// VerifyOptions says what Verify checks.
type VerifyOptions struct {
	CheckContents bool
	// Repair, unless nil, is called for each path that is damaged or missing,
	// to make it anew: by building or copying it.
	Repair func(ctx context.Context, p storepath.Path) error
}

// Verify compares the database with what lies in the store directory: valid
// paths that have disappeared are made invalid, unless others refer to them.
// With CheckContents all files are read and their hashes compared. It logs
// what it finds and returns whether anything is wrong that it could not put
// right.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (damaged bool, err error) {
	if err := s.Start(); err != nil {
		return false, err
	}
	s.logf(LevelInfo, "reading the Nix store...")
	if !s.cfg.ReadOnly {
		// a collection would change what is compared
		lock, err := openLockFile(s.gcLockFile())
		if err != nil {
			return false, s.explain(err, s.state)
		}
		defer lock.Close()
		err = flockWait(ctx, lock, unix.LOCK_SH, func() {
			s.logf(LevelInfo, "waiting for the big garbage collector lock...")
		})
		if err != nil {
			return false, err
		}
	}
	v := &verifier{s: s, o: o, ctx: ctx, done: map[storepath.Path]bool{}, valid: map[storepath.Path]bool{}}
	if err := v.existence(); err != nil {
		return true, err
	}
	if o.CheckContents {
		if err := v.contents(); err != nil {
			return true, err
		}
	}
	return v.damaged, nil
}

type verifier struct {
	s       *Store
	o       VerifyOptions
	ctx     context.Context
	present map[storepath.Path]bool // in the store directory
	done    map[storepath.Path]bool
	valid   map[storepath.Path]bool // and present
	damaged bool
}

func (v *verifier) existence() error {
	names, err := readNames(v.s.real)
	if err != nil {
		return err
	}
	v.present = make(map[storepath.Path]bool, len(names))
	for _, name := range names {
		if p, err := storepath.ParseBase(name); err == nil {
			v.present[p] = true
		}
	}
	v.s.logf(LevelInfo, "checking path existence...")
	all, err := v.s.AllValidPaths()
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := v.exists(p); err != nil {
			return err
		}
	}
	return nil
}

// exists checks one path, after those that refer to it if it is gone: what
// nobody refers to can be made invalid.
func (v *verifier) exists(p storepath.Path) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	if v.done[p] {
		return nil
	}
	v.done[p] = true
	if v.present[p] {
		v.valid[p] = true
		return nil
	}
	referrers, err := v.s.Referrers(p)
	if err != nil {
		return err
	}
	needed := false
	for _, r := range referrers {
		if r == p {
			continue
		}
		if err := v.exists(r); err != nil {
			return err
		}
		needed = needed || v.valid[r]
	}
	name := v.s.scheme.Print(p)
	if !needed && !v.s.cfg.ReadOnly {
		v.s.logf(LevelInfo, "path '%s' disappeared, removing from database...", name)
		return v.s.Invalidate(p)
	}
	v.s.logf(LevelError, "path '%s' disappeared, but it still has valid referrers!", name)
	return v.repair(p)
}

func (v *verifier) repair(p storepath.Path) error {
	if v.o.Repair == nil {
		v.damaged = true
		return nil
	}
	err := v.o.Repair(v.ctx, p)
	if err != nil {
		v.s.logf(LevelWarn, "%v", err)
		v.damaged = true
	}
	return v.ctx.Err()
}

func (v *verifier) contents() error {
	v.s.logf(LevelInfo, "checking link hashes...")
	if err := v.links(); err != nil {
		return err
	}
	v.s.logf(LevelInfo, "checking store hashes...")
	for _, p := range sortedKeys(v.valid) {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		v.s.logf(LevelTalkative, "checking contents of '%s'", v.s.scheme.Print(p))
		if err := v.content(p); err != nil {
			// with a path that has become invalid nothing is wrong
			ok, verr := v.s.IsValid(p)
			if verr != nil {
				return verr
			}
			level := LevelWarn
			if ok {
				level = LevelError
			}
			v.s.logf(level, "%v", err)
			v.damaged = true
		}
	}
	return nil
}

func (v *verifier) links() error {
	names, err := readNames(v.s.linksDir())
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, name := range names {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		link := filepath.Join(v.s.linksDir(), name)
		v.s.logf(LevelTalkative, "checking contents of \"%s\"", name)
		h, _, err := nar.Hash(linkAlgo, link, nil)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if h.Nix32() == name {
			continue
		}
		v.s.logf(LevelError, "link \"%s\" was modified! expected hash %s, got '%s'", link, name, h.Nix32())
		if v.o.Repair == nil {
			v.damaged = true
			continue
		}
		if err := os.Remove(link); err != nil {
			return fmt.Errorf("removing link \"%s\": %w", link, bare(err))
		}
		v.s.logf(LevelInfo, "removed link \"%s\"", link)
	}
	return nil
}

func (v *verifier) content(p storepath.Path) error {
	info, err := v.s.PathInfo(p)
	if err != nil {
		return err
	}
	got, size, err := nar.Hash(info.NarHash.Algo(), v.s.RealPath(p), nil)
	if err != nil {
		return err
	}
	unknown := zeroDigest(info.NarHash)
	if !unknown && got != info.NarHash {
		v.s.logf(LevelError, "path '%s' was modified! expected hash '%s', got '%s'", v.s.scheme.Print(p),
			info.NarHash.Prefixed(hash.Nix32), got.Prefixed(hash.Nix32))
		return v.repair(p)
	}
	if v.s.cfg.ReadOnly || !unknown && info.NarSize != 0 {
		return nil
	}
	if unknown {
		v.s.logf(LevelInfo, "fixing missing hash on '%s'", v.s.scheme.Print(p))
	}
	if info.NarSize == 0 {
		v.s.logf(LevelInfo, "updating size field on '%s' to %d", v.s.scheme.Print(p), size)
	}
	return v.s.update(p, func(i *PathInfo) { i.NarHash, i.NarSize = got, size })
}

// zeroDigest tells whether a hash is all zero, which old databases have where
// it is not known.
func zeroDigest(h hash.Hash) bool {
	for _, b := range h.Bytes() {
		if b != 0 {
			return false
		}
	}
	return true
}

// IntactPath tells whether the contents of a valid path have the hash that
// the database says.
func (s *Store) IntactPath(p storepath.Path) (bool, error) {
	info, err := s.PathInfo(p)
	if err != nil {
		return false, err
	}
	got, _, err := nar.Hash(info.NarHash.Algo(), s.RealPath(p), nil)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return got == info.NarHash, err
}
