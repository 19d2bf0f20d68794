package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed192a40f6/glang/store/nar"
)

// lister prints what is in a tree, for store ls and nar ls.
type lister struct {
	app                                  *app
	asJSON, recursive, long, directories bool
}

func (l *lister) flags(f *flagSet) {
	f.boolean(&l.asJSON, "json", "print JSON")
	f.boolean(&l.recursive, "recursive,R", "list what is in folders too")
	f.boolean(&l.long, "long,l", "show types and sizes")
	f.boolean(&l.directories, "directory,d", "show folders instead of what is in them")
}

func (l *lister) list(t nar.Tree, name string) error {
	if l.asJSON {
		if l.directories {
			return usagef("'--directory' is useless with '--json'")
		}
		n, err := nar.ListTree(t, name, l.recursive)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("path '%s' does not exist", name)
		}
		if err != nil {
			return err
		}
		return l.json(n)
	}
	fi, err := t.Lstat(name)
	if err != nil {
		return err
	}
	if fi.IsDir() && !l.directories {
		return l.dir(t, name, ".")
	}
	shown := path.Base(name)
	if fi.IsDir() {
		shown = "."
	}
	return l.entry(t, name, shown, fi)
}

// archiveJSON describes a path in an archive, offsets included.
func (l *lister) archiveJSON(file, name string) error {
	if l.directories {
		return usagef("'--directory' is useless with '--json'")
	}
	in, err := os.Open(file)
	if err != nil {
		return sysError("opening NAR file", file, err)
	}
	defer in.Close()
	n, err := nar.List(in)
	if err != nil {
		return err
	}
	for part := range strings.SplitSeq(strings.Trim(path.Clean("/"+name), "/"), "/") {
		if part == "" {
			break
		}
		if n = n.Entries[part]; n == nil {
			return fmt.Errorf("path '%s' does not exist", path.Clean("/"+name))
		}
	}
	return l.json(n)
}

// json prints a node: of a folder, unless recursive, only the names in it.
func (l *lister) json(n *nar.Node) error {
	var v any = n
	if n.Type == nar.Directory && !l.recursive {
		entries := map[string]any{}
		for e := range n.Entries {
			entries[e] = struct{}{}
		}
		v = map[string]any{"type": "directory", "entries": entries}
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.app.println(string(text))
	return nil
}

func (l *lister) dir(t nar.Tree, name, shown string) error {
	entries, err := t.ReadDir(name)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		fi, err := t.Lstat(name + "/" + e.Name())
		if err != nil {
			return err
		}
		if err := l.entry(t, name+"/"+e.Name(), shown+"/"+e.Name(), fi); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) entry(t nar.Tree, name, shown string, fi fs.FileInfo) error {
	if l.long {
		mode, size := "dr-xr-xr-x", int64(0)
		switch {
		case fi.Mode()&fs.ModeSymlink != 0:
			mode = "lrwxrwxrwx"
		case fi.Mode().IsRegular():
			mode, size = "-r--r--r--", fi.Size()
			if fi.Mode()&0o100 != 0 {
				mode = "-r-xr-xr-x"
			}
		}
		l.app.printf("%s %20d %s", mode, size, shown)
		if fi.Mode()&fs.ModeSymlink != 0 {
			target, err := t.Readlink(name)
			if err != nil {
				return err
			}
			l.app.print(" -> ", target)
		}
		l.app.println()
	} else {
		l.app.println(shown)
	}
	if l.recursive && fi.IsDir() {
		return l.dir(t, name, shown)
	}
	return nil
}

// catTree prints a regular file of an archive; shown is its name for messages.
func (a *app) catTree(t nar.Tree, name, shown string) error {
	fi, err := t.Lstat(name)
	if err != nil || !fi.Mode().IsRegular() {
		return fmt.Errorf("NAR does not contain regular file '%s'", "/"+strings.TrimPrefix(shown, "/"))
	}
	file, err := t.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return a.copyOut(file)
}

// copyOut copies to standard output.
func (a *app) copyOut(r io.Reader) error {
	_, err := io.Copy(a.stdout, r)
	return err
}

func (a *app) narCommand() *cobra.Command {
	return a.family(groupUtility, "nar", "make archives and look into them", a.narDump(), a.narLs(), a.narCat())
}

func (a *app) narDump() *cobra.Command {
	c := a.command("", "pack PATH", "write the archive of a path to standard output", "", func(f *flagSet) func() error {
		return func() error {
			if len(f.args) != 1 {
				return usagef("one path expected")
			}
			return nar.DumpTree(a.stdout, a.files(), f.args[0], nil)
		}
	})
	c.Aliases = []string{"dump-path"}
	return c
}

// unpacked restores an archive to a scratch folder, for nar ls and nar cat.
func unpacked(file string, use func(t nar.Tree, root string) error) error {
	in, err := os.Open(file)
	if err != nil {
		return sysError("opening NAR file", file, err)
	}
	defer in.Close()
	dir, err := os.MkdirTemp("", "glang-nar-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := nar.Restore(in, dir+"/nar"); err != nil {
		return err
	}
	return use(nar.OS(), dir+"/nar")
}

func (a *app) narLs() *cobra.Command {
	return a.command("", "ls FILE PATH", "list what is in an archive", "", func(f *flagSet) func() error {
		l := &lister{app: a}
		l.flags(f)
		return func() error {
			if len(f.args) != 2 {
				return usagef("a file and a path expected")
			}
			if l.asJSON {
				return l.archiveJSON(f.args[0], f.args[1])
			}
			return unpacked(f.args[0], func(t nar.Tree, root string) error {
				return l.list(t, path.Join(root, path.Clean("/"+f.args[1])))
			})
		}
	})
}

func (a *app) narCat() *cobra.Command {
	return a.command("", "cat FILE PATH", "print a file in an archive", "", func(f *flagSet) func() error {
		return func() error {
			if len(f.args) != 2 {
				return usagef("a file and a path expected")
			}
			return unpacked(f.args[0], func(t nar.Tree, root string) error {
				return a.catTree(t, path.Join(root, path.Clean("/"+f.args[1])), f.args[1])
			})
		}
	})
}
