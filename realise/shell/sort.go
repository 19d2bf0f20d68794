package shell

import (
	"bufio"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// sortKey is a -k of sort: fields and characters count from 1; an end of 0 is
// the end of the line.
type sortKey struct {
	field, char       int
	endField, endChar int
	flags             string
}

func (c *call) sort() int {
	opts, files := c.getopt("bcCdfghik:mMno:rRsSt:uVz", "reverse=r numeric-sort=n unique=u ignore-case=f output=o key=k field-separator=t stable=s check=c "+
		"version-sort=V zero-terminated=z human-numeric-sort=h general-numeric-sort=g dictionary-order=d ignore-leading-blanks=b ignore-nonprinting=i merge=m buffer-size= parallel=")
	var global strings.Builder
	for _, o := range opts {
		if strings.IndexByte("bdfghinrV", o.letter) >= 0 {
			global.WriteByte(o.letter)
		}
	}
	var keys []sortKey
	for _, o := range opts {
		if o.letter == 'k' {
			keys = append(keys, c.sortKey(o.value))
		}
	}
	for i := range keys {
		if keys[i].flags == "" {
			keys[i].flags = global.String()
		}
	}
	if len(keys) == 0 {
		keys = []sortKey{{field: 1, char: 1, flags: global.String()}}
	}
	sep, _ := opts.last('t')
	delim := byte('\n')
	if opts.has('z') {
		delim = 0
	}
	var all []string
	c.inputs(files, func(_ string, r io.Reader) error {
		b, err := io.ReadAll(bufio.NewReader(r))
		text := string(b)
		for text != "" {
			line, rest, _ := strings.Cut(text, string(delim))
			all = append(all, line)
			text = rest
		}
		return err
	})
	compareKeys := func(a, b string) int {
		for _, k := range keys {
			if d := k.compare(k.extract(a, sep), k.extract(b, sep)); d != 0 {
				if strings.Contains(k.flags, "r") {
					return -d
				}
				return d
			}
		}
		return 0
	}
	compare := func(a, b string) int {
		d := compareKeys(a, b)
		if d == 0 && !opts.has('s') && !opts.has('u') {
			d = strings.Compare(a, b)
			if opts.has('r') {
				d = -d
			}
		}
		return d
	}
	if opts.has('c') || opts.has('C') {
		for i := 1; i < len(all); i++ {
			if d := compare(all[i-1], all[i]); d > 0 || d == 0 && opts.has('u') {
				if opts.has('c') {
					name := "-"
					if len(files) > 0 {
						name = files[0]
					}
					c.warn("%s:%d: disorder: %s", name, i+1, all[i])
				}
				return 1
			}
		}
		return 0
	}
	slices.SortStableFunc(all, compare)
	if opts.has('u') {
		all = slices.CompactFunc(all, func(a, b string) bool { return compareKeys(a, b) == 0 })
	}
	out := c.out
	if name, ok := opts.last('o'); ok {
		f, err := os.Create(c.path(name))
		if err != nil {
			c.die(2, "open failed: %s: %s", name, reason(err))
		}
		defer f.Close()
		out = bufio.NewWriter(f)
		defer out.Flush()
	}
	for _, line := range all {
		out.WriteString(line)
		out.WriteByte(delim)
	}
	return 0
}

// sortKey reads F[.C][OPTS][,F[.C][OPTS]].
func (c *call) sortKey(s string) sortKey {
	start, end, hasEnd := strings.Cut(s, ",")
	k := sortKey{char: 1}
	pos := func(s string) (field, char int, flags string) {
		i := 0
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
			i++
		}
		f, ch, hasChar := strings.Cut(s[:i], ".")
		field = int(c.number(f))
		if hasChar {
			char = int(c.number(ch))
		}
		return field, char, s[i:]
	}
	var flags string
	k.field, k.char, k.flags = pos(start)
	if hasEnd {
		k.endField, k.endChar, flags = pos(end)
		k.flags += flags
	}
	if k.field < 1 {
		c.die(2, "field number is zero: invalid field specification '%s'", s)
	}
	k.char = max(k.char, 1)
	return k
}

// extract is the part of a line that the key is about.
func (k sortKey) extract(line, sep string) string {
	if k.field == 1 && k.char == 1 && k.endField == 0 {
		return line
	}
	// starts[i] and ends[i] delimit field i+1. Without a separator, a field
	// begins with the blanks before it.
	var starts, ends []int
	if sep != "" {
		at := 0
		for {
			i := strings.Index(line[at:], sep)
			starts = append(starts, at)
			if i < 0 {
				ends = append(ends, len(line))
				break
			}
			ends = append(ends, at+i)
			at += i + len(sep)
		}
	} else {
		for at := 0; at < len(line); {
			starts = append(starts, at)
			for at < len(line) && (line[at] == ' ' || line[at] == '\t') {
				at++
			}
			for at < len(line) && line[at] != ' ' && line[at] != '\t' {
				at++
			}
			ends = append(ends, at)
		}
	}
	if k.field > len(starts) {
		return ""
	}
	skip := func(at int) int {
		if strings.Contains(k.flags, "b") {
			for at < len(line) && (line[at] == ' ' || line[at] == '\t') {
				at++
			}
		}
		return at
	}
	from := skip(starts[k.field-1]) + k.char - 1
	to := len(line)
	if k.endField > 0 && k.endField <= len(starts) {
		to = ends[k.endField-1]
		if k.endChar > 0 {
			to = min(to, skip(starts[k.endField-1])+k.endChar)
		}
	}
	if from >= to {
		return ""
	}
	return line[from:to]
}

func (k sortKey) compare(a, b string) int {
	if strings.ContainsAny(k.flags, "ngh") {
		return compareNumbers(a, b, k.flags)
	}
	if strings.Contains(k.flags, "V") {
		return compareVersions(a, b)
	}
	if strings.Contains(k.flags, "b") {
		a, b = strings.TrimLeft(a, " \t"), strings.TrimLeft(b, " \t")
	}
	if strings.Contains(k.flags, "d") {
		keep := func(r rune) rune {
			if r < 128 && (charClass("alnum")(byte(r)) || charClass("blank")(byte(r))) {
				return r
			}
			return -1
		}
		a, b = strings.Map(keep, a), strings.Map(keep, b)
	}
	if strings.Contains(k.flags, "f") {
		a, b = strings.ToUpper(a), strings.ToUpper(b)
	}
	return strings.Compare(a, b)
}

func compareNumbers(a, b, flags string) int {
	parse := func(s string) float64 {
		s = strings.TrimLeft(s, " \t")
		i := 0
		if i < len(s) && s[i] == '-' {
			i++
		}
		for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
			i++
		}
		n, err := strconv.ParseFloat(s[:i], 64)
		if strings.Contains(flags, "g") {
			if g, gerr := strconv.ParseFloat(strings.TrimSpace(s), 64); gerr == nil {
				return g
			}
		}
		if err != nil {
			return 0
		}
		if strings.Contains(flags, "h") && i < len(s) {
			if j := strings.IndexByte("KMGTPE", s[i]&^0x20); j >= 0 {
				for range j + 1 {
					n *= 1024
				}
			}
		}
		return n
	}
	x, y := parse(a), parse(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// compareVersions orders runs of digits by value and the rest by bytes.
func compareVersions(a, b string) int {
	digits := func(s string) int {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i
	}
	for a != "" && b != "" {
		i, j := digits(a), digits(b)
		if i > 0 && j > 0 {
			x, y := strings.TrimLeft(a[:i], "0"), strings.TrimLeft(b[:j], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if d := strings.Compare(x, y); d != 0 {
				return d
			}
			a, b = a[i:], b[j:]
			continue
		}
		if a[0] != b[0] {
			if a[0] == '~' || b[0] != '~' && a[0] < b[0] {
				return -1
			}
			return 1
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}
