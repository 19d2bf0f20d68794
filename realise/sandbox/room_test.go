//go:build unix

package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestRemoveDead stops the deletion of a room at each step, as a kill does: the
// next one finishes it.
func TestRemoveDead(t *testing.T) {
	killed := errors.New("killed")
	for steps := range 6 {
		dir := filepath.Join(t.TempDir(), "room")
		r, err := OpenRoom(dir, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		left := steps
		r.remove = func(path string) error {
			if left--; left < 0 {
				return killed
			}
			return os.RemoveAll(path)
		}
		if err := r.Remove(); err != nil && !errors.Is(err, killed) {
			t.Fatal(err)
		}
		if _, err := os.Lstat(dir); err == nil {
			if err := RemoveDead(dir, os.RemoveAll); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Lstat(dir); err == nil {
			t.Errorf("after %d steps the room stays", steps)
		}
	}
	// One that is kept is no room.
	dir := filepath.Join(t.TempDir(), "room")
	r, err := OpenRoom(dir, 0, os.RemoveAll)
	if err != nil {
		t.Fatal(err)
	}
	r.Keep()
	_ = RemoveDead(dir, os.RemoveAll) // says that it is not empty
	if _, err := os.Lstat(r.Build()); err != nil {
		t.Error("a directory that was kept is gone")
	}
}
