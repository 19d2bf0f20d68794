package nar

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Restore makes dest, which must not exist, from the archive that r yields.
// Files get the mode 0666 or 0777 and directories 0777, less the umask.
//
// Every file is created in a directory that is held open, by one name that
// must not exist yet, so no symbolic link, from the archive or put there by
// others, leads anywhere else. The directory of dest must belong to the
// caller. After an error, what has been made stays; the caller removes it.
func Restore(r io.Reader, dest string) error {
	return RestoreReader(NewReader(r), dest)
}

// RestoreReader is [Restore] from a Reader at its start.
func RestoreReader(nr *Reader, dest string) error { return restore(nr, dest, false) }

// RestoreCaseHack is [Restore] for a file system that may not tell names by
// case: see [WithoutCaseHack].
func RestoreCaseHack(r io.Reader, dest string) error { return restore(NewReader(r), dest, true) }

func restore(nr *Reader, dest string, caseHack bool) error {
	parent, err := os.OpenRoot(filepath.Dir(dest))
	if err != nil {
		return err
	}
	// stack holds the open directories from the parent of dest to the one
	// being filled.
	stack := []*os.Root{parent}
	var names []caseNames // of the directories in stack
	if caseHack {
		names = append(names, caseNames{})
	}
	defer func() {
		for _, d := range stack {
			d.Close()
		}
	}()
	for {
		h, err := nr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name, depth := filepath.Base(dest), 0
		if h.Path != "" {
			name = h.Path[strings.LastIndexByte(h.Path, '/')+1:]
			depth = strings.Count(h.Path, "/") + 1
		}
		for len(stack) > depth+1 {
			stack[len(stack)-1].Close()
			stack = stack[:len(stack)-1]
		}
		dir := stack[len(stack)-1]
		if caseHack {
			names = names[:len(stack)]
			if h.Path != "" {
				if name, err = names[len(names)-1].hack(name); err != nil {
					return err
				}
			}
		}
		switch h.Type {
		case Regular:
			err = restoreFile(dir, name, nr, h)
		case Symlink:
			err = dir.Symlink(h.Target, name)
		case Directory:
			var sub *os.Root
			if err = dir.Mkdir(name, 0o777); err == nil {
				if sub, err = dir.OpenRoot(name); err == nil {
					stack = append(stack, sub)
					if caseHack {
						names = append(names, caseNames{})
					}
				}
			}
		}
		if err != nil {
			return fmt.Errorf("restoring '%s': %w", filepath.Join(dest, h.Path), err)
		}
	}
}

func restoreFile(dir *os.Root, name string, nr *Reader, h *Header) error {
	mode := os.FileMode(0o666)
	if h.Executable {
		mode = 0o777
	}
	f, err := dir.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = nr.WriteTo(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
