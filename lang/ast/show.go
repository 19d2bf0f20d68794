package ast

import (
	"strconv"
	"strings"
)

// ShowIdentifier shows a name as an identifier, in quotes if it is none.
func ShowIdentifier(s string) string {
	if s == "" {
		return `""`
	}
	switch s {
	case "if", "then", "else", "assert", "with", "let", "in", "rec", "inherit":
		return `"` + s + `"` // "or" needs no quotes
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '\'' || c == '-'):
		default:
			return ShowString(s)
		}
	}
	return s
}

// ShowString shows a string in quotes with escapes.
func ShowString(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '$' && i+1 < len(s) && s[i+1] == '{':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// ShowFloat shows a float as a C++ stream does: six significant digits.
func ShowFloat(f float64) string {
	s := strconv.FormatFloat(f, 'g', 6, 64)
	mant, exp, ok := strings.Cut(s, "e")
	switch s {
	case "+Inf":
		return "inf"
	case "-Inf":
		return "-inf"
	case "NaN":
		return "nan"
	}
	if ok && strings.Contains(mant, ".") {
		mant = strings.TrimRight(strings.TrimRight(mant, "0"), ".")
	}
	if ok {
		return mant + "e" + exp
	}
	return s
}
