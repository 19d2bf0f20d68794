package binarycache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

var nix = storepath.Nix("/nix/store")

// What the reference wrote for a path that it built and signed, with the keys.
const (
	secretKey = "test-1:1PMEq2OKm6+l4R56s4bLF9RI1TAeOppovvUKTG+m1k8ijqlljJRYr2SlnYQ33Fe/IwlgT+xETFT+GR8vsGOCfg=="
	publicKey = "test-1:Io6pZYyUWK9kpZ2EN9xXvyMJYE/sRExU/hkfL7Bjgn4="
	built     = `StorePath: /nix/store/krqbh4b399mdwk3v7a2za5lpplw23mi2-bc
URL: nar/0fa6zsycby632c7iblbrls2v1y4c5pi5709bbnbm5q7z1gh384i8.nar.xz
Compression: xz
FileHash: sha256:0fa6zsycby632c7iblbrls2v1y4c5pi5709bbnbm5q7z1gh384i8
FileSize: 208
NarHash: sha256:01b12xwl7lv1hzpzdrm3z4gk05nhxg5c4hh375bvmpb7d7ddh1d2
NarSize: 208
References: c61i4gz5k01hfwfm979s0m23hxb0c733-dep krqbh4b399mdwk3v7a2za5lpplw23mi2-bc
Deriver: y795jygxq7vhrsfh203vlprrv0dp01rw-bc.drv
Sig: test-1:EWq0gJL+XTAHweIpkL0CSZKn20yJo4nDu/f6SEwjMJzaERaHCsJqiBQsqcYAZGXr4WDI6mFDJ1GcJiUssDqCCQ==
`
	text = `StorePath: /nix/store/c61i4gz5k01hfwfm979s0m23hxb0c733-dep
URL: nar/0vndhnpqzhz4n0lz6920j0pjmzap93vf8mncpd77m1hqiff28gfm.nar.xz
Compression: xz
FileHash: sha256:0vndhnpqzhz4n0lz6920j0pjmzap93vf8mncpd77m1hqiff28gfm
FileSize: 124
NarHash: sha256:0i0g5h0y4w5xf5rynap2x27zaib43xl5qr5wlj9vw83ai7p732m1
NarSize: 120
References: 
CA: text:sha256:13ns0xymhkhgng27kis2x8w05bc8gw6nifqkg7r2npb3z0gfgqwc
`
)

func parse(t testing.TB, s string) *Claim {
	t.Helper()
	c, err := ParseNarInfo(nix, s, "x.narinfo")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNarInfo(t *testing.T) {
	for _, s := range []string{built, text} {
		info := parse(t, s).Unverified()
		if diff := cmp.Diff(s, info.Format(nix)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	info := parse(t, built).Unverified()
	if info.Path.Name() != "bc" || info.Deriver.Name() != "bc.drv" || len(info.References) != 2 || info.NarSize != 208 || info.FileSize != 208 {
		t.Errorf("parsed %+v", info)
	}
	if c := parse(t, strings.Replace(built, "Compression: xz\n", "", 1)).Unverified().Compression; c != "bzip2" {
		t.Errorf("compression %s without a line", c)
	}
}

func TestNarInfoErrors(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"NarSize: 208\n", "", "NarSize missing or zero"},
		{"NarSize: 208", "NarSize: x", "invalid NarSize at line 7"},
		{"NarHash: sha256:0", "NarHash: sha256:", "bad hash at line 6"},
		{"StorePath: ", "Store: ", "StorePath missing"},
		{"URL: ", "X: ", "URL missing"},
		{"NarHash: ", "X: ", "NarHash missing"},
		{"FileSize: 208", "FileSize: -1", "invalid FileSize at line 5"},
		{"CCQ==\n", "CCQ==", `expecting '\n' at line 10`},
		{"Deriver: y795", "References: c61i4gz5k01hfwfm979s0m23hxb0c733-dep\nDeriver: y795", "extra References at line 9"},
	} {
		in := strings.Replace(built, c.old, c.new, 1)
		_, err := ParseNarInfo(nix, in, "x")
		if want := "NAR info file 'x' is corrupt: " + c.want; err == nil || err.Error() != want {
			t.Errorf("%q → %q: %v, want %s", c.old, c.new, err, want)
		}
	}
	for _, c := range []struct{ old, new, want string }{
		{"Sig: test-1:", "Sig: test-1", "signature is corrupt"},
		{"/nix/store/k", "/gnu/store/k", `path "/gnu/store/krqbh4b399mdwk3v7a2za5lpplw23mi2-bc" is not in the Nix store`},
		{"References: c61i", "References: x c61i", "'x' is too short to be a valid store path"},
	} {
		if _, err := ParseNarInfo(nix, strings.Replace(built, c.old, c.new, 1), "x"); err == nil || err.Error() != c.want {
			t.Errorf("%q → %q: %v", c.old, c.new, err)
		}
	}
	if _, err := ParseNarInfo(nix, "no colon", "x"); err == nil || err.Error() != "NAR info file 'x' is corrupt: expecting ':' at line 1" {
		t.Error(err)
	}
}

func TestSignatures(t *testing.T) {
	key, err := ParseSecretKey(secretKey + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if key.Text() != secretKey || key.Public() != publicKey || key.Name != "test-1" {
		t.Errorf("key %s, public %s", key.Text(), key.Public())
	}
	info := parse(t, built).Unverified()
	want := info.Sigs
	info.Sigs = nil
	if err := info.Sign(nix, []SecretKey{key}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, info.Sigs); diff != "" {
		t.Errorf("the reference signs in another way (-want +got)\n%s", diff)
	}
	for in, want := range map[string]string{
		"x":                    "key is corrupt",
		":aaaa":                "key is corrupt",
		"x:":                   "key is corrupt",
		"x:aaaa":               "secret key is not valid",
		"x:!" + secretKey[10:]: "key is corrupt",
		publicKey:              "secret key is not valid",
	} {
		if _, err := ParseSecretKey(in); err == nil || err.Error() != want {
			t.Errorf("ParseSecretKey(%q): %v", in, err)
		}
	}
	if _, err := ParsePublicKeys(secretKey); err == nil {
		t.Error("a secret key as a public one")
	}
	made, err := GenerateKey("k")
	if err != nil {
		t.Fatal(err)
	}
	keys := make(PublicKeys)
	keys.Add(made)
	if sig := made.Sign("text"); !keys.Verify("text", sig) || keys.Verify("texts", sig) || keys.Verify("text", "other"+sig) || keys.Verify("text", "k:AAAA") {
		t.Error("verification")
	}
}

func TestVerify(t *testing.T) {
	keys, err := ParsePublicKeys(publicKey)
	if err != nil {
		t.Fatal(err)
	}
	strict := Policy{Scheme: nix, Keys: keys, RequireSignature: true}
	var untrusted *UntrustedError
	for _, c := range []struct {
		name, text string
		policy     Policy
		ok         bool
	}{
		{"signed", built, strict, true},
		{"no keys", built, Policy{Scheme: nix, RequireSignature: true}, false},
		{"anything goes", built, Policy{Scheme: nix}, true},
		{"content-addressed", text, strict, true},
		{"contents of another", strings.Replace(text, "c61i4gz5k01hfwfm979s0m23hxb0c733-dep", "c61i4gz5k01hfwfm979s0m23hxb0c733-evil", 1), strict, false},
		{"another hash", strings.Replace(built, "sha256:01b12", "sha256:01b13", 1), strict, false},
		{"another size", strings.Replace(built, "NarSize: 208", "NarSize: 209", 1), strict, false},
		{"another path", strings.Replace(built, "-bc\nURL", "-bd\nURL", 1), strict, false},
		{"fewer references", strings.Replace(built, "c61i4gz5k01hfwfm979s0m23hxb0c733-dep ", "", 1), strict, false},
		{"another deriver", strings.Replace(built, "-bc.drv", "-bd.drv", 1), strict, true}, // not signed
	} {
		_, err := parse(t, c.text).Verify(c.policy)
		if (err == nil) != c.ok || err != nil && !errors.As(err, &untrusted) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// newStore opens a store in a directory of its own.
func newStore(t *testing.T) *store.Store {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(store.Config{Scheme: nix, RealDir: filepath.Join(dir, "store"), StateDir: filepath.Join(dir, "var")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// server is a web server of a directory that takes files by PUT. It fails
// each first request in passing.
func server(t *testing.T) string {
	dir := t.TempDir()
	failed := make(map[string]bool)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key := r.Method + r.URL.Path; !failed[key] && strings.HasSuffix(key, "info") {
			failed[key] = true
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		path := filepath.Join(dir, filepath.FromSlash(r.URL.Path))
		if r.Method != http.MethodPut {
			http.ServeFile(w, r, path)
			return
		}
		b, err := io.ReadAll(r.Body)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o777)
		}
		if err == nil {
			err = os.WriteFile(path, b, 0o666)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestCache(t *testing.T) {
	key, err := ParseSecretKey(secretKey)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParsePublicKeys(publicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{
		"xz":   "file://" + filepath.Join(t.TempDir(), "c"),
		"zstd": "file://" + filepath.Join(t.TempDir(), "c") + "?compression=zstd&write-nar-listing=1",
		"none": "file://" + filepath.Join(t.TempDir(), "c") + "?compression=none",
		"gzip": "file://" + filepath.Join(t.TempDir(), "c") + "?compression=gzip&compression-level=1",
		"http": server(t),
	} {
		t.Run(name, func(t *testing.T) { testCache(t, address, key, keys) })
	}
}

func testCache(t *testing.T, address string, key SecretKey, keys PublicKeys) {
	ctx := context.Background()
	src, dst := newStore(t), newStore(t)
	dep, err := src.AddText("dep", []byte(strings.Repeat("text ", 1000)), nil)
	if err != nil {
		t.Fatal(err)
	}
	top, err := src.AddText("top", []byte(nix.Print(dep)), []storepath.Path{dep})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(address, Options{Scheme: nix, SecretKeys: []SecretKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Init(ctx, false); err == nil || !strings.Contains(err.Error(), "does not appear to be a binary cache") {
		t.Errorf("nothing is a cache: %v", err)
	}
	add := func(p storepath.Path) error {
		info, err := src.PathInfo(p)
		if err != nil {
			t.Fatal(err)
		}
		return c.Add(ctx, info, func(w io.Writer) error { return src.DumpNAR(p, w) }, false)
	}
	if err := add(top); err == nil || !strings.Contains(err.Error(), "because the reference") {
		t.Errorf("added before its reference: %v", err)
	}
	for _, p := range []storepath.Path{dep, top, top} {
		if err := add(p); err != nil {
			t.Fatal(err)
		}
	}
	// Somebody else reads it.
	c, err = Open(address, Options{Scheme: nix})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []storepath.Path{dep, top} {
		claim, err := c.Lookup(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		claim.info.CA = storepath.ContentAddress{} // so that the signature counts
		info, err := claim.Verify(Policy{Scheme: nix, Keys: keys, RequireSignature: true})
		if err != nil {
			t.Fatal(err)
		}
		var done, total int64
		if err := c.CopyTo(ctx, dst, info, store.AddNAROptions{}, func(d, n int64) { done, total = d, n }); err != nil {
			t.Fatal(err)
		}
		if done == 0 || done != info.FileSize || total != info.FileSize {
			t.Errorf("progress %d of %d, want %d", done, total, info.FileSize)
		}
		var a, b bytes.Buffer
		if err := src.DumpNAR(p, &a); err != nil {
			t.Fatal(err)
		}
		if err := dst.DumpNAR(p, &b); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s differs, %v", p, err)
		}
		if found, err := c.PathFromHashPart(ctx, p.HashPart()); err != nil || found != p {
			t.Errorf("by hash: %s, %v", found, err)
		}
		if strings.Contains(address, "listing") {
			if ls, err := c.Get(ctx, p.HashPart()+".ls"); err != nil || !strings.HasPrefix(ls, `{"root":{"narOffset":96,`) {
				t.Errorf("listing %s, %v", ls, err)
			}
		}
	}
	none, err := storepath.ParseBase("00000000000000000000000000000000-none")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Lookup(ctx, none); !errors.Is(err, ErrNotFound) {
		t.Errorf("looked up nothing: %v", err)
	}
	if err := c.AddLog(ctx, none, "log\n"); err != nil {
		t.Fatal(err)
	}
	if log, err := c.Log(ctx, none); err != nil || log != "log\n" {
		t.Errorf("log %q, %v", log, err)
	}
	if err := c.AddSignatures(ctx, dep, []string{"a:AAAA"}); err != nil {
		t.Fatal(err)
	}
	claim, err := c.Lookup(ctx, dep)
	if err != nil || len(claim.Unverified().Sigs) != 2 {
		t.Errorf("signatures %v, %v", claim.Unverified().Sigs, err)
	}
	if strings.HasPrefix(address, "file") {
		if paths, err := c.Paths(ctx); err != nil || len(paths) != 2 {
			t.Errorf("paths %v, %v", paths, err)
		}
	}
}

// A cache that lies is found out.
func TestLies(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	c, err := Open("file://"+dir+"?compression=none", Options{Scheme: nix})
	if err != nil {
		t.Fatal(err)
	}
	src, dst := newStore(t), newStore(t)
	p, err := src.AddText("a", []byte("honest"), nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := src.PathInfo(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Add(ctx, info, func(w io.Writer) error { return src.DumpNAR(p, w) }, false); err != nil {
		t.Fatal(err)
	}
	copyIt := func() error {
		claim, err := c.Lookup(ctx, p)
		if err != nil {
			return err
		}
		ni, err := claim.Verify(Policy{Scheme: nix})
		if err != nil {
			return err
		}
		return c.CopyTo(ctx, dst, ni, store.AddNAROptions{}, nil)
	}
	file := filepath.Join(dir, narinfoFile(p))
	honest, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ni := parse(t, string(honest)).Unverified()
	lie := func(change func(*NarInfo)) {
		x := ni
		change(&x)
		if err := os.WriteFile(file, []byte(x.Format(nix)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	other := info.Path
	if other, err = storepath.ParseBase("00000000000000000000000000000000-other"); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*NarInfo){
		"is about '00000000000000000000000000000000-other'": func(n *NarInfo) { n.Path = other },
		"'../../etc/passwd' is no name of a file":           func(n *NarInfo) { n.URL = "../../etc/passwd" },
		"does not exist in binary cache":                    func(n *NarInfo) { n.URL = "nar/none" },
		"unknown compression method 'lzma'":                 func(n *NarInfo) { n.Compression = "lzma" },
		"size mismatch":                                     func(n *NarInfo) { n.NarSize++ },
		"hash mismatch":                                     func(n *NarInfo) { n.NarHash = hash.SumString(hash.SHA256, "x") },
	} {
		lie(change)
		if err := copyIt(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	lie(func(*NarInfo) {})
	var b bytes.Buffer
	if err := nar.DumpString(&b, "forged"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ni.URL), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := copyIt(); err == nil || !strings.Contains(err.Error(), "hash mismatch") {
		t.Errorf("forged contents: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, infoFile), []byte("StoreDir: /other\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if c, err = Open("file://"+dir, Options{Scheme: nix}); err != nil {
		t.Fatal(err)
	}
	if err := copyIt(); err == nil || !strings.HasSuffix(err.Error(), "is for Nix stores with prefix '/other', not '/nix/store'") {
		t.Errorf("a cache for another store: %v", err)
	}
}

func TestInfo(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, infoFile), []byte("StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 30\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{"file://" + dir: 30, "file://" + dir + "?priority=7": 7} {
		c, err := Open(address, Options{Scheme: nix})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Init(context.Background(), false); err != nil {
			t.Fatal(err)
		}
		if c.Priority != want || !c.WantMassQuery || c.Name() != "file://"+dir {
			t.Errorf("%s: %+v", address, c)
		}
	}
	for _, address := range []string{"ssh://x", "file:///x?compression=foo", "http://x?priority=high", "file:///x?secret-key=/nonexistent"} {
		if _, err := Open(address, Options{Scheme: nix}); err == nil {
			t.Errorf("%s opened", address)
		}
	}
	if !IsAddress("https://x") || IsAddress("/x") || IsAddress("daemon") {
		t.Error("IsAddress")
	}
}

func FuzzNarInfo(f *testing.F) {
	f.Add(built)
	f.Add(text)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseNarInfo(nix, s, "x")
		if err != nil {
			return
		}
		once := c.info.Format(nix)
		again, err := ParseNarInfo(nix, once, "x")
		if err != nil {
			t.Fatalf("%v\n%s", err, once)
		}
		if twice := again.info.Format(nix); twice != once {
			t.Errorf("%s\nbecame\n%s", once, twice)
		}
	})
}
