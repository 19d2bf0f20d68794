//go:build unix

package debian

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang"
	"github.com/seed192a40f6/glang/realise/shell"
)

// The expressions name the versions of the builders that this program has.
func TestBuilderVersions(t *testing.T) {
	ctx := context.Background()
	ev, err := glang.New(glang.Options{})
	if err != nil {
		t.Fatal(err)
	}
	value, err := ev.Eval(ctx, "import <std/build/builders.expr>")
	if err != nil {
		t.Fatal(ev.FormatError(err))
	}
	var named map[string]string
	if err := value.Decode(ctx, &named); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"debianTree": TreeVersion,
		"unpack":     UnpackVersion,
		"shell":      shell.Version,
		"buildenv":   "1", // fixed by the reference's format of environments
	}
	if diff := cmp.Diff(want, named); diff != "" {
		t.Error(diff)
	}
}

// Every package that the toolchain wants is pinned.
func TestToolchainPinned(t *testing.T) {
	ctx := context.Background()
	ev, err := glang.New(glang.Options{System: "x86_64-linux"})
	if err != nil {
		t.Fatal(err)
	}
	value, err := ev.Eval(ctx, "(import <std> { }).debian.toolchainPackages")
	if err != nil {
		t.Fatal(ev.FormatError(err))
	}
	var packages []string
	if err := value.Decode(ctx, &packages); err != nil {
		t.Fatal(err)
	}
	mirror, err := NewMirror(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range packages {
		if _, ok := mirror.Lock.Packages[name]; !ok || seen[name] {
			t.Errorf("%s is not pinned, or named twice", name)
		}
		seen[name] = true
	}
	if len(packages) == 0 {
		t.Error("no packages")
	}
}
