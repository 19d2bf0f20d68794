package eval

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestLinkless: what is taken to be free of symbolic links is so.
func TestLinkless(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"a/b/c", "x"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"x/rel": "../a/b", "x/abs": filepath.Join(dir, "a"), "x/lost": "nowhere", "a/b/up": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err) // not everybody may, on Windows
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a/b/file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	e, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	linkless := 0
	for range 2 { // the second time with all folders known
		for _, p := range []string{"", "/a", "/a/b", "/a/b/c", "/a/b/file", "/a/b/file/below", "/a/none/below", "/a/../x", "/a//b", "/a/",
			"/x", "/x/rel", "/x/rel/c", "/x/rel/file", "/x/abs/b/file", "/x/lost", "/x/lost/below", "/a/b/up", "/a/b/up/b/up/b/file"} {
			for _, ancestors := range []bool{false, true} {
				name := dir + p
				want, werr := e.followLinks(name, ancestors)
				got, err := e.ResolveSymlinks(name, ancestors)
				if got != want || (err == nil) != (werr == nil) {
					t.Errorf("%s, ancestors %v: got %s, %v; want %s, %v", p, ancestors, got, err, want, werr)
				}
				if e.linkless(name, ancestors) {
					linkless++
				}
			}
		}
	}
	if linkless < 20 {
		t.Errorf("only %d paths were found to be without links", linkless)
	}
	e.ResetFiles()
	if e.plainDirs.has(dir) {
		t.Error("folders are still known after a reset")
	}
}

// TestReadFile: files are read, and errors worded, as os.ReadFile does.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	names := []string{filepath.Join(dir, "none"), "/dev/null"}
	for i, n := range []int{0, 1, 511, 512, 513, 100000} {
		name := filepath.Join(dir, string(rune('a'+i)))
		if err := os.WriteFile(name, make([]byte, n), 0o666); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	for _, name := range names {
		want, werr := os.ReadFile(name)
		got, err := readFile(name, nil, nil)
		if string(got) != string(want) || (err == nil) != (werr == nil) {
			t.Errorf("%s: %d bytes, %v; want %d, %v", name, len(got), err, len(want), werr)
		}
		var p, wp *fs.PathError
		if werr != nil && (!errors.As(err, &p) || !errors.As(werr, &wp) || p.Op != wp.Op || p.Err.Error() != wp.Err.Error()) {
			t.Errorf("%s: %v, want %v", name, err, werr)
		}
	}
}
