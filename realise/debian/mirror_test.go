//go:build unix

package debian

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/stdlib"
)

var testLock = &Lock{
	Release: "bookworm", Arch: "amd64", Date: "20260102T030405Z",
	Packages: map[string]Package{"a": {"1:2-3", File{Path: "pool/main/a/a/a_2-3_amd64.deb"}}},
	Sources:  map[string]Source{"b": {"1-1", map[string]File{"orig": {Path: "pool/main/b/b/b_1.orig.tar.gz"}}}},
}

func fetched(t *testing.T, m *Mirror, path string, check func(string) error) (string, error) {
	t.Helper()
	dest := filepath.Join(t.TempDir(), "file")
	if err := m.Fetch(context.Background(), path, dest, check); err != nil {
		if _, statErr := os.Stat(dest); statErr == nil {
			t.Error("a failed fetch left a file")
		}
		return "", err
	}
	text, err := os.ReadFile(dest)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), nil
}

func TestFetchFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "pool/main/a/a/a_2-3_amd64.deb"), "in the pool")
	write(t, filepath.Join(dir, "b_1.orig.tar.gz"), "flat")
	m := &Mirror{URLs: []string{"file://" + dir}}
	for path, want := range map[string]string{
		"pool/main/a/a/a_2-3_amd64.deb": "in the pool",
		"pool/main/b/b/b_1.orig.tar.gz": "flat",
	} {
		if got, err := fetched(t, m, path, nil); err != nil || got != want {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
}

// Sources are asked one after the other until one has what is wanted.
func TestFetchOrder(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		switch {
		case strings.HasPrefix(r.URL.Path, "/wrong/"):
			w.Write([]byte("wrong"))
		case strings.HasPrefix(r.URL.Path, "/snapshot/"):
			w.Write([]byte("right"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	m := &Mirror{
		URLs:     []string{server.URL + "/wrong/", server.URL + "/none", "file:///nonexistent"},
		Lock:     testLock,
		Snapshot: server.URL + "/snapshot",
	}
	got, err := fetched(t, m, "pool/x.deb", func(file string) error {
		text, err := os.ReadFile(file)
		if err == nil && string(text) != "right" {
			err = errors.New("not the right one")
		}
		return err
	})
	if err != nil || got != "right" {
		t.Errorf("got %q, %v", got, err)
	}
	want := []string{"/wrong/pool/x.deb", "/none/pool/x.deb", "/snapshot/20260102T030405Z/pool/x.deb"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

func TestFetchError(t *testing.T) {
	m := &Mirror{URLs: []string{"file:///nonexistent"}, Lock: testLock, Snapshot: "http://127.0.0.1:1"}
	_, err := fetched(t, m, "pool/main/a/a/a_2-3_amd64.deb", nil)
	var failure *FetchError
	if !errors.As(err, &failure) || failure.Pin != "a=1:2-3" {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"(pinned as a=1:2-3)", "file:///nonexistent: the folder does not have it", "snapshot: ", "realise/debian/relock"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	for _, path := range []string{"", "/etc/passwd", "../x", "a/../../x", "a//b"} {
		if _, err := fetched(t, m, path, nil); err == nil || errors.As(err, &failure) {
			t.Errorf("path %q: got %v", path, err)
		}
	}
}

func TestFetchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m := &Mirror{Lock: testLock, Snapshot: "http://127.0.0.1:1"}
	if err := m.Fetch(ctx, "pool/x", filepath.Join(t.TempDir(), "x"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The lock file in the tree is what its own tools write.
func TestLockFile(t *testing.T) {
	text, err := stdlib.FS.ReadFile("debian/lock.json")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := ParseLock(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := lock.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(again)); diff != "" {
		t.Error(diff)
	}
	check := func(name string, file File) {
		if len(file.SHA256) != 64 || file.Size <= 0 || !strings.HasPrefix(file.Path, "pool/main/") {
			t.Errorf("%s: %+v", name, file)
		}
		if found, _, _, ok := lock.find(file.Path); !ok || found != name {
			t.Errorf("%s is not found by its path", name)
		}
	}
	for name, pkg := range lock.Packages {
		check(name, pkg.File)
	}
	for name, source := range lock.Sources {
		if source.Files["orig"].Path == "" {
			t.Errorf("%s has no file in the role 'orig'", name)
		}
		for _, file := range source.Files {
			check(name, file)
		}
	}
}

func TestSourceRole(t *testing.T) {
	for name, want := range map[string]string{
		"hello_2.10.orig.tar.gz":               "orig",
		"hello_2.10-3.debian.tar.xz":           "debian",
		"sqlite3_3.40.1.orig-www.tar.xz":       "orig-www",
		"zlib_1.2.13.dfsg.orig.tar.bz2":        "orig",
		"debhelper_13.11.4.tar.xz":             "orig",
		"old_1.0-1.diff.gz":                    "diff",
		"lua5.4_5.4.4-3+deb12u1.debian.tar.xz": "debian",
	} {
		if got := sourceRole(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
