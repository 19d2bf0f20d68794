package format

import (
	"strings"
	"unicode"
)

// This file holds the rules for text: comments, strings, and what is
// interpolated in them.

func (p *styler) trail(c *string) {
	if c != nil {
		p.space(spHardspace)
		p.add(textTrailComment, "# "+*c)
		p.space(spHardline)
	}
}

func (p *styler) trivia(ts []trivium) {
	if len(ts) == 0 {
		return
	}
	if len(ts) > 1 || ts[0].kind != langComment {
		p.space(spHardline)
	}
	for i := range ts {
		p.trivium(&ts[i])
	}
}

func (p *styler) trivium(t *trivium) {
	switch t.kind {
	case blankLine:
		p.space(spEmptyline)
	case lineComment:
		p.comment("#" + t.text)
		p.space(spHardline)
	case langComment:
		p.comment("/* " + t.text + " */")
		p.space(spHardspace)
	case disabled:
		p.add(textDisabled, "")
	case disabledText:
		p.add(textVerbatim, t.text)
		p.space(spHardline)
	case disabledToEnd:
		p.add(textVerbatim, t.text)
	case loneEnable:
		p.comment("/*nixfmt:enable*/")
		p.space(spHardline)
	case blockComment, docComment:
		if t.kind == docComment {
			p.comment("/**")
		} else {
			p.comment("/*")
		}
		p.space(spHardline)
		p.offset(2, func() {
			for _, l := range t.lines {
				if l == "" {
					p.space(spEmptyline)
				} else {
					p.comment(l)
					p.space(spHardline)
				}
			}
		})
		p.comment("*/")
		p.space(spHardline)
	}
}

// part renders a piece of a string.
func (p *styler) part(x part) {
	if x.code == nil {
		p.text(x.text)
		return
	}
	if len(x.final) == 0 {
		if isTerm(x.code) && absorbable(x.code) {
			p.group(groupRegular, func() {
				p.text("${")
				p.term(x.code)
				p.text("}")
			})
			return
		}
		if simple(x.code) {
			p.text("${")
			p.out = append(p.out, p.oneLine(-1, func() { p.expr(x.code) })...)
			p.text("}")
			return
		}
	}
	whole := func() {
		p.group(groupRegular, func() {
			p.expr(x.code)
			p.trivia(x.final)
		})
	}
	p.group(groupRegular, func() {
		p.text("${")
		// A short one stays on its line, however long that gets.
		doc := p.capture(whole)
		if short, ok := compactAll(doc, 30); ok {
			p.out = append(p.out, short...)
		} else {
			p.space(spBreak)
			p.nest(whole)
			p.space(spBreak)
		}
		p.text("}")
	})
}

// oneLine gives what f adds on one line where that can be.
func (p *styler) oneLine(limit int, f func()) []elem {
	doc := p.capture(f)
	if c, ok := compactAll(doc, limit); ok {
		return c
	}
	return doc
}

// stringLine renders a line of a string. Where an interpolation breaks, what
// is in it is indented from the line's own indentation.
func (p *styler) stringLine(parts []part) {
	switch {
	case len(parts) == 1 && parts[0].code != nil && len(parts[0].final) == 0:
		p.onlyInterpolation("", parts[0].code)
	case len(parts) == 2 && parts[0].code == nil && parts[1].code != nil && len(parts[1].final) == 0 && onlySpaces(parts[0].text):
		p.onlyInterpolation(parts[0].text, parts[1].code)
	case len(parts) == 1 && parts[0].code != nil:
		p.group(groupRegular, func() {
			p.text("${")
			p.space(spBreak)
			p.nest(func() {
				p.group(groupRegular, func() {
					p.expr(parts[0].code)
					p.trivia(parts[0].final)
				})
			})
			p.space(spBreak)
			p.text("}")
		})
	case len(parts) > 0 && parts[0].code == nil:
		t := parts[0].text
		p.text(t)
		p.offset(width(t)-width(strings.TrimLeftFunc(t, unicode.IsSpace)), func() {
			for _, x := range parts[1:] {
				p.part(x)
			}
		})
	default:
		for _, x := range parts {
			p.part(x)
		}
	}
}

func (p *styler) onlyInterpolation(indent string, e expr) {
	p.text(indent)
	p.offset(width(indent), func() {
		p.group(groupRegular, func() {
			p.text("${")
			p.nest(func() { p.bracketed(e) })
			p.text("}")
		})
	})
}

func (p *styler) simpleString(lines [][]part) {
	p.group(groupRegular, func() {
		p.text("\"")
		for i, l := range lines {
			if i > 0 {
				p.text("\n")
			}
			p.stringLine(l)
		}
		p.text("\"")
	})
}

func (p *styler) indString(t *tok) {
	p.group(groupRegular, func() {
		p.text("''")
		if len(t.lines) > 1 {
			p.space(spBreak)
		}
		p.nest(func() {
			for i, l := range t.lines {
				if i > 0 {
					p.space(spNewlines)
				}
				if t.cut == nil {
					p.stringLine(l)
				} else {
					p.rawLine(*t.cut, l)
				}
			}
		})
		p.text("''")
	})
}

// rawLine renders a line of a string in its own columns.
func (p *styler) rawLine(indent string, l []part) {
	if len(l) == 0 {
		return
	}
	if l[0].code != nil {
		p.add(textRaw, indent)
		p.stringLine(l)
		return
	}
	content := strings.TrimLeftFunc(l[0].text, unicode.IsSpace)
	blanks := l[0].text[:len(l[0].text)-len(content)]
	p.add(textRaw, indent+blanks)
	p.offset(width(blanks), func() {
		p.stringLine(append([]part{{text: content}}, l[1:]...))
	})
}
