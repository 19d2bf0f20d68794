// Package storetest tests implementations of store.API.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// Run tests stores that open makes: empty and writable, a new one each time.
func Run(t *testing.T, open func(t *testing.T) store.API) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.API)
	}{
		{"Empty", testEmpty},
		{"Text", testText},
		{"Tree", testTree},
		{"Methods", testMethods},
		{"NAR", testNAR},
		{"BadNAR", testBadNAR},
		{"Derivation", testDerivation},
		{"Closure", testClosure},
		{"SelfReference", testSelfReference},
		{"Concurrent", testConcurrent},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			defer func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			c.test(t, s)
		})
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func equal[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b storepath.Path) bool { return a == b }),
		cmp.Comparer(func(a, b hash.Hash) bool { return a == b })); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// somePath is a path that nothing has.
func somePath(t *testing.T) storepath.Path {
	return must(storepath.ParseBase("00000000000000000000000000000000-nothing"))(t)
}

func testEmpty(t *testing.T, s store.API) {
	p := somePath(t)
	equal(t, "valid", false, must(s.IsValid(p))(t))
	if _, err := s.PathInfo(p); !errors.Is(err, store.ErrNotValid) {
		t.Errorf("PathInfo: %v", err)
	}
	if err := s.DumpNAR(p, io.Discard); !errors.Is(err, store.ErrNotValid) {
		t.Errorf("DumpNAR: %v", err)
	}
	if _, err := s.DerivationOutputs(p); !errors.Is(err, store.ErrNotValid) {
		t.Errorf("DerivationOutputs: %v", err)
	}
	if _, err := s.Closure([]storepath.Path{p}, store.ClosureOptions{}); !errors.Is(err, store.ErrNotValid) {
		t.Errorf("Closure: %v", err)
	}
	equal(t, "by hash", storepath.Path{}, must(s.PathFromHashPart(p.HashPart()))(t))
	equal(t, "all", 0, len(must(s.AllValidPaths())(t)))
	if _, err := s.AddText("bad", nil, []storepath.Path{p}); !errors.Is(err, store.ErrNotValid) {
		t.Errorf("AddText with a reference that is not valid: %v", err)
	}
	equal(t, "all after a failure", 0, len(must(s.AllValidPaths())(t)))
}

func testText(t *testing.T, s store.API) {
	a := must(s.AddText("a", []byte("hello"), nil))(t)
	equal(t, "path", must(s.Scheme().TextPath("a", hash.Sum(s.Scheme().Hash, []byte("hello")), nil))(t), a)
	equal(t, "again", a, must(s.AddText("a", []byte("hello"), nil))(t))
	b := must(s.AddText("b", []byte("see "+s.Scheme().Print(a)), []storepath.Path{a}))(t)
	equal(t, "referrers", []storepath.Path{b}, must(s.Referrers(a))(t))
	equal(t, "by hash", b, must(s.PathFromHashPart(b.HashPart()))(t))
	equal(t, "number", 2, len(must(s.AllValidPaths())(t)))

	info := must(s.PathInfo(b))(t)
	equal(t, "references", []storepath.Path{a}, info.References)
	equal(t, "method", storepath.Text, info.CA.Method)
	if !info.IsContentAddressed(s.Scheme()) {
		t.Error("not content-addressed")
	}
	checkArchive(t, s, b)
	f := must(s.Tree().Open(a.String()))(t)
	defer f.Close()
	equal(t, "contents", "hello", string(must(io.ReadAll(f))(t)))
	if _, err := s.AddText("bad name", nil, nil); err == nil {
		t.Error("added a bad name")
	}
}

// checkArchive compares the archive with what is on record of it.
func checkArchive(t *testing.T, s store.API, p storepath.Path) {
	t.Helper()
	info := must(s.PathInfo(p))(t)
	h := hash.New(s.Scheme().Hash)
	if err := s.DumpNAR(p, h); err != nil {
		t.Fatal(err)
	}
	equal(t, "hash", info.NarHash, h.Sum())
	equal(t, "size", info.NarSize, h.Size())
	got, size, err := nar.HashTree(s.Scheme().Hash, s.Tree(), p.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "hash by Tree", info.NarHash, got)
	equal(t, "size by Tree", info.NarSize, size)
}

// sampleTree makes files of all kinds.
func sampleTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for name, contents := range map[string]string{"a": "a", "bin/run": "#!/bin/sh", "empty": "", "deep/er/still": "x"} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(contents), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.Chmod(filepath.Join(dir, "bin/run"), 0o4711),
		os.Symlink("../a", filepath.Join(dir, "bin/link")),
		os.Symlink("/nowhere", filepath.Join(dir, "dangling")),
		os.Mkdir(filepath.Join(dir, "none"), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func testTree(t *testing.T, s store.API) {
	dir := sampleTree(t)
	o := store.AddOptions{Method: storepath.NAR}
	want, h, err := store.ComputePath(s.Scheme(), "tree", nar.OS(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	p := must(s.AddTree("tree", nar.OS(), dir, o))(t)
	equal(t, "path", want, p)
	checkArchive(t, s, p)
	fi := must(s.Tree().Lstat(p.String() + "/bin/run"))(t)
	equal(t, "mode", fs.FileMode(0o555), fi.Mode())
	equal(t, "link", "../a", must(s.Tree().Readlink(p.String()+"/bin/link"))(t))

	o.Expect = h
	equal(t, "expected", p, must(s.AddTree("tree", nar.OS(), dir, o))(t))
	o.Expect = hash.SumString(s.Scheme().Hash, "other")
	var mismatch *store.HashMismatch
	if _, err := s.AddTree("tree", nar.OS(), dir, o); !errors.As(err, &mismatch) || mismatch.Got != h {
		t.Errorf("hash mismatch: %v", err)
	}

	o = store.AddOptions{Method: storepath.NAR, Filter: func(path string, fi fs.FileInfo) bool {
		return fi.Name() != "bin" && fi.Name() != "dangling"
	}}
	q := must(s.AddTree("tree", nar.OS(), dir, o))(t)
	checkArchive(t, s, q)
	if _, err := s.Tree().Lstat(q.String() + "/bin"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("filtered: %v", err)
	}
	if _, err := s.AddTree("none", nar.OS(), dir+"/nowhere", o); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func testMethods(t *testing.T, s store.API) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("text"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, m := range []storepath.Method{storepath.Flat, storepath.NAR, storepath.Text} {
		for _, algo := range []hash.Algo{hash.SHA1, hash.SHA256, hash.SHA512, hash.BLAKE3} {
			if m == storepath.Text && algo != s.Scheme().Hash {
				continue
			}
			name := fmt.Sprintf("%v-%v", m, algo)
			o := store.AddOptions{Method: m, Algo: algo}
			want, _, err := store.ComputePath(s.Scheme(), name, nar.OS(), file, o)
			if err != nil {
				t.Fatal(err)
			}
			p := must(s.AddTree(name, nar.OS(), file, o))(t)
			equal(t, name, want, p)
			checkArchive(t, s, p)
			fi := must(s.Tree().Lstat(p.String()))(t)
			equal(t, name+" executable", m == storepath.NAR, fi.Mode()&0o100 != 0)
		}
	}
	if _, err := s.AddTree("flat", nar.OS(), dir, store.AddOptions{Method: storepath.Flat}); err == nil {
		t.Error("hashed a directory flat")
	}
}

// archiveOf returns the archive of a tree and what describes it as a path.
func archiveOf(t *testing.T, s store.API, name, dir string) ([]byte, *store.PathInfo) {
	t.Helper()
	var b bytes.Buffer
	if err := nar.Dump(&b, dir, nil); err != nil {
		t.Fatal(err)
	}
	h := hash.Sum(s.Scheme().Hash, b.Bytes())
	return b.Bytes(), &store.PathInfo{
		Path:    must(s.Scheme().SourcePath(name, h, nil, false))(t),
		NarHash: h, NarSize: int64(b.Len()), Sigs: []string{"k:b", "k:a"}, Ultimate: true, Deriver: somePath(t),
		CA: storepath.ContentAddress{Method: storepath.NAR, Hash: h},
	}
}

func testNAR(t *testing.T, s store.API) {
	archive, info := archiveOf(t, s, "tree", sampleTree(t))
	if err := s.AddNAR(info, bytes.NewReader(archive), store.AddNAROptions{}); err != nil {
		t.Fatal(err)
	}
	checkArchive(t, s, info.Path)
	got := must(s.PathInfo(info.Path))(t)
	equal(t, "deriver", info.Deriver, got.Deriver)
	equal(t, "address", info.CA, got.CA)
	equal(t, "ultimate", true, got.Ultimate)
	equal(t, "signatures", 2, len(got.Sigs))
	// nothing is read if the path is valid
	if err := s.AddNAR(info, bytes.NewReader(nil), store.AddNAROptions{}); err != nil {
		t.Error(err)
	}
}

func testBadNAR(t *testing.T, s store.API) {
	archive, info := archiveOf(t, s, "tree", sampleTree(t))
	for name, c := range map[string]struct {
		archive []byte
		change  func(*store.PathInfo)
	}{
		"short":   {archive[:len(archive)-8], func(*store.PathInfo) {}},
		"empty":   {nil, func(*store.PathInfo) {}},
		"hash":    {archive, func(i *store.PathInfo) { i.NarHash = hash.SumString(s.Scheme().Hash, "") }},
		"address": {archive, func(i *store.PathInfo) { i.CA.Hash = hash.SumString(s.Scheme().Hash, "") }},
		"reference": {archive, func(i *store.PathInfo) {
			i.CA, i.References = storepath.ContentAddress{}, []storepath.Path{somePath(t)}
		}},
	} {
		bad := *info
		c.change(&bad)
		if err := s.AddNAR(&bad, bytes.NewReader(c.archive), store.AddNAROptions{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		equal(t, name+": valid", false, must(s.IsValid(bad.Path))(t))
	}
	if err := s.AddNAR(info, bytes.NewReader(archive), store.AddNAROptions{}); err != nil {
		t.Errorf("after failures: %v", err)
	}
}

func testDerivation(t *testing.T, s store.API) {
	src := must(s.AddText("builder.sh", []byte("echo"), nil))(t)
	d := &derivation.Derivation{
		Name: "thing", Platform: "any", Builder: "/bin/sh", Args: []string{s.Scheme().Print(src)},
		InputSrcs: []storepath.Path{src},
		Outputs:   map[string]derivation.Output{"out": {}, "dev": {}},
		Env:       map[string]string{"name": "thing", "out": "", "dev": ""},
	}
	h := derivation.NewHasher(s.Scheme(), s.ReadDerivation)
	p, text, err := h.Finish(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddDerivation(p, d, text); err != nil {
		t.Fatal(err)
	}
	checkArchive(t, s, p)
	got := must(s.ReadDerivation(p))(t)
	equal(t, "text", string(text), string(got.ATerm(s.Scheme())))
	outs := must(s.DerivationOutputs(p))(t)
	equal(t, "outputs", map[string]storepath.Path{"out": d.Outputs["out"].Path, "dev": d.Outputs["dev"].Path}, outs)
	equal(t, "derivers", []storepath.Path{p}, must(s.ValidDerivers(outs["dev"]))(t))
	equal(t, "closure", 2, len(must(s.Closure([]storepath.Path{p}, store.ClosureOptions{IncludeOutputs: true}))(t)))
	if _, err := s.AddText("bad.drv", []byte("Derive("), nil); err == nil {
		t.Error("added a derivation that is none")
	}
}

func testClosure(t *testing.T, s store.API) {
	var paths []storepath.Path
	for i := range 5 {
		// each refers to the two before it
		paths = append(paths, must(s.AddText(fmt.Sprint("p", i), []byte{byte(i)}, paths[max(0, i-2):]))(t))
	}
	equal(t, "all", 5, len(must(s.Closure(paths[4:], store.ClosureOptions{}))(t)))
	equal(t, "one", paths[:1], must(s.Closure(paths[:1], store.ClosureOptions{}))(t))
	equal(t, "reverse", 5, len(must(s.Closure(paths[:1], store.ClosureOptions{Reverse: true}))(t)))
	equal(t, "reverse of the last", paths[4:], must(s.Closure(paths[4:], store.ClosureOptions{Reverse: true}))(t))
}

func testSelfReference(t *testing.T, s store.API) {
	// an archive that mentions its own path, which hence is no hash of it
	p := must(storepath.ParseBase("1iz08x8wwggc47ilifrvkdwbkx0q8cqy-self"))(t)
	var b bytes.Buffer
	if err := nar.DumpString(&b, s.Scheme().Print(p)); err != nil {
		t.Fatal(err)
	}
	info := &store.PathInfo{Path: p, NarHash: hash.Sum(s.Scheme().Hash, b.Bytes()), NarSize: int64(b.Len()), References: []storepath.Path{p}}
	if err := s.AddNAR(info, &b, store.AddNAROptions{}); err != nil {
		t.Fatal(err)
	}
	equal(t, "references", []storepath.Path{p}, must(s.PathInfo(p))(t).References)
	equal(t, "referrers", []storepath.Path{p}, must(s.Referrers(p))(t))
	equal(t, "closure", []storepath.Path{p}, must(s.Closure([]storepath.Path{p}, store.ClosureOptions{}))(t))
}

func testConcurrent(t *testing.T, s store.API) {
	dir := sampleTree(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				if _, err := s.AddText(fmt.Sprint("t", j), []byte("same"), nil); err != nil {
					t.Error(err)
				}
				if _, err := s.AddText(fmt.Sprintf("t%d-%d", i, j), []byte("own"), nil); err != nil {
					t.Error(err)
				}
			}
			if _, err := s.AddTree("tree", nar.OS(), dir, store.AddOptions{Method: storepath.NAR}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all := must(s.AllValidPaths())(t)
	equal(t, "number", 8*10+10+1, len(all))
	for _, p := range all {
		checkArchive(t, s, p)
	}
}
