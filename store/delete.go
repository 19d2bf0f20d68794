package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/storepath"
)

// maxOpenDirs is how deep deletion descends with a descriptor per level; what
// lies deeper is first moved up to the top.
const maxOpenDirs = 100

// deleteTree deletes what lies at path, if anything, whatever its modes, and
// returns the bytes of disk space that frees. It goes by directory
// descriptors and follows no symlink, so nobody who may still write the tree
// can lead it elsewhere.
func deleteTree(path string) (freed int64, err error) {
	parent, err := os.Open(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("opening directory \"%s\": %w", filepath.Dir(path), bare(err))
	}
	defer parent.Close()
	d := deleter{top: int(parent.Fd()), name: filepath.Base(path)}
	err = d.remove(d.top, d.name, path, 0)
	// what was moved up lies beside path, under a name derived from it
	for ; err == nil && d.done < d.moved; d.done++ {
		name := d.movedName(d.done)
		err = d.remove(d.top, name, filepath.Join(filepath.Dir(path), name), 0)
	}
	return d.freed, err
}

type deleter struct {
	top         int // descriptor of the directory that holds the tree
	name        string
	freed       int64
	moved, done int
}

func (d *deleter) movedName(i int) string {
	return "tmp-deep-" + d.name[:min(len(d.name), storepath.HashLen)] + "-" + strconv.Itoa(i)
}

func (d *deleter) remove(dir int, name, path string, depth int) error {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return fmt.Errorf("getting status of \"%s\": %w", path, bare(err))
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		if err := unix.Unlinkat(dir, name, 0); err != nil && err != unix.ENOENT {
			return fmt.Errorf("cannot unlink \"%s\": %w", path, bare(err))
		}
		// A second link is one in .links, as a rule, which goes too; more of
		// them hold the space.
		if st.Nlink <= 2 {
			d.freed += st.Size
		}
		return nil
	}
	f, err := openToEmpty(dir, name, path, uint32(st.Mode))
	if err != nil {
		return err
	}
	defer f.Close()
	if depth == maxOpenDirs {
		if err := unix.Renameat(dir, name, d.top, d.movedName(d.moved)); err != nil {
			return fmt.Errorf("moving \"%s\" up: %w", path, bare(err))
		}
		d.moved++
		return nil
	}
	names, err := f.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("reading directory \"%s\": %w", path, bare(err))
	}
	for _, n := range names {
		if err := d.remove(int(f.Fd()), n, path+"/"+n, depth+1); err != nil {
			return err
		}
	}
	if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return fmt.Errorf("cannot unlink \"%s\": %w", path, bare(err))
	}
	return nil
}

// openToEmpty opens a directory and makes it writable.
func openToEmpty(dir int, name, path string, mode uint32) (*os.File, error) {
	const how = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(dir, name, how, 0)
	if err == unix.EACCES {
		// not readable: store objects are, so this is what a failed build left
		if err := chmodAt(dir, name, 0o700); err != nil {
			return nil, fmt.Errorf("chmod \"%s\": %w", path, bare(err))
		}
		fd, err = unix.Openat(dir, name, how, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("opening directory \"%s\": %w", path, bare(err))
	}
	f := os.NewFile(uintptr(fd), path)
	if mode&0o700 != 0o700 {
		if err := unix.Fchmod(fd, 0o700); err != nil {
			f.Close()
			return nil, fmt.Errorf("chmod \"%s\": %w", path, bare(err))
		}
	}
	return f, nil
}

func renameChecked(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: unix.EEXIST}
	}
	return os.Rename(from, to)
}

// DeleteTree deletes what lies at path, if anything, whatever its modes: for
// those who have directories of their own that others wrote to.
func DeleteTree(path string) error {
	_, err := deleteTree(path)
	return err
}
