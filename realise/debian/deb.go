//go:build unix

package debian

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// A .deb is an ar archive of three members: debian-binary, control.tar and
// data.tar, the latter two compressed. Only the data is of interest here.

const arMagic = "!<arch>\n"

// arMember seeks r to the content of the first member whose name begins with
// prefix, and returns its name and size. r stands at the start of the archive.
func arMember(r io.ReadSeeker, prefix string) (name string, size int64, err error) {
	var header [60]byte
	if _, err := io.ReadFull(r, header[:len(arMagic)]); err != nil || string(header[:len(arMagic)]) != arMagic {
		return "", 0, errors.New("not an ar archive")
	}
	for {
		if _, err := io.ReadFull(r, header[:]); err == io.EOF {
			return "", 0, fmt.Errorf("no member '%s' in the ar archive", prefix)
		} else if err != nil {
			return "", 0, fmt.Errorf("reading an ar archive: %w", err)
		}
		if string(header[58:]) != "`\n" {
			return "", 0, errors.New("damaged member header in an ar archive")
		}
		name = strings.TrimRight(strings.TrimSpace(string(header[:16])), "/")
		size, err = strconv.ParseInt(strings.TrimSpace(string(header[48:58])), 10, 64)
		if err != nil || size < 0 {
			return "", 0, fmt.Errorf("damaged size of member '%s' in an ar archive", name)
		}
		if strings.HasPrefix(name, prefix) {
			return name, size, nil
		}
		// Members start at even offsets.
		if _, err := r.Seek(size+size&1, io.SeekCurrent); err != nil {
			return "", 0, err
		}
	}
}

// openDeb gives the files of a .deb as a tar stream. Closing it closes the
// file.
func openDeb(name string) (*tar.Reader, io.Closer, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	_, size, err := arMember(file, "data.tar")
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	content, err := decompress(io.LimitReader(file, size))
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return tar.NewReader(content), closers{content, file}, nil
}

type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, closer := range c {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}

// decompress tells the compression of a stream by its first bytes, not by a
// name, which a store path need not carry. A stream in none of the known
// forms is passed through.
func decompress(r io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	magic, err := buffered.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		// The limit is on the dictionary that a file may make us allocate: xz -9
		// uses 64 MiB.
		reader, err := xz.NewReader(buffered, 128<<20)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(reader), nil
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		decoder, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		return gzip.NewReader(buffered)
	case bytes.HasPrefix(magic, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(buffered)), nil
	}
	return io.NopCloser(buffered), nil
}
