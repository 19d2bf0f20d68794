package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// cleanLinks deletes the files in .links that nothing else links to.
func (s *Store) cleanLinks(ctx context.Context) error {
	s.logf(LevelInfo, "deleting unused links...")
	dir, err := os.Open(s.linksDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening directory \"%s\": %w", s.linksDir(), bare(err))
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("reading directory \"%s\": %w", s.linksDir(), bare(err))
	}
	var saved int64
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if err == unix.ENOENT {
				continue
			}
			return fmt.Errorf("getting status of \"%s/%s\": %w", s.linksDir(), name, err)
		}
		if st.Nlink > 1 {
			saved += (int64(st.Nlink) - 2) * st.Size
			continue
		}
		s.logf(LevelTalkative, "deleting unused link \"%s/%s\"", s.linksDir(), name)
		if err := unix.Unlinkat(int(dir.Fd()), name, 0); err != nil && err != unix.ENOENT {
			return fmt.Errorf("cannot unlink \"%s/%s\": %w", s.linksDir(), name, err)
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err == nil {
		saved -= int64(st.Blocks) * 512
	}
	s.logf(LevelInfo, "note: hard linking is currently saving %s", RenderSize(saved))
	return nil
}

// RenderSize shows a number of bytes as the reference does: "1.5 MiB".
func RenderSize(n int64) string {
	const units = "KMGTPE"
	i := -1
	for rest := max(n, -n); rest > 1024; rest /= 1024 {
		i++
	}
	i = max(i, 0)
	v := float64(n)
	for range i + 1 {
		v /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
