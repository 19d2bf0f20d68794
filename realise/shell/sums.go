package shell

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/store/hash"
)

func (c *call) checksum() int {
	opts, files := c.getopt("bctwz", "binary=b check=c text=t quiet=q status=s ignore-missing=i strict= warn=w zero=z tag=T")
	algo := map[string]hash.Algo{"md5sum": hash.MD5, "sha1sum": hash.SHA1, "sha256sum": hash.SHA256, "sha512sum": hash.SHA512, "b3sum": hash.BLAKE3}[c.name]
	sum := func(r io.Reader) (string, error) {
		h, _, err := hash.Copy(algo, r)
		return h.Base16(), err
	}
	if !opts.has('c') {
		c.inputs(files, func(name string, r io.Reader) error {
			digest, err := sum(r)
			if err != nil {
				return err
			}
			mark := " "
			if opts.has('b') {
				mark = "*"
			}
			fmt.Fprintf(c.out, "%s %s%s\n", digest, mark, name)
			return nil
		})
		return 0
	}
	failed := 0
	c.inputs(files, func(list string, r io.Reader) error {
		return lines(r, func(line string) bool {
			want, name, ok := strings.Cut(line, " ")
			if !ok || len(want) != 2*algo.Size() || len(name) < 2 {
				if strings.TrimSpace(line) != "" {
					c.warn("%s: no properly formatted checksum lines found", list)
				}
				return true
			}
			name = name[1:]
			f, err := os.Open(c.path(name))
			if err != nil {
				c.fileErr(name, err)
				fmt.Fprintf(c.out, "%s: FAILED open or read\n", name)
				failed++
				return true
			}
			defer f.Close()
			switch have, err := sum(f); {
			case err != nil:
				c.fileErr(name, err)
				failed++
			case !strings.EqualFold(have, want):
				failed++
				if !opts.has('s') {
					fmt.Fprintf(c.out, "%s: FAILED\n", name)
				}
			case !opts.has('q') && !opts.has('s'):
				fmt.Fprintf(c.out, "%s: OK\n", name)
			}
			return true
		})
	})
	if failed > 0 && !opts.has('s') {
		c.warn("WARNING: %d computed checksum did NOT match", failed)
	}
	if failed > 0 {
		return 1
	}
	return 0
}

func (c *call) base64() int {
	opts, files := c.getopt("diw:", "decode=d ignore-garbage=i wrap=w")
	wrap := 76
	if w, ok := opts.last('w'); ok {
		wrap = int(c.number(w))
	}
	c.inputs(files, func(_ string, r io.Reader) error {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if opts.has('d') {
			text := strings.Join(strings.Fields(string(b)), "")
			out, err := base64.StdEncoding.DecodeString(text)
			c.out.Write(out)
			if err != nil {
				c.warn("invalid input")
			}
			return nil
		}
		text := base64.StdEncoding.EncodeToString(b)
		for wrap > 0 && len(text) > wrap {
			c.out.WriteString(text[:wrap] + "\n")
			text = text[wrap:]
		}
		c.out.WriteString(text)
		if wrap > 0 && text != "" {
			c.out.WriteByte('\n')
		}
		return nil
	})
	return 0
}

func (c *call) cmp() int {
	opts, files := c.getopt("sln:b", "silent=s quiet=s verbose=l bytes=n")
	c.need(files, 1)
	if len(files) == 1 {
		files = append(files, "-")
	}
	var readers [2]*bufio.Reader
	for i, name := range files[:2] {
		if name == "-" {
			readers[i] = bufio.NewReader(c.Stdin)
			continue
		}
		f, err := os.Open(c.path(name))
		if err != nil {
			if !opts.has('s') {
				c.fileErr(name, err)
			}
			return 2
		}
		defer f.Close()
		readers[i] = bufio.NewReaderSize(f, 64<<10)
	}
	limit := int64(1) << 62
	if n, ok := opts.last('n'); ok {
		limit = c.count(n)
	}
	line, differ := 1, false
	for pos := int64(1); pos <= limit; pos++ {
		a, aerr := readers[0].ReadByte()
		b, berr := readers[1].ReadByte()
		switch {
		case aerr == io.EOF && berr == io.EOF:
			if differ {
				return 1
			}
			return 0
		case aerr == io.EOF || berr == io.EOF:
			name := files[0]
			if berr == io.EOF {
				name = files[1]
			}
			if !opts.has('s') {
				c.warn("EOF on %s after byte %d, in line %d", name, pos-1, line)
			}
			return 1
		case aerr != nil || berr != nil:
			c.warn("read error")
			return 2
		}
		if a != b {
			differ = true
			if opts.has('s') {
				return 1
			}
			if !opts.has('l') {
				fmt.Fprintf(c.out, "%s %s differ: char %d, line %d\n", files[0], files[1], pos, line)
				return 1
			}
			fmt.Fprintf(c.out, "%d %3o %3o\n", pos, a, b)
		}
		if a == '\n' {
			line++
		}
	}
	if differ {
		return 1
	}
	return 0
}

// od dumps bytes in the formats that scripts use: -t x1, o1, d1, u1, c, and
// -c, with -A n and -v; others are refused.
func (c *call) od() int {
	opts, files := c.getopt("A:t:vN:j:cxbw?", "address-radix=A format=t output-duplicates=v read-bytes=N skip-bytes=j width=w")
	format := "o2"
	if f, ok := opts.last('t'); ok {
		format = f
	}
	switch opts.lastOf("tcxb") {
	case 'c':
		format = "c"
	case 'x':
		format = "x2"
	case 'b':
		format = "o1"
	}
	size, width, verb := 1, 0, ""
	switch format {
	case "x1", "xC":
		verb, width = "%02x", 3
	case "o1", "oC":
		verb, width = "%03o", 4
	case "u1", "uC":
		verb, width = "%d", 4
	case "c":
		verb, width = "", 4
	case "x2":
		verb, width, size = "%04x", 5, 2
	case "o2":
		verb, width, size = "%06o", 7, 2
	default:
		c.die(1, "invalid type string '%s'", format)
	}
	radix, _ := opts.last('A')
	addr := func(n int) {
		switch radix {
		case "n":
		case "d":
			fmt.Fprintf(c.out, "%07d", n)
		case "x":
			fmt.Fprintf(c.out, "%06x", n)
		default:
			fmt.Fprintf(c.out, "%07o", n)
		}
	}
	var b []byte
	c.inputs(files, func(_ string, r io.Reader) error {
		text, err := io.ReadAll(r)
		b = append(b, text...)
		return err
	})
	start := 0
	if s, ok := opts.last('j'); ok {
		start = min(int(c.count(s)), len(b))
	}
	if n, ok := opts.last('N'); ok {
		b = b[:min(len(b), start+int(c.count(n)))]
	}
	perLine := 16
	if w, ok := opts.last('w'); ok && w != "" {
		perLine = int(c.number(w))
	}
	for at := start; at < len(b); at += perLine {
		row := b[at:min(at+perLine, len(b))]
		if at > start && !opts.has('v') && len(row) == perLine && bytes.Equal(row, b[at-perLine:at]) {
			if at == start+perLine || !bytes.Equal(b[at-perLine:at], b[at-2*perLine:at-perLine]) {
				c.out.WriteString("*\n")
			}
			continue
		}
		addr(at)
		for i := 0; i < len(row); i += size {
			v := int(row[i])
			if size == 2 && i+1 < len(row) {
				v |= int(row[i+1]) << 8
			}
			if verb == "" {
				fmt.Fprintf(c.out, "%*s", width, odChar(row[i]))
			} else {
				fmt.Fprintf(c.out, "%*s", width, fmt.Sprintf(verb, v))
			}
		}
		c.out.WriteByte('\n')
	}
	if radix != "n" {
		addr(len(b))
		c.out.WriteByte('\n')
	}
	return 0
}

func odChar(b byte) string {
	if i := strings.IndexByte("\x00\a\b\t\n\v\f\r", b); i >= 0 {
		return `\` + "0abtnvfr"[i:i+1]
	}
	if b < ' ' || b > '~' {
		s := strconv.FormatUint(uint64(b), 8)
		return strings.Repeat("0", 3-len(s)) + s
	}
	return string(b)
}
