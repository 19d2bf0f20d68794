//go:build unix

package realise

import (
	"strings"
	"syscall"

	"github.com/seed192a40f6/glang/store"
)

// signalText names a signal as the C library does.
func signalText(s syscall.Signal) string {
	text := s.String()
	return strings.ToUpper(text[:1]) + text[1:]
}

// removeTree deletes what lies at path, if anything, whatever its modes.
func removeTree(path string) error { return store.DeleteTree(path) }
