// Package xzenc writes files in the xz format: the library's writer, which
// allocates by the size of its dictionary, with one that fits what is written.
package xzenc

import (
	"io"

	"github.com/ulikunitz/xz"
)

// dictionaries are the sizes, in bytes, that xz has for its levels.
var dictionaries = [...]int{1: 1 << 20, 2 << 20, 4 << 20, 4 << 20, 8 << 20, 8 << 20, 16 << 20, 32 << 20, 64 << 20}

const (
	defaultLevel = 6
	// smallest is the least dictionary that the format knows.
	smallest = 4 << 10
	// waits is how much is held back until it is certain that a small
	// dictionary will not do: a writer for 8 MB costs 10 ms and 50 MB, and
	// most files are small.
	waits = 1 << 20
)

// Writer compresses what is written to it. Close must be called.
type Writer struct {
	w     io.Writer
	level int
	held  []byte     // until zw is made
	zw    *xz.Writer // nil: nothing has been written to w
}

// NewWriter writes a file to w. level is 1 to 9, 0 being the default (6); as in
// xz it says how far back matches are looked for.
func NewWriter(w io.Writer, level int) *Writer {
	if level < 1 || level >= len(dictionaries) {
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
	zw, err := xz.WriterConfig{DictCap: dictionary}.NewWriter(w.w)
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
	if w.zw == nil {
		size := smallest
		for size < len(w.held) {
			size *= 2
		}
		if err := w.begin(min(size, dictionaries[w.level])); err != nil {
			return err
		}
	}
	return w.zw.Close()
}
