//go:build unix

package realise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// What a builder made is taken over by copying it, entry by entry through
// directory descriptors and never through a symlink: a copy has no links to
// other files, nobody holds it open, and it lies where nobody else can go. The
// copy gets the permissions and times of store objects right away.

// Bounds of the archive format, which outputs have to keep.
const (
	maxDepth  = 64
	maxName   = 255
	storeTime = 1 // seconds since 1970
)

// A taker copies outputs; the hard links of one build stay links.
type taker struct {
	links map[[2]uint64]string // device and inode of what has several names → the copy
	buf   []byte
}

// take copies the entry name of the directory srcDir to dst, a file name in a
// private directory. A directory at the top stays writable for its owner, for
// it has to be renamed. what names the entry in errors.
func (t *taker) take(srcDir int, name, dst, what string) error {
	return t.node(srcDir, name, unix.AT_FDCWD, dst, dst, what, 0)
}

func (t *taker) node(srcDir int, name string, dstDir int, dstName, dstPath, what string, depth int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(srcDir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("getting status of \"%s\": %w", what, err)
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		err = t.file(srcDir, name, dstDir, dstName, dstPath, &st)
	case unix.S_IFLNK:
		var target string
		if target, err = readlinkat(srcDir, name, int(st.Size)); err == nil {
			err = unix.Symlinkat(target, dstDir, dstName)
		}
	case unix.S_IFDIR:
		if depth >= maxDepth {
			return fmt.Errorf("directories in \"%s\" are nested too deeply", what)
		}
		return t.dir(srcDir, name, dstDir, dstName, dstPath, what, depth, &st)
	default:
		return fmt.Errorf("file \"%s\" has an unsupported type", what)
	}
	if err != nil {
		return fmt.Errorf("copying \"%s\": %w", what, err)
	}
	return setStoreTime(dstDir, dstName)
}

func setStoreTime(dir int, name string) error {
	times := []unix.Timespec{{Sec: storeTime}, {Sec: storeTime}}
	if err := unix.UtimesNanoAt(dir, name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("changing modification time of \"%s\": %w", name, err)
	}
	return nil
}

// openFor opens an entry that is known to be no symlink. Its builder may have
// taken the permission away that its owner, who we are, then gives back.
func openFor(dir int, name string, flags int, mode uint32) (int, error) {
	flags |= unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(dir, name, flags, 0)
	if err == unix.EACCES {
		if err := unix.Fchmodat(dir, name, mode, 0); err != nil { // no process is left that could swap it
			return -1, err
		}
		fd, err = unix.Openat(dir, name, flags, 0)
	}
	return fd, err
}

func (t *taker) file(srcDir int, name string, dstDir int, dstName, dstPath string, st *unix.Stat_t) error {
	id := [2]uint64{uint64(st.Dev), st.Ino}
	if st.Nlink > 1 {
		if first, ok := t.links[id]; ok {
			return unix.Linkat(unix.AT_FDCWD, first, dstDir, dstName, 0)
		}
		if t.links == nil {
			t.links = map[[2]uint64]string{}
		}
		t.links[id] = dstPath
	}
	in, err := openFor(srcDir, name, unix.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	src := os.NewFile(uintptr(in), name)
	defer src.Close()
	out, err := unix.Openat(dstDir, dstName, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	dst := os.NewFile(uintptr(out), dstName)
	if st.Size <= int64(cap(t.buffer())) {
		err = t.small(src, dst)
	} else {
		_, err = io.Copy(dst, src) // in the kernel, where it can
	}
	mode := uint32(0o444)
	if st.Mode&0o100 != 0 {
		mode = 0o555
	}
	return errors.Join(err, unix.Fchmod(out, mode), dst.Close())
}

func (t *taker) buffer() []byte {
	if t.buf == nil {
		t.buf = make([]byte, 64<<10)
	}
	return t.buf
}

func (t *taker) small(src, dst *os.File) error {
	for {
		n, err := src.Read(t.buf)
		if n > 0 {
			if _, err := dst.Write(t.buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *taker) dir(srcDir int, name string, dstDir int, dstName, dstPath, what string, depth int, st *unix.Stat_t) error {
	in, err := openFor(srcDir, name, unix.O_DIRECTORY, 0o700)
	if err != nil {
		return fmt.Errorf("opening directory \"%s\": %w", what, err)
	}
	src := os.NewFile(uintptr(in), name)
	defer src.Close()
	names, err := src.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("reading directory \"%s\": %w", what, err)
	}
	slices.Sort(names)
	if len(names) > 0 && st.Mode&0o100 == 0 { // readable, but its entries are not
		if err := unix.Fchmod(in, 0o700); err != nil {
			return fmt.Errorf("changing mode of \"%s\": %w", what, err)
		}
	}
	if err := unix.Mkdirat(dstDir, dstName, 0o700); err != nil {
		return fmt.Errorf("creating directory for \"%s\": %w", what, err)
	}
	out, err := unix.Openat(dstDir, dstName, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening directory for \"%s\": %w", what, err)
	}
	defer unix.Close(out)
	for _, n := range names {
		if len(n) > maxName {
			return fmt.Errorf("name of file \"%s/%s\" is too long", what, n)
		}
		if err := t.node(in, n, out, n, dstPath+"/"+n, what+"/"+n, depth+1); err != nil {
			return err
		}
	}
	mode := uint32(0o555)
	if depth == 0 {
		mode = 0o755
	}
	if err := unix.Fchmod(out, mode); err != nil {
		return fmt.Errorf("changing mode of \"%s\": %w", dstPath, err)
	}
	return setStoreTime(dstDir, dstName)
}

func readlinkat(dir int, name string, size int) (string, error) {
	for size = max(size, 64) + 1; ; size *= 2 {
		buf := make([]byte, size)
		n, err := unix.Readlinkat(dir, name, buf)
		if err != nil {
			return "", err
		}
		if n < size {
			return string(buf[:n]), nil
		}
	}
}
