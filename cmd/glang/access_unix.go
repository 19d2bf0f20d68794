//go:build unix

package main

import "golang.org/x/sys/unix"

// canWrite says whether the process may make files in a folder.
func canWrite(dir string) bool { return unix.Access(dir, unix.W_OK) == nil }
