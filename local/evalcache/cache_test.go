package evalcache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed192a40f6/glang/lang/eval"
)

var ctx = context.Background()

func noEnv(string) string { return "" }
func always(string) bool  { return true }

func openTest(t *testing.T, size int64) (*Cache, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sub", "cache.sqlite")
	c, err := Open(file, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, file
}

func get(c *Cache, k Key) string {
	b, ok := c.Get(ctx, k, nil, noEnv, always)
	if !ok {
		return "miss"
	}
	return string(b)
}

// TestChanges makes a result, changes one thing that was read, and expects a miss.
func TestChanges(t *testing.T) {
	write := func(dir, name, text string) func() {
		return func() {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name   string
		read   func(r *Recorder, dir string)
		change func(dir string)
		want   string
	}{
		{"nothing", func(r *Recorder, dir string) { r.ReadFile(dir + "/f") }, func(string) {}, "result"},
		{"contents of the same size", func(r *Recorder, dir string) { r.ReadFile(dir + "/f") }, func(dir string) { write(dir, "f", "xne")() }, "miss"},
		{"the same contents written again", func(r *Recorder, dir string) { r.ReadFile(dir + "/f") }, func(dir string) { write(dir, "f", "one")() }, "result"},
		{"another file", func(r *Recorder, dir string) { r.ReadFile(dir + "/f") }, func(dir string) { write(dir, "g", "one")() }, "result"},
		{"opened file", func(r *Recorder, dir string) { f, _ := r.Open(dir + "/f"); f.Close() }, func(dir string) { write(dir, "f", "xne")() }, "miss"},
		{"file comes", func(r *Recorder, dir string) { r.Lstat(dir + "/g") }, func(dir string) { write(dir, "g", "")() }, "miss"},
		{"file comes, after a read", func(r *Recorder, dir string) { r.ReadFile(dir + "/g") }, func(dir string) { write(dir, "g", "")() }, "miss"},
		{"file goes", func(r *Recorder, dir string) { r.Stat(dir + "/f") }, func(dir string) { os.Remove(dir + "/f") }, "miss"},
		{"file becomes executable", func(r *Recorder, dir string) { r.Lstat(dir + "/f") }, func(dir string) { os.Chmod(dir+"/f", 0o755) }, "miss"},
		{"listing", func(r *Recorder, dir string) { r.ReadDir(dir) }, func(dir string) { write(dir, "g", "")() }, "miss"},
		{"listing stays", func(r *Recorder, dir string) { r.ReadDir(dir) }, func(dir string) { write(dir, "f", "two")() }, "result"},
		{"link", func(r *Recorder, dir string) { r.Readlink(dir + "/l") }, func(dir string) { os.Remove(dir + "/l"); os.Symlink("b", dir+"/l") }, "miss"},
		{"spoiled", func(r *Recorder, dir string) { r.Spoil("it asked for the time") }, func(string) {}, "miss"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := openTest(t, 0)
			dir := t.TempDir()
			write(dir, "f", "one")()
			if err := os.Symlink("a", dir+"/l"); err != nil {
				t.Fatal(err)
			}
			r := NewRecorder(nil)
			tc.read(r, dir)
			k := NewKey(tc.name)
			if err := c.Put(ctx, k, r, []byte("result"), ""); err != nil {
				t.Fatal(err)
			}
			tc.change(dir)
			if got := get(c, k); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestStampsAreTrustedOnlyWhenSettled(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	if err := os.WriteFile(f, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := NewRecorder(nil)
	r.ReadFile(f)
	if r.reads[request{opReadFile, f}].sure {
		t.Error("the stamp of a file that was just written is trusted")
	}
	r = NewRecorder(nil)
	r.now = func() time.Time { return time.Now().Add(time.Hour) }
	r.ReadFile(f)
	if !r.reads[request{opReadFile, f}].sure {
		t.Error("the stamp of an old file is not trusted")
	}
}

func TestEnvironment(t *testing.T) {
	c, _ := openTest(t, 0)
	r := NewRecorder(nil)
	if r.Getenv(func(string) string { return "1" })("A") != "1" {
		t.Error("the variable is lost")
	}
	k := NewKey("x")
	if err := c.Put(ctx, k, r, []byte("result"), "p"); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Get(ctx, k, nil, func(string) string { return "1" }, always); !ok {
		t.Error("a miss though nothing changed")
	}
	if _, ok := c.Get(ctx, k, nil, func(string) string { return "2" }, always); ok {
		t.Error("a hit though the variable changed")
	}
	if _, ok := c.Get(ctx, k, nil, func(string) string { return "1" }, func(p string) bool { return p != "p" }); ok {
		t.Error("a hit though the store path is gone")
	}
}

func TestDamage(t *testing.T) {
	c, file := openTest(t, 0)
	k := NewKey("x")
	if err := c.Put(ctx, k, NewRecorder(nil), []byte("result"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.db.Exec("update Results set result = 'wrong'"); err != nil {
		t.Fatal(err)
	}
	if got := get(c, k); got != "miss" {
		t.Errorf("a corrupt entry gives %q", got)
	}
	c.Close()
	if err := os.WriteFile(file, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(file, 0)
	if err != nil {
		t.Fatalf("a damaged file is not replaced: %v", err)
	}
	defer c.Close()
	if err := c.Put(ctx, k, NewRecorder(nil), []byte("result"), ""); err != nil || get(c, k) != "result" {
		t.Errorf("the new file does not work: %v", err)
	}
}

func TestBound(t *testing.T) {
	c, _ := openTest(t, 100_000)
	for i := range 300 {
		if err := c.Put(ctx, NewKey(fmt.Sprint(i)), NewRecorder(nil), make([]byte, 1000), ""); err != nil {
			t.Fatal(err)
		}
	}
	var total int64
	if err := c.db.QueryRow("select sum(size) from Results").Scan(&total); err != nil || total > 100_000 {
		t.Errorf("%d bytes are kept: %v", total, err)
	}
	if get(c, NewKey("299")) == "miss" {
		t.Error("the newest entry is gone")
	}
}

func TestManyUsers(t *testing.T) {
	_, file := openTest(t, 0)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c, err := Open(file, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for j := range 10 {
				k := NewKey(fmt.Sprint(j))
				_ = c.Put(ctx, k, NewRecorder(nil), []byte(fmt.Sprint(j)), "") // may find it locked
				if got := get(c, k); got != fmt.Sprint(j) && got != "miss" {
					t.Errorf("user %d: got %q for %d", i, got, j)
				}
			}
		}()
	}
	wg.Wait()
}

func FuzzUnchanged(f *testing.F) {
	r := NewRecorder(nil)
	r.Lstat("/")
	r.ReadDir("/nonexistent")
	f.Add(r.encode())
	f.Fuzz(func(_ *testing.T, b []byte) {
		unchanged(b, noFiles{}, noEnv)
	})
}

// noFiles keeps the fuzzer from reading whatever it names.
type noFiles struct{ eval.OSFiles }

func (noFiles) ReadFile(string) ([]byte, error) { return nil, os.ErrNotExist }
