package eval

import "unsafe"

// This file holds the unsafe layout of frames and the slabs that values,
// frames, lists, sets and short texts are cut from. Allocating each on its own costs three
// to four times as much (fold over a million elements: 252 against 72 ms).
// Slab sizes fill Go's size classes together with their 8-byte header.
//
// A slab stays alive while anything cut from it does, and with it all that its
// other pieces refer to: little of a large heap would ever become garbage
// (3,000 packages of nixpkgs: 1.0 GB alive at the end instead of 0.2). So a
// machine and its helpers cut only their first slabBudget bytes from slabs;
// what comes after is allocated piece by piece, and frames are recycled
// through free lists.

// frame is an environment: the frame around it, then the slots. It is a
// pointer into a slab of words; slot i lies i+1 words after its start.
type frame struct{ up *frame }

const (
	wordSize   = unsafe.Sizeof(uintptr(0))
	valueSlab  = 127 // 127*16+8 = 2040
	wordSlab   = 511 // 511*8+8 = 4096
	maxSlabRun = 96  // longer runs are allocated on their own
	slabBudget = 192 << 20
	maxFreed   = 8 // frames of fewer slots are recycled through lists
	textSlab   = 1024
	shortText  = 32 // longer texts are allocated on their own
)

func (f *frame) slot(i uint32) **Value {
	return (**Value)(unsafe.Add(unsafe.Pointer(f), wordSize+uintptr(i)*wordSize))
}

func (f *frame) get(i uint32) *Value { return *f.slot(i) }

func (f *frame) ancestor(level uint32) *frame {
	for ; level > 0; level-- {
		f = f.up
	}
	return f
}

// words cuts n zeroed pointer words from the slab.
func (m *Machine) words(n int) unsafe.Pointer {
	if m.wordNext+n >= wordSlab {
		return m.wordsSlow(n) // also for no words at the slab's end, which have no address
	}
	p := unsafe.Pointer(&m.wordSlab[m.wordNext])
	m.wordNext += n
	return p
}

func (m *Machine) wordsSlow(n int) unsafe.Pointer {
	if n > maxSlabRun {
		m.Charge(int64(n) * int64(wordSize))
		s := make([]unsafe.Pointer, n)
		return unsafe.Pointer(unsafe.SliceData(s))
	}
	if m.slabbed > slabBudget {
		m.Charge(int64(max(n, 1)) * int64(wordSize))
		m.wordNext = wordSlab // so that every request comes here
		s := make([]unsafe.Pointer, max(n, 1))
		return unsafe.Pointer(unsafe.SliceData(s))
	}
	m.Charge(4096)
	m.slabbed = m.slabs.Add(4096)
	m.wordSlab = new([wordSlab]unsafe.Pointer)
	m.wordNext = n
	return unsafe.Pointer(&m.wordSlab[0])
}

// newFrame makes a frame of n slots under up.
func (m *Machine) newFrame(up *frame, n int) *frame {
	if n < maxFreed {
		if f := m.freed[n]; f != nil {
			m.freed[n] = f.up
			f.up = up
			return f
		}
	}
	f := (*frame)(m.words(n + 1))
	f.up = up
	return f
}

// releaseFrame takes back a frame of n slots that nothing refers to, if it is
// small, or was the last thing cut from the slab.
func (m *Machine) releaseFrame(f *frame, n int) {
	if n < maxFreed {
		clear(unsafe.Slice(f.slot(0), n))
		f.up, m.freed[n] = m.freed[n], f
		return
	}
	at := m.wordNext - (n + 1)
	if m.slabbed > slabBudget || at < 0 || unsafe.Pointer(&m.wordSlab[at]) != unsafe.Pointer(f) {
		return
	}
	clear(m.wordSlab[at:m.wordNext])
	m.wordNext = at
}

// NewList makes a list of n elements for the caller to fill in.
func (m *Machine) NewList(n int) []*Value {
	m.countList(n)
	return m.newSlots(n)
}

func (m *Machine) countList(n int) {
	if c := m.E.opts.Counts; c != nil {
		c.Lists++
		c.ListElements += int64(n)
	}
}

// newSlots makes memory for n references to values.
func (m *Machine) newSlots(n int) []*Value {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((**Value)(m.words(n)), n)
}

// newValue cuts an uninitialised value from the slab.
func (m *Machine) newValue() *Value {
	if m.valueNext >= valueSlab {
		if m.slabbed > slabBudget {
			m.Charge(int64(unsafe.Sizeof(Value{})))
			if c := m.E.opts.Counts; c != nil {
				c.Values++
			}
			return new(Value)
		}
		m.Charge(2048)
		m.slabbed = m.slabs.Add(2048)
		m.valueSlab = new([valueSlab]Value)
		m.valueNext = 0
		if c := m.E.opts.Counts; c != nil {
			c.Values += valueSlab // Close takes off what is left
		}
	}
	v := &m.valueSlab[m.valueNext]
	m.valueNext++
	return v
}

// NewValue puts a forced value on the heap.
func (m *Machine) NewValue(x Value) *Value {
	v := m.newValue()
	*v = x
	return v
}

// newText cuts memory for a text of n bytes; the caller charges for it.
func (m *Machine) newText(n int) []byte {
	if n > shortText || n > len(m.texts) && !m.moreText() {
		return make([]byte, n)
	}
	b := m.texts[:n:n]
	m.texts = m.texts[n:]
	return b
}

func (m *Machine) moreText() bool {
	if m.slabbed > slabBudget {
		return false
	}
	m.slabbed = m.slabs.Add(textSlab)
	m.texts = make([]byte, textSlab)
	return true
}

// text is a copy of b as a string.
func (m *Machine) text(b []byte) string {
	c := m.newText(len(b))
	copy(c, b)
	return unsafe.String(unsafe.SliceData(c), len(c))
}

// takeBuf hands out a buffer to build a text in; giveBuf makes a string of what
// is in it and keeps the buffer for the next one. Whoever writes a long text
// makes room with Grow.
func (m *Machine) takeBuf() []byte {
	b := m.buf
	m.buf = nil
	return b[:0]
}

func (m *Machine) giveBuf(b []byte) string {
	if len(b) > maxSpareBuf {
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	m.Charge(int64(len(b)))
	m.buf = b
	return m.text(b)
}

// maxSpareBuf bounds the buffer that a machine keeps; a longer text keeps its
// buffer instead of being copied.
const maxSpareBuf = 1 << 20
