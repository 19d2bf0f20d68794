package local

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/seed192a40f6/glang/lang/eval"
)

// Template copies the files of a template into a folder. Files that are there
// are left alone.
type Template struct {
	Files eval.Files
	// Notice is told what is written and what is not, Conflict of files that
	// are there with other contents.
	Notice, Conflict func(string)

	// Written are the files that were made, Conflicts how many stood in the way.
	Written   []string
	Conflicts int
}

// Copy copies a folder of a template.
func (t *Template) Copy(from, to string) error {
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	entries, err := t.Files.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := t.entry(path.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (t *Template) entry(from, to string) error {
	fi, err := t.Files.Lstat(from)
	if err != nil {
		return err
	}
	var contents []byte
	link := fi.Mode()&fs.ModeSymlink != 0
	switch {
	case fi.IsDir():
		return t.Copy(from, to)
	case link:
		var target string
		target, err = t.Files.Readlink(from)
		contents = []byte(target)
	case fi.Mode().IsRegular():
		contents, err = t.Files.ReadFile(from)
	default:
		err = fmt.Errorf("path '%s' needs to be a symlink, file, or directory", from)
	}
	if err != nil {
		return err
	}
	old, err := readEntry(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && bytes.Equal(old, contents):
		t.Notice(fmt.Sprintf("skipping identical file: %s", from))
		return nil
	default:
		t.Conflict(fmt.Sprintf("refusing to overwrite existing file \"%s\"\n please merge it manually with '%s'", to, from))
		t.Conflicts++
		return nil
	}
	if link {
		err = os.Symlink(string(contents), to)
	} else {
		err = os.WriteFile(to, contents, 0o666|fi.Mode().Perm()&0o111)
	}
	if err != nil {
		return err
	}
	t.Written = append(t.Written, to)
	t.Notice(fmt.Sprintf("wrote: \"%s\"", to))
	return nil
}

// readEntry is what a file holds, or where a link points to.
func readEntry(name string) ([]byte, error) {
	fi, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(name)
		return []byte(target), err
	}
	return os.ReadFile(name)
}
