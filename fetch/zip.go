//go:build unix

package fetch

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// isZip tells whether a file is a zip archive.
func isZip(r io.ReaderAt) bool {
	var magic [4]byte
	_, err := r.ReadAt(magic[:], 0)
	return err == nil && string(magic[:]) == "PK\x03\x04"
}

// unpackZip unpacks a zip archive into an existing folder and tells the latest
// change of what is in it. Nothing is written outside the folder.
func unpackZip(ctx context.Context, f *os.File, dir string) (modified int64, err error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	z, err := zip.NewReader(f, fi.Size())
	if err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	for _, e := range z.File {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := unpackZipEntry(root, e); err != nil {
			return 0, fmt.Errorf("'%s': %w", e.Name, err)
		}
		modified = max(modified, e.Modified.Unix())
	}
	return modified, nil
}

func unpackZipEntry(root *os.Root, e *zip.File) error {
	name := path.Clean(strings.TrimSuffix(e.Name, "/"))
	if e.FileInfo().IsDir() {
		return root.MkdirAll(name, 0o755)
	}
	if parent := path.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	mode := e.Mode()
	switch {
	case mode&fs.ModeSymlink != 0:
		const maxTarget = 4096
		target, err := io.ReadAll(io.LimitReader(r, maxTarget))
		if err != nil {
			return err
		}
		return root.Symlink(string(target), name)
	case !mode.IsRegular():
		return fmt.Errorf("is of a kind that the store cannot hold (%s)", mode.Type())
	}
	perm := fs.FileMode(0o644)
	if mode&0o111 != 0 {
		perm = 0o755
	}
	w, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}
