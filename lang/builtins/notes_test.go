package builtins_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/internal/golden"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/eval"
)

// noteTest evaluates a file with notes, or as the reference does without.
func noteTest(t *testing.T, dir, file string, notes bool) (*diag.Error, *eval.Evaluator) {
	t.Helper()
	e, err := eval.New(eval.Options{
		Sources: new(ast.Sources), Builtins: builtins.All(), Overlays: builtins.Overlays(), ReadOnly: true,
		CurrentSystem: "x86_64-linux", Notes: notes,
		NixPath: []eval.SearchEntry{{Prefix: "lib", Path: filepath.Join(dir, "notes-lib")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := e.Machine(context.Background())
	t.Cleanup(m.Close)
	err = m.Do(func() { m.ForceDeep(m.NewValue(m.ImportPath(filepath.Join(dir, filepath.Base(file))))) })
	var d *diag.Error
	if !errors.As(err, &d) {
		t.Fatalf("got %v", err)
	}
	return d, e
}

// TestNotes holds what errors say beyond the reference against files; what
// they say without notes must not change by it.
func TestNotes(t *testing.T) {
	dir := absolute(t, goldenDir)
	for name, file := range golden.Inputs(t, goldenDir+"notes-*.expr") {
		t.Run(name, func(t *testing.T) {
			d, e := noteTest(t, dir, file, true)
			opts := diag.PrintOptions{Notes: true, Library: e.IsLibrary}
			text := diag.Format(d, e.Sources, opts) + "\n" + string(diag.JSON(d, e.Sources, opts)) + "\n"
			golden.Check(t, goldenDir+name+".err.exp", []byte(strings.ReplaceAll(text, dir, "/pwd")))

			plain, pe := noteTest(t, dir, file, false)
			if got, want := diag.Format(d, e.Sources, diag.PrintOptions{}), diag.Format(plain, pe.Sources, diag.PrintOptions{}); got != want {
				t.Errorf("without notes shown:\n%s\nwithout notes made:\n%s", got, want)
			}
			if plain.Notes != nil {
				t.Errorf("notes that nobody asked for: %v", plain.Notes)
			}
		})
	}
}

// A chain of failures is one error for errors.As, whatever was wrapped in it.
func TestNotesErrorsAs(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.nix"), []byte("import ./missing.nix"), 0o666); err != nil {
		t.Fatal(err)
	}
	d, _ := noteTest(t, dir, "a.nix", true)
	if !errors.Is(d, os.ErrNotExist) {
		t.Errorf("%v does not wrap the system's error", d)
	}
}
