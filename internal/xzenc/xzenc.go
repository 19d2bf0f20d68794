// Package xzenc writes files in the xz format: the library's writer, which
// allocates by the size of its dictionary, with one that fits what is written.
package xzenc

import (
	"bytes"
	"io"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// dictionaries are the sizes, in bytes, that xz has for its levels.
var dictionaries = [...]int{256 << 10, 1 << 20, 2 << 20, 4 << 20, 4 << 20, 8 << 20, 8 << 20, 16 << 20, 32 << 20, 64 << 20}

const (
	defaultLevel = 6
	// smallest is the least dictionary that the format knows.
	smallest = 4 << 10
	// waits is how much is held back until it is certain that a small
	// dictionary will not do: a writer for 8 MB costs 10 ms and 50 MB, and
	// most files are small.
	waits = 1 << 20
	// twice is the size up to which a file is packed in two ways, to keep the
	// shorter text, save at level 0.
	twice = 64 << 10
	// Default stands for the level that xz has by default.
	Default = -1
)

// ways are how bits may be predicted. The format's default is best for most;
// in a few kilobytes there is not enough to learn from for so many contexts.
var ways = [...]lzma.Properties{{LC: 3, LP: 0, PB: 2}, {LC: 0, LP: 0, PB: 0}}

// Writer compresses what is written to it. Close must be called.
type Writer struct {
	w     io.Writer
	level int
	held  []byte     // until zw is made
	zw    *xz.Writer // nil: nothing has been written to w
}

// NewWriter writes a file to w. level is 0 to 9 or Default (6); as in xz it
// says how far back matches are looked for.
func NewWriter(w io.Writer, level int) *Writer {
	if level < 0 || level >= len(dictionaries) {
		level = defaultLevel
	}
	return &Writer{w: w, level: level}
}

// Write compresses p.
func (w *Writer) Write(p []byte) (int, error) {
	if w.zw == nil {
		if len(w.held)+len(p) <= waits {
			w.held = append(w.held, p...)
			return len(p), nil
		}
		if err := w.begin(dictionaries[w.level]); err != nil {
			return 0, err
		}
	}
	return w.zw.Write(p)
}

// begin makes the library's writer and hands it what was held back.
func (w *Writer) begin(dictionary int) error {
	zw, err := xz.WriterConfig{DictCap: dictionary, Properties: &ways[0]}.NewWriter(w.w)
	if err != nil {
		return err
	}
	w.zw = zw
	held := w.held
	w.held = nil
	_, err = zw.Write(held)
	return err
}

// Close finishes the file; it does not close the writer below.
func (w *Writer) Close() error {
	if w.zw != nil {
		return w.zw.Close()
	}
	size := smallest
	for size < len(w.held) {
		size *= 2
	}
	size = min(size, dictionaries[w.level])
	if w.level > 0 && len(w.held) <= twice {
		return w.writeShorter(size)
	}
	if err := w.begin(size); err != nil {
		return err
	}
	return w.zw.Close()
}

// writeShorter packs what was held back in each way and writes the shorter text.
func (w *Writer) writeShorter(dictionary int) error {
	var best []byte
	for i := range ways {
		var b bytes.Buffer
		zw, err := xz.WriterConfig{DictCap: dictionary, Properties: &ways[i]}.NewWriter(&b)
		if err == nil {
			_, err = zw.Write(w.held)
		}
		if err == nil {
			err = zw.Close()
		}
		if err != nil {
			return err
		}
		if i == 0 || b.Len() < len(best) {
			best = b.Bytes()
		}
	}
	_, err := w.w.Write(best)
	return err
}
