package store

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// open makes an empty store in a directory of the test.
func open(t testing.TB, change ...func(*Config)) *Store {
	t.Helper()
	cfg := testConfig(t.TempDir())
	for _, f := range change {
		f(&cfg)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); deleteTree(cfg.RealDir) })
	return s
}

func testConfig(root string) Config {
	return Config{
		Scheme: storepath.Nix("/nix/store"), ReservedSpace: -1,
		RealDir: filepath.Join(root, "store"), StateDir: filepath.Join(root, "state"),
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestAddText(t *testing.T) {
	s := open(t)
	a := must(s.AddText("a", []byte("hello"), nil))(t)
	b := must(s.AddText("b", []byte("hello"), []storepath.Path{a}))(t)
	if got, want := s.Scheme().Print(a), "/nix/store/vmg5na96ajnh1v932j9jdzfc3022vbh9-a"; got != want {
		t.Fatalf("path %s, want %s", got, want)
	}
	info := must(s.PathInfo(b))(t)
	if diff := cmp.Diff([]string{a.String()}, names(info.References)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{b.String()}, names(must(s.Referrers(a))(t))); diff != "" {
		t.Error(diff)
	}
	if got := must(os.ReadFile(s.RealPath(b)))(t); string(got) != "hello" {
		t.Errorf("contents %q", got)
	}
	fi := must(os.Lstat(s.RealPath(b)))(t)
	if fi.Mode() != 0o444 || fi.ModTime().Unix() != 1 {
		t.Errorf("mode %v, time %v", fi.Mode(), fi.ModTime())
	}
}

func names(paths []storepath.Path) []string {
	var out []string
	for _, p := range paths {
		out = append(out, p.String())
	}
	return out
}

func TestAddTreeAndGC(t *testing.T) {
	s := open(t)
	src := t.TempDir()
	os.MkdirAll(filepath.Join(src, "d/e"), 0o700)
	os.WriteFile(filepath.Join(src, "d/x"), []byte("#!"), 0o755)
	os.WriteFile(filepath.Join(src, "d/e/y"), []byte("y"), 0o600)
	os.Symlink("d/x", filepath.Join(src, "l"))
	p := must(s.AddTree("src", nar.OS(), src, AddOptions{Method: storepath.NAR}))(t)
	var want, got bytes.Buffer
	nar.Dump(&want, src, nil)
	if err := s.DumpNAR(p, &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want.Bytes(), got.Bytes()) {
		t.Error("archive differs")
	}
	for _, f := range []string{"", "d", "d/e"} {
		if fi := must(os.Lstat(filepath.Join(s.RealPath(p), f)))(t); fi.Mode().Perm() != 0o555 || fi.ModTime().Unix() != 1 {
			t.Errorf("%q: %v %v", f, fi.Mode(), fi.ModTime())
		}
	}
	root := filepath.Join(t.TempDir(), "result")
	if err := s.AddPermRoot(p, root); err != nil {
		t.Fatal(err)
	}
	q := must(s.AddText("q", []byte("garbage"), nil))(t)
	s.temp.close() // or they would be temporary roots
	res := must(s.GC(context.Background(), GCOptions{}))(t)
	if diff := cmp.Diff([]string{s.Scheme().Print(q)}, res.Paths); diff != "" {
		t.Error(diff)
	}
	if ok := must(s.IsValid(q))(t); ok {
		t.Error("still valid")
	}
	if _, err := os.Lstat(s.RealPath(q)); err == nil {
		t.Error("still there")
	}
	os.Remove(root)
	res = must(s.GC(context.Background(), GCOptions{}))(t)
	if diff := cmp.Diff([]string{s.Scheme().Print(p)}, res.Paths); diff != "" {
		t.Error(diff)
	}
}

func TestClosed(t *testing.T) {
	s := open(t)
	a := must(s.AddText("a", nil, nil))(t)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.IsValid(a); err == nil {
		t.Error("asked a closed store")
	}
	if _, err := s.AddText("b", nil, nil); err == nil {
		t.Error("added to a closed store")
	}
	never := open(t)
	if err := never.Close(); err != nil {
		t.Error(err)
	}
	if err := never.Start(); err == nil {
		t.Error("opened a closed store")
	}
	if _, err := os.Lstat(never.StateDir()); err == nil {
		t.Error("a store that was never used has been made")
	}
}
