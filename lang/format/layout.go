package format

import "strings"

// layouter decides where lines break and writes them. Its state is saved and
// restored where a priority group is tried and does not do.
type layouter struct {
	width, step int
	out         []byte
	cc          int // column within the line, indentation not counted
	indents     *indent
	// suppress: inside a disabled region everything is laid out but not shown.
	suppress bool
}

// indent is a stack: the indentation of the nesting levels that are open.
type indent struct {
	cols  int
	level int32
	down  *indent
}

// rest is what follows the elements in work: looked at, not written.
type rest struct {
	elems []elem
	next  *rest
}

type saved struct {
	n, cc    int
	indents  *indent
	suppress bool
}

func (l *layouter) save() saved { return saved{len(l.out), l.cc, l.indents, l.suppress} }

func (l *layouter) restore(s saved) {
	l.out, l.cc, l.indents, l.suppress = l.out[:s.n], s.cc, s.indents, s.suppress
}

func layout(doc []elem, width, step int) string {
	l := &layouter{width: width, step: step, indents: &indent{}}
	top := []elem{{kind: elGroup, ann: groupRegular, body: doc}}
	l.run(top, nil)
	return string(l.out)
}

func (l *layouter) emit(s string) {
	if !l.suppress {
		l.out = append(l.out, s...)
	}
}

func (l *layouter) spaces(n int) {
	if !l.suppress {
		for ; n > 0; n-- {
			l.out = append(l.out, ' ')
		}
	}
}

// put writes text, at the start of a line after its indentation. Several
// levels opened on one line indent the next one once.
func (l *layouter) put(level, off int32, raw bool, s string) {
	for level < l.indents.level {
		l.indents = l.indents.down
	}
	if level > l.indents.level {
		cols := l.indents.cols
		if l.cc == 0 {
			cols += l.step
		}
		l.indents = &indent{cols, level, l.indents}
	}
	if l.cc == 0 && !raw {
		l.spaces(l.indents.cols + int(off))
	}
	l.emit(s)
	l.cc += width(s)
	if raw && l.cc < 1 {
		l.cc = 1 // even empty raw text takes the start of its line
	}
}

// inline writes text that is not at the start of a line.
func (l *layouter) inline(s string) {
	l.emit(s)
	l.cc += width(s)
}

func (l *layouter) newlines(n int) {
	l.cc = 0
	for ; n > 0; n-- {
		l.emit("\n")
	}
}

// run writes elements expanded.
func (l *layouter) run(doc []elem, after *rest) {
	for i := range doc {
		l.one(&doc[i], &rest{doc[i+1:], after})
	}
}

func (l *layouter) one(e *elem, after *rest) {
	switch e.kind {
	case elText:
		l.textElem(e, after)
	case elSpacing:
		if l.cc == 0 {
			return // a line has just begun
		}
		switch e.sp {
		case spBreak, spSpace, spHardline:
			l.newlines(1)
		case spEmptyline:
			l.newlines(2)
		case spNewlines:
			l.newlines(int(e.n))
		case spHardspace:
			l.inline(" ")
		case spSoftbreak:
			if !l.firstLineFits(l.width-l.cc, after) {
				l.newlines(1)
			}
		case spSoftspace:
			if l.firstLineFits(l.width-l.cc-1, after) {
				l.inline(" ")
			} else {
				l.newlines(1)
			}
		}
	case elGroup:
		if l.tryGroup(e.body, after) {
			return
		}
		if e.ann != groupTransparent && l.tryPriorities(e.body, after) {
			return
		}
		l.run(e.body, after)
	}
}

func (l *layouter) textElem(e *elem, after *rest) {
	switch e.ann {
	case textTrailComment:
		if lvl, _ := nextIndent(after); l.cc == 2 && lvl > l.indents.level {
			// Behind "[ " the comment would be taken for one of the first
			// element next time; one more space keeps it where it is.
			l.inline(" " + e.text)
			return
		}
	case textDisabled:
		l.suppress = true
		return
	case textRaw:
		l.put(e.level, e.off, true, e.text)
		return
	case textVerbatim:
		atStart := l.cc == 0 || l.suppress
		l.suppress = false
		if !atStart {
			l.emit("\n")
		}
		l.emit(e.text)
		l.cc = width(e.text[strings.LastIndexByte(e.text, '\n')+1:])
		return
	}
	l.put(e.level, e.off, false, e.text)
}

// tryPriorities expands the priority groups of a group, one at a time, the
// last one first, and keeps the first try in which the others need no break.
func (l *layouter) tryPriorities(body []elem, after *rest) bool {
	segs := segments(nil, body)
	for i := len(segs) - 1; i >= 0; i-- {
		if !segs[i].prio {
			continue
		}
		s := l.save()
		var post []elem
		for _, x := range segs[i+1:] {
			post = append(post, x.doc...)
		}
		var pre []elem
		for _, x := range segs[:i] {
			pre = append(pre, x.doc...)
		}
		prio := segs[i].doc
		if l.tryGroup(pre, &rest{prio, &rest{post, after}}) {
			l.run(prio, &rest{compact(post), after})
			if l.tryGroup(post, after) {
				return true
			}
		}
		l.restore(s)
	}
	return false
}

type segment struct {
	prio bool
	doc  []elem
}

// segments cuts a group's body into priority groups and what lies between.
func segments(out []segment, body []elem) []segment {
	for _, e := range body {
		switch {
		case e.kind == elGroup && e.ann == groupPriority:
			out = append(out, segment{true, e.body})
		case e.kind == elGroup && e.ann == groupTransparent:
			out = segments(out, e.body)
		case len(out) > 0 && !out[len(out)-1].prio:
			out[len(out)-1].doc = append(out[len(out)-1].doc, e)
		default:
			out = append(out, segment{false, []elem{e}})
		}
	}
	return out
}

// tryGroup writes a group on one line if it fits there together with what
// must follow it on that line.
func (l *layouter) tryGroup(doc []elem, after *rest) bool {
	if len(doc) == 0 {
		return true
	}
	next, _ := nextIndent(after)
	n := len(l.out)
	if l.cc == 0 {
		if doc[0].kind == elSpacing {
			doc = doc[1:]
		} else if doc[0].kind == elGroup && len(doc[0].body) > 0 && doc[0].body[0].kind == elSpacing {
			g := doc[0]
			g.body = g.body[1:]
			doc = append([]elem{g}, doc[1:]...)
		}
		level, off := nextIndent(&rest{elems: doc})
		line := l.indents.level
		if level > line {
			line += int32(l.step)
		}
		ni := 0
		if next > line {
			ni = l.step
		}
		s, ok := l.fits(ni, l.width-firstLineWidth(after), doc)
		if !ok {
			return false
		}
		l.put(level, off, false, s)
		return true
	}
	ni := 0
	if next > l.indents.level {
		ni = l.step
	}
	s, ok := l.fits(ni-l.cc, l.width-l.cc-firstLineWidth(after), doc)
	if !ok {
		l.out = l.out[:n]
		return false
	}
	l.inline(s)
	return true
}

// walker goes through elements and into groups, with neighbouring spacings merged.
type walker struct {
	stack [12]rest
	n     int
	more  []rest
	tail  *rest
}

func (w *walker) push(e []elem) {
	if len(e) == 0 {
		return
	}
	if w.n < len(w.stack) {
		w.stack[w.n] = rest{elems: e}
	} else {
		w.more = append(w.more, rest{elems: e})
	}
	w.n++
}

func (w *walker) top() *rest {
	if w.n <= len(w.stack) {
		return &w.stack[w.n-1]
	}
	return &w.more[len(w.more)-1]
}

// next gives the next element that is no group boundary; nil at the end.
// Groups are given too: whoever wants their insides pushes the body.
func (w *walker) next() *elem {
	for {
		if w.n == 0 {
			if w.tail == nil {
				return nil
			}
			e := w.tail.elems
			w.tail = w.tail.next
			w.push(e)
			continue
		}
		t := w.top()
		if len(t.elems) == 0 {
			if w.n > len(w.stack) {
				w.more = w.more[:len(w.more)-1]
			}
			w.n--
			continue
		}
		e := &t.elems[0]
		t.elems = t.elems[1:]
		return e
	}
}

// spacing merges the spacing at hand with those that follow it directly.
func (w *walker) spacing(e *elem) elem {
	m := *e
	for {
		n := w.next()
		if n == nil {
			return m
		}
		if n.kind != elSpacing {
			w.unread(n)
			return m
		}
		m = mergeSpacings(m, *n)
	}
}

// unread takes the element last read back.
func (w *walker) unread(e *elem) { w.push([]elem{*e}) }

// fits renders elements on one line of at most c columns. ni is the column,
// relative to here, at which the next line starts: a comment right before it
// gets one more space, see textElem.
func (l *layouter) fits(ni, c int, doc []elem) (string, bool) {
	var buf [160]byte
	out := buf[:0]
	var w walker
	w.push(doc)
	for {
		if c < 0 {
			return "", false
		}
		e := w.next()
		if e == nil {
			return string(out), true
		}
		switch e.kind {
		case elText:
			switch e.ann {
			case textRegular:
				n := width(e.text)
				ni -= n
				c -= n
				out = append(out, e.text...)
			case textComment:
				out = append(out, e.text...)
			case textTrailComment:
				if ni == 0 {
					out = append(out, ' ')
				}
				out = append(out, e.text...)
			case textTrailing:
			default:
				return "", false
			}
		case elSpacing:
			m := w.spacing(e)
			switch m.sp {
			case spSoftbreak, spBreak:
			case spSoftspace, spSpace, spHardspace:
				ni--
				c--
				out = append(out, ' ')
			default:
				return "", false
			}
		case elGroup:
			w.push(e.body)
		}
	}
}

// firstLineWidth is the width of what must stay on the line of the first element.
func firstLineWidth(after *rest) int {
	w := walker{tail: after}
	n := 0
	for {
		e := w.next()
		if e == nil {
			return n
		}
		switch e.kind {
		case elText:
			if e.ann != textComment && e.ann != textTrailComment {
				n += width(e.text)
			}
		case elSpacing:
			if m := w.spacing(e); m.sp != spHardspace {
				return n
			}
			n++
		case elGroup:
			w.push(e.body)
		}
	}
}

// firstLineFits tells whether the first line of what follows is at most
// target columns wide, groups that fit not broken up.
func (l *layouter) firstLineFits(target int, after *rest) bool {
	c := l.width
	w := walker{tail: after}
	for {
		if c < 0 {
			return false
		}
		e := w.next()
		if e == nil {
			return l.width-c <= target
		}
		switch e.kind {
		case elText:
			switch e.ann {
			case textRegular:
				c -= width(e.text)
			case textVerbatim:
				return l.width-c <= target
			}
		case elSpacing:
			if m := w.spacing(e); m.sp != spHardspace {
				return l.width-c <= target
			}
			c--
		case elGroup:
			following := w
			if s, ok := l.fits(0, c-firstLineWidthOf(&following), e.body); ok {
				c -= width(s)
			} else {
				w.push(e.body)
			}
		}
	}
}

// firstLineWidthOf is firstLineWidth of what a walker has still before it.
func firstLineWidthOf(w *walker) int {
	// Copies of the stack: the walker itself must stay where it is.
	tail := w.tail
	for i := 0; i < w.n; i++ {
		var r rest
		if i < len(w.stack) {
			r = w.stack[i]
		} else {
			r = w.more[i-len(w.stack)]
		}
		tail = &rest{r.elems, tail}
	}
	return firstLineWidth(tail)
}

// nextIndent is nesting level and offset of the first text.
func nextIndent(after *rest) (level, off int32) {
	w := walker{tail: after}
	for {
		e := w.next()
		if e == nil {
			return 0, 0
		}
		switch e.kind {
		case elText:
			return e.level, e.off
		case elGroup:
			w.push(e.body)
		}
	}
}
