// Package xzenc writes files in the xz format, for which there is no encoder
// among the libraries in use.
//
// A file is one xz stream of one block. Its data is cut into segments that
// are compressed on their own, several at a time: each begins with a reset of
// the dictionary, which the decoder's LZMA2 filter allows anywhere. Matches
// are found by hash chains and taken greedily with one byte of look-ahead, as
// in the fast mode of xz itself: about its ratio at level 3, at several times
// the speed of its default.
package xzenc

import (
	"encoding/binary"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"runtime"
)

// segmentSize is how much is compressed with one dictionary. It is also the
// size of the dictionary, so nothing in a segment is out of reach.
const segmentSize = 8 << 20

// Writer compresses what is written to it. Close must be called.
type Writer struct {
	w     io.Writer
	depth int
	buf   []byte
	// pending are segments being compressed, oldest first.
	pending []chan []byte
	begun   bool
	err     error
	check   hash.Hash64
	in, out int64 // bytes of data, and of the block with its header
}

// NewWriter writes a file to w. level is 1 to 9, 0 being the default; it
// says how hard to look for matches.
func NewWriter(w io.Writer, level int) *Writer {
	depths := [10]int{24, 4, 8, 12, 16, 20, 24, 32, 48, 64}
	depth := depths[max(0, min(level, 9))]
	return &Writer{w: w, depth: depth, check: crc64.New(crc64.MakeTable(crc64.ECMA))}
}

// Write compresses p, in the background for the most part.
func (w *Writer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && w.err == nil {
		k := min(len(p), segmentSize-len(w.buf))
		w.buf = append(w.buf, p[:k]...)
		p = p[k:]
		if len(w.buf) == segmentSize {
			w.flush()
		}
	}
	return n - len(p), w.err
}

// flush hands a segment on.
func (w *Writer) flush() {
	if !w.begun {
		w.begin()
	}
	data := w.buf
	w.buf = nil
	w.check.Write(data)
	w.in += int64(len(data))
	done := make(chan []byte, 1)
	depth := w.depth
	go func() { done <- encodeSegment(data, depth) }()
	w.pending = append(w.pending, done)
	if len(w.pending) >= runtime.GOMAXPROCS(0) {
		w.collect()
	}
}

// collect writes the oldest segment.
func (w *Writer) collect() {
	w.write(<-w.pending[0])
	w.pending = w.pending[1:]
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	var n int
	n, w.err = w.w.Write(b)
	w.out += int64(n)
}

var streamFlags = []byte{0, 4} // the check is a CRC64

// begin writes the headers of the stream and of the block.
func (w *Writer) begin() {
	w.begun = true
	head := append([]byte("\xfd7zXZ\x00"), streamFlags...)
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(streamFlags))
	w.write(head)
	// The size of the header in words less one, no optional fields, one
	// filter: LZMA2 with one byte of properties, the size of the dictionary.
	block := []byte{2, 0, 0x21, 1, dictSize(len(w.buf)), 0, 0, 0}
	block = binary.LittleEndian.AppendUint32(block, crc32.ChecksumIEEE(block))
	w.out = 0
	w.write(block)
}

// dictSize codes the least size of a dictionary that holds n bytes.
func dictSize(n int) byte {
	for code := byte(0); ; code++ {
		if n <= (2|int(code&1))<<(code/2+11) {
			return code
		}
	}
}

// Close ends the file. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if !w.begun {
		w.begin()
	}
	if len(w.buf) > 0 {
		w.flush()
	}
	for len(w.pending) > 0 {
		w.collect()
	}
	w.write([]byte{0}) // the end of the LZMA2 data
	size := w.out
	w.write(make([]byte, -size&3))
	w.write(binary.LittleEndian.AppendUint64(nil, w.check.Sum64()))
	size += 8
	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(size))
	index = binary.AppendUvarint(index, uint64(w.in))
	index = append(index, make([]byte, -len(index)&3)...)
	index = binary.LittleEndian.AppendUint32(index, crc32.ChecksumIEEE(index))
	w.write(index)
	foot := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	foot = append(foot, streamFlags...)
	w.write(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(foot)))
	w.write(append(foot, "YZ"...))
	return w.err
}
