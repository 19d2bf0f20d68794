package shell

import (
	"fmt"
	"regexp"
	"strings"
)

// compileRegexp translates a POSIX regular expression, basic or extended, to
// Go's. Matches are leftmost-longest, as POSIX has it. Back-references are
// beyond Go's automata and give an error.
func compileRegexp(pattern string, extended, ignoreCase bool) (*regexp.Regexp, error) {
	src, err := translateRegexp(pattern, extended)
	if err != nil {
		return nil, err
	}
	if ignoreCase {
		src = "(?i)" + src
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression '%s'", pattern)
	}
	re.Longest()
	return re, nil
}

func translateRegexp(p string, extended bool) (string, error) {
	var b strings.Builder
	// atStart: where a basic expression takes "*" literally and "^" specially.
	atStart := true
	depth := 0
	for i := 0; i < len(p); i++ {
		ch := p[i]
		start := atStart
		atStart = false
		switch ch {
		case '\\':
			i++
			if i == len(p) {
				return "", fmt.Errorf("trailing backslash")
			}
			switch e := p[i]; {
			case !extended && (e == '(' || e == '|'):
				atStart = true
				if e == '(' {
					depth++
				}
				b.WriteByte(e)
			case !extended && strings.IndexByte("){}+?", e) >= 0:
				if e == ')' {
					depth--
				}
				b.WriteByte(e)
			case e >= '1' && e <= '9':
				return "", fmt.Errorf("back-references are not supported: '%s'", p)
			case e == '<' || e == '>':
				b.WriteString(`\b`)
			case e == '`':
				b.WriteString(`\A`)
			case e == '\'':
				b.WriteString(`\z`)
			case strings.IndexByte("bBwWsS", e) >= 0:
				b.WriteString(`\` + string(e))
			case e == 'n':
				b.WriteString(`\n`)
			case e == 't':
				b.WriteString(`\t`)
			default:
				b.WriteString(quoteMeta(e))
			}
		case '[':
			j := bracketEnd(p, i)
			if j < 0 {
				return "", fmt.Errorf("unmatched [, [^, [:, [., or [=")
			}
			b.WriteString(translateBracket(p[i+1 : j]))
			i = j
		case '*':
			if start && !extended {
				b.WriteString(`\*`)
			} else if start && extended {
				continue
			} else {
				// A repeated repetition is one.
				if s := b.String(); !strings.HasSuffix(s, "*") || strings.HasSuffix(s, `\*`) {
					b.WriteByte('*')
				}
			}
		case '^':
			switch {
			case extended || start:
				b.WriteByte('^')
				atStart = true
			default:
				b.WriteString(`\^`)
			}
		case '$':
			rest := p[i+1:]
			if extended || rest == "" || strings.HasPrefix(rest, `\)`) || strings.HasPrefix(rest, `\|`) {
				b.WriteByte('$')
			} else {
				b.WriteString(`\$`)
			}
		case '(', '|':
			if extended {
				atStart = true
				b.WriteByte(ch)
			} else {
				b.WriteString(`\` + string(ch))
			}
		case ')', '+', '?':
			if extended {
				b.WriteByte(ch)
			} else {
				b.WriteString(`\` + string(ch))
			}
		case '{':
			if extended && i+1 < len(p) && p[i+1] >= '0' && p[i+1] <= '9' || extended && strings.HasPrefix(p[i+1:], ",") {
				b.WriteByte(ch)
			} else {
				b.WriteString(`\{`)
			}
		case '}':
			if extended && strings.LastIndexByte(b.String(), '{') > strings.LastIndexByte(b.String(), '}') && !strings.HasSuffix(b.String()[:strings.LastIndexByte(b.String(), '{')+1], `\{`) {
				b.WriteByte(ch)
			} else {
				b.WriteString(`\}`)
			}
		default:
			b.WriteByte(ch)
		}
	}
	s := strings.ReplaceAll(b.String(), "{,", "{0,")
	return s, nil
}

func quoteMeta(b byte) string { return regexp.QuoteMeta(string(b)) }

// bracketEnd finds the "]" of the bracket expression at i; -1 if there is none.
func bracketEnd(p string, i int) int {
	j := i + 1
	if j < len(p) && p[j] == '^' {
		j++
	}
	if j < len(p) && p[j] == ']' {
		j++
	}
	for ; j < len(p); j++ {
		switch {
		case p[j] == ']':
			return j
		case p[j] == '[' && j+1 < len(p) && strings.IndexByte(":.=", p[j+1]) >= 0:
			end := strings.Index(p[j+2:], string(p[j+1])+"]")
			if end < 0 {
				return -1
			}
			j += 2 + end + 1
		}
	}
	return -1
}

// translateBracket translates what is between the brackets: a backslash is
// itself in POSIX, and "]" may come first.
func translateBracket(s string) string {
	var b strings.Builder
	b.WriteByte('[')
	if strings.HasPrefix(s, "^") {
		b.WriteByte('^')
		s = s[1:]
	}
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == '[' && i+1 < len(s) && s[i+1] == ':':
			end := strings.Index(s[i:], ":]")
			b.WriteString(s[i : i+end+2])
			i += end + 1
		case ch == '[' && i+1 < len(s) && (s[i+1] == '.' || s[i+1] == '='):
			end := strings.Index(s[i+2:], string(s[i+1])+"]")
			b.WriteString(regexp.QuoteMeta(s[i+2 : i+2+end]))
			i += 2 + end + 1
		case ch == '\\' || ch == '[' || ch == ']' || ch == '&' || ch == '~':
			b.WriteString(`\` + string(ch))
		case ch == '^':
			b.WriteString(`\^`)
		case ch == '-' && (i == 0 || i == len(s)-1):
			b.WriteString(`\-`)
		default:
			b.WriteByte(ch)
		}
	}
	b.WriteByte(']')
	return b.String()
}
