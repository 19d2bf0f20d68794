package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// workDir is where this process writes store objects before they are renamed
// to their names: a directory tmp-* in the store, mode 0700, locked, so that
// collectors leave it alone until its process has ended.
type workDir struct {
	mu   sync.Mutex
	dir  *os.File
	path string
	next atomic.Uint64
}

// tempName returns a name in the work directory that nothing has yet.
func (s *Store) tempName() (string, error) {
	w := &s.work
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.dir == nil {
		path, err := os.MkdirTemp(s.real, "tmp-")
		if err != nil {
			return "", s.explain(fmt.Errorf("creating directory in '%s': %w", s.real, bare(err)), s.real)
		}
		// what is made here would inherit ACLs of the store directory
		for _, acl := range []string{"system.posix_acl_default", "system.posix_acl_access"} {
			_ = unix.Lremovexattr(path, acl) // it has none, as a rule
		}
		dir, err := lockDir(path)
		if err != nil {
			return "", err
		}
		if dir != nil {
			w.dir, w.path = dir, path
		}
	}
	return filepath.Join(w.path, strconv.FormatUint(w.next.Add(1), 36)), nil
}

// lockDir opens and locks a directory; nil if it was deleted meanwhile, for
// between its making and the lock a collector takes it for garbage.
func lockDir(path string) (*os.File, error) {
	dir, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := flock(dir, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && ok {
		if _, serr := os.Stat(path); serr == nil {
			return dir, nil
		}
	}
	dir.Close()
	return nil, err
}

func (w *workDir) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dir == nil {
		return
	}
	// deleted before the lock goes, which else a collector might take
	_, _ = deleteTree(w.path)
	w.dir.Close()
	w.dir = nil
}

// TempDir makes a private directory in the store directory, on the same file
// system as store objects, which collectors leave alone until done is called.
func (s *Store) TempDir() (dir string, done func(), err error) {
	if err := s.writable(); err != nil {
		return "", nil, err
	}
	if dir, err = s.tempName(); err != nil {
		return "", nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("creating directory '%s': %w", dir, bare(err))
	}
	return dir, func() { _, _ = deleteTree(dir) }, nil
}
