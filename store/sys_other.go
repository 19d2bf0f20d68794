//go:build unix && !linux

package store

import (
	"fmt"
	"os"
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
