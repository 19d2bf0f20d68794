//go:build unix

package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed192a40f6/glang/realise"
)

// The versions of the built-in builders below. A derivation names the one it
// was written for in builderVersion, so that its output path changes when the
// builder does; stdlib/build/builders.expr has the same numbers.
const (
	TreeVersion   = "1"
	UnpackVersion = "1"
)

// Builtins are the built-in builders of this package, by the name after
// "builtin:".
//
//	debian-tree   debs, runtime, links → a prefix made of packages (see [Tree])
//	unpack        src → the tree in an archive, without a single folder at its top
func Builtins() map[string]realise.BuiltinFunc {
	return map[string]realise.BuiltinFunc{
		"debian-tree": versioned("debian-tree", TreeVersion, buildTree),
		"unpack":      versioned("unpack", UnpackVersion, unpack),
	}
}

// versioned refuses derivations that were written for another version of a
// builder.
func versioned(name, version string, f realise.BuiltinFunc) realise.BuiltinFunc {
	return func(ctx context.Context, b *realise.BuiltinContext) error {
		if wanted := b.AttrOr("builderVersion", ""); wanted != version {
			return fmt.Errorf("the derivation wants version '%s' of 'builtin:%s', this program has version '%s'", wanted, name, version)
		}
		if b.Outputs["out"] == "" || len(b.Outputs) != 1 {
			return fmt.Errorf("'builtin:%s' makes one output, 'out'", name)
		}
		return f(ctx, b)
	}
}

func buildTree(ctx context.Context, b *realise.BuiltinContext) error {
	list, err := b.Attr("debs")
	if err != nil {
		return err
	}
	var debs []string
	for _, deb := range strings.Fields(list) {
		file, err := b.Input(deb)
		if err != nil {
			return err
		}
		debs = append(debs, file)
	}
	prefix := b.OutputPaths["out"]
	tree := &Tree{
		Dir:      b.Outputs["out"],
		Location: Location{Prefix: prefix, Runtime: b.AttrOr("runtime", "")},
		Links:    map[string]string{},
		Cores:    b.Cores,
	}
	if tree.Runtime == "" {
		tree.Runtime = prefix
	}
	for _, link := range strings.Fields(b.AttrOr("links", "")) {
		name, target, ok := strings.Cut(link, "=")
		if !ok || !fs.ValidPath(name) {
			return fmt.Errorf("'%s' in links is not of the form PATH=TARGET", link)
		}
		tree.Links[name] = target
	}
	return tree.Unpack(ctx, debs)
}

func unpack(ctx context.Context, b *realise.BuiltinContext) error {
	src, err := b.Attr("src")
	if err != nil {
		return err
	}
	name, err := b.Input(src)
	if err != nil {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	dir := filepath.Join(b.TmpDir, "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := realise.UnpackTar(ctx, file, dir); err != nil {
		return fmt.Errorf("unpacking '%s': %w", src, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return errors.New("the archive is empty")
	}
	if len(entries) == 1 && entries[0].IsDir() {
		dir = filepath.Join(dir, entries[0].Name())
	}
	return os.Rename(dir, b.Outputs["out"])
}
