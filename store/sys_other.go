//go:build unix && !linux

package store

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func makeStoreWritable(string) error { return nil }

func fallocate(f *os.File, size int64) error { return f.Truncate(size) }

// freeSpace returns the bytes that an ordinary user may still write.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("getting filesystem info about '%s': %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

func renameNew(from, to string) error { return renameChecked(from, to) }

func setFileTime(f *os.File, t time.Time) error {
	tv := unix.NsecToTimeval(t.UnixNano())
	return unix.Futimes(int(f.Fd()), []unix.Timeval{tv, tv})
}

// changeTime is when a store object got its name, if that is known.
func changeTime(fi fs.FileInfo) time.Time {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return time.Unix(int64(st.Ctimespec.Sec), int64(st.Ctimespec.Nsec))
	}
	return time.Time{}
}

// setStoreTime sets the modification time of a file, not following a symlink,
// to that of store objects.
func setStoreTime(dir int, name, path string) error {
	times := []unix.Timespec{{Sec: storeMtime}, {Sec: storeMtime}}
	if err := unix.UtimesNanoAt(dir, name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("changing modification time of \"%s\": %w", path, bare(err))
	}
	return nil
}
