//go:build unix

package realise_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/realise"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// fetch makes a derivation that downloads what has the hash.
func (b *bench) fetch(url string, m storepath.Method, h hash.Hash, env map[string]string) storepath.Path {
	return b.drv("fetched", nil, func(d *derivation.Derivation) {
		d.Platform, d.Builder = "builtin", "builtin:fetchurl"
		d.Outputs["out"] = derivation.FixedOutput(m, h)
		d.Env["url"] = url
		for k, v := range env {
			d.Env[k] = v
		}
	})
}

const payload = "some bytes that are worth fetching\n"

var payloadHash = hash.SumString(hash.SHA256, payload)

func TestFetchurl(t *testing.T) {
	var requests []string
	served := strings.Repeat(payload, 1000)
	attempts := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, payload) })
	mux.HandleFunc("/broken", func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.Header.Get("Range"))
		w.Header().Set("ETag", `"v1"`)
		if attempts++; attempts == 1 {
			w.Header().Set("Content-Length", fmt.Sprint(len(served)))
			fmt.Fprint(w, served[:20000])
			return // the connection breaks: too little came
		}
		http.ServeContent(w, r, "", fsTime, strings.NewReader(served))
	})
	mux.HandleFunc("/private", func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != "me" || p != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, payload)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	b := newBench(t)
	netrc := filepath.Join(t.TempDir(), "netrc")
	if err := os.WriteFile(netrc, []byte("machine other login a password b\nmachine 127.0.0.1\n login me password secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.opts.Netrc = netrc
	for _, url := range []string{server.URL + "/plain", server.URL + "/private"} {
		if got := read(t, b.out(b.fetch(url, storepath.Flat, payloadHash, map[string]string{"id": url}))); got != payload {
			t.Errorf("%s: %q", url, got)
		}
	}
	out := b.out(b.fetch(server.URL+"/broken", storepath.Flat, hash.SumString(hash.SHA256, served), nil))
	if read(t, out) != served {
		t.Error("resumed download is wrong")
	}
	if d := cmp.Diff([]string{"", "bytes=20000-"}, requests); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}

	_, err := b.realise(realise.Normal, b.fetch(server.URL+"/none", storepath.Flat, hash.SumString(hash.SHA256, "z"), nil))
	if err == nil || !strings.Contains(err.Error(), "> error: unable to download '"+server.URL+"/none': HTTP error 404") {
		t.Errorf("missing: %v", err)
	}
	wrong := hash.SumString(hash.SHA256, "other")
	_, err = b.realise(realise.Normal, b.fetch(server.URL+"/plain", storepath.Flat, wrong, nil))
	var be *realise.BuildError
	if !errors.As(err, &be) || be.Kind != realise.HashMismatch || be.Got != payloadHash || be.Wanted != wrong {
		t.Fatalf("wrong hash: %v", err)
	}
	if got := read(t, be.GotPath); got != payload {
		t.Errorf("kept for reading: %q", got)
	}
}

var (
	fsTime   = time.Unix(1, 0)
	storeNAR = store.AddOptions{Method: storepath.NAR}
)

func TestFetchurlFileAndMirror(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte(payload), 0o644); err != nil {
		t.Fatal(err)
	}
	b.opts.Mirrors = map[string]realise.Mirror{"debian": mirror{}}
	for _, url := range []string{"file://" + file, "mirror://debian/pool/f"} {
		if got := read(t, b.out(b.fetch(url, storepath.Flat, payloadHash, map[string]string{"id": url}))); got != payload {
			t.Errorf("%s: %q", url, got)
		}
	}
	// An executable is hashed as an archive.
	exe := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(exe, []byte(payload), 0o755); err != nil {
		t.Fatal(err)
	}
	h, _, err := nar.Hash(hash.SHA256, exe, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := b.out(b.fetch("file://"+file, storepath.NAR, h, map[string]string{"executable": "1"}))
	if fi, err := os.Stat(out); err != nil || fi.Mode() != 0o555 {
		t.Errorf("%v, %v", fi, err)
	}
	// And an archive can be unpacked.
	var archive bytes.Buffer
	if err := nar.Dump(&archive, filepath.Dir(exe), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	out = b.out(b.fetch("file://"+file, storepath.NAR, hash.Sum(hash.SHA256, archive.Bytes()), map[string]string{"unpack": "1"}))
	if got := read(t, out+"/x"); got != payload {
		t.Errorf("unpacked: %q", got)
	}
}

// mirror gives something wrong first.
type mirror struct{}

func (mirror) Fetch(_ context.Context, path, dest string, check func(string) error) error {
	for _, content := range []string{"wrong", payload} {
		if err := os.WriteFile(dest, []byte(content), 0o644); err != nil {
			return err
		}
		if check(dest) == nil && path == "pool/f" {
			return nil
		}
	}
	return errors.New("nothing right")
}

// tree adds files to the store as one object: names to contents, or to link
// targets after "-> ".
func (b *bench) tree(name string, files map[string]string) string {
	b.t.Helper()
	dir := b.t.TempDir()
	for f, content := range files {
		f = filepath.Join(dir, f)
		err := os.MkdirAll(filepath.Dir(f), 0o755)
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = errors.Join(err, os.Symlink(target, f))
		} else {
			err = errors.Join(err, os.WriteFile(f, []byte(content), 0o644))
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
	p, err := b.store.AddTree(name, nar.OS(), dir, storeNAR)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.store.Scheme().Print(p)
}

func (b *bench) buildenv(derivations, manifest string, pkgs ...string) storepath.Path {
	return b.drv("env", nil, func(d *derivation.Derivation) {
		d.Platform, d.Builder = "builtin", "builtin:buildenv"
		d.Env["derivations"], d.Env["manifest"] = derivations, manifest
		for _, p := range append(pkgs, manifest) {
			path, err := b.store.Scheme().Parse(p)
			if err != nil {
				b.t.Fatal(err)
			}
			d.InputSrcs = append(d.InputSrcs, path)
		}
	})
}

func TestBuildenv(t *testing.T) {
	b := newBench(t)
	extra := b.tree("extra", map[string]string{"bin/e": "e", "bin/a": "loses"})
	one := b.tree("one", map[string]string{"bin/a": "1", "share/x/f": "f", "only/deep/file": "", ".hidden": "", "manifest.nix": "",
		"nix-support/propagated-user-env-packages": extra + "\n", "l": "-> bin", "gone": "-> nowhere"})
	two := b.tree("two", map[string]string{"bin/b": "2", "share/y": "y", "bin/a": "wins"})
	manifest := b.tree("manifest", map[string]string{"m": ""})
	out := b.out(b.buildenv(fmt.Sprintf("true 5 1 %s  true 3 1 %s false 1 1 %s", one, two, extra), manifest, one, two, extra))
	got := map[string]string{}
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		kind := "dir"
		if d.Type()&fs.ModeSymlink != 0 {
			kind, err = os.Readlink(path)
		}
		got[strings.TrimPrefix(path, out)] = kind
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"": "dir", "/bin": "dir", "/bin/a": two + "/bin/a", "/bin/b": two + "/bin/b", "/bin/e": extra + "/bin/e", "/l": one + "/l",
		"/manifest.nix": manifest, "/only": one + "/only", "/share": "dir", "/share/x": one + "/share/x", "/share/y": two + "/share/y",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}

	_, err = b.realise(realise.Normal, b.buildenv(fmt.Sprintf("true 5 1 %s true 5 1 %s", one, two), manifest, one, two, extra))
	first, second := one, two
	if two < one {
		first, second = two, one
	}
	conflict := fmt.Sprintf("> error: Unable to build profile. There is a conflict for the following files:\n> \n>          \"%s/bin/a\"\n>          \"%s/bin/a\"\n", first, second)
	if err == nil || !strings.Contains(err.Error(), conflict) {
		t.Errorf("got:\n%v\nwant:\n%s", err, conflict)
	}
}

func TestUnpackChannel(t *testing.T) {
	archive := func(entries ...*tar.Header) string {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		w := tar.NewWriter(z)
		for _, h := range entries {
			content := ""
			if h.Typeflag == tar.TypeReg {
				content = h.Name
				h.Size = int64(len(content))
			}
			h.Mode = 0o755
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(w, content)
		}
		if err := errors.Join(w.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		return buf.String()
	}
	file := func(name string) *tar.Header { return &tar.Header{Name: name, Typeflag: tar.TypeReg} }
	for _, c := range []struct{ name, archive, want string }{
		{"good", archive(&tar.Header{Name: "chan-1/", Typeflag: tar.TypeDir}, file("chan-1/a/b"), &tar.Header{Name: "chan-1/l", Linkname: "a/b", Typeflag: tar.TypeSymlink}), ""},
		{"two", archive(file("a/x"), file("b/x")), "contains more than one file"},
		{"empty", archive(), "is empty"},
		{"dots", archive(file("../x")), "leads out of the archive"},
		{"link", archive(&tar.Header{Name: "a/l", Linkname: "/tmp", Typeflag: tar.TypeSymlink}, file("a/l/x")), "escapes"},
		{"junk", "\x1f\x8bjunk", "failed to extract archive"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			src, err := b.store.AddText("chan.tar.gz", []byte(c.archive), nil)
			if err != nil {
				t.Fatal(err)
			}
			drv := b.drv("channel", nil, func(d *derivation.Derivation) {
				d.Builder, d.Env["channelName"], d.Env["src"] = "builtin:unpack-channel", "it", b.store.Scheme().Print(src)
				d.InputSrcs = append(d.InputSrcs, src)
			})
			if c.want == "" {
				out := b.out(drv)
				if got := read(t, out+"/it/l"); got != "chan-1/a/b" {
					t.Errorf("got %q", got)
				}
				return
			}
			if _, err := b.realise(realise.Normal, drv); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			b.clean()
		})
	}
}

func TestUnknownBuiltin(t *testing.T) {
	b := newBench(t)
	drv := b.drv("x", nil, func(d *derivation.Derivation) { d.Builder = "builtin:none" })
	if _, err := b.realise(realise.Normal, drv); err == nil || !strings.Contains(err.Error(), "unsupported builtin builder 'none'") {
		t.Errorf("got %v", err)
	}
	b.opts.Builtins = map[string]realise.BuiltinFunc{"none": func(_ context.Context, c *realise.BuiltinContext) error {
		return os.WriteFile(c.Outputs["out"], []byte(c.OutputPaths["out"]), 0o644)
	}}
	out := b.out(drv)
	if got, want := read(t, out), b.store.Scheme().Dir+"/"+filepath.Base(out); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
