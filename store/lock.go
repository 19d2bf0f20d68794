package store

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed192a40f6/glang/store/storepath"
)

// Locks between processes are flock(2) on files, as the reference takes them.
// flock belongs to the open file, so two goroutines of one process exclude
// each other just so.
//
// A lock file may be deleted by its holder. Whoever waited for it then holds a
// lock on a file without a name; the holder therefore writes a byte into it
// before it lets go, and the waiter, seeing a size, starts again.

func openLockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock file \"%s\": %w", path, bare(err))
	}
	return f, nil
}

// flock applies LOCK_SH, LOCK_EX or LOCK_UN; with LOCK_NB it returns false if
// somebody else has the lock.
func flock(f *os.File, how int) (bool, error) {
	for {
		switch err := unix.Flock(int(f.Fd()), how); err {
		case nil:
			return true, nil
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return false, nil
		default:
			return false, fmt.Errorf("acquiring/releasing lock on '%s': %w", f.Name(), err)
		}
	}
}

// flockWait takes a lock, polling: a blocked flock could not be cancelled.
// onWait, unless nil, is called once if there is something to wait for.
func flockWait(ctx context.Context, f *os.File, how int, onWait func()) error {
	for wait := time.Millisecond; ; wait = min(wait*2, 50*time.Millisecond) {
		ok, err := flock(f, how|unix.LOCK_NB)
		if ok || err != nil {
			return err
		}
		if onWait != nil {
			onWait()
			onWait = nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// pathLocks holds the locks of some paths.
type pathLocks []*os.File

// Lock takes the locks of paths, which keep other processes from building or
// adding them, in sorted order, so that nobody waits in a circle. onWait,
// unless nil, is called when somebody else holds one. The locks are held until
// unlock is called.
func (s *Store) Lock(ctx context.Context, paths []storepath.Path, onWait func()) (unlock func(), err error) {
	l, err := s.lock(ctx, paths, onWait, true)
	if err != nil {
		return nil, err
	}
	return l.unlock, nil
}

// TryLock is Lock without waiting: ok is false if somebody holds one of them.
func (s *Store) TryLock(paths []storepath.Path) (unlock func(), ok bool, err error) {
	l, err := s.lock(context.Background(), paths, nil, false)
	if l == nil || err != nil {
		return nil, false, err
	}
	return l.unlock, true, nil
}

func (s *Store) lock(ctx context.Context, paths []storepath.Path, onWait func(), wait bool) (*pathLocks, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	locks := &pathLocks{}
	for _, p := range sortedPaths(paths) {
		f, err := lockOne(ctx, s.RealPath(p)+".lock", onWait, wait)
		if f == nil || err != nil {
			locks.unlock()
			return nil, s.explain(err, s.real)
		}
		*locks = append(*locks, f)
	}
	return locks, nil
}

// lockOne returns nil without an error if wait is false and somebody else has the lock.
func lockOne(ctx context.Context, name string, onWait func(), wait bool) (*os.File, error) {
	for {
		f, err := openLockFile(name)
		if err != nil {
			return nil, err
		}
		if wait {
			err = flockWait(ctx, f, unix.LOCK_EX, onWait)
		} else {
			var ok bool
			if ok, err = flock(f, unix.LOCK_EX|unix.LOCK_NB); !ok && err == nil {
				f.Close()
				return nil, nil
			}
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		if fi, err := f.Stat(); err != nil {
			f.Close()
			return nil, err
		} else if fi.Size() == 0 {
			return f, nil
		}
		f.Close() // deleted by its last holder: try the new one
	}
}

func (l *pathLocks) unlock() {
	for _, f := range *l {
		deleteLockFile(f)
		f.Close()
	}
	*l = nil
}

// deleteLockFile deletes a lock file that the caller holds, and marks it for
// those who wait on it. If either fails an unused file stays behind.
func deleteLockFile(f *os.File) {
	if os.Remove(f.Name()) == nil {
		_, _ = f.Write([]byte("d"))
	}
}
