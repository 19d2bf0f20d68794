package profile

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed192a40f6/glang/derivation"
)

// Matching returns the names, sorted, of the elements that words mean (names or store
// paths) or that a regular expression matches whole. warn is told of those that
// match nothing. It fails on a number, which once was an element's index, and on
// what is no regular expression.
func (m *Manifest) Matching(words, regexes []string, warn func(string)) ([]string, error) {
	var out []string
	pick := func(matches func(name string) bool) (hit bool) {
		for _, n := range m.Names() {
			if matches(n) {
				hit = true
				out = append(out, n)
			}
		}
		return hit
	}
	for _, w := range words {
		if _, err := strconv.Atoi(w); err == nil {
			return nil, fmt.Errorf("'profile' no longer supports indices ('%s')", w)
		}
		if !pick(func(n string) bool { return n == w || slices.Contains(m.Elements[n].StorePaths, w) }) {
			warn(fmt.Sprintf("Package name '%s' does not match any packages in the profile.", w))
		}
	}
	for _, w := range regexes {
		re, err := regexp.Compile("^(?:" + w + ")$")
		if err != nil {
			return nil, fmt.Errorf("'%s' is not a regular expression: %w", w, err)
		}
		if !pick(re.MatchString) {
			warn(fmt.Sprintf("Regex '%s' does not match any packages in the profile.", w))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Change is how an element differs between two manifests: the versions it
// had and has, "ε" for a path without one; empty where it was not or is no more.
type Change struct{ Name, Before, After string }

// Changes lists, by name, the elements whose versions or store paths differ
// from those in prev.
func (m *Manifest) Changes(prev *Manifest) []Change {
	names := append(prev.Names(), m.Names()...)
	slices.Sort(names)
	var out []Change
	for _, n := range slices.Compact(names) {
		c := Change{n, prev.versions(n), m.versions(n)}
		if c.Before != c.After || !slices.Equal(prev.Elements[n].StorePaths, m.Elements[n].StorePaths) {
			out = append(out, c)
		}
	}
	return out
}

// versions are those of an element's store paths.
func (m *Manifest) versions(name string) string {
	e, ok := m.Elements[name]
	if !ok {
		return ""
	}
	var out []string
	for _, p := range e.StorePaths {
		_, base, found := strings.Cut(path.Base(p), "-")
		if !found {
			base = path.Base(p)
		}
		v := derivation.ParseName(base).Version
		if v == "" {
			v = "ε"
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
