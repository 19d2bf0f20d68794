package diag

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
)

// The colours of the reference's messages.
const (
	ansiNormal  = "\x1b[0m"
	ansiRed     = "\x1b[31;1m"
	ansiGreen   = "\x1b[32;1m"
	ansiWarning = "\x1b[35;1m"
	ansiBlue    = "\x1b[34;1m"
	ansiCyan    = "\x1b[36;1m"
)

// Quote marks a part of a message as the reference marks the values it quotes
// there: magenta on a terminal, as it is elsewhere.
func Quote(s string) string { return ansiWarning + s + ansiNormal }

// Format is what [Print] writes, without the final newline.
func Format(err error, sources *ast.Sources, opts PrintOptions) string {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Message: err.Error()}
	}
	text := formatOne(e, sources, opts)
	if opts.Notes {
		for _, more := range e.Also {
			text += "\n" + formatOne(more, sources, opts)
		}
	}
	if opts.Color {
		return filterANSI(text, false)
	}
	return filterANSI(text, true)
}

func formatOne(e *Error, sources *ast.Sources, opts PrintOptions) string {
	if e.Plain {
		return prefix(e, opts.Level) + e.Message
	}
	f := formatter{sources: sources}
	return f.format(e, opts)
}

// FilterANSI takes terminal escape sequences out of a text, and as the
// reference does when it writes to a file, carriage returns and bells too;
// tabs become spaces.
func FilterANSI(s string) string { return filterANSI(s, true) }

// ShowPos gives a position as messages do: "/path/file:line:column". The
// empty string stands for NoPos.
func ShowPos(sources *ast.Sources, pos ast.Pos) string {
	loc, ok := sources.Locate(pos)
	if !ok {
		return ""
	}
	return ShowSource(loc.Source) + ":" + strconv.Itoa(loc.Line) + ":" + strconv.Itoa(loc.Column)
}

// ShowSource is what messages call a text: the path of its file, or where it came from.
func ShowSource(src *ast.Source) string {
	switch src.Origin {
	case ast.FromStdin:
		return "«stdin»"
	case ast.FromString:
		return "«string»"
	}
	return src.Path
}

func prefix(e *Error, level Level) string {
	switch level {
	case LevelWarn:
		if e.FromExpr {
			return ansiWarning + "evaluation warning:" + ansiNormal + " "
		}
		return ansiWarning + "warning:" + ansiNormal + " "
	case LevelNotice:
		return ansiRed + "note:" + ansiNormal + " "
	case LevelInfo:
		return ansiGreen + "info:" + ansiNormal + " "
	}
	return ansiRed + "error:" + ansiNormal + " "
}

type formatter struct {
	sources *ast.Sources
	b       strings.Builder
	// count weighs what of the trace has been shown: one for a frame, one
	// more if it has a position. Without --show-trace, frames end after 3.
	count int
	// texts are those that names were looked up in.
	texts map[*ast.Source]string
}

func (f *formatter) format(e *Error, opts PrintOptions) string {
	pre := prefix(e, opts.Level)
	switch {
	case len(e.Trace) == 0:
	case opts.Notes && !opts.ShowTrace:
		f.folded(e, opts)
		if f.b.Len() > 0 {
			f.b.WriteString("\n" + pre)
		}
	default:
		f.trace(e.Trace, opts)
		f.b.WriteString("\n" + pre)
	}
	f.b.WriteString(e.Message)
	f.b.WriteByte('\n')
	f.position("", e.Pos)
	if opts.Notes {
		for _, n := range e.Notes {
			f.b.WriteString(ansiBlue + "note:" + ansiNormal + " " + strings.ReplaceAll(n.Text, "\n", "\n      ") + "\n")
			f.position("  ", n.Pos)
		}
	}
	names := e.Suggestions
	if opts.Notes && len(names) == 0 {
		names = e.Similar
	}
	if len(names) > 0 {
		f.b.WriteString("Did you mean " + ShowSuggestions(names) + "?\n")
	}
	width := len(filterANSI(pre, true))
	return indent(pre, strings.Repeat(" ", width), chomp(f.b.String()))
}

type frameKey struct{ where, text string }

// trace shows frames from the outside in. A frame that was shown before is
// held back; more than five held back in a row are only counted.
func (f *formatter) trace(frames []Frame, opts PrintOptions) {
	seen := map[frameKey]bool{}
	var skipped []Frame
	truncate := false
	for i := len(frames) - 1; i >= 0; i-- {
		fr := frames[i]
		if fr.Forced && opts.Notes {
			fr.Text = f.forced(fr.Pos)
		}
		if fr.Text == "" {
			continue
		}
		if !opts.ShowTrace && f.count > 3 {
			truncate = true
		}
		if truncate && !fr.Always {
			continue
		}
		key := frameKey{ShowPos(f.sources, fr.Pos), fr.Text}
		if seen[key] {
			skipped = append(skipped, fr)
			continue
		}
		seen[key] = true
		f.skipped(skipped)
		skipped = skipped[:0]
		f.count++
		f.frame(fr)
	}
	f.skipped(skipped)
	if truncate {
		f.b.WriteString("\n" + ansiWarning + "(stack trace truncated; use '--show-trace' to show the full, detailed trace)" + ansiNormal + "\n")
	}
}

func (f *formatter) skipped(frames []Frame) {
	if len(frames) > 5 {
		fmt.Fprintf(&f.b, "\n%s(%d duplicate frames omitted)%s\n", ansiWarning, len(frames), ansiNormal)
		return
	}
	for _, fr := range frames {
		f.frame(fr)
	}
}

func (f *formatter) frame(fr Frame) {
	f.b.WriteString("\n… " + fr.Text + "\n")
	if f.position("  ", fr.Pos) {
		f.count++
	}
}

// Excerpt shows a position as a line of its own, and the lines around it; ""
// if it is not known.
func Excerpt(sources *ast.Sources, pos ast.Pos, color bool) string {
	loc, ok := sources.Locate(pos)
	if !ok {
		return ""
	}
	f := formatter{sources: sources}
	f.position("", pos)
	// The reference shows it bare here, and a blank line before the text.
	head := fmt.Sprintf("%s%s:%d:%d%s", ansiCyan, ShowSource(loc.Source), loc.Line, loc.Column, ansiNormal)
	_, lines, _ := strings.Cut(f.b.String(), "\n")
	text := head + "\n"
	if lines != "" {
		text += "\n" + lines
	}
	if !color {
		text = FilterANSI(text)
	}
	return text
}

// position shows where pos is and the lines around it.
func (f *formatter) position(indent string, pos ast.Pos) bool {
	loc, ok := f.sources.Locate(pos)
	if !ok {
		return false
	}
	fmt.Fprintf(&f.b, "%s%sat %s%s:%d:%d%s:", indent, ansiBlue, ansiWarning, ShowSource(loc.Source), loc.Line, loc.Column, ansiNormal)
	if loc.Source.Text == nil {
		return true
	}
	text, err := loc.Source.Text()
	if err != nil {
		return true
	}
	s := string(text)
	if loc.Source.Origin != ast.FromFile {
		// As the reference, which reads these as C strings.
		s, _, _ = strings.Cut(s, "\x00")
	}
	lines := linesAround(s, loc.Line)
	for i, line := range lines {
		n := loc.Line - 1 + i
		if line == nil {
			continue
		}
		fmt.Fprintf(&f.b, "\n %5d| %s", n, *line)
		if i == 1 {
			fmt.Fprintf(&f.b, "\n      |%s%s^%s", strings.Repeat(" ", loc.Column), ansiRed, ansiNormal)
		}
	}
	f.b.WriteByte('\n')
	return true
}

// linesAround gives line n of a text and its neighbours, nil for what is not
// there. LF, CR LF and CR end lines, and a text that ends with one has an
// empty line after it.
func linesAround(s string, n int) (around [3]*string) {
	if s == "" {
		return around
	}
	for line := 1; line <= n+1; line++ {
		end := strings.IndexAny(s, "\r\n")
		text := s
		if end >= 0 {
			text = s[:end]
		}
		if line >= n-1 {
			around[line-n+1] = &text
		}
		if end < 0 {
			break
		}
		s = strings.TrimPrefix(s[end:], "\r")
		s = strings.TrimPrefix(s, "\n")
	}
	return around
}

// ShowSuggestions lists what may have been meant: a, or one of a, b or c.
func ShowSuggestions(names []string) string {
	var b strings.Builder
	for i, n := range names {
		switch {
		case i == 0 && len(names) > 1:
			b.WriteString("one of ")
		case i > 0 && i == len(names)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(ansiWarning + filterANSI(n, false) + ansiNormal)
	}
	return b.String()
}

func chomp(s string) string { return strings.TrimRight(s, " \n\r\t") }

// indent puts one prefix before the first line and another before the rest,
// and takes the white space at the ends of lines away.
func indent(first, rest, s string) string {
	var b strings.Builder
	pre := first
	for s != "" {
		line, tail, more := strings.Cut(s, "\n")
		b.WriteString(chomp(pre + line))
		if !more {
			break
		}
		if tail != "" {
			b.WriteByte('\n')
		}
		s, pre = tail, rest
	}
	return b.String()
}
