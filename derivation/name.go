package derivation

import "strconv"

// Name is the name of a derivation taken apart.
type Name struct{ Full, Name, Version string }

// ParseName takes a name apart: the version begins after the first dash that
// no letter follows.
func ParseName(s string) Name {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '-' && !isAlpha(s[i+1]) {
			return Name{s, s[:i], s[i+1:]}
		}
	}
	return Name{s, s, ""}
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// NextComponent takes the next component off a version: a run of digits or a
// run of neither digits nor separators. It is empty at the end.
func NextComponent(v string) (component, rest string) {
	i := 0
	for i < len(v) && (v[i] == '.' || v[i] == '-') {
		i++
	}
	start := i
	if i < len(v) && isDigit(v[i]) {
		for i < len(v) && isDigit(v[i]) {
			i++
		}
	} else {
		for i < len(v) && !isDigit(v[i]) && v[i] != '.' && v[i] != '-' {
			i++
		}
	}
	return v[start:i], v[i:]
}

// componentLess orders two components. A number is one that fits 32 bits; the
// absence of a component comes before a number, "pre" before everything else,
// and other words before numbers, so that 2.3a comes before 2.3.1.
func componentLess(a, b string) bool {
	n1, err1 := strconv.ParseInt(a, 10, 32)
	n2, err2 := strconv.ParseInt(b, 10, 32)
	switch {
	case err1 == nil && err2 == nil:
		return n1 < n2
	case a == "" && err2 == nil:
		return true
	case a == "pre" && b != "pre":
		return true
	case b == "pre":
		return false
	case err2 == nil:
		return true
	case err1 == nil:
		return false
	}
	return a < b
}

// CompareVersions is negative, zero or positive as a is older than b,
// the same or newer.
func CompareVersions(a, b string) int {
	for a != "" || b != "" {
		var c1, c2 string
		c1, a = NextComponent(a)
		c2, b = NextComponent(b)
		if r := CompareComponents(c1, c2); r != 0 {
			return r
		}
	}
	return 0
}

// CompareComponents orders two components of versions.
func CompareComponents(c1, c2 string) int {
	switch {
	case componentLess(c1, c2):
		return -1
	case componentLess(c2, c1):
		return 1
	}
	return 0
}
