package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed192a40f6/glang/realise/sandbox"
)

// TestMain lets the test binary be the program: for scripts, which call it by
// the names that it is known by, and for builds, which start it again.
func TestMain(m *testing.M) {
	takeOver()
	program := func() {
		tuneRuntime()
		os.Exit(run(os.Args))
	}
	names := map[string]func(){"glang": program, "nix": program}
	for _, n := range []string{"nix-instantiate", "nix-build", "nix-store", "nix-env", "nix-hash", "nix-collect-garbage"} {
		names[n] = program
	}
	testscript.Main(m, names)
}

// TestScript runs testdata/script. Each script has a HOME and stores of its
// own. Where builds cannot be sandboxed, [sandbox] does not hold, and scripts
// that build skip; GLANG_REQUIRE_SANDBOX makes that a failure.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			if err := os.Mkdir(home, 0o755); err != nil {
				return err
			}
			dir := func(name string) string { return filepath.Join(e.WorkDir, ".state", name) }
			for name, value := range map[string]string{
				"HOME": home, "NO_COLOR": "1", "TMPDIR": e.WorkDir,
				"GLANG_STORE_DIR": dir("glang/store"),
				"NIX_STORE_DIR":   dir("nix/store"), "NIX_STATE_DIR": dir("nix/var"),
				"NIX_LOG_DIR": dir("nix/log"), "NIX_CONF_DIR": filepath.Join(e.WorkDir, ".conf"), "NIX_PATH": "",
			} {
				e.Setenv(name, value)
			}
			// No test reaches for the network.
			if err := os.MkdirAll(filepath.Join(e.WorkDir, ".conf"), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(filepath.Join(e.WorkDir, ".conf"), "nix.conf"), []byte("substituters =\n"), 0o644); err != nil {
				return err
			}
			e.Defer(func() { makeWritable(e.WorkDir) })
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "sandbox" {
				return false, nil
			}
			err := sandbox.Available()
			if err != nil && os.Getenv("GLANG_REQUIRE_SANDBOX") != "" {
				t.Fatalf("there is no sandbox: %v", err)
			}
			return err == nil, nil
		},
	})
}

// makeWritable lets what is in a store be deleted.
func makeWritable(dir string) {
	_ = filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(name, 0o755)
		}
		return nil
	})
}
