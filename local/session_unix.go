//go:build unix

package local

import "golang.org/x/sys/unix"

// access says whether the process may write to a directory.
func access(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
