package flakeref

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// URL is an address in its parts. Unlike net/url's it keeps the segments of
// the path apart, decoded, and each query parameter once.
type URL struct {
	Scheme string
	// Authority is what follows "//", encoded; HasAuthority tells an empty
	// one from none.
	Authority    string
	HasAuthority bool
	// Path is the path split at slashes; it begins with "" if it is absolute.
	Path     []string
	Query    map[string]string
	Fragment string
}

// BadURLError is an address that cannot be read.
type BadURLError struct{ Text string }

func (e *BadURLError) Error() string { return e.Text }

func badURL(format string, args ...any) error {
	return &BadURLError{fmt.Sprintf(format, args...)}
}

// ParseURL reads an address. Spaces and quotes in queries, and in fragments
// those and ^, need not be encoded.
func ParseURL(s string) (URL, error) {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isScheme(scheme) {
		return URL{}, badURL("'%s' doesn't have a scheme", s)
	}
	u := URL{Scheme: scheme}
	rest, fragment, _ := strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		u.HasAuthority = true
		u.Authority, rest = after, ""
		if i := strings.IndexByte(after, '/'); i >= 0 {
			u.Authority, rest = after[:i], after[i:]
		}
	}
	if bad := strings.IndexFunc(u.Authority+rest, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) }); bad >= 0 {
		return URL{}, badURL("'%s' is not a valid URL: %s", s, "leftover")
	}
	if u.isFile() {
		if u.Authority != "" {
			return URL{}, badURL("file:// URL '%s' has unexpected authority '%s'", s, u.Authority)
		}
		if rest == "" {
			rest = "/"
		}
	}
	var err error
	for segment := range strings.SplitSeq(rest, "/") {
		if segment, err = decode(segment); err != nil {
			return URL{}, err
		}
		u.Path = append(u.Path, segment)
	}
	if u.Query, err = decodeQuery(query); err != nil {
		return URL{}, err
	}
	u.Fragment, err = decode(fragment)
	return u, err
}

func isScheme(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != ""
}

// Application and Transport are the parts of a scheme "application+transport".
func (u *URL) Application() string {
	if app, _, ok := strings.Cut(u.Scheme, "+"); ok {
		return app
	}
	return ""
}

// Transport is the scheme without the application.
func (u *URL) Transport() string {
	if _, t, ok := strings.Cut(u.Scheme, "+"); ok {
		return t
	}
	return u.Scheme
}

func (u *URL) isFile() bool { return u.Transport() == "file" }

// segments are the parts of the path that are not empty.
func (u *URL) segments() []string {
	return slices.DeleteFunc(slices.Clone(u.Path), func(s string) bool { return s == "" })
}

func decode(s string) (string, error) {
	r, err := url.PathUnescape(s)
	if err != nil {
		return "", badURL("invalid URI parameter '%s': %s", s, "bad percent-encoding")
	}
	return r, nil
}

// decodeQuery reads parameters; the first of several with one name counts,
// and those without "=" are ignored.
func decodeQuery(s string) (map[string]string, error) {
	query := map[string]string{}
	if s == "" {
		return query, nil
	}
	for p := range strings.SplitSeq(s, "&") {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			continue
		}
		n, err := decode(name)
		if err != nil {
			return nil, err
		}
		v, err := decode(value)
		if err != nil {
			return nil, err
		}
		if _, dup := query[n]; !dup {
			query[n] = v
		}
	}
	return query, nil
}

// String is the address, with everything encoded that has to be.
func (u URL) String() string {
	var b strings.Builder
	b.WriteString(u.Scheme + ":")
	if u.HasAuthority {
		b.WriteString("//" + u.Authority)
	}
	for i, s := range u.Path {
		if i > 0 {
			b.WriteByte('/')
		}
		encode(&b, s, ":@")
	}
	sep := "?"
	for _, name := range slices.Sorted(maps.Keys(u.Query)) {
		b.WriteString(sep)
		sep = "&"
		encode(&b, name, ":@/?")
		b.WriteByte('=')
		encode(&b, u.Query[name], ":@/?")
	}
	if u.Fragment != "" {
		b.WriteByte('#')
		encode(&b, u.Fragment, "")
	}
	return b.String()
}

// encode writes s with all bytes encoded but unreserved ones and those of keep.
func encode(b *strings.Builder, s, keep string) {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(b, "%%%02X", c)
		}
	}
}
