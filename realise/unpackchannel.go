//go:build unix

package realise

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// builtinUnpackChannel unpacks a tarball that holds one directory, under the
// name that the channel shall have.
func builtinUnpackChannel(ctx context.Context, c *BuiltinContext) error {
	name, err := c.Attr("channelName")
	if err != nil {
		return err
	}
	src, err := c.Attr("src")
	if err != nil {
		return err
	}
	if filepath.Base(name) != name || name == "." || name == ".." {
		return fmt.Errorf("channelName is not allowed to contain filesystem separators, got %s", name)
	}
	real, err := c.Input(src)
	if err != nil {
		return err
	}
	out := c.Outputs["out"]
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	f, err := os.Open(real)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := UnpackTar(ctx, f, out); err != nil {
		return fmt.Errorf("failed to extract archive '%s': %w", src, err)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	switch len(entries) {
	case 0:
		return fmt.Errorf("channel tarball '%s' is empty", src)
	case 1:
	default:
		return fmt.Errorf("channel tarball '%s' contains more than one file", src)
	}
	return os.Rename(filepath.Join(out, entries[0].Name()), filepath.Join(out, name))
}

// UnpackTar unpacks a tarball, compressed in whatever way, into an existing
// directory. Nothing is written outside it, and no symlink is followed that
// leads out of it: all goes through an os.Root.
func UnpackTar(ctx context.Context, r io.Reader, dir string) error {
	plain, err := Decompress(r)
	if err != nil {
		return err
	}
	defer plain.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	t := tar.NewReader(plain)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackEntry(root, t, h); err != nil {
			return fmt.Errorf("'%s': %w", h.Name, err)
		}
	}
}

func unpackEntry(root *os.Root, t *tar.Reader, h *tar.Header) error {
	name := path.Clean(strings.TrimLeft(h.Name, "/"))
	if name == "." {
		return nil
	}
	if name == ".." || strings.HasPrefix(name, "../") {
		return errors.New("leads out of the archive")
	}
	if dir := path.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(name, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return nil
	case tar.TypeReg, tar.TypeGNUSparse:
		if err := root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		mode := os.FileMode(0o644)
		if h.Mode&0o100 != 0 {
			mode = 0o755
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, t)
		return errors.Join(err, f.Close())
	case tar.TypeSymlink:
		if err := root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return root.Link(path.Clean(strings.TrimLeft(h.Linkname, "/")), name)
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("has the unsupported type %q", h.Typeflag)
}

// Decompress tells by the first bytes how data is compressed (gzip, bzip2, xz,
// zstd or not at all).
func Decompress(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	magic, err := b.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		return gzip.NewReader(b)
	case bytes.HasPrefix(magic, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(b)), nil
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		x, err := xz.NewReader(b, 0)
		return io.NopCloser(x), err
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(b)
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(b), nil
}
