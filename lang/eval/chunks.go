package eval

import (
	"strings"
	"unsafe"
)

// Long texts and lists are copied and compared in pieces, with a look at the
// context after each: a gigabyte takes half a second.

const (
	chunkBytes  = 4 << 20
	chunkValues = chunkBytes / 8
)

// AppendText is append for a text that may be long.
func (m *Machine) AppendText(b []byte, s string) []byte {
	b = Grow(m, b, len(s))
	for len(s) > chunkBytes {
		b = append(b, s[:chunkBytes]...)
		s = s[chunkBytes:]
		m.Check()
	}
	return append(b, s...)
}

// joinText makes one text, of n bytes, of parts.
func (m *Machine) joinText(n int, parts []string) string {
	if n <= chunkBytes {
		b := m.newText(n)[:0]
		for _, p := range parts {
			b = append(b, p...)
		}
		return unsafe.String(unsafe.SliceData(b), n)
	}
	var b strings.Builder
	b.Grow(n) // unlike make, it does not clear the memory, all in one go
	for _, p := range parts {
		for len(p) > chunkBytes {
			b.WriteString(p[:chunkBytes])
			p = p[chunkBytes:]
			m.Check()
		}
		b.WriteString(p)
	}
	return b.String()
}

// CopyList is copy for a list that may be long.
func (m *Machine) CopyList(to, from []*Value) int {
	n := 0
	for len(from)-n > chunkValues {
		n += copy(to[n:], from[n:n+chunkValues])
		m.Check()
	}
	return n + copy(to[n:], from[n:])
}

// sameText is == for texts that may be long.
func (m *Machine) sameText(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for len(a) > chunkBytes {
		if a[:chunkBytes] != b[:chunkBytes] {
			return false
		}
		a, b = a[chunkBytes:], b[chunkBytes:]
		m.Check()
	}
	return a == b
}
