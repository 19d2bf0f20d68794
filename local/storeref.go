package local

import (
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// StoreRef is a store URI taken apart. Scheme is "auto", "daemon" or "local"
// for these words, else what stands before ://.
type StoreRef struct {
	Scheme string
	// Authority is what follows ://, up to the parameters; for local stores
	// it is the root directory of a chroot store, or empty.
	Authority string
	Params    map[string]string
}

// ParseStoreRef reads a store URI: auto (or empty), daemon, local, a
// directory, or scheme://authority, each with ?name=value parameters.
func ParseStoreRef(uri string, env Env) (StoreRef, error) {
	base, query, _ := strings.Cut(uri, "?")
	r := StoreRef{Params: map[string]string{}}
	for kv := range strings.SplitSeq(query, "&") {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			continue
		}
		if u, err := url.PathUnescape(v); err == nil {
			v = u
		}
		r.Params[k] = v
	}
	scheme, authority, isURL := strings.Cut(base, "://")
	switch {
	case isURL && validScheme(scheme):
		r.Scheme, r.Authority = scheme, authority
		if scheme == "local" || scheme == "file" || scheme == "unix" {
			if u, err := url.PathUnescape(authority); err == nil {
				r.Authority = u
			}
		}
	case base == "" || base == "auto":
		r.Scheme = "auto"
	case base == "daemon" || base == "local":
		r.Scheme = base
	case strings.Contains(base, "/") && !isURL:
		if !filepath.IsAbs(base) {
			base = filepath.Join(env.Cwd, base)
		}
		r.Scheme, r.Authority = "local", filepath.Clean(base)
	default:
		return r, usagef("Cannot parse Nix store '%s'", uri)
	}
	return r, nil
}

func validScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return s != ""
}

// String writes the URI again, parameters sorted by name.
func (r StoreRef) String() string {
	s := r.Scheme
	switch r.Scheme {
	case "auto", "daemon":
	case "local":
		if r.Authority != "" || len(r.Params) > 0 {
			s += "://" + r.Authority
		}
	default:
		s += "://" + r.Authority
	}
	sep := "?"
	for _, k := range slices.Sorted(maps.Keys(r.Params)) {
		s += sep + k + "=" + url.QueryEscape(r.Params[k])
		sep = "&"
	}
	return s
}
