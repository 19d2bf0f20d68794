package shell

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func (c *call) grep() int {
	opts, args := c.getopt("EFGPivwxcloLnhHqsre:f:m:A:B:C:abuzRI1:2:", "extended-regexp=E fixed-strings=F basic-regexp=G perl-regexp=P ignore-case=i invert-match=v word-regexp=w line-regexp=x count=c "+
		"files-with-matches=l files-without-match=L only-matching=o line-number=n no-filename=h with-filename=H quiet=q silent=q no-messages=s recursive=r regexp=e file=f max-count=m "+
		"after-context=A before-context=B context=C text=a include=1 exclude=2 color= colour= binary-files= null-data=z")
	var patterns []string
	for _, o := range opts {
		switch o.letter {
		case 'e':
			patterns = append(patterns, strings.Split(o.value, "\n")...)
		case 'f':
			c.inputs([]string{o.value}, func(_ string, r io.Reader) error {
				return lines(r, func(line string) bool {
					patterns = append(patterns, line)
					return true
				})
			})
		}
	}
	if !opts.has('e') && !opts.has('f') {
		c.need(args, 1)
		patterns, args = strings.Split(args[0], "\n"), args[1:]
	}
	kind := opts.lastOf("EFGP")
	if kind == 0 {
		switch c.name {
		case "egrep":
			kind = 'E'
		case "fgrep":
			kind = 'F'
		}
	}
	re := c.grepRegexp(patterns, kind, opts)
	g := &grepper{c: c, opts: opts, re: re, limit: -1}
	if m, ok := opts.last('m'); ok {
		g.limit = c.number(m)
	}
	for _, o := range opts {
		switch o.letter {
		case 'A':
			g.after = int(c.number(o.value))
		case 'B':
			g.before = int(c.number(o.value))
		case 'C':
			g.after = int(c.number(o.value))
			g.before = g.after
		}
	}
	recursive := opts.has('r') || opts.has('R')
	if recursive && len(args) == 0 {
		args = []string{"."}
	}
	g.names = (len(args) > 1 || recursive || opts.has('H')) && !opts.has('h')
	for _, name := range args {
		if recursive && isDir(c.path(name)) {
			g.tree(name)
			continue
		}
		g.file(name)
	}
	if len(args) == 0 {
		g.file("-")
	}
	switch {
	case c.status > 0 && !(opts.has('q') && g.found):
		return 2
	case g.found:
		c.status = 0
		return 0
	}
	return 1
}

// grepRegexp makes one expression of the patterns.
func (c *call) grepRegexp(patterns []string, kind byte, opts options) *regexp.Regexp {
	var alternatives []string
	for _, p := range patterns {
		var src string
		var err error
		switch kind {
		case 'F':
			src = regexp.QuoteMeta(p)
		case 'P':
			src = p
		default:
			src, err = translateRegexp(p, kind == 'E')
		}
		if err != nil {
			c.die(2, "%s", err)
		}
		alternatives = append(alternatives, "(?:"+src+")")
	}
	src := strings.Join(alternatives, "|")
	if opts.has('x') {
		src = "^(?:" + src + ")$"
	} else if opts.has('w') {
		src = `(?:^|\b)(?:` + src + `)(?:\b|$)`
	}
	if opts.has('i') {
		src = "(?i)" + src
	}
	re, err := regexp.Compile(src)
	if err != nil {
		c.die(2, "invalid regular expression '%s'", strings.Join(patterns, "\n"))
	}
	re.Longest()
	return re
}

type grepper struct {
	c             *call
	opts          options
	re            *regexp.Regexp
	limit         int64
	after, before int
	names         bool
	found         bool
}

func (g *grepper) tree(name string) {
	root := g.c.path(name)
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			g.c.fileErr(path, err)
			return nil
		}
		if !d.Type().IsRegular() && !(g.opts.has('R') && d.Type()&fs.ModeSymlink != 0 && !isDir(path)) {
			return nil
		}
		for _, o := range g.opts {
			matched, _ := filepath.Match(o.value, d.Name())
			if o.letter == '1' && !matched || o.letter == '2' && matched {
				return nil
			}
		}
		g.file(trimSlashes(name) + strings.TrimPrefix(path, trimSlashes(root)))
		return nil
	})
}

func (g *grepper) file(name string) {
	var r io.Reader = g.c.Stdin
	if name != "-" {
		f, err := os.Open(g.c.path(name))
		if err == nil {
			defer f.Close()
			if isDir(g.c.path(name)) {
				g.c.warn("%s: Is a directory", name)
				return
			}
		} else {
			if !g.opts.has('s') {
				g.c.fileErr(name, err)
			}
			g.c.status = 2
			return
		}
		r = f
	} else {
		name = "(standard input)"
	}
	g.search(name, r)
}

func (g *grepper) search(name string, r io.Reader) {
	var n, hits int64
	var history []string
	trailing, lastPrinted := 0, int64(0)
	quiet := g.opts.has('q') || g.opts.has('l') || g.opts.has('L') || g.opts.has('c')
	binary := false
	prefix := func(sep string, n int64) {
		if g.names {
			g.c.out.WriteString(name + sep)
		}
		if g.opts.has('n') {
			fmt.Fprintf(g.c.out, "%d%s", n, sep)
		}
	}
	print := func(sep, line string, n int64) {
		if (g.after > 0 || g.before > 0) && lastPrinted > 0 && n > lastPrinted+1 {
			g.c.out.WriteString("--\n")
		}
		lastPrinted = n
		prefix(sep, n)
		g.c.out.WriteString(line + "\n")
	}
	err := lines(r, func(line string) bool {
		n++
		if n == 1 && !g.opts.has('a') && bytes.IndexByte([]byte(line[:min(len(line), 4096)]), 0) >= 0 {
			binary = true
		}
		match := g.re.MatchString(line)
		if match == g.opts.has('v') {
			if trailing > 0 && !quiet {
				trailing--
				print("-", line, n)
			} else if g.before > 0 {
				history = append(history, line)
				if len(history) > g.before {
					history = history[1:]
				}
			}
			return true
		}
		hits++
		g.found = true
		switch {
		case g.opts.has('q'), g.opts.has('l'), g.opts.has('L'):
			return false
		case quiet:
		case binary:
			fmt.Fprintf(g.c.out, "%s: binary file matches\n", name)
			return false
		case g.opts.has('o'):
			for _, m := range g.re.FindAllString(line, -1) {
				if m != "" && match {
					prefix(":", n)
					g.c.out.WriteString(m + "\n")
				}
			}
		default:
			for i, h := range history {
				print("-", h, n-int64(len(history)-i))
			}
			history = history[:0]
			print(":", line, n)
			trailing = g.after
		}
		return g.limit < 0 || hits < g.limit
	})
	if err != nil {
		g.c.inputErr(name, err)
	}
	switch {
	case g.opts.has('q'):
	case g.opts.has('l') && hits > 0, g.opts.has('L') && hits == 0:
		g.c.out.WriteString(name + "\n")
	case g.opts.has('l'), g.opts.has('L'):
	case g.opts.has('c'):
		if g.names {
			g.c.out.WriteString(name + ":")
		}
		fmt.Fprintln(g.c.out, hits)
	}
}
