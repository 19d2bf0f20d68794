package nar

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
)

// encoder writes the strings of an archive; its first error sticks. Short
// strings are gathered in buf and go out with the next contents.
type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

const encoderBuffer = 32 << 10

// buffers are of encoders that are done: evaluation makes an archive of every
// small file that it copies to the store.
var buffers = sync.Pool{New: func() any { return new([encoderBuffer + 1024]byte) }}

func newEncoder(w io.Writer) *encoder {
	return &encoder{w: w, buf: buffers.Get().(*[encoderBuffer + 1024]byte)[:0]}
}

// finish sends what is left and gives the buffer back.
func (e *encoder) finish() error {
	e.flush()
	if cap(e.buf) == encoderBuffer+1024 {
		buffers.Put((*[encoderBuffer + 1024]byte)(e.buf[:cap(e.buf)]))
	}
	e.buf = nil
	return e.err
}

func (e *encoder) str(ss ...string) {
	for _, s := range ss {
		e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(len(s)))
		e.buf = append(e.buf, s...)
		e.pad(uint64(len(s)))
	}
	if len(e.buf) >= encoderBuffer {
		e.flush()
	}
}

func (e *encoder) pad(n uint64) {
	const zeros = "\x00\x00\x00\x00\x00\x00\x00"
	e.buf = append(e.buf, zeros[:padding(n)]...)
}

func (e *encoder) flush() {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

// contentsHeader writes the beginning of a regular file.
func (e *encoder) contentsHeader(executable bool, size int64) {
	e.str("(", "type", "regular")
	if executable {
		e.str("executable", "")
	}
	e.str("contents")
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(size))
}

// contents copies exactly size bytes from r. Small files travel in buf, so
// that a tree of them does not become a write each.
func (e *encoder) contents(r io.Reader, size int64, path string) {
	if e.err != nil {
		return
	}
	left := size
	for left > 0 {
		if len(e.buf) >= encoderBuffer {
			if e.flush(); e.err != nil {
				return
			}
		}
		room := e.buf[len(e.buf):encoderBuffer]
		if int64(len(room)) > left {
			room = room[:left]
		}
		n, err := io.ReadFull(r, room)
		e.buf = e.buf[:len(e.buf)+n]
		left -= int64(n)
		if err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				err = fmt.Errorf("file '%s' changed while it was being read: %d bytes are missing", path, left)
			}
			e.err = err
			return
		}
	}
	e.pad(uint64(size))
}

// Writer writes an archive node by node: WriteHeader, and Write for the
// contents of regular files. Nodes come in the order of the archive, each
// after the directory it is in and entries sorted by name.
type Writer struct {
	e     *encoder
	left  int64
	size  int64
	dirs  []dir
	path  string // of the innermost directory
	begun bool
	done  bool // the root is no directory and has been written
	file  bool // a regular file is open
}

// NewWriter writes an archive to w.
func NewWriter(w io.Writer) *Writer { return &Writer{e: newEncoder(w)} }

// WriteHeader begins a node. Offset is ignored.
func (w *Writer) WriteHeader(h *Header) error {
	if err := w.endFile(); err != nil {
		return err
	}
	if !w.begun {
		if h.Path != "" {
			return fmt.Errorf("nar: first node is '%s', not the root", h.Path)
		}
		w.begun = true
		w.e.str(magic)
	} else if err := w.beginEntry(h.Path); err != nil {
		return err
	}
	if len(w.dirs) >= MaxDepth {
		return fmt.Errorf("path '%s' exceeds maximum NAR directory depth of %d", h.Path, MaxDepth)
	}
	switch h.Type {
	case Regular:
		w.e.contentsHeader(h.Executable, h.Size)
		w.left, w.size, w.file = h.Size, h.Size, true
	case Directory:
		w.e.str("(", "type", "directory")
		w.dirs = append(w.dirs, dir{pathLen: len(h.Path)})
		w.path = h.Path
	case Symlink:
		if h.Target == "" || len(h.Target) > MaxTarget || strings.IndexByte(h.Target, 0) >= 0 {
			return fmt.Errorf("invalid target of symbolic link '%s'", h.Path)
		}
		w.e.str("(", "type", "symlink", "target", h.Target, ")")
		w.endNode()
	}
	return w.e.err
}

// beginEntry closes directories until the one that path is in is open.
func (w *Writer) beginEntry(path string) error {
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	for len(w.dirs) > 0 && w.path != parent {
		w.endDir()
	}
	if len(w.dirs) == 0 {
		return fmt.Errorf("nar: '%s' does not come after its directory", path)
	}
	if !validName(name) || len(name) > MaxName {
		return fmt.Errorf("invalid file name '%s'", name)
	}
	d := &w.dirs[len(w.dirs)-1]
	if name <= d.prev {
		return fmt.Errorf("nar: '%s' comes after '%s' in its directory", name, d.prev)
	}
	d.prev = name
	w.e.str("entry", "(", "name", name, "node")
	return nil
}

// Write adds to the contents of the regular file at hand.
func (w *Writer) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left || !w.file {
		return 0, fmt.Errorf("nar: contents are longer than announced")
	}
	w.left -= int64(len(p))
	if len(p) < 4096 {
		w.e.buf = append(w.e.buf, p...)
		if len(w.e.buf) >= encoderBuffer {
			w.e.flush()
		}
		return len(p), w.e.err
	}
	w.e.flush()
	if w.e.err != nil {
		return 0, w.e.err
	}
	var n int
	n, w.e.err = w.e.w.Write(p)
	return n, w.e.err
}

func (w *Writer) endFile() error {
	if !w.file {
		return w.e.err
	}
	if w.left > 0 {
		return fmt.Errorf("nar: contents are %d bytes shorter than announced", w.left)
	}
	w.e.pad(uint64(w.size))
	w.e.str(")")
	w.file = false
	w.endNode()
	return w.e.err
}

// endNode closes the entry that a finished node is in.
func (w *Writer) endNode() {
	if len(w.dirs) > 0 {
		w.e.str(")")
	} else {
		w.done = true
	}
}

func (w *Writer) endDir() {
	w.e.str(")")
	w.dirs = w.dirs[:len(w.dirs)-1]
	if i := strings.LastIndexByte(w.path, '/'); i >= 0 {
		w.path = w.path[:i]
	} else {
		w.path = ""
	}
	w.endNode()
}

// Close ends the archive. It does not close the underlying writer.
func (w *Writer) Close() error {
	if err := w.endFile(); err != nil {
		return err
	}
	for len(w.dirs) > 0 {
		w.endDir()
	}
	if !w.begun {
		return fmt.Errorf("nar: archive without a node")
	}
	w.e.flush()
	return w.e.err
}
