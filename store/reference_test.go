package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/internal/golden"
	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// TestReference lets the reference implementation and this package work on one
// store in turn.
func TestReference(t *testing.T) {
	golden.Reference(t, "nix-store") // skips without one
	dir := t.TempDir()
	real := filepath.Join(dir, "nix/store")
	t.Cleanup(func() { store.DeleteTree(real) })
	nix := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(golden.Reference(t, args[0]), args[1:]...)
		cmd.Env = append(os.Environ(), "NIX_STORE_DIR="+real, "NIX_STATE_DIR="+dir+"/nix/var", "NIX_LOG_DIR="+dir+"/nix/log",
			"NIX_CONF_DIR="+dir, "NIX_REMOTE=", "NIX_CONFIG=build-users-group =\nexperimental-features = nix-command\nsubstituters =")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v: %s", args, err, stderr.Bytes())
		}
		if strings.Contains(stderr.String(), "modified") {
			t.Errorf("%q: %s", args, stderr.Bytes())
		}
		return string(out)
	}
	cfg := store.Config{Scheme: storepath.Nix(real), StateDir: dir + "/nix/var", LogDir: dir + "/nix/log"}
	s, err := store.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.AddText("a", []byte("a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.AddText("b", []byte(s.Scheme().Print(a)), []storepath.Path{a})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.AddTree("tree", nar.OS(), ".", store.AddOptions{Method: storepath.NAR})
	if err != nil {
		t.Fatal(err)
	}

	// what the reference reads
	nix("nix-store", "--verify", "--check-contents")
	theirs := strings.TrimSpace(nix("nix-store", "--add", "reference_test.go"))
	p, err := s.Scheme().Parse(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := s.IntactPath(p); !ok || err != nil {
		t.Errorf("intact: %v, %v", ok, err)
	}
	if again, err := s.AddTree("reference_test.go", nar.OS(), "reference_test.go", store.AddOptions{Method: storepath.NAR}); err != nil || again != p {
		t.Errorf("%s, %v; reference: %s", again, err, p)
	}
	same := func(what string, ours func(*bytes.Buffer) error, args ...string) {
		t.Helper()
		var got bytes.Buffer
		if err := ours(&got); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(nix(args...), got.String()); diff != "" {
			t.Errorf("%s (-reference +glang):\n%s", what, diff)
		}
	}
	full := s.Scheme().Print(b)
	all, err := s.AllValidPaths()
	if err != nil {
		t.Fatal(err)
	}
	same("dump-db", func(w *bytes.Buffer) error { return store.DumpRegistration(s, all, w, true, true) }, "nix-store", "--dump-db")
	same("export", func(w *bytes.Buffer) error { return store.Export(s, []storepath.Path{b, a}, w) },
		"nix-store", "--export", full, s.Scheme().Print(a))
	same("tree", func(w *bytes.Buffer) error { return store.WriteTree(s, []storepath.Path{b}, w) }, "nix-store", "-q", "--tree", full)
	same("graph", func(w *bytes.Buffer) error { return store.WriteDot(s, []storepath.Path{b}, w) }, "nix-store", "-q", "--graph", full)
	same("graphml", func(w *bytes.Buffer) error { return store.WriteGraphML(s, []storepath.Path{b}, w) }, "nix-store", "-q", "--graphml", full)
	where := s.Scheme().Print(tree)
	same("ls", func(w *bytes.Buffer) error {
		return store.List(s, where, store.ListOptions{Recursive: true, Long: true}, w)
	}, "nix", "store", "ls", "-lR", where)
	same("cat", func(w *bytes.Buffer) error { return store.Cat(s, where+"/store.go", w) }, "nix", "store", "cat", where+"/store.go")
	var made struct{ Rewrites map[string]string }
	if err := json.Unmarshal([]byte(nix("nix", "store", "make-content-addressed", "--json", full)), &made); err != nil {
		t.Fatal(err)
	}
	ours, err := store.MakeContentAddressed(s, store.NewDummy(s.Scheme(), false), []storepath.Path{b}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made.Rewrites, map[string]string{full: s.Scheme().Print(ours[b])}); diff != "" {
		t.Errorf("make-content-addressed (-reference +glang):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// what it collects and optimises
	if s, err = store.Open(cfg); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.AddPermRoot(b, filepath.Join(dir, "result")); err != nil {
		t.Fatal(err)
	}
	nix("nix-store", "--optimise")
	dead := strings.Fields(nix("nix-store", "--gc", "--print-dead"))
	res, err := s.GC(context.Background(), store.GCOptions{Action: store.GCReturnDead})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dead, res.Paths); diff != "" {
		t.Errorf("dead (-reference +glang):\n%s", diff)
	}
	nix("nix-store", "--gc")
	left, err := s.AllValidPaths()
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	if damaged, err := s.Verify(context.Background(), store.VerifyOptions{CheckContents: true}); damaged || err != nil {
		t.Errorf("damaged: %v, %v", damaged, err)
	}
}
