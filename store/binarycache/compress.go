package binarycache

import (
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/seed192a40f6/glang/internal/xzenc"
)

// extensions are the endings of archives by compression; all the others that
// the format knows can neither be read nor written here.
var extensions = map[string]string{"none": "", "xz": ".xz", "bzip2": ".bz2", "zstd": ".zst", "gzip": "", "br": ".br"}

// decompress reads what was compressed in the way of that name.
func decompress(r io.Reader, compression string) (io.Reader, error) {
	switch compression {
	case "none", "":
		return r, nil
	case "xz":
		return xz.NewReader(r, xz.DefaultDictMax)
	case "bzip2":
		return bzip2.NewReader(r, nil)
	case "br":
		return brotli.NewReader(r), nil
	case "gzip":
		return gzip.NewReader(r)
	case "zstd":
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	}
	return nil, fmt.Errorf("unknown compression method '%s'", compression)
}

// compress writes in the way of that name; a level below 0 is its default.
func compress(w io.Writer, compression string, level int) (io.WriteCloser, error) {
	switch compression {
	case "none", "":
		return nopCloser{w}, nil
	case "xz":
		return xzenc.NewWriter(w, level), nil
	case "gzip":
		if level < 0 {
			level = gzip.DefaultCompression
		}
		return gzip.NewWriterLevel(w, level)
	case "bzip2":
		if level < 0 {
			level = bzip2.DefaultCompression
		}
		return bzip2.NewWriter(w, &bzip2.WriterConfig{Level: max(level, bzip2.BestSpeed)})
	case "br":
		if level < 0 {
			level = brotli.DefaultCompression
		}
		return brotli.NewWriterLevel(w, level), nil
	case "zstd":
		if level < 0 {
			level = 3
		}
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)))
	}
	return nil, fmt.Errorf("compressing with '%s' is not supported", compression)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
