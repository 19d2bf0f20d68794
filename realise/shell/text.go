package shell

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (c *call) cat() int {
	opts, files := c.getopt("nbsuAvETet", "number=n number-nonblank=b squeeze-blank=s show-all=A show-ends=E show-tabs=T")
	if len(opts) == 0 || len(opts) == 1 && opts.has('u') {
		c.inputs(files, func(_ string, r io.Reader) error {
			_, err := io.Copy(c.Stdout, r)
			return err
		})
		return 0
	}
	n, blank := 0, false
	ends := opts.has('E') || opts.has('A') || opts.has('e')
	tabs := opts.has('T') || opts.has('A') || opts.has('t')
	c.inputs(files, func(_ string, r io.Reader) error {
		return lines(r, func(line string) bool {
			if opts.has('s') && line == "" && blank {
				return true
			}
			blank = line == ""
			if opts.has('b') && line != "" || opts.has('n') && !opts.has('b') {
				n++
				fmt.Fprintf(c.out, "%6d\t", n)
			}
			if tabs {
				line = strings.ReplaceAll(line, "\t", "^I")
			}
			c.out.WriteString(line)
			if ends {
				c.out.WriteByte('$')
			}
			return c.out.WriteByte('\n') == nil
		})
	})
	return 0
}

// count parses the count of head and tail, with its suffix.
func (c *call) count(s string) int64 {
	mult := int64(1)
	switch {
	case strings.HasSuffix(s, "k"), strings.HasSuffix(s, "K"):
		mult, s = 1<<10, s[:len(s)-1]
	case strings.HasSuffix(s, "M"):
		mult, s = 1<<20, s[:len(s)-1]
	}
	return c.number(s) * mult
}

// oldCount turns "-5" as the first argument into "-n5".
func (c *call) oldCount() {
	if len(c.args) > 0 && len(c.args[0]) > 1 && c.args[0][0] == '-' && c.args[0][1] >= '0' && c.args[0][1] <= '9' {
		c.args = append([]string{"-n" + c.args[0][1:]}, c.args[1:]...)
	}
}

func (c *call) header(opts options, files []string, name string, first *bool) {
	if (len(files) > 1 || opts.has('v')) && !opts.has('q') {
		if !*first {
			c.out.WriteByte('\n')
		}
		fmt.Fprintf(c.out, "==> %s <==\n", name)
	}
	*first = false
}

func (c *call) head() int {
	c.oldCount()
	opts, files := c.getopt("n:c:qv", "lines=n bytes=c quiet=q silent=q verbose=v")
	n, bytesMode := int64(10), false
	if last := opts.lastOf("nc"); last != 0 {
		v, _ := opts.last(last)
		n, bytesMode = c.count(v), last == 'c'
		if strings.HasPrefix(v, "-") {
			return c.headBut(files, -n, bytesMode)
		}
	}
	first := true
	c.inputs(files, func(name string, r io.Reader) error {
		c.header(opts, files, name, &first)
		if bytesMode {
			_, err := io.CopyN(c.out, r, n)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		left := n
		if left == 0 {
			return nil
		}
		return lineReader(r, func(line []byte) bool {
			c.out.Write(line)
			left--
			return left > 0
		})
	})
	return 0
}

// lineReader calls f with each line, newline included; it reads no more of a
// file than it must, so that others can go on where it stopped.
func lineReader(r io.Reader, f func(line []byte) bool) error {
	br := bufio.NewReader(r)
	for {
		line, err := br.ReadBytes('\n')
		more := true
		if len(line) > 0 {
			more = f(line)
		}
		if !more {
			if s, ok := r.(io.Seeker); ok && br.Buffered() > 0 {
				s.Seek(-int64(br.Buffered()), io.SeekCurrent) // pipes cannot, and need not
			}
			return nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// headBut prints all but the last n lines or bytes.
func (c *call) headBut(files []string, n int64, bytesMode bool) int {
	c.inputs(files, func(_ string, r io.Reader) error {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if bytesMode {
			c.out.Write(b[:max(0, int64(len(b))-n)])
			return nil
		}
		ls := bytes.SplitAfter(b, []byte("\n"))
		if len(ls[len(ls)-1]) == 0 {
			ls = ls[:len(ls)-1]
		}
		for _, l := range ls[:max(0, int64(len(ls))-n)] {
			c.out.Write(l)
		}
		return nil
	})
	return 0
}

func (c *call) tail() int {
	c.oldCount()
	if len(c.args) > 0 && len(c.args[0]) > 1 && c.args[0][0] == '+' {
		c.args = append([]string{"-n", c.args[0]}, c.args[1:]...)
	}
	opts, files := c.getopt("n:c:qvfF", "lines=n bytes=c quiet=q silent=q verbose=v")
	n, bytesMode, from := int64(10), false, false
	if last := opts.lastOf("nc"); last != 0 {
		v, _ := opts.last(last)
		from = strings.HasPrefix(v, "+")
		n, bytesMode = c.count(strings.TrimLeft(v, "+-")), last == 'c'
	}
	first := true
	c.inputs(files, func(name string, r io.Reader) error {
		c.header(opts, files, name, &first)
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		at := len(b)
		switch {
		case bytesMode && from:
			at = int(min(max(n-1, 0), int64(len(b))))
		case bytesMode:
			at = int(max(0, int64(len(b))-n))
		case from:
			at = 0
			for ; n > 1 && at < len(b); n-- {
				i := bytes.IndexByte(b[at:], '\n')
				if i < 0 {
					at = len(b)
				} else {
					at += i + 1
				}
			}
		default:
			if at > 0 && b[at-1] == '\n' && n > 0 {
				at--
			}
			for ; n > 0 && at >= 0; n-- {
				at = bytes.LastIndexByte(b[:at], '\n')
			}
			at++
			if opts.lastOf("nc") != 0 && n == 0 && at > len(b) {
				at = len(b)
			}
		}
		c.out.Write(b[min(at, len(b)):])
		return nil
	})
	return 0
}

func (c *call) wc() int {
	opts, files := c.getopt("lwcmL", "lines=l words=w bytes=c chars=m max-line-length=L")
	if len(opts) == 0 {
		opts = options{{letter: 'l'}, {letter: 'w'}, {letter: 'c'}}
	}
	type counts [5]int64
	var total counts
	var all []counts
	var names []string
	c.inputs(files, func(name string, r io.Reader) error {
		var n counts
		br := bufio.NewReaderSize(r, 64<<10)
		inWord := false
		var col int64
		for {
			b, err := br.ReadByte()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			n[3]++
			if utf8.RuneStart(b) {
				n[2]++
			}
			space := b == ' ' || b >= '\t' && b <= '\r'
			if !space && !inWord {
				n[1]++
			}
			inWord = !space
			if b == '\n' {
				n[0]++
				n[4] = max(n[4], col)
				col = 0
			} else {
				col++
			}
		}
		n[4] = max(n[4], col)
		for i := range n {
			total[i] += n[i]
		}
		all = append(all, n)
		names = append(names, name)
		return nil
	})
	if len(names) > 1 {
		all = append(all, total)
		names = append(names, "total")
	}
	width := 1
	columns := 0
	for _, l := range "lwmcL" {
		if opts.has(byte(l)) {
			columns++
		}
	}
	if columns > 1 || len(names) > 1 {
		for _, n := range total {
			width = max(width, len(strconv.FormatInt(n, 10)))
		}
		if len(files) == 0 {
			width = max(width, 7)
		}
	}
	for i, n := range all {
		sep := ""
		for j, l := range "lwmcL" {
			if opts.has(byte(l)) {
				fmt.Fprintf(c.out, "%s%*d", sep, width, n[j])
				sep = " "
			}
		}
		if len(files) > 0 {
			c.out.WriteString(" " + names[i])
		}
		c.out.WriteByte('\n')
	}
	return 0
}

func (c *call) tac() int {
	_, files := c.getopt("", "")
	c.inputs(files, func(_ string, r io.Reader) error {
		b, err := io.ReadAll(r)
		ls := bytes.SplitAfter(b, []byte("\n"))
		for _, l := range slices.Backward(ls) {
			c.out.Write(l)
		}
		return err
	})
	return 0
}

func (c *call) rev() int {
	_, files := c.getopt("", "")
	c.inputs(files, func(_ string, r io.Reader) error {
		return lines(r, func(line string) bool {
			rs := []rune(line)
			slices.Reverse(rs)
			_, err := c.out.WriteString(string(rs) + "\n")
			return err == nil
		})
	})
	return 0
}

func (c *call) uniq() int {
	opts, files := c.getopt("cduif:s:w:z", "count=c repeated=d unique=u ignore-case=i skip-fields=f skip-chars=s check-chars=w")
	n := func(letter byte) int {
		if v, ok := opts.last(letter); ok {
			return int(c.number(v))
		}
		return -1
	}
	fields, chars, width := n('f'), n('s'), n('w')
	key := func(line string) string {
		for range max(fields, 0) {
			line = strings.TrimLeft(line, " \t")
			if i := strings.IndexAny(line, " \t"); i >= 0 {
				line = line[i:]
			} else {
				line = ""
			}
		}
		line = line[min(max(chars, 0), len(line)):]
		if width >= 0 {
			line = line[:min(width, len(line))]
		}
		if opts.has('i') {
			line = strings.ToLower(line)
		}
		return line
	}
	out := c.out
	if len(files) > 1 {
		f, err := os.Create(c.path(files[1]))
		if err != nil {
			c.die(1, "%s: %s", files[1], reason(err))
		}
		defer f.Close()
		out = bufio.NewWriter(f)
		defer out.Flush()
		files = files[:1]
	}
	count, prev := 0, ""
	flush := func() {
		if count == 0 || opts.has('d') && count == 1 || opts.has('u') && count > 1 {
			return
		}
		if opts.has('c') {
			fmt.Fprintf(out, "%7d ", count)
		}
		out.WriteString(prev + "\n")
	}
	c.inputs(files, func(_ string, r io.Reader) error {
		return lines(r, func(line string) bool {
			if count > 0 && key(line) == key(prev) {
				count++
				return true
			}
			flush()
			count, prev = 1, line
			return true
		})
	})
	flush()
	return 0
}

// ranges parses the list of cut: pairs of first and last, from 1.
func (c *call) ranges(list string) [][2]int {
	var rs [][2]int
	for _, item := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		lo, hi, dash := strings.Cut(item, "-")
		r := [2]int{1, 1 << 60}
		if lo != "" {
			r[0] = int(c.number(lo))
		}
		if !dash {
			r[1] = r[0]
		} else if hi != "" {
			r[1] = int(c.number(hi))
		}
		if r[0] < 1 || r[1] < r[0] || item == "-" {
			c.die(1, "invalid range: '%s'", item)
		}
		rs = append(rs, r)
	}
	return rs
}

func (c *call) cut() int {
	opts, files := c.getopt("b:c:f:d:snCO:", "bytes=b characters=c fields=f delimiter=d only-delimited=s complement=C output-delimiter=O")
	mode := opts.lastOf("bcf")
	if mode == 0 {
		c.die(1, "you must specify a list of bytes, characters, or fields")
	}
	list, _ := opts.last(mode)
	rs := c.ranges(list)
	in := func(n int) bool {
		hit := slices.ContainsFunc(rs, func(r [2]int) bool { return r[0] <= n && n <= r[1] })
		return hit != opts.has('C')
	}
	delim := "\t"
	if d, ok := opts.last('d'); ok {
		delim = d
	}
	outDelim := delim
	if d, ok := opts.last('O'); ok {
		outDelim = d
	}
	c.inputs(files, func(_ string, r io.Reader) error {
		return lines(r, func(line string) bool {
			switch mode {
			case 'f':
				if !strings.Contains(line, delim) {
					if opts.has('s') {
						return true
					}
					c.out.WriteString(line)
					break
				}
				first := true
				for i, f := range strings.Split(line, delim) {
					if in(i + 1) {
						if !first {
							c.out.WriteString(outDelim)
						}
						first = false
						c.out.WriteString(f)
					}
				}
			case 'b':
				for i := range len(line) {
					if in(i + 1) {
						c.out.WriteByte(line[i])
					}
				}
			default:
				i := 0
				for _, r := range line {
					if i++; in(i) {
						c.out.WriteRune(r)
					}
				}
			}
			return c.out.WriteByte('\n') == nil
		})
	})
	return 0
}

func (c *call) tr() int {
	opts, sets := c.getoptStop("cCdst", "complement=c delete=d squeeze-repeats=s truncate-set1=t", true)
	c.need(sets, 1)
	if len(sets) < 2 && !opts.has('d') && !opts.has('s') {
		c.need(sets, 2)
	}
	set1 := c.trSet(sets[0], -1)
	if opts.has('c') || opts.has('C') {
		var in [256]bool
		for _, b := range set1 {
			in[b] = true
		}
		set1 = set1[:0:0]
		for b := range 256 {
			if !in[b] {
				set1 = append(set1, byte(b))
			}
		}
	}
	var set2 []byte
	if len(sets) > 1 {
		set2 = c.trSet(sets[1], len(set1))
	}
	var drop, squeeze [256]bool
	var to [256]byte
	for i := range to {
		to[i] = byte(i)
	}
	squeezeSet := set2
	switch {
	case opts.has('d'):
		for _, b := range set1 {
			drop[b] = true
		}
	case len(sets) > 1:
		for i, b := range set1 {
			switch {
			case i < len(set2):
				to[b] = set2[i]
			case len(set2) > 0 && !opts.has('t'):
				to[b] = set2[len(set2)-1]
			}
		}
	default:
		squeezeSet = set1
	}
	if opts.has('s') {
		for _, b := range squeezeSet {
			squeeze[b] = true
		}
	}
	in := bufio.NewReaderSize(c.Stdin, 64<<10)
	last := -1
	for {
		b, err := in.ReadByte()
		if err == io.EOF {
			return 0
		}
		if err != nil {
			c.inputErr("-", err)
			return 1
		}
		if drop[b] {
			continue
		}
		b = to[b]
		if squeeze[b] && last == int(b) {
			continue
		}
		last = int(b)
		if c.out.WriteByte(b) != nil {
			return 1
		}
	}
}

// trSet expands a set of tr: ranges, classes, escapes, and repeats up to a
// length of n.
func (c *call) trSet(s string, n int) []byte {
	var set []byte
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], "[:") {
			if j := strings.Index(s[i:], ":]"); j > 0 {
				class := charClass(s[i+2 : i+j])
				if class == nil {
					c.die(1, "invalid character class '%s'", s[i+2:i+j])
				}
				for b := range 256 {
					if class(byte(b)) {
						set = append(set, byte(b))
					}
				}
				i += j + 2
				continue
			}
		}
		if strings.HasPrefix(s[i:], "[=") && i+4 < len(s) && s[i+3:i+5] == "=]" {
			set = append(set, s[i+2])
			i += 5
			continue
		}
		if s[i] == '[' && i+2 < len(s) && s[i+2] == '*' {
			if j := strings.IndexByte(s[i:], ']'); j > 0 {
				if k, err := strconv.ParseInt("0"+s[i+3:i+j], 0, 32); err == nil {
					if k == 0 {
						k = int64(n - len(set))
					}
					for range k {
						set = append(set, s[i+1])
					}
					i += j + 1
					continue
				}
			}
		}
		b, size := trChar(s[i:])
		i += size
		if i+1 < len(s) && s[i] == '-' {
			hi, size := trChar(s[i+1:])
			i += 1 + size
			if hi < b {
				c.die(1, "range-endpoints of '%c-%c' are in reverse collating sequence order", b, hi)
			}
			for x := int(b); x <= int(hi); x++ {
				set = append(set, byte(x))
			}
			continue
		}
		set = append(set, b)
	}
	return set
}

func trChar(s string) (b byte, size int) {
	if s[0] != '\\' || len(s) == 1 {
		return s[0], 1
	}
	if i := strings.IndexByte("abfnrtv", s[1]); i >= 0 {
		return "\a\b\f\n\r\t\v"[i], 2
	}
	n := 1
	for n < len(s) && n < 4 && s[n] >= '0' && s[n] <= '7' {
		n++
	}
	if n > 1 {
		v, _ := strconv.ParseUint(s[1:n], 8, 16)
		return byte(v), n
	}
	return s[1], 2
}

// charClass is a POSIX character class in the C locale; nil if unknown.
func charClass(name string) func(byte) bool {
	lower := func(b byte) bool { return b >= 'a' && b <= 'z' }
	upper := func(b byte) bool { return b >= 'A' && b <= 'Z' }
	digit := func(b byte) bool { return b >= '0' && b <= '9' }
	switch name {
	case "lower":
		return lower
	case "upper":
		return upper
	case "digit":
		return digit
	case "alpha":
		return func(b byte) bool { return lower(b) || upper(b) }
	case "alnum":
		return func(b byte) bool { return lower(b) || upper(b) || digit(b) }
	case "space":
		return func(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }
	case "blank":
		return func(b byte) bool { return b == ' ' || b == '\t' }
	case "cntrl":
		return func(b byte) bool { return b < ' ' || b == 127 }
	case "print":
		return func(b byte) bool { return b >= ' ' && b < 127 }
	case "graph":
		return func(b byte) bool { return b > ' ' && b < 127 }
	case "punct":
		return func(b byte) bool { return b > ' ' && b < 127 && !lower(b) && !upper(b) && !digit(b) }
	case "xdigit":
		return func(b byte) bool { return digit(b) || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F' }
	}
	return nil
}

func (c *call) yes() int {
	line := "y"
	if len(c.args) > 0 {
		line = strings.Join(c.args, " ")
	}
	for {
		if _, err := c.out.WriteString(line + "\n"); err != nil {
			return 1
		}
	}
}
