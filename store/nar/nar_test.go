package nar

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store/hash"
)

// tokens is an archive of the given strings.
func tokens(ss ...string) []byte {
	var b bytes.Buffer
	e := newEncoder(&b)
	e.str(ss...)
	e.flush()
	return b.Bytes()
}

// tree makes a directory with one of everything, and returns it.
func tree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for _, d := range []string{"", "a", "a/empty", "a.b", "z"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, contents := range map[string]string{
		"a/file": "eight by", "a/empty-file": "", "a.b/run": "#!/bin/sh\n", "z/big": strings.Repeat("0123456789", 20_000),
	} {
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(name, "run") {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(contents), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"link": "a/file", "z/dangling": "/nowhere/../x"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func dump(t testing.TB, path string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Dump(&b, path, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// headers reads an archive to its end.
func headers(r io.Reader) ([]Header, error) {
	nr := NewReader(r)
	var hs []Header
	for {
		h, err := nr.Next()
		if err == io.EOF {
			return hs, nil
		}
		if err != nil {
			return hs, err
		}
		hs = append(hs, *h)
	}
}

func TestRoundTrip(t *testing.T) {
	dir := tree(t)
	archive := dump(t, dir)
	hs, err := headers(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range hs {
		got = append(got, h.Path)
		if h.Type == Regular {
			contents, err := os.ReadFile(filepath.Join(dir, h.Path))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(archive[h.Offset:h.Offset+h.Size], contents) {
				t.Errorf("%s does not stand at %d", h.Path, h.Offset)
			}
		}
	}
	want := []string{"", "a", "a/empty", "a/empty-file", "a/file", "a.b", "a.b/run", "link", "z", "z/big", "z/dangling"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodes (-want +got)\n%s", diff)
	}
	dest := filepath.Join(t.TempDir(), "copy")
	if err := Restore(bytes.NewReader(archive), dest); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dump(t, dest), archive) {
		t.Error("the restored tree has another archive")
	}
	var b bytes.Buffer
	if err := Copy(&b, bytes.NewReader(archive)); err != nil || !bytes.Equal(b.Bytes(), archive) {
		t.Errorf("copy differs, %v", err)
	}
	h, size, err := Hash(hash.SHA256, dir, nil)
	if err != nil || size != int64(len(archive)) || h != hash.Sum(hash.SHA256, archive) {
		t.Errorf("Hash = %s, %d, %v", h, size, err)
	}
}

// What the reference says about a small tree.
func TestReferenceHashes(t *testing.T) {
	var b bytes.Buffer
	if err := DumpString(&b, "abc"); err != nil {
		t.Fatal(err)
	}
	if got, want := hash.Sum(hash.SHA256, b.Bytes()).SRI(), "sha256-EacbR1TYEvSuogFhxTO9qhEqxchTAT5l06qWQLVzUjA="; got != want {
		t.Errorf("a file: got %s, want %s", got, want)
	}
}

// The reader gives the same however its input is split, and says so when the
// input ends early.
func TestStreams(t *testing.T) {
	archive := dump(t, filepath.Join(tree(t), "a"))
	want, err := headers(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{
		"one byte":  iotest.OneByteReader(bytes.NewReader(archive)),
		"half":      iotest.HalfReader(bytes.NewReader(archive)),
		"with data": iotest.DataErrReader(bytes.NewReader(archive)),
		"small":     bufio.NewReaderSize(bytes.NewReader(archive), 16),
	} {
		got, err := headers(r)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	for i := range archive {
		got, err := headers(bytes.NewReader(archive[:i]))
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrFormat) {
			t.Fatalf("of %d bytes: %v, %v", i, got, err)
		}
		if i > 24 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("of %d bytes: %v", i, err)
		}
	}
	br := bufio.NewReader(io.MultiReader(bytes.NewReader(archive), strings.NewReader("rest")))
	if err := Copy(io.Discard, br); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(br); string(rest) != "rest" {
		t.Errorf("after the archive: %q", rest)
	}
}

func TestReadContents(t *testing.T) {
	dir := tree(t)
	nr := NewReader(bytes.NewReader(dump(t, dir)))
	for {
		h, err := nr.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Path != "z/big" {
			if n, err := nr.Read(make([]byte, 3)); h.Type == Directory && (n != 0 || err != io.EOF) {
				t.Errorf("reading %s: %d, %v", h.Path, n, err)
			}
			continue
		}
		// A part by Read, the rest by WriteTo.
		part := make([]byte, 1234)
		if _, err := io.ReadFull(nr, part); err != nil {
			t.Fatal(err)
		}
		var rest bytes.Buffer
		if _, err := nr.WriteTo(&rest); err != nil {
			t.Fatal(err)
		}
		want, _ := os.ReadFile(filepath.Join(dir, "z/big"))
		if got := append(part, rest.Bytes()...); !bytes.Equal(got, want) {
			t.Errorf("%d bytes of %d", len(got), len(want))
		}
		break
	}
}

func TestMalformed(t *testing.T) {
	entry := func(name string) []string {
		return []string{"entry", "(", "name", name, "node", "(", "type", "symlink", "target", "x", ")", ")"}
	}
	dir := func(inner ...string) []byte {
		return tokens(append(append([]string{magic, "(", "type", "directory"}, inner...), ")")...)
	}
	deep := []string{magic}
	for range MaxDepth + 1 {
		deep = append(deep, "(", "type", "directory", "entry", "(", "name", "d", "node")
	}
	padded := tokens(magic, "(", "type", "symlink", "target", "x", ")")
	padded[len(padded)-17] = 1
	for _, c := range []struct {
		in   []byte
		want string
	}{
		{nil, "bad archive: input doesn't look like a Nix archive"},
		{tokens("nix-archive-2"), "bad archive: input doesn't look like a Nix archive"},
		{bytes.Repeat([]byte{0xff}, 64), "bad archive: input doesn't look like a Nix archive"},
		{tokens(magic, "["), "bad archive: expected tag '(', got '['"},
		{tokens(magic, "(", "type", "fifo"), "bad archive: unknown file type 'fifo'"},
		{tokens(magic, "(", "type", strings.Repeat("x", 33)), "string is too long"},
		{tokens(magic, "(", "type", "regular", "executable", "x"), "string is too long"},
		{tokens(magic, "(", "type", "regular", "content"), "bad archive: expected tag 'contents', got 'content'"},
		{tokens(magic, "(", "type", "regular", "contents", "x", "]"), "bad archive: expected tag ')', got ']'"},
		{tokens(magic, "(", "type", "symlink", "target", ""), "bad archive: NAR contains invalid symlink target"},
		{tokens(magic, "(", "type", "symlink", "target", "a\x00b"), "bad archive: NAR contains invalid symlink target"},
		{tokens(magic, "(", "type", "symlink", "target", strings.Repeat("x", 4096)), "string is too long"},
		{dir("exit"), "bad archive: expected tag 'entry' or ')', got 'exit'"},
		{dir(entry("")...), "bad archive: NAR contains invalid file name ''"},
		{dir(entry(".")...), "bad archive: NAR contains invalid file name '.'"},
		{dir(entry("..")...), "bad archive: NAR contains invalid file name '..'"},
		{dir(entry("a/b")...), "bad archive: NAR contains invalid file name 'a/b'"},
		{dir(entry("a\x00")...), "bad archive: NAR contains invalid file name 'a\x00'"},
		{dir(entry(strings.Repeat("x", 256))...), "string is too long"},
		{dir(append(entry("b"), entry("a")...)...), "bad archive: NAR directory is not sorted"},
		{dir(append(entry("b"), entry("b")...)...), "bad archive: NAR directory is not sorted"},
		{tokens(deep...), "bad archive: NAR directory nesting exceeds maximum depth of 64"},
		{padded, "non-zero padding"},
	} {
		_, err := headers(bytes.NewReader(c.in))
		if err == nil || err.Error() != c.want || !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v, want %s", c.in, err, c.want)
		}
	}
	// A length that nothing backs is no reason to allocate.
	huge := append(tokens(magic, "(", "type", "regular", "contents"), 0, 0, 0, 0, 0, 0, 0, 0x3f)
	if _, err := headers(bytes.NewReader(huge)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// A directory that somebody replaces with a link does not lead outside, nor
// is anything overwritten.
func TestRestoreKeepsOut(t *testing.T) {
	archive := dump(t, tree(t))
	dest := t.TempDir()
	if err := Restore(bytes.NewReader(archive), dest); !errors.Is(err, fs.ErrExist) {
		t.Errorf("restoring over a directory: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dest, link); err != nil {
		t.Fatal(err)
	}
	if err := Restore(bytes.NewReader(archive), link); !errors.Is(err, fs.ErrExist) {
		t.Errorf("restoring over a link: %v", err)
	}
	if entries, _ := os.ReadDir(dest); len(entries) != 0 {
		t.Errorf("made %v", entries)
	}
	// The same name as a link and then as a directory cannot be.
	evil := tokens(magic, "(", "type", "directory",
		"entry", "(", "name", "a", "node", "(", "type", "symlink", "target", dest, ")", ")",
		"entry", "(", "name", "a", "node", "(", "type", "directory", ")", ")", ")")
	if err := Restore(bytes.NewReader(evil), filepath.Join(t.TempDir(), "evil")); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

func TestRestoreModes(t *testing.T) {
	dest := filepath.Join(t.TempDir(), "x")
	if err := Restore(bytes.NewReader(dump(t, tree(t))), dest); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"a/file": 0, "a.b/run": 0o100} {
		fi, err := os.Stat(filepath.Join(dest, name))
		if err != nil || fi.Mode()&0o100 != want {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
}

func TestFilter(t *testing.T) {
	dir := tree(t)
	var asked []string
	var b bytes.Buffer
	err := Dump(&b, dir, func(path string, fi fs.FileInfo) bool {
		rel, _ := filepath.Rel(dir, path)
		asked = append(asked, rel+" "+fi.Mode().Type().String())
		return fi.Name() != "a"
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a d---------", "a.b d---------", "a.b/run ----------", "link L---------", "z d---------", "z/big ----------", "z/dangling L---------"}, asked); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
	n, err := List(&b)
	if err != nil || n.Lookup("a") != nil || n.Lookup("z/big") == nil {
		t.Errorf("listing %v, %v", n, err)
	}
}

func TestDumpErrors(t *testing.T) {
	dir := t.TempDir()
	deep := dir
	for range MaxDepth {
		deep = filepath.Join(deep, "d")
	}
	if err := os.MkdirAll(deep, 0o777); err != nil {
		t.Fatal(err)
	}
	if err, want := Dump(io.Discard, dir, nil), "path '"+deep+"' exceeds maximum NAR directory depth of 64"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := Dump(io.Discard, filepath.Join(dir, "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := Dump(io.Discard, os.DevNull, nil); err == nil || err.Error() != "file '"+os.DevNull+"' has an unsupported type" {
		t.Error(err)
	}
}

func TestDumpFS(t *testing.T) {
	fsys := fstest.MapFS{
		"d/x":    {Data: []byte("abc")},
		"d/run":  {Data: []byte("abc"), Mode: 0o755},
		"d/link": {Data: []byte("x"), Mode: 0o777 | fs.ModeSymlink},
	}
	var b bytes.Buffer
	if err := DumpFS(&b, fsys, "d", nil); err != nil {
		t.Fatal(err)
	}
	dest := filepath.Join(t.TempDir(), "d")
	if err := Restore(bytes.NewReader(b.Bytes()), dest); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dump(t, dest), b.Bytes()) {
		t.Error("archives of the tree and of its copy on disk differ")
	}
}

func TestWriter(t *testing.T) {
	archive := dump(t, tree(t))
	var b bytes.Buffer
	if err := rewrite(&b, archive); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), archive) {
		t.Error("the writer made another archive")
	}
	for want, hs := range map[string][]Header{
		"nar: first node is 'a', not the root":             {{Path: "a"}},
		"nar: 'b/c' does not come after its directory":     {{Type: Directory}, {Path: "b/c"}},
		"nar: 'a' comes after 'b' in its directory":        {{Type: Directory}, {Path: "b"}, {Path: "a"}},
		"invalid file name '..'":                           {{Type: Directory}, {Path: ".."}},
		"nar: contents are 3 bytes shorter than announced": {{Type: Directory}, {Path: "a", Size: 3}, {Path: "b"}},
		"invalid target of symbolic link 'l'":              {{Type: Directory}, {Path: "l", Type: Symlink}},
	} {
		w := NewWriter(io.Discard)
		var err error
		for i := range hs {
			if err = w.WriteHeader(&hs[i]); err != nil {
				break
			}
		}
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := NewWriter(io.Discard).Close(); err == nil {
		t.Error("an archive without a node")
	}
}

// rewrite reads an archive and writes it again, node by node.
func rewrite(w io.Writer, archive []byte) error {
	nr, nw := NewReader(bytes.NewReader(archive)), NewWriter(w)
	for {
		h, err := nr.Next()
		if err == io.EOF {
			return nw.Close()
		}
		if err != nil {
			return err
		}
		if err := nw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := nr.WriteTo(nw); err != nil {
			return err
		}
	}
}

func TestList(t *testing.T) {
	dir := tree(t)
	n, err := List(bytes.NewReader(dump(t, filepath.Join(dir, "a"))))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"entries":{"empty":{"entries":{},"type":"directory"},"empty-file":{"narOffset":408,"size":0,"type":"regular"},"file":{"narOffset":592,"size":8,"type":"regular"}},"type":"directory"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	back := new(Node)
	if err := json.Unmarshal(got, back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(n, back); diff != "" {
		t.Errorf("after JSON (-want +got)\n%s", diff)
	}
	onDisk, err := ListTree(OS(), dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if f := onDisk.Lookup("/a.b/run"); f == nil || !f.Executable || f.Size != 10 {
		t.Errorf("a.b/run is %+v", f)
	}
	shallow, err := ListTree(OS(), dir, false)
	if err != nil || len(shallow.Entries) != 4 || len(shallow.Entries["a"].Entries) != 0 {
		t.Errorf("shallow listing %+v, %v", shallow, err)
	}
}

// An archive that the reader accepts is the only one of its tree.
func FuzzReader(f *testing.F) {
	f.Add(dump(f, filepath.Join(tree(f), "a")))
	f.Add(tokens(magic, "(", "type", "symlink", "target", "x", ")"))
	f.Add(tokens(magic, "(", "type", "regular", "executable", "", "contents", "abc", ")"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again bytes.Buffer
		if err := rewrite(&again, b); err != nil {
			return
		}
		if !bytes.HasPrefix(b, again.Bytes()) {
			t.Errorf("%q\nbecame %q", b, again.Bytes())
		}
	})
}

func BenchmarkDump(b *testing.B) {
	dir := tree(b)
	for b.Loop() {
		if err := Dump(io.Discard, dir, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCaseHack restores names that differ in case only, and dumps them again.
func TestCaseHack(t *testing.T) {
	src := fstest.MapFS{
		"Foo": {Data: []byte("1")}, "foo": {Data: []byte("2")}, "FOO/Bar": {Data: []byte("3")}, "FOO/bar": {Data: []byte("4")}, "FOO/baz": {Data: []byte("5")},
	}
	var want bytes.Buffer
	if err := DumpFS(&want, src, ".", nil); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := RestoreCaseHack(bytes.NewReader(want.Bytes()), dir); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"FOO/Bar": "3", "FOO/bar~nix~case~hack~1": "4", "FOO/baz": "5", "Foo~nix~case~hack~1": "1", "foo~nix~case~hack~2": "2"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	var got bytes.Buffer
	if err := DumpTree(&got, WithoutCaseHack(OS()), dir, nil); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("dumped otherwise than restored: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "foo~nix~case~hack~3"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := DumpTree(io.Discard, WithoutCaseHack(OS()), dir, nil); err == nil || !strings.Contains(err.Error(), "file name collision") {
		t.Errorf("a collision gives %v", err)
	}
	bad := fstest.MapFS{"Test": {}, "Test~nix~case~hack~1": {}, "test": {}}
	var b bytes.Buffer
	if err := DumpFS(&b, bad, ".", nil); err != nil {
		t.Fatal(err)
	}
	if err := RestoreCaseHack(&b, filepath.Join(t.TempDir(), "bad")); err == nil || !strings.Contains(err.Error(), "collides with case-hacked file name 'Test~nix~case~hack~1'") {
		t.Errorf("a name like a hacked one gives %v", err)
	}
}
