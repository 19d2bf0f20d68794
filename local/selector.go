package local

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
)

// Selector picks packages: a regular expression for the name, "*" for all,
// and perhaps a version.
type Selector struct {
	derivation.Name
	Hits int
	re   *regexp.Regexp
}

// ParseSelectors reads selectors.
func ParseSelectors(words []string) ([]*Selector, error) {
	var out []*Selector
	for _, w := range words {
		s := &Selector{Name: derivation.ParseName(w)}
		if s.Name.Name != "*" {
			re, err := regexp.CompilePOSIX("^(" + s.Name.Name + ")$")
			if err != nil {
				return nil, fmt.Errorf("the selector '%s' is not a regular expression: %w", w, err)
			}
			s.re = re
		}
		out = append(out, s)
	}
	return out, nil
}

// Matches says whether the selector picks a name.
func (s *Selector) Matches(n derivation.Name) bool {
	return (s.re == nil || s.re.MatchString(n.Name)) && (s.Version == "" || s.Version == n.Version)
}

// PickPackages returns the packages that selectors match, in the order of the
// selectors and each once; no selectors match all. With newest, of several
// packages of one name Newest keeps one; system and warn are for it. It fails where a selector
// matches nothing.
func PickPackages(all []*Package, words []string, newest bool, system string, warn func(string)) ([]*Package, error) {
	if len(words) == 0 {
		words = []string{"*"}
	}
	selectors, err := ParseSelectors(words)
	if err != nil {
		return nil, err
	}
	done := map[*Package]bool{}
	var out []*Package
	for _, s := range selectors {
		var matches []*Package
		for _, p := range all {
			if s.Matches(derivation.ParseName(p.Name)) {
				s.Hits++
				matches = append(matches, p)
			}
		}
		if newest {
			matches = Newest(matches, system, warn)
		}
		for _, p := range matches {
			if !done[p] {
				done[p] = true
				out = append(out, p)
			}
		}
		if err := s.missed(all); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// missed is the error of a selector that has matched none of the packages.
func (s *Selector) missed(all []*Package) error {
	if s.Hits > 0 || s.Full == "*" {
		return nil
	}
	return fmt.Errorf("selector '%s' matches no derivations%s", s.Full, maybeMeant(all, s.Name.Name))
}

// maybeMeant names packages that begin with prefix.
func maybeMeant(all []*Package, prefix string) string {
	var names []string
	for _, p := range all {
		if n := derivation.ParseName(p.Name).Name; strings.HasPrefix(n, prefix) && !slices.Contains(names, n) {
			if names = append(names, n); len(names) >= 3 {
				break
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return ", maybe you meant:\n" + strings.Join(names, "\n")
}

// Newest keeps one package of each name, in the order of names: one for this
// system rather than another, then the one of highest priority, then of
// highest version. Where that leaves several it warns and takes the first.
func Newest(matches []*Package, system string, warn func(string)) []*Package {
	best := map[string]*Package{}
	several := map[string]bool{}
	for _, p := range matches {
		n := derivation.ParseName(p.Name)
		other := best[n.Name]
		c := 1
		if other != nil {
			c = 0
			if p.System() != other.System() {
				switch system {
				case p.System():
					c = 1
				case other.System():
					c = -1
				}
			}
			if c == 0 {
				c = comparePriority(p, other)
			}
			if c == 0 {
				c = derivation.CompareVersions(n.Version, derivation.ParseName(other.Name).Version)
			}
		}
		switch {
		case c > 0:
			best[n.Name] = p
			delete(several, n.Full)
		case c == 0:
			several[n.Full] = true
		}
	}
	var out []*Package
	for _, name := range slices.Sorted(maps.Keys(best)) {
		if several[name] {
			warn(fmt.Sprintf("there are multiple derivations named '%s'; using the first one", name))
		}
		out = append(out, best[name])
	}
	return out
}

// comparePriority is positive if a is to be preferred: a lower number.
func comparePriority(a, b *Package) int {
	return cmp.Compare(b.MetaInt("priority", 0), a.MetaInt("priority", 0))
}

// Upgrade is which versions an upgrade accepts.
type Upgrade uint8

// The versions that an upgrade accepts.
const (
	Newer        Upgrade = iota // higher ones
	NewerOrEqual                // those and the same
	Equal                       // the same, from another expression
	Always                      // any
)

// accepts says whether version may take the place of old.
func (u Upgrade) accepts(old, version string) bool {
	switch d := derivation.CompareVersions(old, version); u {
	case Newer:
		return d < 0
	case NewerOrEqual:
		return d <= 0
	case Equal:
		return d == 0
	}
	return true
}

// UpgradeOf returns the package that is to take p's place: of those of its name
// that ok and u accept and whose priority is no worse, the one of highest priority, then
// version; p itself if there is none, if that has the same output, or if p is marked to be kept.
func UpgradeOf(p *Package, available []*Package, u Upgrade, ok func(*Package) bool) *Package {
	if p.MetaBool("keep", false) {
		return p
	}
	name := derivation.ParseName(p.Name)
	var best *Package
	bestVersion := ""
	for _, q := range available {
		n := derivation.ParseName(q.Name)
		if comparePriority(p, q) > 0 || n.Name != name.Name || !u.accepts(name.Version, n.Version) {
			continue
		}
		better := -1
		if best != nil {
			if better = comparePriority(best, q); better == 0 {
				better = derivation.CompareVersions(bestVersion, n.Version)
			}
		}
		if better < 0 && ok(q) {
			best, bestVersion = q, n.Version
		}
	}
	if best == nil || p.OutPath() == best.OutPath() {
		return p
	}
	return best
}
