package store

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// makeStoreWritable remounts a store that lies on a read-only bind mount, for
// this process, as the reference does for root.
func makeStoreWritable(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("getting info about the Nix store mount point: %w", err)
	}
	if st.Flags&unix.ST_RDONLY == 0 {
		return nil
	}
	if err := unix.Mount("", dir, "none", unix.MS_REMOUNT|unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("remounting \"%s\" writable: %w", dir, bare(err))
	}
	return nil
}

func fallocate(f *os.File, size int64) error { return unix.Fallocate(int(f.Fd()), 0, 0, size) }

// freeSpace returns the bytes that an ordinary user may still write.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("getting filesystem info about '%s': %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Frsize), nil
}

// renameNew renames without overwriting. File systems that know no such thing
// get a check and a rename, which is enough under the path's lock.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS {
		return renameChecked(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// setFileTime sets the modification time of an open file and leaves the other.
func setFileTime(f *os.File, t time.Time) error {
	ts := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(t.UnixNano())}
	// utimensat without a name is futimens, which package unix does not have
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, f.Fd(), 0, uintptr(unsafe.Pointer(&ts[0])), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// changeTime is when a store object got its name, if that is known.
func changeTime(fi fs.FileInfo) time.Time {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return time.Unix(int64(st.Ctim.Sec), int64(st.Ctim.Nsec))
	}
	return time.Time{}
}

// setStoreTime sets the modification time of a file, not following a symlink,
// to that of store objects, and leaves the other.
func setStoreTime(dir int, name, path string) error {
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: storeMtime}}
	if err := unix.UtimesNanoAt(dir, name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("changing modification time of \"%s\": %w", path, bare(err))
	}
	return nil
}
