package format

import (
	"strings"
	"unicode"
)

// Options say how to format; the zero value is the style as it stands.
type Options struct {
	// Width is the number of columns a line should keep to; 0 means 100.
	Width int
	// Indent is the number of columns of a level; 0 means 2.
	Indent int
}

// Text formats the text of a file. The text must be one that package parser
// accepts: what it rejects may come out as an error here or as anything, so
// parse first. The result ends with one line end, unless a disabled region
// reaches to the end of the file.
func Text(src string, o Options) (out string, err error) {
	defer func() {
		switch x := recover().(type) {
		case nil:
		case unreadable:
			err = x.err
		default:
			panic(x)
		}
	}()
	r := &reader{src: src, line: 1}
	e, final := r.readFile()
	// Blank lines at the top go, and must not count in what breaks.
	e = mapFirst(e, func(t *tok) {
		for len(t.pre) > 0 && t.pre[0].kind == blankLine {
			t.pre = t.pre[1:]
		}
	})
	var p styler
	p.group(groupRegular, func() {
		p.expr(e)
		p.trivia(final)
	})
	width, step := o.Width, o.Indent
	if width == 0 {
		width = 100
	}
	if step == 0 {
		step = 2
	}
	s := layout(fixup(p.out), width, step)
	if len(final) > 0 && final[len(final)-1].kind == disabledToEnd {
		return strings.TrimLeftFunc(s, unicode.IsSpace), nil
	}
	return strings.TrimFunc(s, unicode.IsSpace) + "\n", nil
}
