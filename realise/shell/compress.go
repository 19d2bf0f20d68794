package shell

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/seed192a40f6/glang/internal/xzenc"
)

// decompressor recognises a compressed stream by its first bytes; what is not
// compressed comes through as it is, with format "".
func decompressor(r io.Reader) (out io.Reader, format string, err error) {
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(6)
	if err != nil && err != io.EOF {
		return nil, "", err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		zr, err := gzip.NewReader(br)
		return zr, "gzip", err
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		zr, err := xz.NewReader(br, xz.DefaultDictMax)
		return zr, "xz", err
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(br), "bzip2", nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		zr, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, "", err
		}
		return zr.IOReadCloser(), "zstd", nil
	}
	return br, "", nil
}

// compressor compresses in one of the formats that can be written.
func compressor(w io.Writer, format string, level int) (io.WriteCloser, error) {
	switch format {
	case "gzip":
		if level == 0 {
			level = 6
		}
		return gzip.NewWriterLevel(w, level)
	case "zstd":
		if level == 0 {
			level = 3
		}
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)), zstd.WithEncoderConcurrency(1))
	}
	if format == "xz" {
		if level == 0 {
			level = xzenc.Default
		}
		return xzenc.NewWriter(w, level), nil
	}
	return nil, fmt.Errorf("compressing with %s is not supported", format)
}

// compress is gzip, zstd, and all that decompresses.
func (c *call) compress() int {
	opts, files := c.getopt("cdfknNqtv123456789r", "stdout=c to-stdout=c decompress=d uncompress=d force=f keep=k no-name=n name=N quiet=q test=t verbose=v best=9 fast=1 rm=R")
	format, ext := "gzip", ".gz"
	switch {
	case strings.Contains(c.name, "xz"):
		format, ext = "xz", ".xz"
	case strings.Contains(c.name, "bz"):
		format, ext = "bzip2", ".bz2"
	case strings.Contains(c.name, "zstd"):
		format, ext = "zstd", ".zst"
	}
	decompress := opts.has('d') || opts.has('t') || strings.HasPrefix(c.name, "un") || strings.Contains(c.name, "un") || strings.HasSuffix(c.name, "cat")
	toStdout := opts.has('c') || strings.HasSuffix(c.name, "cat")
	keep := opts.has('k') || format == "zstd" && !opts.has('R')
	level := 0
	for _, o := range opts {
		if o.letter >= '1' && o.letter <= '9' {
			level = int(o.letter - '0')
		}
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		err := c.compressFile(name, format, ext, decompress, toStdout || name == "-", opts.has('t'), keep, opts.has('f'), level)
		if errors.Is(err, errPipe) {
			return 141
		}
		if err != nil {
			c.fileErr(name, err)
		}
	}
	return 0
}

func (c *call) compressFile(name, format, ext string, decompress, toStdout, test, keep, force bool, level int) error {
	in := c.Stdin
	path := c.path(name)
	var mode os.FileMode = 0o666
	if name != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if fi, err := f.Stat(); err == nil {
			if fi.IsDir() {
				return errors.New("is a directory -- ignored")
			}
			mode = fi.Mode().Perm()
		}
		in = f
	}
	var out io.Writer = c.Stdout
	target := ""
	switch {
	case test:
		out = io.Discard
	case toStdout:
	default:
		target = path + ext
		if decompress {
			target = strings.TrimSuffix(path, ext)
			if t, ok := strings.CutSuffix(path, ".t"+ext[1:]); ok {
				target = t + ".tar"
			}
			if target == path {
				return errors.New("unknown suffix -- ignored")
			}
		}
		flags := os.O_CREATE | os.O_WRONLY | os.O_EXCL
		if force {
			flags = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
		}
		f, err := os.OpenFile(target, flags, mode)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	err := func() error {
		if decompress {
			r, found, err := decompressor(in)
			if err != nil {
				return err
			}
			if found == "" && !(force && toStdout) {
				return fmt.Errorf("not in %s format", format)
			}
			_, err = io.Copy(out, r)
			return err
		}
		w, err := compressor(out, format, level)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, in); err != nil {
			return err
		}
		return w.Close()
	}()
	if err != nil {
		if target != "" {
			os.Remove(target)
		}
		return err
	}
	if target != "" && !keep {
		return os.Remove(path)
	}
	return nil
}
