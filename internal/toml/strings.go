package toml

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

func (p *parser) str() (string, *fault) {
	switch rest := p.text[p.i:]; {
	case strings.HasPrefix(rest, `"""`):
		return p.multilineString(mlBasicString, "toml::parse_ml_basic_string: invalid string format", true)
	case strings.HasPrefix(rest, `"`):
		return p.basicString()
	case strings.HasPrefix(rest, "'''"):
		return p.multilineString(mlLiteralString, "toml::parse_ml_literal_string: invalid string format", false)
	}
	return p.literalString()
}

func (p *parser) basicString() (string, *fault) {
	first := p.i
	if !p.take(basicString) {
		return "", p.unexpected("toml::parse_basic_string: invalid string format", basicString)
	}
	return unescape(p.text[first+1 : p.i-1])
}

func (p *parser) literalString() (string, *fault) {
	first := p.i
	if !p.take(literalString) {
		return "", p.unexpected("toml::parse_literal_string: invalid string format", literalString)
	}
	return p.text[first+1 : p.i-1], nil
}

func (p *parser) multilineString(x scanner, title string, escapes bool) (string, *fault) {
	first := p.i
	if !p.take(x) {
		return "", p.unexpected(title, x)
	}
	text := p.text[first+3 : p.i-3]
	if end := newline.scan(text, 0); end > 0 {
		text = text[end:]
	}
	if !escapes {
		return text, nil
	}
	return unescape(text)
}

// unescape resolves the escapes of a string whose syntax has been checked. A
// fault shows the string from the escape on, as a text of its own.
func unescape(s string) (string, *fault) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, nil
	}
	var b strings.Builder
	for {
		b.WriteString(s[:i])
		s = s[i:]
		if end := escapedNewline.scan(s, 0); end > 0 {
			s = s[end:]
		} else {
			end, f := escape(&b, s)
			if f != nil {
				return "", f
			}
			s = s[end:]
		}
		if i = strings.IndexByte(s, '\\'); i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
	}
}

// escape writes what the escape at the beginning of a string stands for.
func escape(b *strings.Builder, s string) (end int, f *fault) {
	const plain, meant = `\"bfnrt`, "\\\"\b\f\n\r\t"
	if k := strings.IndexByte(plain, s[1]); k >= 0 {
		b.WriteByte(meant[k])
		return 2, nil
	}
	end = escapedU4.scan(s, 1)
	if s[1] == 'U' {
		end = escapedU8.scan(s, 1)
	}
	code, _ := strconv.ParseUint(s[2:end], 16, 64) // only digits
	src := &source{"internal temporary", s}
	switch {
	case 0xd800 <= code && code <= 0xdfff:
		return 0, faultAt("toml::parse_utf8_codepoint: [0xD800, 0xDFFF] is not a valid UTF-8", src.between(1, end), "here")
	case code > utf8.MaxRune:
		return 0, faultAt("toml::parse_utf8_codepoint: input codepoint is too large.", src.between(1, end), "must be in range [0x00, 0x10FFFF]")
	}
	b.WriteRune(rune(code))
	return end, nil
}
