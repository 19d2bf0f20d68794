package diag

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// filterANSI does what the reference does to all that it logs: escape
// sequences go (with all unset, colours stay), tabs become spaces, carriage
// returns and bells vanish. Tab stops count from the beginning of the text,
// not of the line, for a newline has no width.
func filterANSI(s string, all bool) string {
	if !strings.ContainsAny(s, "\x1b\t\r\a") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	width := 0
	for i := 0; i < len(s); {
		switch c := s[i]; c {
		case '\x1b':
			end, final := escapeEnd(s, i)
			if !all && final == 'm' {
				b.WriteString(s[i:end])
			}
			i = end
		case '\t':
			for {
				width++
				b.WriteByte(' ')
				if width%8 == 0 {
					break
				}
			}
			i++
		case '\r', '\a':
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				width++
			} else {
				width += runeWidth(r)
			}
			b.WriteString(s[i : i+n])
			i += n
		}
	}
	return b.String()
}

// escapeEnd finds the end of the escape sequence at i and its final byte, 0
// for sequences without one.
func escapeEnd(s string, i int) (end int, final byte) {
	in := func(lo, hi byte) bool { return i < len(s) && s[i] >= lo && s[i] <= hi }
	i++
	switch {
	case in('[', '['):
		i++
		for in(0x30, 0x3f) {
			i++
		}
		for in(0x20, 0x2f) {
			i++
		}
		if in(0x40, 0x7e) {
			final = s[i]
			i++
		}
	case in(']', ']'):
		i++
		for i < len(s) && s[i] != '\x1b' && s[i] != '\a' {
			i++
		}
		if i < len(s) {
			esc := s[i] == '\x1b'
			i++
			if esc && in('\\', '\\') {
				final = s[i]
				i++
			}
		}
	case in(0x40, 0x5f):
		i++
	}
	return i, final
}

// runeWidth is how many columns a character takes on a terminal; it only
// decides where a tab ends.
func runeWidth(r rune) int {
	switch {
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return 0
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0x303e, r >= 0x3041 && r <= 0xa4cf,
		r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f,
		r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1f64f,
		r >= 0x1f900 && r <= 0x1f9ff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}
