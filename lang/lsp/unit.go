package lsp

import (
	"path/filepath"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/diag"
	"github.com/seed192a40f6/glang/lang/parser"
)

// unit is a text with what is known about it. It never changes: an edit makes
// a new one.
type unit struct {
	uri  string
	path string // absolute, or empty if the document is no file
	text string
	base ast.Pos
	err  *diag.Error
	root ast.Node // after an error what could be read, or nil
	ix   *index

	lines []int // offsets at which lines start

	members map[*ast.Attrs]map[string]*member // worked out so far
	site    *site                             // the call that fills its arguments, or nil
	siteOf  *int                              // of which generation of the server that is
	sites   map[string]*site                  // the calls in it, by the path that they call
}

func newUnit(symbols *ast.Symbols, globals map[string]*Builtin, uri, path, text string) *unit {
	u := &unit{uri: uri, path: path}
	u.setText(text)
	var sources ast.Sources // of its own, so that old versions can be freed
	src := &ast.Source{Path: path, Text: func() ([]byte, error) { return []byte(text), nil }}
	p := parser.New(symbols, &sources, parser.Options{PipeOperators: true, Keep: true, AllErrors: true})
	dir := "/"
	if path != "" {
		dir = filepath.Dir(path)
	}
	root, err := p.Parse(src, []byte(text), parser.BasePaths{Dir: dir, Home: "/"})
	u.base = src.Base
	if err != nil {
		if e, ok := err.(*diag.Error); ok {
			u.err = e
		} else {
			u.err = &diag.Error{Kind: diag.Syntax, Message: err.Error()}
		}
		root = p.Partial()
	}
	if root != nil {
		u.root = root
		u.ix = newIndex(u, symbols, globals, root)
	}
	return u
}

// setText replaces the text; the tree is left behind.
func (u *unit) setText(text string) {
	u.text, u.lines = text, []int{0}
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			u.lines = append(u.lines, i+1)
		}
	}
}

func (u *unit) offset(p ast.Pos) int { return int(p) - int(u.base) }

// position is the place of an offset as the protocol counts.
func (u *unit) position(off int) position {
	off = max(0, min(off, len(u.text)))
	line := sort.SearchInts(u.lines, off+1) - 1
	return position{line, utf16Len(u.text[u.lines[line]:off])}
}

func (u *unit) textRange(off, n int) textRange {
	return textRange{u.position(off), u.position(off + n)}
}

func utf16Len(s string) int {
	n := 0
	for _, c := range s {
		n++
		if c > 0xffff {
			n++
		}
	}
	return n
}

// at is the offset of a place; beyond a line's end it is that end.
func (u *unit) at(p position) int {
	if p.Line < 0 {
		return 0
	}
	if p.Line >= len(u.lines) {
		return len(u.text)
	}
	off := u.lines[p.Line]
	for n := 0; off < len(u.text) && u.text[off] != '\n'; {
		c, size := utf8.DecodeRuneInString(u.text[off:])
		w := 1
		if c > 0xffff {
			w = 2
		}
		if n+w > p.Character {
			break
		}
		n += w
		off += size
	}
	return off
}

func identByte(c byte) bool {
	return c == '_' || c == '\'' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// word is the identifier around an offset.
func (u *unit) word(off int) (start, end int) {
	start, end = off, off
	for start > 0 && identByte(u.text[start-1]) {
		start--
	}
	for end < len(u.text) && identByte(u.text[end]) {
		end++
	}
	return start, end
}

// comment is the documentation comment (/** … */, or lines of #) that ends right before an offset.
func (u *unit) comment(off int) string {
	before := strings.TrimRight(u.text[:max(0, min(off, len(u.text)))], " \t")
	before, ok := strings.CutSuffix(before, "\n")
	if !ok {
		return ""
	}
	if rest, ok := strings.CutSuffix(strings.TrimRight(before, " \t"), "*/"); ok {
		i := strings.LastIndex(rest, "/*")
		if i < 0 {
			return ""
		}
		var out []string
		for _, l := range strings.Split(strings.TrimPrefix(rest[i+2:], "*"), "\n") {
			out = append(out, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(l), "* ")))
		}
		return strings.TrimSpace(strings.Join(out, "\n"))
	}
	var out []string
	for {
		i := strings.LastIndexByte(before, '\n')
		l := strings.TrimSpace(before[i+1:])
		if !strings.HasPrefix(l, "#") {
			break
		}
		out = append([]string{strings.TrimSpace(strings.TrimLeft(l, "#"))}, out...)
		if i < 0 {
			break
		}
		before = before[:i]
	}
	return strings.Join(out, "\n")
}
