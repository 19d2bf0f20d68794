package xzenc

import (
	"encoding/binary"
	"math/bits"
)

// The parameters of LZMA: the literal's context is the top 3 bits of the byte
// before it, the position's the lowest 2 bits.
const (
	literalContext = 3
	posBits        = 2
	posMask        = 1<<posBits - 1
	properties     = (posBits*5+0)*9 + literalContext

	minMatch  = 4 // shorter ones are found as repetitions only
	maxMatch  = 273
	nice      = 96      // a match of this length is taken without looking further
	maxChunk  = 1 << 21 // bytes of data in a chunk
	maxPacked = 1 << 16 // bytes of a packed chunk
	// slack is more than a symbol and the end of the range coder can take.
	slack = 64
)

// encodeSegment makes LZMA2 chunks of data, without the end marker.
func encodeSegment(data []byte, depth int) []byte {
	e := &encoder{data: data, depth: depth, out: make([]byte, 0, len(data)/3+64), prev: make([]int32, len(data)), ahead: found{pos: -1}}
	// About as many chains as positions: a chain then has few strangers.
	hashBits := max(10, min(20, bits.Len(uint(len(data)))))
	e.head = make([]int32, 1<<hashBits)
	e.hashShift = 32 - hashBits
	for i := range e.head {
		e.head[i] = -1
	}
	first, reset := true, true
	for e.pos < len(data) {
		start := e.pos
		if reset {
			e.resetState()
		}
		packed := e.chunk()
		n := e.pos - start
		if len(packed) >= n {
			// Packing gains nothing, so the bytes go as they are. What the
			// encoder has learned from them the decoder will not know.
			control := byte(2)
			if first {
				control = 1
			}
			e.out = append(e.out, control, byte((n-1)>>8), byte(n-1))
			e.out = append(e.out, data[start:e.pos]...)
			first, reset = false, true
			continue
		}
		control := byte(0x80)
		switch {
		case first:
			control = 0xe0 // resets the dictionary too
		case reset:
			control = 0xc0 // state and properties
		}
		e.out = append(e.out, control|byte((n-1)>>16), byte((n-1)>>8), byte(n-1), byte((len(packed)-1)>>8), byte(len(packed)-1))
		if control != 0x80 {
			e.out = append(e.out, properties)
		}
		e.out = append(e.out, packed...)
		first, reset = false, false
	}
	return e.out
}

type prob = uint16

// lengths codes the lengths of matches.
type lengths struct {
	choice, choice2 prob
	low, mid        [1 << posBits][8]prob
	high            [256]prob
}

// model is the probabilities, all adaptive.
type model struct {
	isMatch, isRep0Long             [12][1 << posBits]prob
	isRep, isRepG0, isRepG1, isRep2 [12]prob
	literal                         [1 << literalContext][0x300]prob
	slot                            [4][64]prob
	special                         [115]prob
	align                           [16]prob
	matchLen, repLen                lengths
}

// found is a match found at a position.
type found struct{ pos, length, dist int }

type encoder struct {
	data  []byte
	pos   int
	depth int
	out   []byte

	model model
	state int
	reps  [4]int // distances less one

	// head and prev are the chains: the last position with a hash, and the
	// one before each position. Positions below hashed are in them.
	head      []int32
	prev      []int32
	hashed    int
	hashShift int
	// ahead is the last match found.
	ahead found

	rc rangeCoder
}

func (e *encoder) resetState() {
	m := &e.model
	fill := func(ps []prob) {
		for i := range ps {
			ps[i] = 1 << 10
		}
	}
	for i := range m.isMatch {
		fill(m.isMatch[i][:])
		fill(m.isRep0Long[i][:])
	}
	for _, ps := range [][]prob{m.isRep[:], m.isRepG0[:], m.isRepG1[:], m.isRep2[:], m.special[:], m.align[:]} {
		fill(ps)
	}
	for i := range m.literal {
		fill(m.literal[i][:])
	}
	for i := range m.slot {
		fill(m.slot[i][:])
	}
	for _, l := range []*lengths{&m.matchLen, &m.repLen} {
		l.choice, l.choice2 = 1<<10, 1<<10
		for i := range l.low {
			fill(l.low[i][:])
			fill(l.mid[i][:])
		}
		fill(l.high[:])
	}
	e.state = 0
	e.reps = [4]int{}
}

// chunk encodes from pos on until the chunk is full, and moves pos.
func (e *encoder) chunk() []byte {
	e.rc.reset()
	end := min(len(e.data), e.pos+maxChunk-maxMatch)
	for e.pos < end && e.rc.size() < maxPacked-slack {
		e.symbol()
	}
	return e.rc.finish()
}

// symbol encodes a literal, a match or a repetition, as looks best.
func (e *encoder) symbol() {
	rep, repLen := e.bestRep(e.pos)
	length, dist := e.find(e.pos)
	if repLen >= 2 && (repLen+1 >= length || repLen+2 >= length && dist >= 1<<9 || repLen+3 >= length && dist >= 1<<15) {
		e.repeat(rep, repLen)
		return
	}
	if length < minMatch || length == minMatch && dist > 1<<19 {
		e.short()
		return
	}
	if length < 64 && e.pos+1 < len(e.data) {
		// Would a literal lead to something better?
		next, nextDist := e.find(e.pos + 1)
		_, nextRep := e.bestRep(e.pos + 1)
		if next > length+1 || next == length+1 && nextDist>>7 <= dist || next >= minMatch && next == length && nextDist>>7 < dist>>7 && nextDist < dist>>7 ||
			nextRep >= 3 && nextRep+1 >= length {
			e.short()
			return
		}
	}
	e.match(length, dist)
}

// bestRep is the longest repetition at one of the last four distances.
func (e *encoder) bestRep(pos int) (rep, length int) {
	for i, d := range e.reps {
		if from := pos - d - 1; from >= 0 {
			if n := e.common(from, pos); n > length {
				rep, length = i, n
			}
		}
	}
	return rep, length
}

// common is how many bytes from a on are those from b on, at most maxMatch.
func (e *encoder) common(a, b int) int {
	limit := min(maxMatch, len(e.data)-b)
	x, y := e.data[a:], e.data[b:b+limit]
	n := 0
	for n+8 <= limit {
		if d := binary.LittleEndian.Uint64(x[n:]) ^ binary.LittleEndian.Uint64(y[n:]); d != 0 {
			return n + bits.TrailingZeros64(d)/8
		}
		n += 8
	}
	for n < limit && x[n] == y[n] {
		n++
	}
	return n
}

func (e *encoder) hash(pos int) uint32 {
	return binary.LittleEndian.Uint32(e.data[pos:]) * 2654435761 >> e.hashShift
}

// find looks for the longest match at pos; dist is the distance less one.
func (e *encoder) find(pos int) (length, dist int) {
	if e.ahead.pos != pos {
		length, dist = e.search(pos)
		e.ahead = found{pos, length, dist}
	}
	return e.ahead.length, e.ahead.dist
}

func (e *encoder) search(pos int) (length, dist int) {
	if pos+minMatch > len(e.data) {
		return 0, 0
	}
	for ; e.hashed < pos; e.hashed++ {
		h := e.hash(e.hashed)
		e.prev[e.hashed] = e.head[h]
		e.head[h] = int32(e.hashed)
	}
	length = minMatch - 1
	// The look-ahead never goes back, so the chains hold positions below pos.
	from := int(e.head[e.hash(pos)])
	last := e.data[pos+length]
	for n := e.depth; from >= 0 && n > 0; n-- {
		if e.data[from+length] == last {
			if l := e.common(from, pos); l > length {
				length, dist = l, pos-from-1
				if l >= nice || pos+l == len(e.data) {
					break
				}
				last = e.data[pos+length]
			}
		}
		from = int(e.prev[from])
	}
	if length < minMatch {
		return 0, 0
	}
	return length, dist
}

// short encodes one byte: as a repetition of one byte if it is one and
// follows a match, else as a literal.
func (e *encoder) short() {
	from := e.pos - e.reps[0] - 1
	if e.state >= 7 && from >= 0 && e.data[from] == e.data[e.pos] {
		ps := e.pos & posMask
		e.rc.bit(&e.model.isMatch[e.state][ps], 1)
		e.rc.bit(&e.model.isRep[e.state], 1)
		e.rc.bit(&e.model.isRepG0[e.state], 0)
		e.rc.bit(&e.model.isRep0Long[e.state][ps], 0)
		e.state = 11 // from 7 on
		e.pos++
		return
	}
	e.literal()
}

func (e *encoder) literal() {
	e.rc.bit(&e.model.isMatch[e.state][e.pos&posMask], 0)
	prev := byte(0)
	if e.pos > 0 {
		prev = e.data[e.pos-1]
	}
	probs := &e.model.literal[prev>>(8-literalContext)]
	symbol := uint32(e.data[e.pos]) | 0x100
	if e.state < 7 {
		for ; symbol < 0x10000; symbol <<= 1 {
			e.rc.bit(&probs[symbol>>8], symbol>>7&1)
		}
	} else {
		match := uint32(e.data[e.pos-e.reps[0]-1])
		for offset := uint32(0x100); symbol < 0x10000; {
			match <<= 1
			e.rc.bit(&probs[offset+match&offset+symbol>>8], symbol>>7&1)
			symbol <<= 1
			offset &^= match ^ symbol
		}
	}
	switch {
	case e.state < 4:
		e.state = 0
	case e.state < 10:
		e.state -= 3
	default:
		e.state -= 6
	}
	e.pos++
}

func (e *encoder) match(length, dist int) {
	ps := e.pos & posMask
	e.rc.bit(&e.model.isMatch[e.state][ps], 1)
	e.rc.bit(&e.model.isRep[e.state], 0)
	e.length(&e.model.matchLen, length, ps)
	slot := distSlot(dist)
	e.rc.tree(e.model.slot[min(length-2, 3)][:], uint32(slot), 6)
	if slot >= 4 {
		footer := slot>>1 - 1
		base := (2 | slot&1) << footer
		rest := uint32(dist - base)
		if slot < 14 {
			// Trees of all slots share the array; a tree's root is at 1.
			e.rc.reverseTree(e.model.special[:], base-slot, rest, footer)
		} else {
			e.rc.direct(rest>>4, footer-4)
			e.rc.reverseTree(e.model.align[:], 1, rest&15, 4)
		}
	}
	e.reps = [4]int{dist, e.reps[0], e.reps[1], e.reps[2]}
	if e.state < 7 {
		e.state = 7
	} else {
		e.state = 10
	}
	e.pos += length
}

func distSlot(dist int) int {
	if dist < 4 {
		return dist
	}
	n := bits.Len(uint(dist)) - 1
	return 2*n + dist>>(n-1)&1
}

func (e *encoder) repeat(rep, length int) {
	ps := e.pos & posMask
	e.rc.bit(&e.model.isMatch[e.state][ps], 1)
	e.rc.bit(&e.model.isRep[e.state], 1)
	if rep == 0 {
		e.rc.bit(&e.model.isRepG0[e.state], 0)
		e.rc.bit(&e.model.isRep0Long[e.state][ps], 1)
	} else {
		e.rc.bit(&e.model.isRepG0[e.state], 1)
		if rep == 1 {
			e.rc.bit(&e.model.isRepG1[e.state], 0)
		} else {
			e.rc.bit(&e.model.isRepG1[e.state], 1)
			e.rc.bit(&e.model.isRep2[e.state], uint32(rep-2))
		}
		d := e.reps[rep]
		copy(e.reps[1:rep+1], e.reps[:rep])
		e.reps[0] = d
	}
	e.length(&e.model.repLen, length, ps)
	if e.state < 7 {
		e.state = 8
	} else {
		e.state = 11
	}
	e.pos += length
}

func (e *encoder) length(l *lengths, length, ps int) {
	n := uint32(length - 2)
	switch {
	case n < 8:
		e.rc.bit(&l.choice, 0)
		e.rc.tree(l.low[ps][:], n, 3)
	case n < 16:
		e.rc.bit(&l.choice, 1)
		e.rc.bit(&l.choice2, 0)
		e.rc.tree(l.mid[ps][:], n-8, 3)
	default:
		e.rc.bit(&l.choice, 1)
		e.rc.bit(&l.choice2, 1)
		e.rc.tree(l.high[:], n-16, 8)
	}
}

// rangeCoder is LZMA's arithmetic coder.
type rangeCoder struct {
	low       uint64
	width     uint32
	cache     byte
	cacheSize int // bytes held back, in case a carry runs through them
	out       []byte
}

func (r *rangeCoder) reset() {
	r.low, r.width, r.cache, r.cacheSize = 0, 0xffffffff, 0, 1
	r.out = r.out[:0]
}

func (r *rangeCoder) size() int { return len(r.out) + r.cacheSize }

func (r *rangeCoder) finish() []byte {
	for range 5 {
		r.shift()
	}
	return r.out
}

func (r *rangeCoder) shift() {
	if uint32(r.low) < 0xff000000 || r.low>>32 != 0 {
		carry := byte(r.low >> 32)
		b := r.cache
		for ; r.cacheSize > 0; r.cacheSize-- {
			r.out = append(r.out, b+carry)
			b = 0xff
		}
		r.cache = byte(r.low >> 24)
	}
	r.cacheSize++
	r.low = r.low & 0x00ffffff << 8
}

func (r *rangeCoder) bit(p *prob, bit uint32) {
	bound := r.width >> 11 * uint32(*p)
	if bit == 0 {
		r.width = bound
		*p += (1<<11 - *p) >> 5
	} else {
		r.low += uint64(bound)
		r.width -= bound
		*p -= *p >> 5
	}
	for r.width < 1<<24 {
		r.width <<= 8
		r.shift()
	}
}

// tree encodes n bits, the highest first, each in the context of those before.
func (r *rangeCoder) tree(probs []prob, v uint32, n int) {
	node := uint32(1)
	for i := n - 1; i >= 0; i-- {
		bit := v >> i & 1
		r.bit(&probs[node], bit)
		node = node<<1 | bit
	}
}

// reverseTree encodes n bits, the lowest first; the root is at probs[root].
func (r *rangeCoder) reverseTree(probs []prob, root int, v uint32, n int) {
	node := 1
	for range n {
		bit := v & 1
		v >>= 1
		r.bit(&probs[root+node-1], bit)
		node = node<<1 | int(bit)
	}
}

// direct encodes n bits that are equally likely, the highest first.
func (r *rangeCoder) direct(v uint32, n int) {
	for i := n - 1; i >= 0; i-- {
		r.width >>= 1
		if v>>i&1 == 1 {
			r.low += uint64(r.width)
		}
		for r.width < 1<<24 {
			r.width <<= 8
			r.shift()
		}
	}
}
