//go:build !unix

package nar

import "os"

// openNoFollow opens a file for reading; the system cannot refuse links.
func openNoFollow(name string) (*os.File, error) { return os.Open(name) }
