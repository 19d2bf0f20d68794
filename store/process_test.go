package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// The tests below start this test program again as a helper, named by a
// variable, that works on a store of the test.
const helperVariable = "GLANG_STORE_TEST_HELPER"

func TestMain(m *testing.M) {
	if name := os.Getenv(helperVariable); name != "" {
		if err := helpers[name](os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var helpers = map[string]func(root string, args []string) error{
	"add": helperAdd, "churn": helperChurn, "gc": helperGC, "full": helperFull, "optimise": helperOptimise,
}

func startHelper(t *testing.T, name, root string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{root}, args...)...)
	cmd.Env = append(os.Environ(), helperVariable+"="+name)
	cmd.Stderr = &bytes.Buffer{}
	return cmd
}

func errorOf(cmd *exec.Cmd, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", err, cmd.Stderr)
}

// helperAdd adds a tree, and tells its path.
func helperAdd(root string, args []string) error {
	s, err := Open(testConfig(root))
	if err != nil {
		return err
	}
	p, err := s.AddTree("tree", nar.OS(), args[0], AddOptions{Method: storepath.NAR})
	if err != nil {
		return err
	}
	fmt.Println(p)
	return s.Close()
}

func bigTree(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "tree")
	for i := range 20 {
		sub := filepath.Join(dir, strconv.Itoa(i))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range 10 {
			if err := os.WriteFile(filepath.Join(sub, strconv.Itoa(j)), bytes.Repeat([]byte{byte(i), byte(j)}, 1000), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// TestProcessesAddOnePath lets processes add the same tree at the same time.
func TestProcessesAddOnePath(t *testing.T) {
	root, dir := storeRoot(t), bigTree(t)
	var cmds []*exec.Cmd
	var outs []*bytes.Buffer
	for range 6 {
		cmd, out := startHelper(t, "add", root, dir), &bytes.Buffer{}
		cmd.Stdout = out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	for i, cmd := range cmds {
		if err := errorOf(cmd, cmd.Wait()); err != nil {
			t.Error(err)
		}
		if outs[i].String() != outs[0].String() {
			t.Errorf("%q, %q", outs[0], outs[i])
		}
	}
	checkStore(t, root, true)
}

// storeRoot makes a directory for a store and sees that it can be deleted.
func storeRoot(t *testing.T) string {
	root := t.TempDir()
	t.Cleanup(func() { DeleteTree(filepath.Join(root, "store")) })
	return root
}

// checkStore verifies contents and, if clean is set, that nothing is left in
// the store directory beside valid paths and in temproots.
func checkStore(t *testing.T, root string, clean bool) []storepath.Path {
	t.Helper()
	var said []string
	cfg := testConfig(root)
	cfg.Log = func(l Level, msg string) {
		if l <= LevelWarn {
			said = append(said, msg)
		}
	}
	s := must(Open(cfg))(t)
	defer s.Close()
	if damaged := must(s.Verify(context.Background(), VerifyOptions{CheckContents: true}))(t); damaged || said != nil {
		t.Errorf("damaged: %q", said)
	}
	valid := must(s.AllValidPaths())(t)
	for _, p := range valid {
		info := must(s.PathInfo(p))(t)
		for _, r := range info.References {
			if !must(s.IsValid(r))(t) {
				t.Errorf("%s refers to %s", p, r)
			}
		}
	}
	if clean {
		present := must(readNames(s.real))(t)
		want := append([]string{".links"}, names(valid)...)
		if diff := cmp.Diff(want, present); diff != "" {
			t.Errorf("store directory (-valid +present):\n%s", diff)
		}
		if left := must(readNames(s.tempRootsDir()))(t); len(left) > 0 {
			t.Errorf("temporary roots: %q", left)
		}
	}
	return valid
}

// helperChurn adds texts, each referring to the ones before it, and trees, and
// checks after each that all of them are valid, until its input ends.
func helperChurn(root string, args []string) error {
	seed, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	cfg := testConfig(root)
	cfg.AutoOptimise = seed%2 == 0
	s, err := Open(cfg)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	for n := 0; ; n++ {
		select {
		case <-done:
			fmt.Println(n)
			return s.Close()
		default:
		}
		var chain []storepath.Path
		for i := range 5 {
			// few names, so that processes collide and garbage comes back
			p, err := s.AddText(fmt.Sprintf("text-%d-%d", i, r.IntN(4)), []byte("x"), chain)
			if err != nil {
				return err
			}
			chain = append(chain, p)
			for _, p := range chain {
				if ok, err := s.IsValid(p); err != nil || !ok {
					return fmt.Errorf("%s is valid: %v, %v", p, ok, err)
				}
				if _, err := os.Lstat(s.RealPath(p)); err != nil {
					return err
				}
			}
		}
		p, err := s.AddTree(fmt.Sprint("tree-", r.IntN(3)), nar.OS(), args[1], AddOptions{Method: storepath.NAR})
		if err != nil {
			return err
		}
		if ok, err := s.IntactPath(p); err != nil || !ok {
			return fmt.Errorf("%s is intact: %v, %v", p, ok, err)
		}
		if n%4 == 3 {
			s.temp.close() // as if another process went on: all of it is garbage now
		}
	}
}

// helperGC collects garbage until its input ends.
func helperGC(root string, _ []string) error {
	s, err := Open(testConfig(root))
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	for n := 0; ; {
		select {
		case <-done:
			fmt.Println(n)
			return s.Close()
		default:
		}
		res, err := s.GC(context.Background(), GCOptions{})
		if err != nil {
			return err
		}
		n += len(res.Paths)
		time.Sleep(time.Millisecond)
	}
}

func helperOptimise(root string, _ []string) error {
	s, err := Open(testConfig(root))
	if err != nil {
		return err
	}
	for range 3 {
		if _, err := s.Optimise(context.Background()); err != nil {
			return err
		}
	}
	return s.Close()
}

// TestCollectWhileAdding runs adders and a collector on one store.
func TestCollectWhileAdding(t *testing.T) {
	root, dir := storeRoot(t), bigTree(t)
	var cmds []*exec.Cmd
	var stops []io.Closer
	var outs []*bytes.Buffer
	for i := range 4 {
		name := "churn"
		if i == 3 {
			name = "gc"
		}
		cmd, out := startHelper(t, name, root, strconv.Itoa(i), dir), &bytes.Buffer{}
		cmd.Stdout = out
		stop := must(cmd.StdinPipe())(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds, stops, outs = append(cmds, cmd), append(stops, stop), append(outs, out)
	}
	wait := 3 * time.Second
	if testing.Short() {
		wait = time.Second
	}
	time.Sleep(wait)
	for i, cmd := range cmds {
		stops[i].Close()
		if err := errorOf(cmd, cmd.Wait()); err != nil {
			t.Error(err)
		}
		if n := strings.TrimSpace(outs[i].String()); n == "0" {
			t.Errorf("helper %d did nothing", i)
		}
	}
	checkStore(t, root, true)
}

// TestKill kills an adder at many points and then looks at what is left.
func TestKill(t *testing.T) {
	root, dir := storeRoot(t), bigTree(t)
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 25 {
		cmd := startHelper(t, "churn", root, strconv.Itoa(i), dir)
		stdin := must(cmd.StdinPipe())(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(5+r.IntN(60)) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		stdin.Close()
		if i%5 == 4 {
			checkStore(t, root, false)
		}
		if i%5 == 2 {
			cmd := startHelper(t, "gc", root)
			stdin := must(cmd.StdinPipe())(t)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(r.IntN(40)) * time.Millisecond)
			cmd.Process.Kill()
			cmd.Wait()
			stdin.Close()
		}
	}
	// what is left can be collected entirely, and the store goes on working
	s := must(Open(testConfig(root)))(t)
	must(s.GC(context.Background(), GCOptions{}))(t)
	s.Close()
	if left := checkStore(t, root, true); len(left) > 0 {
		t.Errorf("%v is still valid", left)
	}
	s = must(Open(testConfig(root)))(t)
	must(s.AddTree("tree", nar.OS(), dir, AddOptions{Method: storepath.NAR}))(t)
	s.Close()
	if left := checkStore(t, root, true); len(left) != 1 {
		t.Errorf("%v is valid", left)
	}
}

// helperFull adds files to a store on a small file system until it is full,
// collects, and adds again.
func helperFull(root string, _ []string) error {
	if err := mountSmall(root, 4<<20); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	cfg := testConfig(root)
	cfg.ReservedSpace = 256 << 10
	s, err := Open(cfg)
	if err != nil {
		return err
	}
	keep, err := s.AddText("keep", []byte("keep"), nil)
	if err != nil {
		return err
	}
	// a temporary root would keep the garbage
	if err := os.Symlink(s.scheme.Print(keep), filepath.Join(s.rootsDir(), "keep")); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "glang-full-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var failed error
	added := 0
	for i := 0; failed == nil && i < 100; i++ {
		for j := range 10 {
			data := bytes.Repeat([]byte{byte(i), byte(j)}, 10_000)
			if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(j)), data, 0o644); err != nil {
				return err
			}
		}
		if _, failed = s.AddTree("tree", nar.OS(), dir, AddOptions{Method: storepath.NAR}); failed == nil {
			added++
		}
	}
	if failed == nil || !strings.Contains(failed.Error(), "full") {
		return fmt.Errorf("adding to a full disk: %v", failed)
	}
	valid, err := s.AllValidPaths()
	if err != nil {
		return err
	}
	if len(valid) != added+1 {
		return fmt.Errorf("%d paths are valid, %d were added", len(valid), added)
	}
	for _, p := range valid {
		if ok, err := s.IntactPath(p); !ok || err != nil {
			return fmt.Errorf("%s is intact: %v, %v", p, ok, err)
		}
	}
	s.temp.close()
	res, err := s.GC(context.Background(), GCOptions{})
	if err != nil {
		return fmt.Errorf("collecting: %w", err)
	}
	if len(res.Paths) != added {
		return fmt.Errorf("collected %q of %d", res.Paths, added)
	}
	if _, err := s.AddTree("tree", nar.OS(), dir, AddOptions{Method: storepath.NAR}); err != nil {
		return fmt.Errorf("adding after collecting: %w", err)
	}
	fmt.Println("added", added)
	return s.Close()
}

// TestDiskFull needs user namespaces to mount a small file system.
func TestDiskFull(t *testing.T) {
	cmd := startHelper(t, "full", t.TempDir())
	if !inNamespace(cmd) {
		t.Skip("only on Linux")
	}
	out, err := cmd.Output()
	if err != nil {
		err = errorOf(cmd, err)
		if strings.Contains(err.Error(), "mount:") || errors.Is(err, os.ErrPermission) {
			if os.Getenv("GLANG_TEST_SANDBOX") == "" {
				t.Skip(err)
			}
		}
		t.Fatal(err)
	}
	line, _, _ := bufio.NewReader(bytes.NewReader(out)).ReadLine()
	if n, err := strconv.Atoi(strings.TrimPrefix(string(line), "added ")); err != nil || n < 5 {
		t.Errorf("%q", out)
	}
}

func TestTempRootsOfOthers(t *testing.T) {
	s := open(t)
	p := must(s.AddText("a", nil, nil))(t)
	other := must(Open(s.cfg))(t)
	defer other.Close()
	res := must(other.GC(context.Background(), GCOptions{}))(t)
	if len(res.Paths) != 0 {
		t.Errorf("deleted %q", res.Paths)
	}
	roots := must(other.FindRoots(false))(t)
	want := []string{fmt.Sprintf("{temp:%d}", os.Getpid())}
	if diff := cmp.Diff(want, roots[p]); diff != "" {
		t.Error(diff)
	}
	s.temp.close()
	res = must(other.GC(context.Background(), GCOptions{}))(t)
	if len(res.Paths) != 1 {
		t.Errorf("deleted %q", res.Paths)
	}
}

// TestRootWhileCollecting adds a temporary root when the collector has found
// all roots and is about to delete.
func TestRootWhileCollecting(t *testing.T) {
	root := storeRoot(t)
	adder := must(Open(testConfig(root)))(t)
	defer adder.Close()
	a := must(adder.AddText("a", nil, nil))(t)
	b := must(adder.AddText("b", nil, []storepath.Path{a}))(t)
	c := must(adder.AddText("c", nil, nil))(t)
	adder.temp.close()
	cfg := testConfig(root)
	cfg.GCSync = func(point int) {
		if point == 2 {
			if err := adder.AddTempRoot(b); err != nil {
				t.Error(err)
			}
		}
	}
	s := must(Open(cfg))(t)
	defer s.Close()
	res := must(s.GC(context.Background(), GCOptions{}))(t)
	if diff := cmp.Diff([]string{s.scheme.Print(c)}, res.Paths); diff != "" {
		t.Error(diff)
	}
	for _, p := range []storepath.Path{a, b} {
		if !must(adder.IsValid(p))(t) {
			t.Errorf("%s is gone", p)
		}
	}
}

// TestRegisterWhileCollecting registers a path that refers to what the
// collector is about to delete: the database's constraint must keep that.
func TestRegisterWhileCollecting(t *testing.T) {
	root := storeRoot(t)
	adder := must(Open(testConfig(root)))(t)
	defer adder.Close()
	a := must(adder.AddText("a", nil, nil))(t)
	adder.temp.close()
	s := must(Open(testConfig(root)))(t)
	defer s.Close()
	c := &collector{s: s, ctx: context.Background(), res: &GCResult{}, alive: map[storepath.Path]bool{}}
	c.roots = must(s.listenForRoots())(t)
	defer c.roots.close()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	c.graph = must(s.loadGraph())(t)
	b := must(adder.AddText("b", nil, []storepath.Path{a}))(t)
	if err := c.deletePaths([]storepath.Path{a}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []storepath.Path{a, b} {
		if ok := must(s.IntactPath(p))(t); !ok {
			t.Errorf("%s is gone", p)
		}
	}
}

func TestLocks(t *testing.T) {
	s := open(t)
	p := must(storepath.FromHash(make([]byte, 20), "a"))(t)
	q := must(storepath.FromHash(bytes.Repeat([]byte{1}, 20), "b"))(t)
	unlock := must(s.Lock(context.Background(), []storepath.Path{q, p}, nil))(t)
	if _, ok, err := s.TryLock([]storepath.Path{p}); ok || err != nil {
		t.Errorf("locked twice: %v %v", ok, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	waited := 0
	if _, err := s.Lock(ctx, []storepath.Path{p}, func() { waited++ }); !errors.Is(err, context.DeadlineExceeded) || waited != 1 {
		t.Errorf("waited %d times, %v", waited, err)
	}
	got := make(chan func())
	go func() {
		u, err := s.Lock(context.Background(), []storepath.Path{p}, nil)
		if err != nil {
			t.Error(err)
		}
		got <- u
	}()
	time.Sleep(5 * time.Millisecond)
	unlock()
	(<-got)()
	if left := must(readNames(s.real))(t); len(left) != 1 {
		t.Errorf("left %q", left)
	}
}

func TestReadOnly(t *testing.T) {
	root := storeRoot(t)
	s := must(Open(testConfig(root)))(t)
	a := must(s.AddText("a", nil, nil))(t)
	s.Close()
	cfg := testConfig(root)
	cfg.ReadOnly = true
	ro := must(Open(cfg))(t)
	defer ro.Close()
	if !must(ro.IsValid(a))(t) {
		t.Error("not valid")
	}
	if _, err := ro.AddText("b", nil, nil); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	if _, err := ro.GC(context.Background(), GCOptions{}); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	cfg.StateDir = t.TempDir()
	empty := must(Open(cfg))(t)
	if err := empty.Start(); err == nil || err.Error() != "database does not exist, and cannot be created in read-only mode" {
		t.Error(err)
	}
}

func TestSchemeMismatch(t *testing.T) {
	root := storeRoot(t)
	s := must(Open(testConfig(root)))(t)
	must(s.AddText("a", nil, nil))(t)
	s.Close()
	for _, scheme := range []storepath.Scheme{storepath.Native("/nix/store"), storepath.Nix("/other/store")} {
		cfg := testConfig(root)
		cfg.Scheme = scheme
		s := must(Open(cfg))(t)
		if err := s.Start(); err == nil || !strings.Contains(err.Error(), "scheme") {
			t.Errorf("%v: %v", scheme, err)
		}
	}
	// made by another tool: no record
	if err := os.Remove(s.schemeFile()); err != nil {
		t.Fatal(err)
	}
	s = must(Open(testConfig(root)))(t)
	if err := s.Start(); err != nil {
		t.Error(err)
	}
	s.Close()
}

func TestDamagedDatabase(t *testing.T) {
	root := storeRoot(t)
	s := must(Open(testConfig(root)))(t)
	a := must(s.AddText("a", []byte("a"), nil))(t)
	b := must(s.AddText("b", []byte("see "+s.scheme.Print(a)), []storepath.Path{a}))(t)
	dir := bigTree(t)
	if err := os.Symlink(s.scheme.Print(b), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	c := must(s.AddTree("c", nar.OS(), dir, AddOptions{Method: storepath.NAR, Refs: []storepath.Path{b}}))(t)
	flat := must(s.AddTree("flat", nar.OS(), filepath.Join(dir, "0", "0"), AddOptions{Method: storepath.Flat, Algo: hash.SHA1}))(t)
	want := map[storepath.Path]*PathInfo{}
	for _, p := range must(s.AllValidPaths())(t) {
		want[p] = must(s.PathInfo(p))(t)
	}
	s.Close()
	os.WriteFile(s.dbFile(), bytes.Repeat([]byte("no database"), 1000), 0o644)
	// what a builder was writing when it was killed
	os.MkdirAll(filepath.Join(s.real, "00000000000000000000000000000000-half", "bin"), 0o755)
	s = must(Open(testConfig(root)))(t)
	if _, err := s.IsValid(a); err == nil || !strings.Contains(err.Error(), "rebuild") {
		t.Errorf("damaged: %v", err)
	}
	s.Close()
	res := must(Rebuild(context.Background(), testConfig(root)))(t)
	if res.Registered != 4 || len(res.Skipped) != 1 || res.OldDatabase == "" {
		t.Errorf("%+v", res)
	}
	s = must(Open(testConfig(root)))(t)
	defer s.Close()
	for _, p := range []storepath.Path{a, b, c, flat} {
		got := must(s.PathInfo(p))(t)
		got.RegistrationTime = want[p].RegistrationTime
		opts := []cmp.Option{
			cmp.Comparer(func(a, b storepath.Path) bool { return a == b }),
			cmp.Comparer(func(a, b hash.Hash) bool { return a == b }),
		}
		if diff := cmp.Diff(want[p], got, opts...); diff != "" {
			t.Errorf("%s: %s", p, diff)
		}
	}
	checkStore(t, root, false)
}
