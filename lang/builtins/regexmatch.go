package builtins

import "github.com/seed192a40f6/glang/lang/eval"

// regexRun is one search of a text. Positions are byte offsets in it.
type regexRun struct {
	re   *regex
	text string
	m    *machine // is asked now and then, and about memory; may panic to give up
	tick int

	exact     bool // the match must end with the text
	begin     int  // where the attempt starts
	prevAvail bool // begin is not the start of a line
	notNull   bool // an empty match does not count

	caps  []int // start and end of each group; end < 0: not matched
	best  []int
	end   int // end of the best match, -1: none
	sols  int // how many solutions were met
	alts  int // pending alternatives on the stack
	reps  []regexRep
	stack []regexChoice
	grace int       // visits that a search may make before the memo is kept
	free  int       // how many are left
	memo  [][]uint8 // by chunk of positions: what is known of node and position
}

// regexRep is how often the loop at a node has begun at a position.
type regexRep struct{ pos, n int }

// The kinds of entries on the stack: what to undo, and what is left to try.
const (
	undoStart = iota
	undoEnd
	undoRep
	tryNext // unless a solution was found since
	tryAlt
	leave // record whether a solution was found since
)

type regexChoice struct {
	pos  int   // or the old value
	mark int   // sols when pushed, or the old count
	node int32 // or the group
	kind uint8
}

const (
	// freeVisits is how much a search may do without a memo. Most end before;
	// to clear a memo and keep it up to date costs more than their steps.
	freeVisits  = 1024
	memoChunk   = 64 // positions
	memoVisited = 1
	memoSolved  = 2
)

// newRun begins a search; end it with release.
func (re *regex) newRun(text string, m *machine) *regexRun {
	if r := re.spare.Swap(nil); r != nil {
		r.text, r.m, r.grace = text, m, freeVisits
		return r
	}
	r := &regexRun{re: re, text: text, m: m, grace: freeVisits, caps: make([]int, 2*re.groups), best: make([]int, 2*re.groups)}
	for i := range re.nodes {
		if re.nodes[i].null {
			r.reps = make([]regexRep, len(re.nodes))
			break
		}
	}
	return r
}

// release keeps what the run has allocated for the next one; the run must not
// be used again.
func (r *regexRun) release() {
	stack := r.stack[:0]
	if cap(stack) > maxSpareStack {
		stack = nil
	}
	*r = regexRun{re: r.re, caps: r.caps, best: r.best, reps: r.reps, stack: stack}
	r.re.spare.Store(r)
}

// maxSpareStack bounds the stack that is kept with a pattern, in entries.
const maxSpareStack = 1024

// match tells whether the whole text matches; group gives what the groups took.
func (r *regexRun) match() bool {
	r.exact = true
	r.free = r.grace
	return r.attempt(0)
}

// group is what group i of the last match took; ok is false if it took no part.
func (r *regexRun) group(i int) (start, end int, ok bool) {
	return r.best[2*i], r.best[2*i+1], r.best[2*i+1] >= 0
}

// search finds the leftmost match from a position on; continuous accepts one
// only at the position itself.
func (r *regexRun) search(from int, prevAvail, notNull, continuous bool) bool {
	r.prevAvail, r.notNull = prevAvail, notNull
	r.memo, r.free = nil, r.grace
	for at := from; at <= len(r.text); at++ {
		if r.re.first == nil || at < len(r.text) && r.re.first[r.text[at]] {
			if r.attempt(at) {
				return true
			}
		}
		if continuous {
			return false
		}
		r.prevAvail = true
	}
	return false
}

// searchAll calls f for each match as the reference's regular expression
// iterator finds them.
func (r *regexRun) searchAll(f func()) {
	prevAvail := false
	ok := r.search(0, false, false, false)
	for ok {
		f()
		start := r.best[1]
		if r.best[0] == r.best[1] {
			if start == len(r.text) {
				return
			}
			if r.search(start, prevAvail, true, true) {
				continue
			}
			start++
		}
		prevAvail = true
		ok = r.search(start, true, false, false)
	}
}

func (r *regexRun) attempt(at int) bool {
	r.begin, r.end, r.sols, r.alts = at, -1, 0, 0
	for i := range r.caps {
		r.caps[i] = -1
	}
	for i := range r.reps {
		r.reps[i] = regexRep{}
	}
	r.stack = r.stack[:0]
	r.run(r.re.start, at)
	if r.end < 0 {
		return false
	}
	r.best[0], r.best[1] = at, r.end
	return true
}

// run explores everything from a node and a position.
func (r *regexRun) run(node int32, pos int) {
	re := r.re
	for {
		if r.tick++; r.tick&0xfff == 0 && r.m != nil {
			r.m.Check()
		}
		n := &re.nodes[node]
		ok := true
		switch n.op {
		case opByte, opSet:
			if pos >= len(r.text) || !re.consumes(n, r.text[pos]) {
				ok = false
				break
			}
			pos++
			ok = !n.memo || r.enter(node, pos)
		case opOpen:
			r.push(undoStart, n.arg, r.caps[2*n.arg], 0)
			r.caps[2*n.arg] = pos
		case opClose:
			r.push(undoEnd, n.arg, r.caps[2*n.arg+1], 0)
			r.caps[2*n.arg+1] = pos
		case opBegin:
			ok = pos == r.begin && !r.prevAvail
		case opEnd:
			ok = pos == len(r.text)
		case opAlt:
			r.alts++
			r.push(tryAlt, n.next, pos, 0)
			node = n.alt
			continue
		case opRepeat:
			r.push(tryNext, n.next, pos, r.sols)
			if n.null && !r.onceMore(node, pos) {
				ok = false
				break
			}
			node = n.alt
			continue
		case opAccept:
			if r.accept(pos) {
				return
			}
			ok = false
		}
		if ok {
			node = n.next
			continue
		}
		if node, pos, ok = r.backtrack(); !ok {
			return
		}
	}
}

func (re *regex) consumes(n *regexNode, b byte) bool {
	if n.op == opByte {
		return byte(n.arg) == b
	}
	return re.sets[n.arg][b]
}

func (r *regexRun) push(kind uint8, node int32, pos, mark int) {
	if r.m != nil {
		r.stack = eval.Grow(r.m, r.stack, 1)
	}
	r.stack = append(r.stack, regexChoice{pos, mark, node, kind})
}

// charge counts memory about to be taken.
func (r *regexRun) charge(bytes int) {
	if r.m != nil {
		r.m.Charge(int64(bytes))
	}
}

// accept notes a solution; it returns true if no other could be better.
func (r *regexRun) accept(pos int) bool {
	if r.exact && pos != len(r.text) || r.notNull && pos == r.begin {
		return false
	}
	r.sols++
	if pos > r.end {
		r.end = pos
		copy(r.best, r.caps)
	}
	return r.exact || r.alts == 0
}

// onceMore begins an iteration of a loop whose body can match nothing. A
// third one at the same place is refused.
func (r *regexRun) onceMore(node int32, pos int) bool {
	rep := &r.reps[node]
	old := *rep
	switch {
	case rep.n == 0 || rep.pos != pos:
		*rep = regexRep{pos, 1}
	case rep.n < 2:
		rep.n++
	default:
		return false
	}
	r.push(undoRep, node, old.pos, old.n)
	return true
}

// enter is called after a node has consumed the byte before pos. What follows
// depends on the two alone, for a loop counts iterations at one place only;
// so it is explored once, after freeVisits.
func (r *regexRun) enter(node int32, pos int) bool {
	if r.free > 0 {
		r.free--
		return true
	}
	if r.memo == nil {
		r.charge((len(r.text)/memoChunk + 1) * 24)
		r.memo = make([][]uint8, len(r.text)/memoChunk+1)
	}
	chunk := &r.memo[pos/memoChunk]
	if *chunk == nil {
		r.charge(memoChunk * r.re.memos)
		*chunk = make([]uint8, memoChunk*r.re.memos)
	}
	m := &(*chunk)[int(r.re.memoAt[node])*memoChunk+pos%memoChunk]
	if *m != 0 {
		if *m&memoSolved != 0 {
			r.sols++ // none longer than the one known
		}
		return false
	}
	*m = memoVisited
	if r.alts > 0 && !r.exact {
		r.push(leave, node, pos, r.sols)
	}
	return true
}

// backtrack undoes what was done since the last untried choice and returns
// where to go on; ok is false if there is none.
func (r *regexRun) backtrack() (node int32, pos int, ok bool) {
	for n := len(r.stack) - 1; n >= 0; n-- {
		e := &r.stack[n]
		switch e.kind {
		case undoStart:
			r.caps[2*e.node] = e.pos
		case undoEnd:
			r.caps[2*e.node+1] = e.pos
		case undoRep:
			r.reps[e.node] = regexRep{e.pos, e.mark}
		case tryNext:
			if r.sols == e.mark {
				r.stack = r.stack[:n]
				return e.node, e.pos, true
			}
		case tryAlt:
			r.alts--
			r.stack = r.stack[:n]
			return e.node, e.pos, true
		case leave:
			if r.sols != e.mark {
				r.memo[e.pos/memoChunk][int(r.re.memoAt[e.node])*memoChunk+e.pos%memoChunk] |= memoSolved
			}
		}
	}
	r.stack = r.stack[:0]
	return 0, 0, false
}
