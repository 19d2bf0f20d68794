//go:build unix

package nar

import (
	"os"
	"syscall"
)

// openNoFollow opens a file that was seen to be regular; should a symbolic
// link or a pipe have taken its place, it neither follows nor blocks.
func openNoFollow(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}
