package builtins_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/internal/golden"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

const (
	goldenDir    = "../../tests/golden/"
	agreementDir = "../../tests/agreement/"
)

// features are the experimental features that the tests turn on.
var features = map[string]bool{"flakes": true, "fetch-tree": true, "fetch-closure": true, "dynamic-derivations": true}

// evaluate does what nix-instantiate --eval --strict --show-trace does with an
// expression; relative paths in it start from dir. Without a text it reads the
// source's file, whose tree is packed then.
func evaluate(t *testing.T, text []byte, src *ast.Source, dir string) (stdout, stderr string) {
	t.Helper()
	var errs strings.Builder
	sources := new(ast.Sources)
	e, err := eval.New(eval.Options{
		Sources: sources, Builtins: builtins.All(), Overlays: builtins.Overlays(),
		ReadOnly: true, CurrentSystem: "x86_64-linux", ExperimentalFeatures: features, ShowTrace: true,
		Trace: func(line string) { errs.WriteString(line + "\n") },
		Warn: func(w *diag.Error) {
			diag.Print(&errs, w, sources, diag.PrintOptions{Level: diag.LevelWarn})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := e.Machine(context.Background())
	defer m.Close()
	err = m.Do(func() {
		var node ast.Node
		if text == nil {
			node = m.ParseFile(src.Path)
		} else {
			src.Size = len(text)
			src.Text = func() ([]byte, error) { return text, nil }
			if node, err = m.Parse(src, text, dir); err != nil {
				m.FailErr(ast.NoPos, err)
			}
		}
		v := m.NewValue(m.Eval(node))
		m.ForceDeep(v)
		stdout = m.PrintAmbiguous(v, false) + "\n"
	})
	if err != nil {
		stdout = ""
		diag.Print(&errs, err, sources, diag.PrintOptions{ShowTrace: true})
	}
	return stdout, errs.String()
}

func absolute(t *testing.T, dir string) string {
	t.Helper()
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// TestGolden evaluates whole files.
func TestGolden(t *testing.T) {
	dir := absolute(t, goldenDir)
	for name, file := range golden.Inputs(t, goldenDir+"eval-*.expr") {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			src := &ast.Source{Origin: ast.FromFile, Path: filepath.Join(dir, filepath.Base(file))}
			stdout, stderr := evaluate(t, text, src, dir)
			if ok := strings.HasPrefix(name, "eval-okay-"); ok != (stdout != "") {
				t.Errorf("evaluated: %v; standard error: %s", stdout != "", stderr)
			}
			golden.Check(t, goldenDir+name+".exp", []byte(strings.ReplaceAll(stdout, dir, "/pwd")))
			golden.Check(t, goldenDir+name+".err.exp", []byte(strings.ReplaceAll(stderr, dir, "/pwd")))
			if out, errs := evaluate(t, nil, src, dir); out != stdout || errs != stderr {
				t.Errorf("as a file: %s%s", out, errs)
			}
		})
	}
}

// oneLiners are the expressions of a file of the agreement test.
func oneLiners(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// TestOneLiners holds the results of tests/agreement/*.txt against files that
// agreed with the reference.
func TestOneLiners(t *testing.T) {
	dir := absolute(t, agreementDir)
	for name, file := range golden.Inputs(t, agreementDir+"*.txt") {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, expr := range oneLiners(t, file) {
				stdout, stderr := evaluate(t, []byte(expr), &ast.Source{Origin: ast.FromString}, dir)
				b.WriteString("=== " + expr + "\n" + stdout + stderr)
			}
			golden.Check(t, agreementDir+name+".exp", []byte(strings.ReplaceAll(b.String(), dir, "/pwd")))
		})
	}
}

// TestAgreement asks the reference for the same. What it says besides the
// result, such as how to call it, is left out.
func TestAgreement(t *testing.T) {
	tool := golden.Reference(t, "nix-instantiate")
	dir := absolute(t, agreementDir)
	for _, file := range golden.Inputs(t, agreementDir+"*.txt") {
		for _, expr := range oneLiners(t, file) {
			cmd := exec.Command(tool, "--eval", "--strict", "--show-trace", "-E", expr)
			var stdout, stderr bytes.Buffer
			cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
			cmd.Env = append(os.Environ(), "NIX_PATH=", "NIX_REMOTE=dummy://", "NIX_CONFIG=experimental-features = flakes fetch-tree fetch-closure dynamic-derivations")
			_ = cmd.Run() // failing is what many of the expressions are for
			wantErr := strings.TrimSuffix(stderr.String(), "Try 'nix-instantiate --help' for more information.\n")
			gotOut, gotErr := evaluate(t, []byte(expr), &ast.Source{Origin: ast.FromString}, dir)
			if diff := cmp.Diff(stdout.String()+wantErr, gotOut+gotErr); diff != "" {
				t.Errorf("%s\nthe reference differs (-reference +ours):\n%s", expr, diff)
			}
		}
	}
}
