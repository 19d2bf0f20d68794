package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/nar"
)

// restore makes the canonical object that an archive describes at dest, which
// must lie in the work directory; a directory there keeps the mode 0755. It is
// nar.Restore and Canonicalise in one, for files that this process creates
// need no look at their owner, type and attributes: it costs half as much.
func restore(r *nar.Reader, dest string) error {
	parent, err := os.Open(filepath.Dir(dest))
	if err != nil {
		return err
	}
	st := &restorer{dest: dest, dirs: []*os.File{parent}}
	defer func() {
		for _, d := range st.dirs {
			d.Close()
		}
	}()
	for {
		h, err := r.Next()
		if err == io.EOF {
			return st.pop(1)
		}
		if err != nil {
			return err
		}
		name, depth := filepath.Base(dest), 0
		if h.Path != "" {
			name, depth = h.Path[strings.LastIndexByte(h.Path, '/')+1:], strings.Count(h.Path, "/")+1
		}
		if err := st.pop(depth + 1); err != nil {
			return err
		}
		if err := st.node(r, h, name); err != nil {
			return fmt.Errorf("restoring '%s': %w", filepath.Join(dest, h.Path), bare(err))
		}
	}
}

type restorer struct {
	dest string
	dirs []*os.File // from the parent of dest to the directory being filled
}

// pop finishes the directories below level n.
func (st *restorer) pop(n int) error {
	for len(st.dirs) > n {
		d := st.dirs[len(st.dirs)-1]
		mode := uint32(0o555)
		if len(st.dirs) == 2 {
			mode = 0o755
		}
		err := unix.Fchmod(int(d.Fd()), mode)
		if err == nil {
			err = futimes(d)
		}
		d.Close()
		st.dirs = st.dirs[:len(st.dirs)-1]
		if err != nil {
			return fmt.Errorf("restoring '%s': %w", st.dest, err)
		}
	}
	return nil
}

func (st *restorer) node(r *nar.Reader, h *nar.Header, name string) error {
	dir := int(st.dirs[len(st.dirs)-1].Fd())
	switch h.Type {
	case nar.Symlink:
		if err := unix.Symlinkat(h.Target, dir, name); err != nil {
			return err
		}
		return setStoreTime(dir, name, name)
	case nar.Directory:
		if err := unix.Mkdirat(dir, name, 0o700); err != nil {
			return err
		}
		fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		st.dirs = append(st.dirs, os.NewFile(uintptr(fd), name))
		return nil
	}
	f, err := createAt(dir, name)
	if err != nil {
		return err
	}
	_, err = r.WriteTo(f)
	return finishFile(f, h.Executable, err)
}

func createAt(dir int, name string) (*os.File, error) {
	fd, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// finishFile gives a new file its canonical mode and time, and closes it.
func finishFile(f *os.File, executable bool, err error) error {
	mode := uint32(0o444)
	if executable {
		mode = 0o555
	}
	if err == nil {
		err = unix.Fchmod(int(f.Fd()), mode)
	}
	if err == nil {
		err = futimes(f)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// writeStoreFile makes a canonical file, which must not exist.
func writeStoreFile(name string, contents []byte, executable bool) error {
	f, err := createAt(unix.AT_FDCWD, name)
	if err != nil {
		return fmt.Errorf("opening file '%s': %w", name, bare(err))
	}
	_, err = f.Write(contents)
	if err := finishFile(f, executable, err); err != nil {
		return fmt.Errorf("writing to file '%s': %w", name, bare(err))
	}
	return nil
}

// syncTree makes sure that a tree, and its name, are on disk.
func syncTree(path string) error {
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return syncFile(p)
	})
	return errors.Join(err, syncFile(filepath.Dir(path)))
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// futimes sets the modification time of an open file to that of store objects.
func futimes(f *os.File) error {
	return setFileTime(f, time.Unix(storeMtime, 0))
}
