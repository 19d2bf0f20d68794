package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
	"github.com/seed192a40f6/glang/local"
)

// observed evaluates a text with a session of its own.
func observed(t *testing.T, text string, cfg local.EvalConfig) *eval.Evaluator {
	t.Helper()
	dir := t.TempDir()
	env := local.Env{UID: os.Geteuid(), Cwd: dir, Lookup: func(name string) (string, bool) { return dir, name == "HOME" }}
	s, err := local.Open(local.NewSettings(), local.FindDirs(env, false), env, "dummy://", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	e, err := s.Evaluator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m := e.Machine(context.Background())
	defer m.Close()
	src := &ast.Source{Path: "/work.nix", Text: func() ([]byte, error) { return []byte(text), nil }}
	err = m.Do(func() {
		node, err := m.Parse(src, []byte(text), "/")
		if err != nil {
			m.FailErr(ast.NoPos, err)
		}
		m.ForceDeep(m.NewValue(m.Eval(node)))
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const profiledText = `let
  fib = n: if n < 2 then n else fib (n - 1) + fib (n - 2);
  big = n: builtins.concatStringsSep "," (builtins.genList (i: "${toString i} ${toString n}") 2000);
in {
  slow = fib 25;
  large = map big (builtins.genList (i: i) 40);
}`

func TestProfile(t *testing.T) {
	p := local.NewProfile()
	observed(t, profiledText, local.EvalConfig{Profile: p})
	file := filepath.Join(t.TempDir(), "profile.pb.gz")
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	parsed, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.CheckValid(); err != nil {
		t.Error(err)
	}
	top := func(index string) string {
		cmd := exec.Command("go", "tool", "pprof", "-top", "-cum", "-sample_index="+index, file)
		cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go tool pprof: %v\n%s", err, out)
		}
		return string(out)
	}
	for index, want := range map[string]string{
		"cpu":         `(?m) fib /work\.nix:2$`,
		"alloc_space": `(?m) big /work\.nix:3$`,
	} {
		if got := top(index); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: nothing like %s in\n%s", index, want, got)
		}
	}
}

func TestStats(t *testing.T) {
	s := local.NewStats(true)
	e := observed(t, "let f = x: x + 1; s = { a = 1; } // { b = 2; c = 3; }; in map f [ 1 2 3 ] ++ [ s.a ]", local.EvalConfig{Stats: s})
	var b bytes.Buffer
	if err := s.Write(&b, e); err != nil {
		t.Fatal(err)
	}
	var got struct {
		NrFunctionCalls, NrPrimOpCalls, NrOpUpdates, NrLookups int
		NrOpUpdateValuesCopied                                 int
		NrExprs                                                int
		Envs, List, Sets, Values                               map[string]int
		Primops                                                map[string]int
		Functions                                              []struct {
			Name         string
			File         string
			Line, Column int
			Count        int
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.NrFunctionCalls != 3 || got.NrPrimOpCalls != 1 || got.NrOpUpdates != 1 || got.NrOpUpdateValuesCopied != 3 || got.NrLookups != 1 || got.NrExprs < 20 || got.Values["number"] < 7 ||
		got.List["concats"] != 1 || got.List["elements"] != 11 || got.Sets["number"] != 2 || got.Envs["number"] != 4 || got.Primops["map"] != 1 {
		t.Errorf("got %s", b.String())
	}
	if f := got.Functions; len(f) != 1 || f[0].Name != "f" || f[0].Line != 1 || f[0].Column != 9 || f[0].Count != 3 || !strings.HasSuffix(f[0].File, "/work.nix") {
		t.Errorf("functions: %+v", f)
	}
}
