package main

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/seed192a40f6/glang/internal/lazyre"
)

// renderMarkdown makes documentation readable on a terminal: paragraphs are
// filled, code is set off, emphasis becomes bold and underlined.
func (a *app) renderMarkdown(text string) string {
	if v, _ := a.env.Lookup("_NIX_TEST_RAW_MARKDOWN"); v == "1" {
		return text
	}
	width := 60 // as the reference, where there is no terminal
	if w, _, err := term.GetSize(1); err == nil {
		width = max(w-5, 60)
	}
	md := markdown{width: width, color: a.colorOut()}
	for _, line := range strings.Split(text, "\n") {
		md.line(line)
	}
	md.flush()
	return strings.Join(md.out, "\n")
}

// markdown renders the common part of Markdown line by line.
type markdown struct {
	width  int
	color  bool
	out    []string
	para   []string // the paragraph being collected
	indent string   // of that paragraph, if it is an item of a list
	fenced bool
}

// codeMargin sets code off.
const codeMargin = "  │ "

var (
	listItem = lazyre.New(`^( *)([-*+]|[0-9]+\.) +`)
	codeSpan = lazyre.New("`([^`]+)`")
	strong   = lazyre.New(`\*\*([^*]+)\*\*`)
	emphasis = lazyre.New(`\*([^*\s][^*]*)\*`)
	link     = lazyre.New(`\[([^\]]+)\]\([^)]*\)`)
)

func (md *markdown) line(s string) {
	trimmed := strings.TrimSpace(s)
	switch {
	case strings.HasPrefix(trimmed, "```"):
		md.flush()
		md.fenced = !md.fenced
		md.blank()
	case md.fenced:
		md.out = append(md.out, codeMargin+s)
	case trimmed == "":
		md.flush()
		md.blank()
	case strings.HasPrefix(s, "    ") && len(md.para) == 0 && md.indent == "":
		md.out = append(md.out, codeMargin+s[4:])
	case strings.HasPrefix(s, "#"):
		md.flush()
		md.out = append(md.out, md.style("1", strings.TrimSpace(strings.TrimLeft(s, "#"))))
	case strings.HasPrefix(trimmed, ">"):
		md.flush()
		md.para, md.indent = append(md.para, strings.TrimSpace(trimmed[1:])), "  "
	case listItem().MatchString(s):
		md.flush()
		m := listItem().FindStringSubmatch(s)
		md.indent = "  " + m[1]
		md.para = append(md.para, strings.Replace(m[2], "*", "·", 1)+" "+s[len(m[0]):])
	default:
		if strings.HasSuffix(s, "\\") { // a hard break
			md.para = append(md.para, strings.TrimSpace(strings.TrimSuffix(s, "\\")))
			md.flush()
			return
		}
		md.para = append(md.para, trimmed)
	}
}

// blank adds an empty line, but not two.
func (md *markdown) blank() {
	if n := len(md.out); n > 0 && md.out[n-1] != "" {
		md.out = append(md.out, "")
	}
}

// flush fills the paragraph that has been collected.
func (md *markdown) flush() {
	var line strings.Builder
	used := 0
	for _, word := range strings.Fields(strings.Join(md.para, " ")) {
		n := utf8.RuneCountInString(word)
		if used > 0 && used+1+n > md.width-len(md.indent) {
			md.out = append(md.out, md.indent+md.inline(line.String()))
			line.Reset()
			used = 0
		}
		if used > 0 {
			line.WriteByte(' ')
			used++
		}
		line.WriteString(word)
		used += n
	}
	if used > 0 {
		md.out = append(md.out, md.indent+md.inline(line.String()))
	}
	md.para, md.indent = nil, ""
}

func (md *markdown) style(code, s string) string {
	if !md.color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// inline renders emphasis, code and links within a line.
func (md *markdown) inline(s string) string {
	s = link().ReplaceAllString(s, "$1")
	s = strong().ReplaceAllStringFunc(s, func(m string) string { return md.style("1", m[2:len(m)-2]) })
	s = emphasis().ReplaceAllStringFunc(s, func(m string) string { return md.style("4", m[1:len(m)-1]) })
	return codeSpan().ReplaceAllStringFunc(s, func(m string) string { return md.style("1", m[1:len(m)-1]) })
}
