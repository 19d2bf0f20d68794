package toml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A text has several faults: parsing goes on after one where it can.
type faults []*fault

func (f faults) Error() string {
	var b strings.Builder
	for _, e := range f {
		e.write(&b)
	}
	return b.String()
}

// fault is one thing that is wrong, with the places that show it.
type fault struct {
	title  string
	places []place
	hint   string
}

type place struct {
	at   region
	text string
}

func faultAt(title string, at region, text string, hint ...string) *fault {
	return &fault{title: title, places: []place{{at, text}}, hint: strings.Join(hint, "")}
}

func (f *fault) and(at region, text string) *fault {
	f.places = append(f.places, place{at, text})
	return f
}

// source is a text with its name.
type source struct{ name, text string }

func (s *source) line(i int) int { return 1 + strings.Count(s.text[:i], "\n") }

// region is part of a text.
type region struct {
	src         *source
	first, last int
	end         bool // the end of the text, shown as its last byte
}

// here is the region of the byte at i.
func (s *source) here(i int) region {
	if i >= len(s.text) {
		return region{s, len(s.text) - 1, len(s.text), true}
	}
	return region{s, i, i + 1, false}
}

func (s *source) between(i, j int) region { return region{s, i, j, false} }

func (r region) firstLine() int { return r.src.line(r.first) }

func (r region) lastLine() int {
	if r.last-r.first == 1 && !r.end {
		return r.firstLine()
	}
	return r.src.line(r.last)
}

// shown is a line with the column, from 1, at which a region begins or ends.
type shown struct {
	text   string
	column int
}

// reach is how much of a long line is shown before and after a region.
const reach = 30

// line is the line around two places in it.
func (r region) line(begin, end int) shown {
	text := r.src.text
	from := max(0, begin-reach)
	to := min(len(text), end+reach)
	from += 1 + strings.LastIndexByte(text[from:begin], '\n')
	if k := strings.IndexByte(text[end:to], '\n'); k >= 0 {
		to = end + k
	}
	s := shown{text[from:to], begin - from + 1}
	if from > 0 && text[from-1] != '\n' {
		s.text, s.column = "... "+s.text, s.column+4
	}
	if to < len(text) && text[to] != '\n' {
		s.text += " ..."
	}
	return s
}

// lines are the first and last line of a region, and what stands for those between.
func (r region) lines() []shown {
	text, begin, end := r.src.text, r.first, r.last-1
	first, last := r.firstLine(), r.lastLine()
	if first == last {
		return []shown{r.line(begin, end)}
	}
	from, to := 0, len(text)
	if len(text)-begin > 60 {
		to = begin + 50
	}
	if end > 60 {
		from = end - 50
	}
	firstEnd, lastBegin := to, end
	if k := strings.IndexByte(text[begin:to], '\n'); k >= 0 {
		firstEnd = begin + k
	}
	if k := strings.IndexByte(text[from:end], '\n'); k >= 0 {
		lastBegin = from + k
	}
	out := []shown{r.line(begin, firstEnd), r.line(lastBegin, end)}
	if first+1 < last {
		out = slices.Insert(out, 1, shown{"...", 1})
	}
	return out
}

func (f *fault) write(b *strings.Builder) {
	b.WriteString("[error] " + f.title + "\n")
	width := 0
	for _, p := range f.places {
		width = max(width, len(strconv.Itoa(p.at.lastLine())))
	}
	margin := strings.Repeat(" ", width+1) + " |"
	name := ""
	for i, p := range f.places {
		if i > 0 {
			b.WriteString(margin + " ...\n" + margin + "\n")
		}
		if p.at.src.name != name {
			name = p.at.src.name
			b.WriteString(" --> " + name + "\n" + margin + "\n")
		}
		p.write(b, width, margin)
	}
	b.WriteString(f.hint)
}

// write shows the lines of a place and marks the region in them.
func (p place) write(b *strings.Builder, width int, margin string) {
	line := func(number int, text string) {
		fmt.Fprintf(b, " %*d | ", width, number)
		for i := range len(text) {
			if text[i] == ' ' {
				b.WriteByte(' ')
			} else {
				b.WriteString(showChar(text[i]))
			}
		}
		b.WriteByte('\n')
	}
	mark := func(column, n int, text string) {
		b.WriteString(margin + " " + strings.Repeat(" ", max(0, column-1)) + strings.Repeat("^", max(0, n)) + "-- " + text + "\n")
	}
	lines := p.at.lines()
	number, first, last := p.at.firstLine(), lines[0], lines[len(lines)-1]
	rest := len(first.text) - first.column + 1
	line(number, first.text)
	if len(lines) == 1 {
		mark(first.column, min(max(1, rest), p.at.last-p.at.first), p.text)
		return
	}
	if len(lines) == 2 {
		mark(first.column, rest, "")
	} else {
		mark(first.column, rest, "and")
		line(number+1, lines[1].text)
		mark(1, len(lines[1].text), "and")
	}
	line(p.at.lastLine(), last.text)
	mark(1, last.column, p.text)
}
