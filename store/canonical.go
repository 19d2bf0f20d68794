package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// CanonicalOptions qualifies Canonicalise.
type CanonicalOptions struct {
	// UIDs, if not zero, is the range of owners whose files are accepted. A
	// file of another owner is an error, as it may be a hard link to something
	// that is not ours to change; files already taken over from within the
	// range, seen again by another name, are not.
	UIDs [2]int
	// IgnoredXattrs stay on files; nil: those of the reference.
	IgnoredXattrs []string
	// KeepRootWritable leaves a directory at the top with mode 0755, so that it
	// can be renamed into another directory.
	KeepRootWritable bool
}

// defaultIgnoredXattrs belong to the system, which may refuse to drop them.
func defaultIgnoredXattrs() []string {
	return []string{"security.csm", "security.selinux", "system.nfs4_acl"}
}

// Canonicalise gives a tree the only permissions, times and owner that store
// objects have: files 0444 or, if the owner may execute them, 0555,
// directories 0555, modification time 1, no setuid, no extended attributes or
// ACLs, own uid. Anything that is not a file, directory or symlink is an
// error. The tree must be out of reach of others.
func Canonicalise(path string, o CanonicalOptions) error {
	c := canoniser{o: o, euid: os.Geteuid()}
	if c.o.IgnoredXattrs == nil {
		c.o.IgnoredXattrs = defaultIgnoredXattrs()
	}
	parent, err := unix.Open(filepath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening directory \"%s\": %w", filepath.Dir(path), bare(err))
	}
	defer unix.Close(parent)
	return c.node(parent, filepath.Base(path), path, 0)
}

// Canonicalise is [Canonicalise] with the settings of the store, for a tree
// that is about to be moved into it with [Store.Install].
func (s *Store) Canonicalise(path string, o CanonicalOptions) error {
	if o.IgnoredXattrs == nil {
		o.IgnoredXattrs = s.cfg.IgnoredXattrs
	}
	return Canonicalise(path, o)
}

type inode struct{ dev, ino uint64 }

type canoniser struct {
	o    CanonicalOptions
	euid int
	seen map[inode]bool
}

const (
	storeMtime = 1 // seconds
	// maxDepth bounds descriptors held; archives are no deeper than 64.
	maxDepth = 200
)

func (c *canoniser) node(dir int, name, path string, depth int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("getting status of \"%s\": %w", path, bare(err))
	}
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFREG && kind != unix.S_IFDIR && kind != unix.S_IFLNK {
		return fmt.Errorf("file \"%s\" has an unsupported type", path)
	}
	if depth > maxDepth {
		return fmt.Errorf("directories in \"%s\" are nested too deeply", path)
	}
	isDir := kind == unix.S_IFDIR
	if foreign, err := c.owner(&st, isDir, path); foreign || err != nil {
		return err
	}
	if err := c.xattrs(path); err != nil {
		return err
	}
	if int(st.Uid) != c.euid {
		if err := unix.Fchownat(dir, name, c.euid, os.Getegid(), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("changing owner of \"%s\" to %d: %w", path, c.euid, bare(err))
		}
	}
	if isDir {
		if err := c.children(dir, name, path, &st, depth); err != nil {
			return err
		}
	}
	if kind != unix.S_IFLNK {
		want := uint32(0o444)
		if isDir || st.Mode&0o100 != 0 {
			want = 0o555
		}
		if isDir && depth == 0 && c.o.KeepRootWritable {
			want = 0o755
		}
		if uint32(st.Mode)&0o7777 != want || isDir {
			if err := chmodAt(dir, name, want); err != nil {
				return fmt.Errorf("changing mode of \"%s\" to %o: %w", path, want, bare(err))
			}
		}
	}
	return setStoreTime(dir, name, path)
}

// owner checks the owner; true if the file is one taken over before.
func (c *canoniser) owner(st *unix.Stat_t, isDir bool, path string) (bool, error) {
	if c.o.UIDs == [2]int{} {
		return false, nil
	}
	id := inode{uint64(st.Dev), st.Ino}
	if int(st.Uid) < c.o.UIDs[0] || int(st.Uid) > c.o.UIDs[1] {
		if isDir || !c.seen[id] {
			return false, fmt.Errorf("invalid ownership on file \"%s\"", path)
		}
		return true, nil
	}
	if c.seen == nil {
		c.seen = map[inode]bool{}
	}
	c.seen[id] = true
	return false, nil
}

// children makes the directory readable, for its builder may have closed it,
// and goes through its entries.
func (c *canoniser) children(dir int, name, path string, st *unix.Stat_t, depth int) error {
	if st.Mode&0o700 != 0o700 {
		if err := chmodAt(dir, name, 0o755); err != nil {
			return fmt.Errorf("changing mode of \"%s\": %w", path, bare(err))
		}
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening directory \"%s\": %w", path, bare(err))
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("reading directory \"%s\": %w", path, bare(err))
	}
	for _, n := range names {
		if err := c.node(fd, n, path+"/"+n, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// chmodAt changes the mode of a file or directory that was seen not to be a
// symlink. Systems that cannot do so without following one get a plain chmod:
// the tree is out of reach of others.
func chmodAt(dir int, name string, mode uint32) error {
	err := unix.Fchmodat(dir, name, mode, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return unix.Fchmodat(dir, name, mode, 0)
	}
	return err
}

// xattrs removes extended attributes, and with them ACLs. There is no call
// that takes a directory descriptor and a name.
func (c *canoniser) xattrs(path string) error {
	n, err := unix.Llistxattr(path, nil)
	if n == 0 || err == unix.ENOTSUP || err == unix.ENODATA || err == unix.EPERM {
		return nil
	}
	var buf []byte
	if err == nil {
		buf = make([]byte, n)
		n, err = unix.Llistxattr(path, buf)
	}
	if err != nil {
		return fmt.Errorf("querying extended attributes of \"%s\": %w", path, bare(err))
	}
	for _, name := range splitNul(buf[:n]) {
		if slices.Contains(c.o.IgnoredXattrs, name) {
			continue
		}
		if err := unix.Lremovexattr(path, name); err != nil && err != unix.ENODATA {
			return fmt.Errorf("removing extended attribute '%s' from \"%s\": %w", name, path, bare(err))
		}
	}
	return nil
}

func splitNul(b []byte) []string {
	var out []string
	for start, i := 0, 0; i < len(b); i++ {
		if b[i] == 0 {
			out = append(out, string(b[start:i]))
			start = i + 1
		}
	}
	return out
}
