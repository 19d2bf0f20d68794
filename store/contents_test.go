package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// overwrite changes a store object as only its owner with ill will could.
func overwrite(t *testing.T, name, contents string) {
	t.Helper()
	for _, err := range []error{os.Chmod(name, 0o644), os.WriteFile(name, []byte(contents), 0o644), os.Chmod(name, 0o444)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerify(t *testing.T) {
	var said []string
	s := open(t, func(c *Config) { c.Log = func(_ Level, m string) { said = append(said, m) } })
	a := must(s.AddText("a", []byte("a"), nil))(t)
	b := must(s.AddText("b", []byte("b"), []storepath.Path{a}))(t)
	c := must(s.AddText("c", []byte("c"), nil))(t)
	verify := func(o VerifyOptions) bool { return must(s.Verify(context.Background(), o))(t) }
	contents := VerifyOptions{CheckContents: true}
	if verify(contents) {
		t.Error("damaged from the start")
	}
	overwrite(t, s.RealPath(b), "x")
	if verify(VerifyOptions{}) || !verify(contents) {
		t.Error("a changed file")
	}
	if !strings.Contains(strings.Join(said, "\n"), "was modified! expected hash 'sha256:") {
		t.Errorf("%q", said)
	}
	repaired := 0
	contents.Repair = func(_ context.Context, p storepath.Path) error {
		repaired++
		_, err := s.addText("b", []byte("b"), []storepath.Path{a}, true)
		return err
	}
	if verify(contents) || repaired != 1 || verify(contents) || repaired != 1 {
		t.Errorf("repaired %d times", repaired)
	}
	contents.Repair = func(context.Context, storepath.Path) error { return errors.New("cannot") }
	overwrite(t, s.RealPath(b), "y")
	if !verify(contents) {
		t.Error("a repair failed")
	}
	// gone with nothing that refers to it
	os.Remove(s.RealPath(c))
	if verify(VerifyOptions{}) || must(s.IsValid(c))(t) {
		t.Error("a path that has disappeared is still valid")
	}
	os.Remove(s.RealPath(a))
	if !verify(VerifyOptions{}) || !must(s.IsValid(a))(t) {
		t.Error("a path that has disappeared, with referrers")
	}
	os.Remove(s.RealPath(b))
	if verify(VerifyOptions{}) || must(s.IsValid(a))(t) || must(s.IsValid(b))(t) {
		t.Error("both have disappeared")
	}
}

func inodeOf(t *testing.T, name string) uint64 {
	t.Helper()
	st, err := lstatInode(name)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestOptimise(t *testing.T) {
	s := open(t)
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"one": 0o644, "two": 0o644, "run": 0o755} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("the same"), mode); err != nil {
			t.Fatal(err)
		}
	}
	tree := must(s.AddTree("tree", nar.OS(), dir, AddOptions{Method: storepath.NAR}))(t)
	top := must(s.AddText("top", []byte("the same"), nil))(t)
	st := must(s.Optimise(context.Background()))(t)
	if st.FilesLinked != 2 || st.BytesFreed != 16 {
		t.Errorf("%+v", st)
	}
	one := inodeOf(t, s.RealPath(tree)+"/one")
	if one != inodeOf(t, s.RealPath(tree)+"/two") || one != inodeOf(t, s.RealPath(top)) || one == inodeOf(t, s.RealPath(tree)+"/run") {
		t.Error("not linked as it should be")
	}
	if fi := must(os.Lstat(s.RealPath(tree)))(t); fi.Mode().Perm() != 0o555 || fi.ModTime().Unix() != storeMtime {
		t.Errorf("%v %v", fi.Mode(), fi.ModTime())
	}
	if st := must(s.Optimise(context.Background()))(t); st.FilesLinked != 0 {
		t.Errorf("again: %+v", st)
	}
	// a file in .links that has been changed harms nobody who is added later
	for _, name := range must(readNames(s.linksDir()))(t) {
		overwrite(t, filepath.Join(s.linksDir(), name), "different")
	}
	s.cfg.AutoOptimise = true
	late := must(s.AddText("late", []byte("the same"), nil))(t)
	if got := must(os.ReadFile(s.RealPath(late)))(t); string(got) != "the same" {
		t.Errorf("%q", got)
	}
	s.temp.close()
	must(s.GC(context.Background(), GCOptions{}))(t)
	if left := must(readNames(s.linksDir()))(t); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestLogs(t *testing.T) {
	s := open(t)
	drv := must(storepath.ParseBase("0123456789abcdfghijklmnpqrsvwxyz-a.drv"))(t)
	if log, err := s.Log(drv); log != nil || err != nil {
		t.Errorf("%q, %v", log, err)
	}
	f := must(s.CreateLog(drv))(t)
	f.WriteString("first")
	f.Close()
	if got := must(s.Log(drv))(t); string(got) != "first" {
		t.Errorf("%q", got)
	}
	if err := s.AddLog(drv, []byte("other")); err != nil {
		t.Error(err)
	}
	if got := must(s.Log(drv))(t); string(got) != "first" {
		t.Errorf("replaced by %q", got)
	}
	// as the reference keeps it: "log\n" by bzip2
	os.Remove(s.LogFile(drv))
	bz := "\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xb9\x4e\x40\x64\x00\x00\x01\x41\x00\x00\x10\x00\x84\xa0\x00\x21\x9a\x68\x33\x4d\x07\x3c\x5d\xc9\x14\xe1\x42\x42\xe5\x39\x01\x90"
	if err := os.WriteFile(s.LogFile(drv)+".bz2", []byte(bz), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Log(drv))(t); string(got) != "log\n" {
		t.Errorf("%q", got)
	}
	f = must(s.CreateLog(drv))(t)
	f.Close()
	if _, err := os.Lstat(s.LogFile(drv) + ".bz2"); err == nil {
		t.Error("the old log is still there")
	}
}

func TestExportImport(t *testing.T) {
	x := makeSample(t)
	var export bytes.Buffer
	all := must(x.s.Closure([]storepath.Path{x.client, x.drv}, ClosureOptions{}))(t)
	if err := Export(x.s, all, &export); err != nil {
		t.Fatal(err)
	}
	other := open(t)
	got := must(Import(other, bytes.NewReader(export.Bytes())))(t)
	if diff := cmp.Diff(names(all), names(sortedPaths(got))); diff != "" {
		t.Error(diff)
	}
	info := must(other.PathInfo(x.out))(t)
	if info.Deriver != x.drv || len(info.References) != 2 {
		t.Errorf("%+v", info)
	}
	for n := 0; n < export.Len(); n += 61 {
		if _, err := Import(open(t), bytes.NewReader(export.Bytes()[:n])); err == nil {
			t.Errorf("imported the first %d bytes", n)
		}
		if n > 2000 {
			n += 500
		}
	}
	var z bytes.Buffer
	gz := gzip.NewWriter(&z)
	gz.Write(export.Bytes())
	gz.Close()
	if _, err := Import(open(t), &z); err == nil || !strings.Contains(err.Error(), "nix-store --export") {
		t.Errorf("imported something else: %v", err)
	}
	overwrite(t, x.s.RealPath(x.input), "changed")
	if err := Export(x.s, all, io.Discard); err == nil || !strings.Contains(err.Error(), "has changed from") {
		t.Errorf("exported a changed path: %v", err)
	}
}

func TestMakeContentAddressed(t *testing.T) {
	x := makeSample(t)
	other := open(t)
	for range 2 {
		renamed := must(MakeContentAddressed(x.s, other, []storepath.Path{x.client}, nil))(t)
		if len(renamed) != 3 {
			t.Fatalf("%v", renamed)
		}
		for from, to := range renamed {
			info := must(other.PathInfo(to))(t)
			if from == to || from.Name() != to.Name() || !info.IsContentAddressed(other.scheme) || !must(other.IntactPath(to))(t) {
				t.Errorf("%s: %+v", from, info)
			}
		}
		text := must(os.ReadFile(other.RealPath(renamed[x.client])))(t)
		if want := other.scheme.Print(renamed[x.out]); string(text) != want {
			t.Errorf("%q, want %q", text, want)
		}
		text = must(os.ReadFile(filepath.Join(other.RealPath(renamed[x.out]), "f")))(t)
		if want := other.scheme.Print(renamed[x.input]) + "\n" + renamed[x.out].HashPart(); string(text) != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

func TestRegistration(t *testing.T) {
	x := makeSample(t)
	all := must(x.s.AllValidPaths())(t)
	var dump bytes.Buffer
	if err := DumpRegistration(x.s, all, &dump, true, true); err != nil {
		t.Fatal(err)
	}
	x.s.Close()
	if err := os.RemoveAll(x.s.state); err != nil {
		t.Fatal(err)
	}
	s := must(Open(x.s.cfg))(t)
	defer s.Close()
	if err := s.LoadRegistration(bytes.NewReader(dump.Bytes()), RegistrationOptions{HashGiven: true, Reregister: true}); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := DumpRegistration(s, all, &again, true, true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dump.String(), again.String()); diff != "" {
		t.Error(diff)
	}
	if damaged := must(s.Verify(context.Background(), VerifyOptions{CheckContents: true}))(t); damaged {
		t.Error("damaged")
	}
	// contents that somebody else has put there
	p := must(storepath.FromHash(make([]byte, 20), "given"))(t)
	os.WriteFile(s.RealPath(p), []byte("given"), 0o600)
	in := s.scheme.Print(p) + "\n\n1\n" + s.scheme.Print(x.input) + "\n"
	if err := s.LoadRegistration(strings.NewReader(in), RegistrationOptions{Canonicalise: true}); err != nil {
		t.Fatal(err)
	}
	if ok := must(s.IntactPath(p))(t); !ok {
		t.Error("not intact")
	}
	for _, bad := range []string{"x\n", in[:len(in)-1], s.scheme.Print(p) + "\n\nmany\n", s.scheme.Print(p) + "\n\n2\n" + s.scheme.Print(x.input) + "\n"} {
		if err := s.LoadRegistration(strings.NewReader(bad), RegistrationOptions{Reregister: true}); err == nil {
			t.Errorf("loaded %q", bad)
		}
	}
}

func TestLargeTree(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 80 MB")
	}
	s := open(t)
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte(name), dumpBuffer*2/3), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, algo := range []hash.Algo{hash.SHA256, hash.SHA1} {
		o := AddOptions{Method: storepath.NAR, Algo: algo}
		want, _, err := ComputePath(s.scheme, "large", nar.OS(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time it is valid and the copy is dropped
			if p := must(s.AddTree("large", nar.OS(), dir, o))(t); p != want {
				t.Errorf("%s, want %s", p, want)
			}
		}
		if !must(s.IntactPath(want))(t) {
			t.Error("not intact")
		}
	}
	if left := must(readNames(s.work.path))(t); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// TestDatabaseGone opens stores whose database was taken away.
func TestDatabaseGone(t *testing.T) {
	for what, harm := range map[string]func(name string) error{
		"missing": os.Remove,
		"damaged": func(name string) error { return os.Truncate(name, 0) },
	} {
		s := open(t)
		must(s.AddText("a", []byte("a"), nil))(t)
		s.Close()
		for _, ext := range []string{"-wal", "-shm"} {
			os.Remove(s.dbFile() + ext)
		}
		if err := harm(s.dbFile()); err != nil {
			t.Fatal(err)
		}
		again := must(Open(s.cfg))(t)
		_, err := again.AddText("b", []byte("b"), nil)
		again.Close()
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "glang store rebuild") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
