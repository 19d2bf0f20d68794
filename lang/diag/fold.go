package diag

import (
	"fmt"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Of a folded trace at most foldOuter frames are shown from the outside and
// foldInner up to the error.
const (
	foldOuter = 4
	foldInner = 8
)

// hidden counts frames that are left out in one place.
type hidden struct {
	library, repeated, others int
	file                      string // of the first library frame
}

func (h *hidden) add(o hidden) {
	h.library += o.library
	h.repeated += o.repeated
	h.others += o.others
	if h.file == "" {
		h.file = o.file
	}
}

// folded shows a trace as far as it lies in what the user wrote.
func (f *formatter) folded(e *Error, opts PrintOptions) {
	shown, before := f.fold(e, opts)
	if n := len(shown) - foldOuter - foldInner; n > 0 {
		rest := &before[foldOuter+n]
		for _, h := range before[foldOuter : foldOuter+n] {
			rest.add(h)
		}
		rest.others += n
		shown = append(shown[:foldOuter:foldOuter], shown[foldOuter+n:]...)
		before = append(before[:foldOuter:foldOuter], before[foldOuter+n:]...)
	}
	if len(shown) == 0 && e.Pos == ast.NoPos {
		return // the machine's fault, and nobody's code: a full disk, for one
	}
	for i, fr := range shown {
		f.left(before[i])
		f.frame(fr)
	}
	f.left(before[len(shown)])
}

// fold picks the frames to show, outermost first, and counts for each, and for
// the end, those left out before it. A frame without a position belongs to the
// one around it.
func (f *formatter) fold(e *Error, opts PrintOptions) (shown []Frame, before []hidden) {
	seen := map[frameKey]bool{}
	library, file := false, ""
	var left hidden
	for i := len(e.Trace) - 1; i >= 0; i-- {
		fr := e.Trace[i]
		if src := f.sources.Of(fr.Pos); src != nil {
			library, file = opts.library(src), ShowSource(src)
		}
		if fr.Forced {
			if library || fr.Pos == e.Pos {
				continue
			}
			fr.Text = f.forced(fr.Pos)
		}
		key := frameKey{ShowPos(f.sources, fr.Pos), fr.Text}
		switch {
		case fr.Text == "":
			continue
		case library && !fr.Always:
			left.add(hidden{library: 1, file: file})
			continue
		case seen[key]:
			left.repeated++
			continue
		}
		seen[key] = true
		if library {
			fr.Pos = ast.NoPos
		}
		shown, before = append(shown, fr), append(before, left)
		left = hidden{}
	}
	return shown, append(before, left)
}

// left tells what was left out.
func (f *formatter) left(h hidden) {
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			frames := "frames"
			if n == 1 {
				frames = "frame"
			}
			parts = append(parts, fmt.Sprintf("%d "+what, n, frames))
		}
	}
	add(h.library, "%s in library files such as "+strings.ReplaceAll(h.file, "%", "%%"))
	add(h.repeated, "repeated %s")
	add(h.others, "%s of your own")
	if parts != nil {
		f.b.WriteString("\n" + ansiWarning + "(" + strings.Join(parts, ", ") + " left out; use '--show-trace' to show all)" + ansiNormal + "\n")
	}
}

// forced words the frame of a variable that was needed, by the name at its position.
func (f *formatter) forced(pos ast.Pos) string {
	if name := f.nameAt(pos); name != "" {
		return "while evaluating '" + Quote(name) + "'"
	}
	return ""
}

// nameAt is the identifier that is written at a position, or "".
func (f *formatter) nameAt(pos ast.Pos) string {
	src := f.sources.Of(pos)
	if src == nil || src.Text == nil {
		return ""
	}
	text, ok := f.texts[src]
	if !ok {
		if b, err := src.Text(); err == nil {
			text = string(b)
		}
		if f.texts == nil {
			f.texts = map[*ast.Source]string{}
		}
		f.texts[src] = text
	}
	off := int(pos - src.Base)
	if off >= len(text) || text[off] >= '0' && text[off] <= '9' {
		return ""
	}
	return text[off : off+wordLength(text[off:])]
}

// NameAt is the identifier that is written at a position, or "".
func NameAt(sources *ast.Sources, pos ast.Pos) string {
	f := formatter{sources: sources}
	return f.nameAt(pos)
}
