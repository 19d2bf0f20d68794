package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// OptimiseStats says what optimising has saved.
type OptimiseStats struct {
	FilesLinked int64
	BytesFreed  int64
}

// Optimise makes equal files of all valid paths hard links to one file in
// .links, which is named after the hash of its archive: contents and whether
// it may be executed.
func (s *Store) Optimise(ctx context.Context) (OptimiseStats, error) {
	var sum OptimiseStats
	if err := s.writable(); err != nil {
		return sum, err
	}
	paths, err := s.AllValidPaths()
	if err != nil {
		return sum, err
	}
	o := &optimiser{s: s, ctx: ctx}
	if o.known, err = s.linkInodes(); err != nil {
		return sum, err
	}
	for _, p := range paths {
		if err := s.AddTempRoot(p); err != nil {
			return o.stats, err
		}
		if ok, err := s.IsValid(p); err != nil {
			return o.stats, err
		} else if !ok {
			continue // collected meanwhile
		}
		if err := o.visit(s.RealPath(p), true); err != nil {
			return o.stats, err
		}
	}
	return o.stats, nil
}

// optimisePath does so for one path, whose lock the caller holds.
func (s *Store) optimisePath(p storepath.Path, repair bool) (OptimiseStats, error) {
	o := &optimiser{s: s, ctx: context.Background(), repair: repair}
	err := o.visit(s.RealPath(p), true)
	return o.stats, err
}

type optimiser struct {
	s      *Store
	ctx    context.Context
	repair bool // do not trust what is in .links
	known  map[uint64]bool
	stats  OptimiseStats
}

// linkInodes returns the inodes of all files in .links. Files that have one of
// them need no further look.
func (s *Store) linkInodes() (map[uint64]bool, error) {
	names, err := readNames(s.linksDir())
	if err != nil {
		return nil, err
	}
	dir, err := os.Open(s.linksDir())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	known := make(map[uint64]bool, len(names))
	for _, name := range names {
		var st unix.Stat_t
		if unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			known[st.Ino] = true
		}
	}
	return known, nil
}

func (o *optimiser) visit(path string, top bool) error {
	if err := o.ctx.Err(); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return fmt.Errorf("getting status of \"%s\": %w", path, bare(err))
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		names, err := readNames(path)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := o.visit(filepath.Join(path, name), false); err != nil {
				return err
			}
		}
	case unix.S_IFREG:
		if st.Mode&unix.S_IWUSR != 0 {
			// somebody, who must have been root, has changed it
			o.s.logf(LevelWarn, "skipping suspicious writable file '\"%s\"'", path)
			return nil
		}
		if st.Nlink > 1 && o.known[st.Ino] {
			return nil
		}
		return o.link(path, &st, top)
	}
	return nil
}

// link replaces a file by a link to the one in .links, or makes it that.
func (o *optimiser) link(path string, st *unix.Stat_t, top bool) error {
	// With SHA-256 whatever the scheme: the name is a matter of the directory,
	// not of store paths.
	h, _, err := nar.Hash(linkAlgo, path, nil)
	if err != nil {
		return err
	}
	link := filepath.Join(o.s.linksDir(), h.Nix32())
	for {
		linkSt, err := o.shared(path, link, st, h.Nix32())
		if linkSt == nil || err != nil {
			return err
		}
		if linkSt.Ino == st.Ino {
			o.note(st.Ino)
			return nil
		}
		o.s.logf(LevelTalkative, "linking \"%s\" to \"%s\"", path, link)
		err = o.replace(path, link, st, top)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the collector has found the link unused
		}
		return err
	}
}

func (o *optimiser) note(ino uint64) {
	if o.known != nil {
		o.known[ino] = true
	}
}

// shared returns the state of the file in .links, having made it a link to
// path if there was none; nil if it cannot be made.
func (o *optimiser) shared(path, link string, st *unix.Stat_t, want string) (*unix.Stat_t, error) {
	for {
		var linkSt unix.Stat_t
		err := unix.Lstat(link, &linkSt)
		if err == nil {
			ok := linkSt.Size == st.Size
			if ok && o.repair {
				h, _, herr := nar.Hash(linkAlgo, link, nil)
				ok = herr == nil && h.Nix32() == want
			}
			if ok {
				return &linkSt, nil
			}
			o.s.logf(LevelWarn, "removing corrupted link \"%s\"", link)
			o.s.logf(LevelWarn, "There may be more corrupted paths.\nYou should run `nix-store --verify --check-contents --repair` to fix them all")
			os.Remove(link)
		} else if err != unix.ENOENT {
			return nil, fmt.Errorf("getting status of \"%s\": %w", link, bare(err))
		}
		err = unix.Link(path, link)
		switch err {
		case nil:
			o.note(st.Ino)
			return nil, nil
		case unix.EEXIST:
		case unix.ENOSPC:
			// ext4 says so when the index of the directory is full
			o.s.logf(LevelInfo, "cannot link \"%s\" to '%s': %v", link, path, err)
			return nil, nil
		case unix.EMLINK, unix.EPERM, unix.EXDEV, unix.EOPNOTSUPP:
			o.s.logf(LevelDebug, "cannot link \"%s\" to '%s': %v", link, path, err)
			return nil, nil
		default:
			return nil, fmt.Errorf("creating hard link from \"%s\" to \"%s\": %w", link, path, err)
		}
	}
}

// replace puts a link to link in the place of path.
func (o *optimiser) replace(path, link string, st *unix.Stat_t, top bool) (err error) {
	tmp, err := o.s.tempName()
	if err != nil {
		return err
	}
	if err := os.Link(link, tmp); err != nil {
		if errors.Is(err, unix.EMLINK) {
			if st.Size > 0 {
				o.s.logf(LevelInfo, "\"%s\" has maximum number of links", link)
			}
			return nil
		}
		return fmt.Errorf("creating hard link from \"%s\" to \"%s\": %w", link, tmp, bare(err))
	}
	defer os.Remove(tmp) // a rename of two links to one file leaves it
	if !top {            // the store directory itself is writable
		dir := filepath.Dir(path)
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
		defer func() {
			err = errors.Join(err, os.Chmod(dir, 0o555), setStoreTime(unix.AT_FDCWD, dir, dir))
		}()
	}
	if err := os.Rename(tmp, path); err != nil {
		if errors.Is(err, unix.EMLINK) {
			return nil // some file systems count the link twice while they rename
		}
		return fmt.Errorf("renaming \"%s\" to \"%s\": %w", tmp, path, bare(err))
	}
	o.stats.FilesLinked++
	o.stats.BytesFreed += st.Size
	return nil
}
