package shell

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// diff tells whether files or trees differ; for files it shows how, in the
// unified form, or in the normal one.
func (c *call) diff() int {
	opts, names := c.getopt("qruU:NasbwiBpdC:cx:", "brief=q recursive=r unified=u new-file=N text=a report-identical-files=s exclude=x label=L ignore-all-space=w ignore-space-change=b color= no-dereference=")
	if len(names) < 2 {
		c.need(names, 2)
	}
	return c.diffNodes(opts, names[0], names[1])
}

func (c *call) diffNodes(opts options, a, b string) int {
	aDir, bDir := a != "-" && isDir(c.path(a)), b != "-" && isDir(c.path(b))
	switch {
	case aDir && bDir:
		return c.diffDirs(opts, a, b)
	case aDir:
		a = a + "/" + base(b)
	case bDir:
		b = b + "/" + base(a)
	}
	at, aok := c.diffRead(opts, a)
	bt, bok := c.diffRead(opts, b)
	if !aok || !bok {
		return 2
	}
	if bytes.Equal(at, bt) {
		if opts.has('s') {
			fmt.Fprintf(c.out, "Files %s and %s are identical\n", a, b)
		}
		return 0
	}
	as, bs := splitLines(at), splitLines(bt)
	edits := diffLines(as, bs, func(x, y string) bool { return diffKey(opts, x) == diffKey(opts, y) })
	if !slices.ContainsFunc(edits, func(e edit) bool { return e.op != ' ' }) {
		return 0
	}
	if c.diffHeader != "" && !opts.has('q') {
		fmt.Fprintf(c.out, "%s %s %s\n", c.diffHeader, a, b)
	}
	switch {
	case opts.has('q'):
		fmt.Fprintf(c.out, "Files %s and %s differ\n", a, b)
	case !opts.has('a') && (bytes.IndexByte(at, 0) >= 0 || bytes.IndexByte(bt, 0) >= 0):
		fmt.Fprintf(c.out, "Binary files %s and %s differ\n", a, b)
	case opts.has('u') || opts.has('U'):
		context := 3
		if n, ok := opts.last('U'); ok {
			context = int(c.number(n))
		}
		writeUnified(c.out, a, b, edits, context)
	default:
		writeNormal(c.out, edits)
	}
	return 1
}

// optionWords are the arguments that are options, as they were given.
func (c *call) optionWords() []string {
	var words []string
	for _, arg := range c.args {
		if len(arg) > 1 && arg[0] == '-' {
			words = append(words, arg)
		}
	}
	return words
}

func (c *call) diffRead(opts options, name string) ([]byte, bool) {
	var b []byte
	var err error
	if name == "-" {
		b, err = io.ReadAll(c.Stdin)
	} else if b, err = os.ReadFile(c.path(name)); os.IsNotExist(err) && opts.has('N') {
		err = nil
	}
	if err != nil {
		c.fileErr(name, err)
	}
	return b, err == nil
}

func diffKey(opts options, s string) string {
	switch {
	case opts.has('w'):
		s = strings.Join(strings.Fields(s), "")
	case opts.has('b'):
		s = strings.Join(strings.Fields(s), " ")
	}
	if opts.has('i') {
		s = strings.ToLower(s)
	}
	return s
}

func (c *call) diffDirs(opts options, a, b string) int {
	list := func(name string) []string {
		entries, err := os.ReadDir(c.path(name))
		if err != nil {
			c.fileErr(name, err)
			c.status = 2
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	as, bs := list(a), list(b)
	all := slices.Concat(as, bs)
	slices.Sort(all)
	status := 0
	for _, name := range slices.Compact(all) {
		inA, inB := slices.Contains(as, name), slices.Contains(bs, name)
		x, y := trimSlashes(a)+"/"+name, trimSlashes(b)+"/"+name
		switch {
		case inA && inB && isDir(c.path(x)) && isDir(c.path(y)):
			if !opts.has('r') {
				fmt.Fprintf(c.out, "Common subdirectories: %s and %s\n", x, y)
				continue
			}
			status = max(status, c.diffNodes(opts, x, y))
		case inA && inB:
			c.diffHeader = "diff " + strings.Join(c.optionWords(), " ")
			status = max(status, c.diffNodes(opts, x, y))
		case opts.has('N') && !isDir(c.path(x)) && !isDir(c.path(y)):
			status = max(status, c.diffNodes(opts, x, y))
		case inA:
			fmt.Fprintf(c.out, "Only in %s: %s\n", trimSlashes(a), name)
			status = max(status, 1)
		default:
			fmt.Fprintf(c.out, "Only in %s: %s\n", trimSlashes(b), name)
			status = max(status, 1)
		}
	}
	return status
}

// splitLines keeps the newlines, so that a missing last one is a difference.
func splitLines(b []byte) []string {
	ls := strings.SplitAfter(string(b), "\n")
	if ls[len(ls)-1] == "" {
		ls = ls[:len(ls)-1]
	}
	return ls
}

// edit is a line that is kept (' '), deleted ('-') or added ('+').
type edit struct {
	op   byte
	line string
}

// diffLines is Myers' greedy algorithm, after cutting off what both begin and
// end with. Very different files are taken to have nothing in common: the
// algorithm's time is quadratic in the differences.
func diffLines(a, b []string, same func(x, y string) bool) []edit {
	var head, tail []edit
	for len(a) > 0 && len(b) > 0 && same(a[0], b[0]) {
		head = append(head, edit{' ', b[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && same(a[len(a)-1], b[len(b)-1]) {
		tail = append(tail, edit{' ', b[len(b)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	return slices.Concat(head, myers(a, b, same), tail)
}

const maxEdits = 4000

func myers(a, b []string, same func(x, y string) bool) []edit {
	n, m := len(a), len(b)
	limit := min(n+m, maxEdits)
	offset := limit + 1
	v := make([]int, 2*offset+1)
	var trace [][]int
	for d := 0; d <= limit; d++ {
		for k := -d; k <= d; k += 2 {
			var x int
			if k == -d || k != d && v[offset+k-1] < v[offset+k+1] {
				x = v[offset+k+1]
			} else {
				x = v[offset+k-1] + 1
			}
			y := x - k
			for x < n && y < m && same(a[x], b[y]) {
				x, y = x+1, y+1
			}
			v[offset+k] = x
			if x >= n && y >= m {
				return backtrack(a, b, append(trace, slices.Clone(v[offset-d-1:offset+d+2])))
			}
		}
		trace = append(trace, slices.Clone(v[offset-d-1:offset+d+2]))
	}
	var all []edit
	for _, l := range a {
		all = append(all, edit{'-', l})
	}
	for _, l := range b {
		all = append(all, edit{'+', l})
	}
	return all
}

// backtrack reads the edits from the furthest points that were reached:
// trace[d] holds diagonals -d-1 to d+1.
func backtrack(a, b []string, trace [][]int) []edit {
	var edits []edit
	x, y := len(a), len(b)
	for d := len(trace) - 1; d >= 0; d-- {
		k := x - y
		prevK := 0
		var px, py int
		if d > 0 {
			prev := trace[d-1]
			at := func(k int) int { return prev[k+d] }
			if k == -d || k != d && at(k-1) < at(k+1) {
				prevK = k + 1
			} else {
				prevK = k - 1
			}
			px = at(prevK)
			py = px - prevK
		}
		for x > px && y > py && (d == 0 || x-px > 0 && y-py > 0) {
			if d > 0 && (prevK == k+1 && y == py+1 && x == px || prevK == k-1 && x == px+1 && y == py) {
				break
			}
			x, y = x-1, y-1
			edits = append(edits, edit{' ', b[y]})
		}
		if d > 0 {
			if prevK == k+1 {
				y--
				edits = append(edits, edit{'+', b[y]})
			} else {
				x--
				edits = append(edits, edit{'-', a[x]})
			}
		}
	}
	slices.Reverse(edits)
	return edits
}

func writeLine(w *bufio.Writer, prefix, line string) {
	w.WriteString(prefix + line)
	if !strings.HasSuffix(line, "\n") {
		w.WriteString("\n\\ No newline at end of file\n")
	}
}

func writeUnified(w *bufio.Writer, a, b string, edits []edit, context int) {
	fmt.Fprintf(w, "--- %s\n+++ %s\n", a, b)
	aLine, bLine := 1, 1
	for i := 0; i < len(edits); {
		if edits[i].op == ' ' {
			i, aLine, bLine = i+1, aLine+1, bLine+1
			continue
		}
		start := max(0, i-context)
		for j := start; j < i; j++ {
			aLine, bLine = aLine-1, bLine-1
		}
		end, last := i, i
		for end < len(edits) && end-last <= 2*context {
			if edits[end].op != ' ' {
				last = end
			}
			end++
		}
		end = min(last+context+1, len(edits))
		var an, bn int
		for _, e := range edits[start:end] {
			if e.op != '+' {
				an++
			}
			if e.op != '-' {
				bn++
			}
		}
		span := func(line, n int) string {
			if n == 0 {
				line--
			}
			if n == 1 {
				return fmt.Sprint(line)
			}
			return fmt.Sprintf("%d,%d", line, n)
		}
		fmt.Fprintf(w, "@@ -%s +%s @@\n", span(aLine, an), span(bLine, bn))
		for _, e := range edits[start:end] {
			writeLine(w, string(e.op), e.line)
		}
		aLine, bLine, i = aLine+an, bLine+bn, end
	}
}

func writeNormal(w *bufio.Writer, edits []edit) {
	aLine, bLine := 1, 1
	for i := 0; i < len(edits); {
		if edits[i].op == ' ' {
			i, aLine, bLine = i+1, aLine+1, bLine+1
			continue
		}
		var del, add []string
		for ; i < len(edits) && edits[i].op != ' '; i++ {
			if edits[i].op == '-' {
				del = append(del, edits[i].line)
			} else {
				add = append(add, edits[i].line)
			}
		}
		span := func(line, n int) string {
			if n > 1 {
				return fmt.Sprintf("%d,%d", line, line+n-1)
			}
			return fmt.Sprint(line)
		}
		switch {
		case len(del) == 0:
			fmt.Fprintf(w, "%da%s\n", aLine-1, span(bLine, len(add)))
		case len(add) == 0:
			fmt.Fprintf(w, "%sd%d\n", span(aLine, len(del)), bLine-1)
		default:
			fmt.Fprintf(w, "%sc%s\n", span(aLine, len(del)), span(bLine, len(add)))
		}
		for _, l := range del {
			writeLine(w, "< ", l)
		}
		if len(del) > 0 && len(add) > 0 {
			w.WriteString("---\n")
		}
		for _, l := range add {
			writeLine(w, "> ", l)
		}
		aLine, bLine = aLine+len(del), bLine+len(add)
	}
}
