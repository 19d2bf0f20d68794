// Package golden compares what tests produce with files, and with the
// reference implementation.
//
// With -update, files that differ are rewritten, and the difference is
// reviewed as code. With -reference DIR, tests that call [Reference] run the
// same inputs through the tools in DIR as well; without it they skip, unless
// the environment has GLANG_TEST_REQUIRE_REFERENCE, which makes that a failure.
package golden

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	update    = flag.Bool("update", false, "rewrite golden files that differ")
	reference = flag.String("reference", "", "`folder` with the reference implementation's tools")
)

// Inputs lists the files that a pattern matches, by base name without
// extension. None at all fails the test: the pattern must be wrong.
func Inputs(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no inputs match %s", pattern)
	}
	m := map[string]string{}
	for _, f := range files {
		m[strings.TrimSuffix(filepath.Base(f), filepath.Ext(f))] = f
	}
	return m
}

// Check compares got with a file. A file that does not exist is as good as an
// empty one.
func Check(t *testing.T, file string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if bytes.Equal(want, got) {
		return
	}
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("rewrote %s", file)
		return
	}
	t.Errorf("%s differs (-want +got):\n%s", file, cmp.Diff(string(want), string(got)))
}

// Reference gives the path of a tool of the reference implementation and
// skips the test if there is none.
func Reference(t *testing.T, tool string) string {
	t.Helper()
	if *reference == "" {
		if os.Getenv("GLANG_TEST_REQUIRE_REFERENCE") != "" {
			t.Fatal("the reference implementation is required: run with -reference DIR")
		}
		t.Skip("no -reference DIR")
	}
	path := filepath.Join(*reference, tool)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}
