package format

import "unicode/utf8"

// elem is an element of a document: text, a spacing, or a group.
type elem struct {
	kind  elemKind
	ann   uint8 // textAnn or groupAnn
	sp    spacing
	n     int32 // newlines of spNewlines
	level int32 // nesting depth of text; the layout turns it into indentation
	off   int32 // columns added to that, for text within strings and comments
	text  string
	body  []elem
}

type elemKind uint8

const (
	elText elemKind = iota
	elSpacing
	elGroup
)

// spacing is ordered: of two in a row, the greater one counts.
type spacing uint8

const (
	spSoftbreak spacing = iota // nothing or, where the line is full, a break
	spBreak                    // nothing or, in an expanded group, a break
	spHardspace                // a space
	spSoftspace                // a space or, where the line is full, a break
	spSpace                    // a space or, in an expanded group, a break
	spHardline                 // a break
	spEmptyline                // two breaks
	spNewlines                 // n breaks
	noSpacing
)

// The annotations of text. Comments do not count towards the width of a line;
// trailing text is there only if its group is expanded.
const (
	textRegular uint8 = iota
	textComment
	textTrailComment // "# …" at the end of a line
	textTrailing
	textDisabled // a disabled region begins: nothing is shown until its text
	textVerbatim // the text of a disabled region, shown as it is
	textRaw      // shown as it is, without indentation
)

// The annotations of groups. A group goes on one line if it fits there, else
// all its spacings break. Before that, a group's priority groups are tried:
// where what stands before and behind one fits beside it, that one alone is
// expanded. A transparent group leaves its priority groups to its parent.
const (
	groupRegular uint8 = iota
	groupPriority
	groupTransparent
)

func (e *elem) softSpace() bool {
	return e.kind == elSpacing && (e.sp == spSoftbreak || e.sp == spBreak || e.sp == spSoftspace || e.sp == spSpace)
}

func (e *elem) hardSpace() bool { return e.kind == elSpacing && !e.softSpace() }

func (e *elem) comment() bool {
	switch e.kind {
	case elText:
		return e.ann == textComment || e.ann == textTrailComment
	case elGroup:
		for i := range e.body {
			if x := &e.body[i]; !x.comment() && !x.hardSpace() {
				return false
			}
		}
		return true
	}
	return false
}

// builder collects a document; nest and offset hold for what is added inside.
type builder struct {
	out   []elem
	level int32
	off   int32
}

func (b *builder) add(ann uint8, s string) {
	b.out = append(b.out, elem{kind: elText, ann: ann, level: b.level, off: b.off, text: s})
}

func (b *builder) text(s string) {
	if s != "" {
		b.add(textRegular, s)
	}
}

func (b *builder) comment(s string) {
	if s != "" {
		b.add(textComment, s)
	}
}

func (b *builder) space(s spacing) {
	if s != noSpacing {
		b.out = append(b.out, elem{kind: elSpacing, sp: s, n: 1})
	}
}

func (b *builder) nest(f func()) {
	b.level++
	f()
	b.level--
}

func (b *builder) offset(n int, f func()) {
	b.off += int32(n)
	f()
	b.off -= int32(n)
}

// capture runs f and gives what it added instead of adding it.
func (b *builder) capture(f func()) []elem {
	out := b.out
	b.out = nil
	f()
	got := b.out
	b.out = out
	return got
}

func (b *builder) group(ann uint8, f func()) {
	body := b.capture(f)
	b.out = append(b.out, elem{kind: elGroup, ann: ann, body: body})
}

func width(s string) int { return utf8.RuneCountInString(s) }

func mergeSpacings(x, y elem) elem {
	if x.sp > y.sp || x.sp == y.sp && x.n > y.n {
		x, y = y, x
	}
	r := y
	switch {
	case x.sp == spBreak && (y.sp == spSoftspace || y.sp == spHardspace):
		r.sp = spSpace
	case x.sp == spSoftbreak && y.sp == spHardspace:
		r.sp = spSoftspace
	case y.sp != spNewlines:
	case x.sp == spNewlines:
		r.n = x.n + y.n
	case x.sp == spEmptyline:
		r.n = y.n + 2
	case x.sp == spHardspace:
	default:
		r.n = y.n + 1
	}
	return r
}

// stream reads elements and takes some back in front.
type stream struct{ stack [][]elem }

func (s *stream) push(e ...elem) {
	if len(e) > 0 {
		s.stack = append(s.stack, e)
	}
}

func (s *stream) peek() *elem {
	for len(s.stack) > 0 {
		if top := s.stack[len(s.stack)-1]; len(top) > 0 {
			return &top[0]
		}
		s.stack = s.stack[:len(s.stack)-1]
	}
	return nil
}

func (s *stream) drop() { s.stack[len(s.stack)-1] = s.stack[len(s.stack)-1][1:] }

// fixup merges spacings and texts that follow one another, and moves hard
// spacings and comments at the edges of groups out of them, for their line
// breaks would expand the group. Groups left empty go.
func fixup(doc []elem) []elem {
	var s stream
	s.push(doc...)
	return s.fixup()
}

func (s *stream) fixup() []elem {
	var out []elem
	for {
		p := s.peek()
		if p == nil {
			return out
		}
		x := *p
		s.drop()
		next := s.peek()
		switch {
		case x.kind == elSpacing && next != nil && next.kind == elSpacing:
			m := mergeSpacings(x, *next)
			s.drop()
			s.push(m)
		case x.kind == elText && next != nil && next.kind == elText && x.ann == next.ann:
			x.text += next.text
			s.drop()
			s.push(x)
		case x.kind == elSpacing && x.sp == spHardspace && next != nil && next.kind == elGroup:
			g := *next
			g.body = append([]elem{x}, g.body...)
			s.drop()
			s.push(g)
		case x.kind == elSpacing && next != nil && next.kind == elGroup:
			g := *next
			s.drop()
			out = s.fixGroup(out, []elem{x}, g)
		case x.kind == elGroup:
			out = s.fixGroup(out, nil, x)
		default:
			out = append(out, x)
		}
	}
}

// fixGroup adds the group g, with before in front of it, to out.
func (s *stream) fixGroup(out, before []elem, g elem) []elem {
	body := fixup(g.body)
	start := 0
	for start < len(body) && (body[start].hardSpace() || body[start].comment() || body[start].kind == elText && body[start].ann == textVerbatim) {
		start++
	}
	end := len(body)
	for end > start && body[end-1].hardSpace() {
		end--
	}
	before = append(before, body[:start]...)
	post := body[end:]
	body = body[start:end]
	if len(body) == 1 && body[0].kind == elGroup && body[0].ann == g.ann {
		body = body[0].body
	}
	if len(body) == 0 {
		s.push(post...)
		s.push(before...)
		return out
	}
	out = append(out, fixup(before)...)
	out = append(out, elem{kind: elGroup, ann: g.ann, body: body})
	s.push(post...)
	return out
}

// compact forces the spacings of a document, not those of groups in it, to
// their form within a line.
func compact(doc []elem) []elem {
	out := make([]elem, 0, len(doc))
	for _, e := range doc {
		if e.kind == elSpacing {
			switch e.sp {
			case spSpace, spSoftspace:
				e.sp = spHardspace
			case spBreak, spSoftbreak:
				continue
			}
		}
		out = append(out, e)
	}
	return out
}

// compactAll is compact with groups dissolved; ok is false if there are line
// breaks that must stay or the result is wider than limit (negative: none).
func compactAll(doc []elem, limit int) (out []elem, ok bool) {
	unlimited := limit < 0
	var walk func(doc []elem) bool
	walk = func(doc []elem) bool {
		for _, e := range doc {
			switch e.kind {
			case elText:
				if e.ann == textDisabled || e.ann == textVerbatim || e.ann == textRaw {
					return false
				}
				limit -= width(e.text)
				out = append(out, e)
			case elSpacing:
				switch e.sp {
				case spHardspace, spSpace, spSoftspace:
					limit--
					e.sp = spHardspace
					out = append(out, e)
				case spBreak, spSoftbreak:
				default:
					return false
				}
			case elGroup:
				if !walk(e.body) {
					return false
				}
			}
			if !unlimited && limit < 0 {
				return false
			}
		}
		return true
	}
	return out, walk(doc)
}
