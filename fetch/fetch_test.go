//go:build unix

package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// memStore keeps trees in a folder under the names of their store paths.
type memStore struct {
	dir    string
	scheme storepath.Scheme
}

func (s *memStore) Scheme() storepath.Scheme         { return s.scheme }
func (s *memStore) AddTempRoot(storepath.Path) error { return nil }
func (s *memStore) RealPath(p storepath.Path) string { return filepath.Join(s.dir, p.String()) }
func (s *memStore) IsValid(p storepath.Path) (bool, error) {
	_, err := os.Lstat(s.RealPath(p))
	return err == nil, nil
}

func (s *memStore) AddTree(name string, t nar.Tree, path string, o store.AddOptions) (storepath.Path, error) {
	algo := o.Algo
	if algo == 0 {
		algo = s.scheme.Hash
	}
	var h hash.Hash
	var err error
	if o.Method == storepath.Flat {
		h, err = hashFile(path, algo)
	} else {
		h, _, err = nar.HashTree(algo, t, path, o.Filter)
	}
	if err != nil {
		return storepath.Path{}, err
	}
	p, err := s.scheme.FixedOutputPath(name, o.Method, h, nil, false)
	if err != nil {
		return storepath.Path{}, err
	}
	if ok, _ := s.IsValid(p); ok {
		return p, nil
	}
	var b bytes.Buffer
	if err := nar.DumpTree(&b, t, path, o.Filter); err != nil {
		return storepath.Path{}, err
	}
	return p, nar.Restore(&b, s.RealPath(p))
}

type fixture struct {
	*Fetcher
	store *memStore
	warns []string
}

func newFixture(t *testing.T, o Options) *fixture {
	t.Helper()
	fx := &fixture{store: &memStore{t.TempDir(), storepath.Nix("/nix/store")}}
	o.Store, o.CacheDir = fx.store, t.TempDir()
	o.Warn = func(text string) { fx.warns = append(fx.warns, text) }
	fx.Fetcher = New(o)
	fx.pause = time.Millisecond
	return fx
}

// files are the files below a store path.
func (fx *fixture) files(t *testing.T, p storepath.Path) map[string]string {
	t.Helper()
	out := map[string]string{}
	root := fx.store.RealPath(p)
	err := filepath.Walk(root, func(name string, fi os.FileInfo, err error) error {
		if err != nil || fi.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, name)
		if fi.Mode()&os.ModeSymlink != 0 {
			target, err := os.Readlink(name)
			out[rel] = "-> " + target
			return err
		}
		text, err := os.ReadFile(name)
		out[rel] = string(text)
		if fi.Mode()&0o100 != 0 {
			out[rel] += " (executable)"
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFetchFile(t *testing.T) {
	content, requests := "one", 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		tag := `"` + content + `"`
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", tag)
		_, _ = w.Write([]byte(content))
	}))
	ctx := context.Background()
	fx := newFixture(t, Options{TTL: time.Hour})
	get := func(want hash.Hash) (string, error) {
		p, err := fx.FetchFile(ctx, srv.URL+"/f", "f", want)
		if err != nil {
			return "", err
		}
		text, err := os.ReadFile(fx.store.RealPath(p))
		return string(text), err
	}
	check := func(want string, wantRequests int) {
		t.Helper()
		if got, err := get(hash.Hash{}); got != want || err != nil || requests != wantRequests {
			t.Errorf("got %q, %v after %d requests; want %q after %d", got, err, requests, want, wantRequests)
		}
	}
	check("one", 1)
	content = "two"
	check("one", 1) // still fresh
	fx.o.TTL = 0
	check("two", 2)
	check("two", 3) // asked, and not modified

	if _, err := get(hash.SumString(hash.SHA256, "two")); err != nil {
		t.Error(err)
	}
	var mismatch *HashMismatchError
	if _, err := get(hash.SumString(hash.SHA256, "x")); !errors.As(err, &mismatch) || mismatch.Have != hash.SumString(hash.SHA256, "two") {
		t.Errorf("wrong hash: %v", err)
	}
	requests = 0
	srv.Close()
	fx.o.Client = &http.Client{Timeout: time.Second}
	if got, err := get(hash.Hash{}); got != "two" || err != nil || len(fx.warns) == 0 {
		t.Errorf("without the server: %q, %v, warnings %q", got, err, fx.warns)
	}
}

func TestFetchTarball(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range []tar.Header{
		{Name: "top/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: time.Unix(5, 0)},
		{Name: "top/a", Typeflag: tar.TypeReg, Mode: 0o600, Size: 1, ModTime: time.Unix(7, 0)},
		{Name: "top/run", Typeflag: tar.TypeReg, Mode: 0o755, Size: 1, ModTime: time.Unix(6, 0)},
		{Name: "top/link", Typeflag: tar.TypeSymlink, Linkname: "a", ModTime: time.Unix(6, 0)},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			_, _ = w.Write([]byte("x"))
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.tar.gz")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	fx := newFixture(t, Options{})
	tree, err := fx.FetchTree(context.Background(), map[string]any{"type": "tarball", "url": "file://" + file}, eval.AllRegistries)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "x", "run": "x (executable)", "link": "-> a"}, fx.files(t, tree.Path)); diff != "" {
		t.Error(diff)
	}
	if tree.Locked["lastModified"] != int64(7) {
		t.Errorf("info %v", tree)
	}
	again, err := fx.FetchTarball(context.Background(), "file://"+file, "source", hash.Hash{})
	if err != nil || again != tree.Path {
		t.Errorf("FetchTarball gives %v, %v, want %v", again, err, tree.Path)
	}
	var mismatch *NARHashMismatchError
	_, err = fx.FetchTree(context.Background(), map[string]any{
		"type": "tarball", "url": "file://" + file, "narHash": hash.SumString(hash.SHA256, "").SRI(),
	}, eval.AllRegistries)
	if !errors.As(err, &mismatch) {
		t.Errorf("wrong narHash: %v", err)
	}
}

// git runs git in a folder, as somebody.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{
		"-C", dir, "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false",
	}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=1000000000 +0000", "GIT_AUTHOR_DATE=1000000000 +0000",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	base := t.TempDir()
	sub, repo := filepath.Join(base, "sub"), filepath.Join(base, "repo")
	for _, dir := range []string{sub, repo} {
		git(t, base, "init", "-q", "-b", "main", dir)
	}
	write(t, sub, "inner", "inner")
	git(t, sub, "add", ".")
	git(t, sub, "commit", "-qm", "sub")
	write(t, repo, "a", "1")
	write(t, repo, "d/b", "2")
	write(t, repo, "skipped/x", "x")
	write(t, repo, ".gitattributes", "skipped export-ignore\n")
	if err := os.Symlink("a", filepath.Join(repo, "link")); err != nil {
		t.Fatal(err)
	}
	git(t, repo, "submodule", "--quiet", "add", "../sub", "sub")
	git(t, repo, "add", ".")
	git(t, repo, "commit", "-qm", "one")
	rev := git(t, repo, "rev-parse", "HEAD")
	write(t, repo, "a", "changed")
	write(t, repo, "untracked", "u")

	modules := "[submodule \"sub\"]\n\tpath = sub\n\turl = ../sub\n"
	all := map[string]string{".gitattributes": "skipped export-ignore\n", ".gitmodules": modules, "a": "1", "d/b": "2", "link": "-> a", "skipped/x": "x"}
	with := func(changes ...string) map[string]string {
		m := map[string]string{}
		for k, v := range all {
			m[k] = v
		}
		for i := 0; i < len(changes); i += 2 {
			if m[changes[i]] = changes[i+1]; changes[i+1] == "" {
				delete(m, changes[i])
			}
		}
		return m
	}
	url := "file://" + repo
	for _, c := range []struct {
		name  string
		clone bool
		attrs map[string]any
		files map[string]string
		rev   any
		count any
		warns int
	}{
		{"work tree", false, map[string]any{}, with("a", "changed"), nil, nil, 1},
		{"work tree, exportIgnore", false, map[string]any{"exportIgnore": true}, with("a", "changed", "skipped/x", ""), nil, nil, 1},
		{"work tree, submodules", false, map[string]any{"submodules": true}, with("a", "changed", "sub/inner", "inner"), nil, nil, 1},
		{"branch", false, map[string]any{"ref": "main"}, all, rev, int64(1), 0},
		{"revision", false, map[string]any{"rev": rev, "shallow": true}, all, rev, nil, 0},
		{"clone", true, map[string]any{}, all, rev, int64(1), 0},
		{"clone, revision", true, map[string]any{"rev": rev, "exportIgnore": true}, with("skipped/x", ""), rev, int64(1), 0},
		{"clone, submodules", true, map[string]any{"submodules": true}, with("sub/inner", "inner"), rev, int64(1), 0},
		{"clone, shallow", true, map[string]any{"shallow": true}, all, rev, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			fx := newFixture(t, Options{ForceClone: c.clone, AllowDirty: true, WarnDirty: true, TTL: time.Hour})
			c.attrs["type"], c.attrs["url"] = "git", url
			tree, err := fx.FetchTree(context.Background(), c.attrs, eval.AllRegistries)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.files, fx.files(t, tree.Path)); diff != "" {
				t.Error(diff)
			}
			if tree.Locked["rev"] != c.rev || tree.Locked["revCount"] != c.count || tree.Locked["lastModified"] != int64(1000000000) || len(fx.warns) != c.warns {
				t.Errorf("info %v, warnings %q", tree.Locked, fx.warns)
			}
			if c.rev == nil && tree.Locked["dirtyRev"] != rev+"-dirty" {
				t.Errorf("dirtyRev %v", tree.Locked["dirtyRev"])
			}
			again, err := fx.FetchTree(context.Background(), c.attrs, eval.AllRegistries)
			if err != nil || again.Path != tree.Path {
				t.Errorf("again: %v, %v", again, err)
			}
		})
	}
	for name, attrs := range map[string]map[string]any{
		"no such revision": {"rev": strings.Repeat("1", 40)},
		"no such branch":   {"ref": "none"},
	} {
		for _, clone := range []bool{false, true} {
			fx := newFixture(t, Options{ForceClone: clone})
			attrs["type"], attrs["url"] = "git", url
			if _, err := fx.FetchTree(context.Background(), attrs, eval.AllRegistries); err == nil {
				t.Errorf("%s (clone %v): no error", name, clone)
			}
		}
	}
	fx := newFixture(t, Options{})
	if _, err := fx.FetchTree(context.Background(), map[string]any{"type": "git", "url": url}, eval.AllRegistries); err == nil || !strings.Contains(err.Error(), "is dirty") {
		t.Errorf("a dirty tree that is not allowed: %v", err)
	}
}

func TestPath(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a", "1")
	at := time.Unix(2000000000, 0)
	if err := os.Chtimes(filepath.Join(dir, "a"), at, at); err != nil {
		t.Fatal(err)
	}
	fx := newFixture(t, Options{})
	tree, err := fx.FetchTree(context.Background(), map[string]any{"type": "path", "path": dir}, eval.AllRegistries)
	if err != nil || tree.Locked["lastModified"] != int64(2000000000) {
		t.Fatalf("%v, %v", tree, err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1"}, fx.files(t, tree.Path)); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"rel", filepath.Join(dir, "none")} {
		if _, err := fx.FetchTree(context.Background(), map[string]any{"type": "path", "path": bad}, eval.AllRegistries); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestRegistry(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "tree/a", "1")
	registry := filepath.Join(dir, "registry.json")
	write(t, dir, "registry.json", `{"version": 2, "flakes": [
		{"from": {"type": "indirect", "id": "x"}, "to": {"type": "indirect", "id": "y"}},
		{"from": {"type": "indirect", "id": "y"}, "to": {"type": "path", "path": "`+dir+`/tree", "dir": "sub", "lastModified": 5}},
		{"from": {"type": "indirect", "id": "loop"}, "to": {"type": "indirect", "id": "loop"}}
	]}`)
	fx := newFixture(t, Options{Registries: []string{filepath.Join(dir, "missing.json"), registry}})
	tree, err := fx.FetchTree(context.Background(), map[string]any{"type": "indirect", "id": "x"}, eval.AllRegistries)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1"}, fx.files(t, tree.Path)); diff != "" {
		t.Error(diff)
	}
	if tree.Dir != "sub" || tree.Locked["lastModified"] != int64(5) {
		t.Errorf("info %v", tree)
	}
	for id, want := range map[string]string{"none": "cannot find flake 'flake:none' in the flake registries", "loop": "cycle detected"} {
		_, err := fx.FetchTree(context.Background(), map[string]any{"type": "indirect", "id": id}, eval.AllRegistries)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestZip(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name, text string, mode fs.FileMode) {
		h := &zip.FileHeader{Name: name, Modified: time.Unix(86400, 0)}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("top/sub/a", "x", 0o644)
	add("top/run", "x", 0o755)
	add("top/link", "sub/a", fs.ModeSymlink|0o777)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	fx := newFixture(t, Options{})
	tree, err := fx.FetchTree(context.Background(), map[string]any{"type": "tarball", "url": "file://" + file}, eval.AllRegistries)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"sub/a": "x", "run": "x (executable)", "link": "-> sub/a"}, fx.files(t, tree.Path)); diff != "" {
		t.Error(diff)
	}
	if tree.Locked["lastModified"] != int64(86400) {
		t.Errorf("%v", tree.Locked)
	}

	// What leads out of the archive is not followed.
	b.Reset()
	z = zip.NewWriter(&b)
	add("link", "/", fs.ModeSymlink|0o777)
	add("link/tmp/glang-escaped", "x", 0o644)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := fx.FetchTarball(context.Background(), "file://"+file, "source", hash.Hash{}); err == nil {
		t.Error("a symbolic link out of the archive was followed")
	}
}
