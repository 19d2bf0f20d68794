package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/derivation"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// sample is a store with a derivation, its output, which refers to input, and
// a text that refers to the output.
type sample struct {
	s                       *Store
	input, drv, out, client storepath.Path
}

func makeSample(t *testing.T) *sample {
	s := open(t)
	x := &sample{s: s, input: must(s.AddText("input", []byte("in"), nil))(t)}
	d := &derivation.Derivation{
		Name: "thing", Platform: "any", Builder: "/bin/sh", InputSrcs: []storepath.Path{x.input},
		Outputs: map[string]derivation.Output{"out": {}}, Env: map[string]string{"out": ""},
	}
	var text []byte
	var err error
	if x.drv, text, err = derivation.NewHasher(s.scheme, s.ReadDerivation).Finish(d); err != nil {
		t.Fatal(err)
	}
	if err := s.AddDerivation(x.drv, d, text); err != nil {
		t.Fatal(err)
	}
	x.out = d.Outputs["out"].Path
	dir, done, err := s.TempDir()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	tmp := filepath.Join(dir, "out")
	os.Mkdir(tmp, 0o755)
	os.WriteFile(filepath.Join(tmp, "f"), []byte(s.scheme.Print(x.input)+"\n"+x.out.HashPart()), 0o600)
	if err := s.Canonicalise(tmp, CanonicalOptions{KeepRootWritable: true}); err != nil {
		t.Fatal(err)
	}
	unlock := must(s.Lock(context.Background(), []storepath.Path{x.out}, nil))(t)
	defer unlock()
	refs := must(ScanTree(tmp, []storepath.Path{x.input, x.out, x.drv}, nil))(t)
	if len(refs) != 2 {
		t.Fatal(refs)
	}
	if err := s.Install(tmp, x.out); err != nil {
		t.Fatal(err)
	}
	info := PathInfo{Path: x.out, Deriver: x.drv, References: refs, Ultimate: true}
	info.NarHash, info.NarSize, err = nar.Hash(s.scheme.Hash, s.RealPath(x.out), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Register([]PathInfo{info}); err != nil {
		t.Fatal(err)
	}
	x.client = must(s.AddText("client", []byte(s.scheme.Print(x.out)), []storepath.Path{x.out}))(t)
	s.temp.close()
	return x
}

func (x *sample) root(t *testing.T, p storepath.Path) {
	t.Helper()
	if err := x.s.AddPermRoot(p, filepath.Join(t.TempDir(), "root")); err != nil {
		t.Fatal(err)
	}
	x.s.temp.close()
}

func (x *sample) dead(t *testing.T, o GCOptions) []string {
	t.Helper()
	o.Action = GCReturnDead
	dead := must(x.s.GC(context.Background(), o))(t).Paths
	o.Action = GCReturnLive
	live := must(x.s.GC(context.Background(), o))(t).Paths
	if n := len(must(x.s.AllValidPaths())(t)); len(dead)+len(live) != n {
		t.Errorf("%d dead, %d live, of %d", len(dead), len(live), n)
	}
	for i, p := range dead {
		dead[i] = p[len(x.s.scheme.Dir)+1+storepath.HashLen+1:]
	}
	return dead
}

func TestLiveness(t *testing.T) {
	for _, c := range []struct {
		name string
		root func(*sample) storepath.Path
		o    GCOptions
		dead []string
	}{
		{"nothing", nil, GCOptions{}, []string{"client", "input", "thing", "thing.drv"}},
		{"client", func(x *sample) storepath.Path { return x.client }, GCOptions{}, []string{"thing.drv"}},
		{"client keeps derivations", func(x *sample) storepath.Path { return x.client }, GCOptions{KeepDerivations: true}, nil},
		{"drv", func(x *sample) storepath.Path { return x.drv }, GCOptions{}, []string{"client", "thing"}},
		{"drv keeps outputs", func(x *sample) storepath.Path { return x.drv }, GCOptions{KeepOutputs: true}, []string{"client"}},
		{"input", func(x *sample) storepath.Path { return x.input }, GCOptions{KeepOutputs: true, KeepDerivations: true},
			[]string{"client", "thing", "thing.drv"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := makeSample(t)
			if c.root != nil {
				x.root(t, c.root(x))
			}
			got := x.dead(t, c.o)
			if diff := cmp.Diff(c.dead, sortedOrNil(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			n := len(must(x.s.AllValidPaths())(t))
			res := must(x.s.GC(context.Background(), c.o))(t)
			if len(res.Paths) != len(c.dead) || len(c.dead) > 0 && res.BytesFreed == 0 {
				t.Errorf("deleted %q, freed %d", res.Paths, res.BytesFreed)
			}
			if left := len(must(x.s.AllValidPaths())(t)); left != n-len(c.dead) {
				t.Errorf("%d left of %d", left, n)
			}
		})
	}
}

func sortedOrNil(in []string) []string {
	if len(in) == 0 {
		return nil
	}
	return sortedStrings(in)
}

func TestDeleteSpecific(t *testing.T) {
	x := makeSample(t)
	del := func(o GCOptions, paths ...storepath.Path) error {
		o.Action, o.Paths = GCDeleteSpecific, paths
		_, err := x.s.GC(context.Background(), o)
		return err
	}
	var notDead *NotDeadError
	// something else refers to it
	if err := del(GCOptions{}, x.out); !errors.As(err, &notDead) {
		t.Errorf("with a referrer: %v", err)
	}
	x.root(t, x.client)
	if err := del(GCOptions{}, x.out, x.client); !errors.As(err, &notDead) {
		t.Errorf("with a root: %v", err)
	}
	if err := del(GCOptions{IgnoreLiveness: true}, x.out); !errors.As(err, &notDead) {
		t.Errorf("with a referrer, ignoring roots: %v", err)
	}
	if err := del(GCOptions{IgnoreLiveness: true}, x.out, x.client); err != nil {
		t.Errorf("ignoring roots: %v", err)
	}
	if err := del(GCOptions{}, x.drv, x.input); err != nil {
		t.Error(err)
	}
	if left := must(x.s.AllValidPaths())(t); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestMaxFreed(t *testing.T) {
	s := open(t)
	for i := range 10 {
		must(s.AddText("t", bytes.Repeat([]byte{byte(i)}, 1000), nil))(t)
	}
	s.temp.close()
	res := must(s.GC(context.Background(), GCOptions{MaxFreed: 2500}))(t)
	if len(res.Paths) != 3 || res.BytesFreed != 3000 {
		t.Errorf("deleted %d, freed %d", len(res.Paths), res.BytesFreed)
	}
	// what was made invalid but not deleted is garbage of the next one
	res = must(s.GC(context.Background(), GCOptions{MaxFreed: -1}))(t)
	if len(res.Paths) != 0 {
		t.Errorf("deleted %q", res.Paths)
	}
	res = must(s.GC(context.Background(), GCOptions{}))(t)
	if len(res.Paths) != 7 {
		t.Errorf("deleted %d", len(res.Paths))
	}
}

func TestCancelCollection(t *testing.T) {
	s := open(t)
	must(s.AddText("t", nil, nil))(t)
	s.temp.close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.GC(ctx, GCOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	must(s.GC(context.Background(), GCOptions{}))(t)
}

func TestRoots(t *testing.T) {
	x := makeSample(t)
	s := x.s
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	roots := s.rootsDir()
	for _, err := range []error{
		os.Symlink(s.scheme.Print(x.out), filepath.Join(roots, "direct")),
		os.Symlink(s.scheme.Print(x.out)+"/f", filepath.Join(s.state, "profiles", "profile")),
		os.WriteFile(filepath.Join(roots, x.input.String()), nil, 0o644),
		os.Symlink("/nowhere", filepath.Join(roots, "dangling")),
		os.Symlink(s.scheme.Dir+"/00000000000000000000000000000000-none", filepath.Join(roots, "invalid")),
		s.AddPermRoot(x.client, in("result")),
		s.AddPermRoot(x.drv, in("gone")),
		os.Remove(in("gone")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.temp.close()
	got := must(s.FindRoots(false))(t)
	want := Roots{
		x.out:    {filepath.Join(roots, "direct"), filepath.Join(s.state, "profiles", "profile")},
		x.input:  {filepath.Join(roots, x.input.String())},
		x.client: {in("result")},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b storepath.Path) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if left := must(readNames(filepath.Join(roots, "auto")))(t); len(left) != 1 {
		t.Errorf("stale roots stay: %q", left)
	}
	// only what was such a symlink is replaced
	if err := s.AddPermRoot(x.out, in("result")); err != nil {
		t.Error(err)
	}
	os.WriteFile(in("file"), nil, 0o644)
	if err := s.AddPermRoot(x.out, in("file")); err == nil {
		t.Error("replaced a file")
	}
	if err := s.AddPermRoot(x.out, s.scheme.Dir+"/root"); err == nil {
		t.Error("made a root in the store")
	}
}

func TestRuntimeRoots(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("by /proc")
	}
	// processes see real names, so this store must lie where it says
	dir := t.TempDir()
	s := must(Open(Config{Scheme: storepath.Nix(filepath.Join(dir, "store")), StateDir: filepath.Join(dir, "state"), ReservedSpace: -1}))(t)
	defer s.Close()
	p := must(s.AddText("environment", nil, nil))(t)
	q := must(s.AddText("file", nil, nil))(t)
	s.temp.close()
	cmd := exec.Command("sleep", "100")
	cmd.Env = []string{"A=x:" + s.scheme.Print(p) + "/bin:y"}
	cmd.Stdin = must(os.Open(s.RealPath(q)))(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	cmd.Stdin.(*os.File).Close()
	roots := must(s.FindRoots(false))(t)
	for p, suffix := range map[storepath.Path]string{p: "/environ", q: "/fd/0"} {
		if len(roots[p]) != 1 || !strings.HasSuffix(roots[p][0], suffix) {
			t.Errorf("%s: %q", p, roots[p])
		}
	}
	if censored := must(s.FindRoots(true))(t); len(censored[p]) != 1 || censored[p][0] != "{censored}" {
		t.Errorf("%q", censored[p])
	}
}

func TestAutoGC(t *testing.T) {
	var free atomic.Int64 // the store looks at any time
	free.Store(10_000)
	s := open(t, func(c *Config) {
		c.MinFree, c.MaxFree = 1000, 12_000
		c.MinFreeCheckInterval = 1
		c.FreeSpace = func() (int64, error) { return free.Load(), nil }
	})
	old := must(s.AddText("old", nil, nil))(t)
	s.temp.close()
	must(s.AddText("new", nil, nil))(t)
	if !must(s.IsValid(old))(t) {
		t.Fatal("collected with space left")
	}
	free.Store(500)
	must(s.AddText("newer", nil, nil))(t)
	if must(s.IsValid(old))(t) {
		t.Error("not collected")
	}
}

func TestRenderSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0.0 KiB", 100: "0.1 KiB", 1024: "1.0 KiB", 1 << 20: "1024.0 KiB", 3 << 20: "3.0 MiB", -2 << 30: "-2.0 GiB",
	} {
		if got := RenderSize(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
