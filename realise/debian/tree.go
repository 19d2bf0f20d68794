//go:build unix

package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Tree is a prefix made of the contents of Debian packages.
type Tree struct {
	// Dir is where the tree is written. It is created and must not exist.
	Dir string
	// Location is where it will lie when it is used.
	Location
	// Links are symbolic links made in addition, such as usr/bin/awk → gawk,
	// which Debian leaves to scripts that run at installation.
	Links map[string]string
	// Cores is how many packages are unpacked at once; 0 means one.
	Cores int
}

// Folders of the old layout, before everything moved below usr.
var oldFolders = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"}

// What is of no use to a build: documents, translations, and what belongs to a
// running system.
var unwanted = []string{
	"etc", "var",
	"usr/share/doc", "usr/share/doc-base", "usr/share/man", "usr/share/info", "usr/share/locale",
	"usr/share/lintian", "usr/share/bug", "usr/share/menu", "usr/share/gdb", "usr/share/bash-completion",
}

// mergeUsr moves a path from the old layout below usr.
func mergeUsr(name string) string {
	first, _, _ := strings.Cut(name, "/")
	if slices.Contains(oldFolders, first) {
		return "usr/" + name
	}
	return name
}

func isUnwanted(name string) bool {
	return slices.ContainsFunc(unwanted, func(dir string) bool {
		return name == dir || strings.HasPrefix(name, dir+"/")
	})
}

// Unpack writes the tree from the named .deb files. Programs are relocated as
// they are written; symbolic links and scripts when all packages are there.
func (t *Tree) Unpack(ctx context.Context, debs []string) error {
	if err := os.Mkdir(t.Dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(t.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	w := &treeWriter{Tree: t, root: root, dirs: map[string]bool{".": true}}
	// The biggest first, so that no core is left with it at the end.
	sizes := map[string]int64{}
	for _, deb := range debs {
		info, err := os.Stat(deb)
		if err != nil {
			return err
		}
		sizes[deb] = info.Size()
	}
	debs = slices.Clone(debs)
	slices.SortFunc(debs, func(a, b string) int { return int(sizes[b] - sizes[a]) })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, t.Cores))
	for _, deb := range debs {
		group.Go(func() error {
			if err := w.unpackDeb(ctx, deb); err != nil {
				return fmt.Errorf("unpacking '%s': %w", deb, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, finish := range []func() error{w.addLinks, w.removeDangling, w.fixScripts} {
		if err := finish(); err != nil {
			return err
		}
	}
	return nil
}

// treeWriter is the state of one Unpack. Everything is written through root,
// which no path in a package can leave.
type treeWriter struct {
	*Tree
	root *os.Root

	mutex   sync.Mutex
	dirs    map[string]bool // made already
	links   []string
	scripts []string
}

func (w *treeWriter) unpackDeb(ctx context.Context, deb string) error {
	archive, closer, err := openDeb(deb)
	if err != nil {
		return err
	}
	defer closer.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.add(header, archive); err != nil {
			return fmt.Errorf("'%s': %w", header.Name, err)
		}
	}
}

// add writes one file of a package.
func (w *treeWriter) add(header *tar.Header, content io.Reader) error {
	original := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
	name := mergeUsr(original)
	if name == "" || isUnwanted(name) {
		return nil
	}
	if header.Typeflag == tar.TypeDir {
		return w.mkdir(name)
	}
	if err := w.mkdir(path.Dir(name)); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeReg:
		return w.addFile(name, header.FileInfo().Mode(), header.Size, content)
	case tar.TypeSymlink:
		w.mutex.Lock()
		w.links = append(w.links, name)
		w.mutex.Unlock()
		return w.root.Symlink(linkTarget(original, header.Linkname), name)
	case tar.TypeLink:
		return w.root.Link(mergeUsr(strings.TrimPrefix(path.Clean("/"+header.Linkname), "/")), name)
	}
	return fmt.Errorf("a file of type '%c' has no place in a package", header.Typeflag)
}

// linkTarget gives the target of a symbolic link at a path of the old layout
// for the new one, always relative.
func linkTarget(name, target string) string {
	if !path.IsAbs(target) {
		target = path.Join("/", path.Dir(name), target)
	}
	to := mergeUsr(strings.TrimPrefix(path.Clean(target), "/"))
	return relative(path.Dir(mergeUsr(name)), to)
}

// relative gives the way from a folder to a path, both below the same root.
func relative(from, to string) string {
	a, b := strings.Split(path.Clean(from), "/"), strings.Split(path.Clean(to), "/")
	if a[0] == "." {
		a = nil
	}
	for len(a) > 0 && len(b) > 1 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return strings.Repeat("../", len(a)) + strings.Join(b, "/")
}

func (w *treeWriter) mkdir(name string) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.dirs[name] {
		return nil
	}
	if err := w.root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	w.dirs[name] = true
	return nil
}

// maxProgram bounds what is held in memory for one program, in bytes: the
// biggest of a compiler has 40 MB.
const maxProgram = 1 << 30

func (w *treeWriter) addFile(name string, mode fs.FileMode, size int64, content io.Reader) error {
	// Which files are relocated shows in their first bytes; only those are held
	// in memory.
	start := make([]byte, min(size, 4))
	if _, err := io.ReadFull(content, start); err != nil {
		return err
	}
	content = io.MultiReader(bytes.NewReader(start), content)
	switch {
	case string(start) == "\x7fELF":
		if size > maxProgram {
			return fmt.Errorf("a program of %d bytes is too big to relocate", size)
		}
		program := make([]byte, size)
		if _, err := io.ReadFull(content, program); err != nil {
			return err
		}
		relocated, err := relocateELF(program, w.Location)
		if err != nil {
			return err
		}
		content = bytes.NewReader(relocated)
	case bytes.HasPrefix(start, []byte("#!")) && mode&0o111 != 0:
		w.mutex.Lock()
		w.scripts = append(w.scripts, name)
		w.mutex.Unlock()
	}
	permissions := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		permissions = 0o755
	}
	file, err := w.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, permissions)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// addLinks makes the additional links and those that stand for the folders of
// the old layout.
func (w *treeWriter) addLinks() error {
	for _, dir := range oldFolders {
		if w.dirs["usr/"+dir] {
			if err := w.root.Symlink("usr/"+dir, dir); err != nil {
				return err
			}
		}
	}
	for name, target := range w.Links {
		if err := w.mkdir(path.Dir(name)); err != nil {
			return err
		}
		if err := w.root.Symlink(target, name); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// removeDangling removes links whose target is in a package, or part of one,
// that the tree does not have. A link to such a link dangles in its turn.
func (w *treeWriter) removeDangling() error {
	for {
		kept := w.links[:0]
		for _, name := range w.links {
			if _, err := w.root.Stat(name); err == nil {
				kept = append(kept, name)
			} else if err := w.root.Remove(name); err != nil {
				return err
			}
		}
		if len(kept) == len(w.links) {
			return nil
		}
		w.links = kept
	}
}

// fixScripts points the first lines of scripts to interpreters in the tree.
// Scripts for an interpreter that it does not have are left alone.
func (w *treeWriter) fixScripts() error {
	for _, name := range w.scripts {
		content, err := w.root.ReadFile(name)
		if err != nil {
			return err
		}
		line, rest, _ := bytes.Cut(content, []byte("\n"))
		words := strings.Fields(strings.TrimPrefix(string(line), "#!"))
		if len(words) > 1 && words[0] == "/usr/bin/env" {
			words = append([]string{"/usr/bin/" + words[1]}, words[2:]...)
		}
		if len(words) == 0 || !path.IsAbs(words[0]) {
			continue
		}
		interpreter := mergeUsr(strings.TrimPrefix(path.Clean(words[0]), "/"))
		if _, err := w.root.Stat(interpreter); err != nil {
			continue
		}
		words[0] = path.Join(w.Prefix, interpreter)
		content = slices.Concat([]byte("#!"+strings.Join(words, " ")+"\n"), rest)
		info, err := w.root.Stat(name)
		if err != nil {
			return err
		}
		if err := w.root.Remove(name); err != nil {
			return err
		}
		if err := w.root.WriteFile(name, content, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}
