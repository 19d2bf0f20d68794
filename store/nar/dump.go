package nar

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Tree is where files are dumped from. Names are whatever Dump is given, with
// the names of entries joined to them by slashes.
type Tree interface {
	// Open opens a regular file for reading.
	Open(name string) (fs.File, error)
	// Lstat describes what is at name itself, be it a symbolic link.
	Lstat(name string) (fs.FileInfo, error)
	// ReadDir lists a directory in any order.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Readlink is the target of a symbolic link.
	Readlink(name string) (string, error)
}

// Filter tells whether an entry is to be part of the archive. It is asked
// about each entry below the root, with its path and what Lstat says, and not
// about what is inside a directory it rejected.
type Filter func(path string, fi fs.FileInfo) bool

// Dump writes the archive of what is at path, without following symbolic
// links. A nil filter takes everything.
func Dump(w io.Writer, path string, filter Filter) error {
	return DumpTree(w, osTree{}, path, filter)
}

// DumpTree is [Dump] from any tree.
func DumpTree(w io.Writer, t Tree, path string, filter Filter) error {
	fi, err := t.Lstat(path)
	if err != nil {
		return err
	}
	d := dumper{e: newEncoder(w), t: t, filter: filter}
	d.e.str(magic)
	if err := d.node(path, fi.Mode(), 0); err != nil {
		return err
	}
	return d.e.finish()
}

// DumpFS is [Dump] of name in an [io/fs.FS]; it must be an
// [io/fs.ReadLinkFS] if there are symbolic links.
func DumpFS(w io.Writer, fsys fs.FS, name string, filter Filter) error {
	return DumpTree(w, fsTree{fsys}, name, filter)
}

// DumpString writes the archive of a regular file with the given contents,
// not executable.
func DumpString(w io.Writer, contents string) error {
	e := newEncoder(w)
	e.str(magic)
	e.contentsHeader(false, int64(len(contents)))
	e.contents(strings.NewReader(contents), int64(len(contents)), "")
	e.str(")")
	return e.finish()
}

type dumper struct {
	e      *encoder
	t      Tree
	filter Filter
}

// node dumps one node; recursion is bounded by MaxDepth.
func (d *dumper) node(name string, mode fs.FileMode, depth int) error {
	if depth >= MaxDepth {
		return fmt.Errorf("path '%s' exceeds maximum NAR directory depth of %d", name, MaxDepth)
	}
	switch mode.Type() {
	case 0:
		return d.regular(name)
	case fs.ModeDir:
		return d.dir(name, depth)
	case fs.ModeSymlink:
		target, err := d.t.Readlink(name)
		if err != nil {
			return err
		}
		d.e.str("(", "type", "symlink", "target", target, ")")
		return d.e.err
	}
	return fmt.Errorf("file '%s' has an unsupported type", name)
}

func (d *dumper) regular(name string) error {
	if _, ok := d.t.(osTree); ok {
		return d.osRegular(name)
	}
	f, err := d.t.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("file '%s' changed its type while it was being read", name)
	}
	return d.contents(name, f, fi.Mode()&0o100 != 0, fi.Size())
}

func (d *dumper) contents(name string, f io.Reader, executable bool, size int64) error {
	d.e.contentsHeader(executable, size)
	d.e.contents(f, size, name)
	d.e.str(")")
	return d.e.err
}

func (d *dumper) dir(name string, depth int) error {
	entries, err := d.t.ReadDir(name)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	d.e.str("(", "type", "directory")
	for _, entry := range entries {
		child := path.Join(name, entry.Name())
		mode := entry.Type()
		if d.filter != nil || mode&fs.ModeIrregular != 0 {
			fi, err := entry.Info()
			if err != nil {
				return err
			}
			if d.filter != nil && !d.filter(child, fi) {
				continue
			}
			mode = fi.Mode()
		}
		if len(entry.Name()) > MaxName {
			return fmt.Errorf("invalid file name '%s'", entry.Name())
		}
		d.e.str("entry", "(", "name", entry.Name(), "node")
		if err := d.node(child, mode, depth+1); err != nil {
			return err
		}
		d.e.str(")")
	}
	d.e.str(")")
	return d.e.err
}

// osTree is the file system of the machine.
type osTree struct{}

func (osTree) Open(name string) (fs.File, error)          { return os.Open(name) }
func (osTree) Lstat(name string) (fs.FileInfo, error)     { return os.Lstat(name) }
func (osTree) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osTree) Readlink(name string) (string, error)       { return os.Readlink(name) }

type fsTree struct{ fs.FS }

func (t fsTree) Lstat(name string) (fs.FileInfo, error)     { return fs.Lstat(t.FS, name) }
func (t fsTree) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.FS, name) }
func (t fsTree) Readlink(name string) (string, error)       { return fs.ReadLink(t.FS, name) }
