//go:build unix

package profile

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Lock takes the profile's lock, PROFILE.lock, against other processes; it
// waits for it if need be. The file is removed with the lock.
func (p *Profile) Lock() (unlock func(), err error) {
	name := p.Path + ".lock"
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("creating the folder of the profile '%s': %w", p.Path, err)
	}
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening lock file '%s': %w", name, err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			p.notice("waiting for lock on profile \"%s\"", p.Path)
			if err := flockWait(f); err != nil {
				f.Close()
				return nil, fmt.Errorf("acquiring the lock '%s': %w", name, err)
			}
		}
		// Whoever held it before may have removed the file: then this lock is
		// on a file that nobody else will see.
		if fi, err := f.Stat(); err == nil {
			if now, err := os.Stat(name); err == nil && os.SameFile(fi, now) {
				return func() {
					_ = os.Remove(name)
					f.Close()
				}, nil
			}
		}
		f.Close()
	}
}

func flockWait(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err != unix.EINTR {
			return err
		}
	}
}
