package nar

import (
	"bufio"
	"encoding/binary"
	"io"
	"strings"
)

// Reader reads an archive node by node, in the order in which they stand
// there: a directory, then what is in it. It follows [archive/tar.Reader]:
// Next moves on, Read gives the contents of the regular file at hand.
type Reader struct {
	r *bufio.Reader
	// copyTo gets every byte read, if it is not nil.
	copyTo io.Writer
	pos    int64
	err    error
	state  state
	// left and pad are what remains of the regular file at hand.
	left int64
	pad  int
	// path is that of the node at hand; dirs are the directories around it.
	path []byte
	dirs []dir
	buf  [MaxTarget + 1]byte
}

type state uint8

const (
	atStart    state = iota // nothing read
	inContents              // in a regular file
	inDir                   // between the entries of the innermost directory
	atNodeEnd               // a node has been read, with its ")"
	atEnd                   // the root has been read
)

// dir is a directory whose end has not been read.
type dir struct {
	pathLen int    // length of its path in Reader.path
	prev    string // name of the last entry
}

// NewReader reads an archive from r. A [bufio.Reader] is used as it is, and
// not a byte after the archive is taken from it; from any other reader more
// may be taken.
func NewReader(r io.Reader) *Reader { return newReader(r, nil) }

func newReader(r io.Reader, copyTo io.Writer) *Reader {
	br, ok := r.(*bufio.Reader)
	if !ok {
		br = bufio.NewReaderSize(r, 64<<10)
	}
	return &Reader{r: br, copyTo: copyTo}
}

// Offset is the number of bytes of the archive read so far.
func (r *Reader) Offset() int64 { return r.pos }

// Next moves to the next node, skipping what is unread of the contents of the
// present one. After the last node it returns [io.EOF]. Errors about the
// archive match [ErrFormat] or [io.ErrUnexpectedEOF] and are final.
func (r *Reader) Next() (*Header, error) {
	if r.err != nil {
		return nil, r.err
	}
	h, err := r.next()
	if err == io.EOF && r.state != atEnd {
		err = io.ErrUnexpectedEOF
	}
	r.err = err
	return h, err
}

func (r *Reader) next() (*Header, error) {
	if r.state == atStart {
		// Whatever is wrong with the first string, this is not an archive.
		if b, err := r.str(len(magic)); err != nil || string(b) != magic {
			return nil, badArchive("input doesn't look like a Nix archive")
		}
		return r.node("")
	}
	if r.state == inContents {
		if err := r.skipContents(); err != nil {
			return nil, err
		}
	}
	for {
		if r.state == atNodeEnd {
			if len(r.dirs) == 0 {
				r.state = atEnd
				return nil, io.EOF
			}
			if err := r.expect(")"); err != nil { // of the entry
				return nil, err
			}
			r.state = inDir
		}
		tag, err := r.str(maxTag)
		if err != nil {
			return nil, err
		}
		switch string(tag) {
		case ")":
			r.dirs = r.dirs[:len(r.dirs)-1]
			r.state = atNodeEnd
		case "entry":
			return r.entry()
		default:
			return nil, badArchive("expected tag 'entry' or ')', got '%s'", tag)
		}
	}
}

// entry reads an entry after its first word.
func (r *Reader) entry() (*Header, error) {
	if err := r.expect("(", "name"); err != nil {
		return nil, err
	}
	b, err := r.str(MaxName)
	if err != nil {
		return nil, err
	}
	name := string(b)
	if !validName(name) {
		return nil, badArchive("NAR contains invalid file name '%s'", name)
	}
	d := &r.dirs[len(r.dirs)-1]
	if name <= d.prev {
		return nil, badArchive("NAR directory is not sorted")
	}
	d.prev = name
	if err := r.expect("node"); err != nil {
		return nil, err
	}
	r.path = r.path[:d.pathLen]
	if len(r.path) > 0 {
		r.path = append(r.path, '/')
	}
	r.path = append(r.path, name...)
	return r.node(string(r.path))
}

func validName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// node reads the beginning of a node, up to the contents of a regular file
// and up to the first entry of a directory; symbolic links it reads whole.
func (r *Reader) node(path string) (*Header, error) {
	if len(r.dirs) >= MaxDepth {
		return nil, badArchive("NAR directory nesting exceeds maximum depth of %d", MaxDepth)
	}
	if err := r.expect("(", "type"); err != nil {
		return nil, err
	}
	b, err := r.str(maxTag)
	if err != nil {
		return nil, err
	}
	h := &Header{Path: path}
	switch string(b) {
	case "regular":
		h.Type = Regular
		return h, r.regular(h)
	case "directory":
		h.Type = Directory
		r.dirs = append(r.dirs, dir{pathLen: len(path)})
		r.state = inDir
		return h, nil
	case "symlink":
		h.Type = Symlink
		if err := r.expect("target"); err != nil {
			return nil, err
		}
		target, err := r.str(MaxTarget)
		if err != nil {
			return nil, err
		}
		h.Target = string(target)
		if h.Target == "" || strings.IndexByte(h.Target, 0) >= 0 {
			return nil, badArchive("NAR contains invalid symlink target")
		}
		r.state = atNodeEnd
		return h, r.expect(")")
	}
	return nil, badArchive("unknown file type '%s'", b)
}

func (r *Reader) regular(h *Header) error {
	tag, err := r.str(maxTag)
	if err != nil {
		return err
	}
	if string(tag) == "executable" {
		if _, err := r.str(0); err != nil {
			return err
		}
		h.Executable = true
		if tag, err = r.str(maxTag); err != nil {
			return err
		}
	}
	if string(tag) != "contents" {
		return badArchive("expected tag 'contents', got '%s'", tag)
	}
	n, err := r.number()
	if err != nil {
		return err
	}
	if n > 1<<62 {
		return badArchive("file of %d bytes", n)
	}
	h.Size, h.Offset = int64(n), r.pos
	r.left, r.pad = h.Size, padding(n)
	r.state = inContents
	return nil
}

// Read reads from the contents of the regular file that Next returned; at
// their end, and for other nodes, it returns [io.EOF].
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil && r.err != io.EOF {
		return 0, r.err
	}
	if r.state != inContents || r.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.r.Read(p)
	r.left -= int64(n)
	if cerr := r.took(p[:n]); cerr != nil {
		err = cerr
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	r.err = err
	return n, err
}

// WriteTo writes what is left of the contents, without a buffer of its own.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for r.state == inContents && r.left > 0 {
		if r.err != nil {
			return total, r.err
		}
		// Fill the buffer, then take all of it.
		if _, err := r.r.Peek(1); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			r.err = err
			return total, err
		}
		b, err := r.r.Peek(r.r.Buffered())
		if err != nil {
			r.err = err
			return total, err
		}
		b = b[:min(int64(len(b)), r.left)]
		if err := r.took(b); err != nil {
			r.err = err
			return total, err
		}
		n, err := w.Write(b)
		total += int64(n)
		r.left -= int64(len(b))
		if _, derr := r.r.Discard(len(b)); derr != nil {
			r.err = derr
			return total, derr
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (r *Reader) skipContents() error {
	if _, err := r.WriteTo(io.Discard); err != nil {
		return err
	}
	if err := r.padding(r.pad); err != nil {
		return err
	}
	r.state = atNodeEnd
	return r.expect(")")
}

// took accounts for bytes taken from the source.
func (r *Reader) took(b []byte) error {
	r.pos += int64(len(b))
	if r.copyTo != nil && len(b) > 0 {
		_, err := r.copyTo.Write(b)
		return err
	}
	return nil
}

// full reads n bytes into the reader's own buffer.
func (r *Reader) full(n int) ([]byte, error) {
	b := r.buf[:n]
	if _, err := io.ReadFull(r.r, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, r.took(b)
}

func (r *Reader) number() (uint64, error) {
	b, err := r.full(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// str reads a string of at most limit bytes; it is valid until the next read.
func (r *Reader) str(limit int) ([]byte, error) {
	n, err := r.number()
	if err != nil {
		return nil, err
	}
	if n > uint64(limit) {
		return nil, formatError("string is too long")
	}
	pad := padding(n)
	b, err := r.full(int(n) + pad)
	if err != nil {
		return nil, err
	}
	for _, c := range b[n:] {
		if c != 0 {
			return nil, formatError("non-zero padding")
		}
	}
	return b[:n], nil
}

func (r *Reader) padding(n int) error {
	b, err := r.full(n)
	if err != nil {
		return err
	}
	for _, c := range b {
		if c != 0 {
			return formatError("non-zero padding")
		}
	}
	return nil
}

func (r *Reader) expect(tags ...string) error {
	for _, tag := range tags {
		b, err := r.str(maxTag)
		if err != nil {
			return err
		}
		if string(b) != tag {
			return badArchive("expected tag '%s', got '%s'", tag, b)
		}
	}
	return nil
}

// padding is the number of zeros after n bytes.
func padding(n uint64) int { return int(-n & 7) }
