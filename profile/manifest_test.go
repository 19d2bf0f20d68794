package profile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func manifest(elements map[string]string) *Manifest {
	m := &Manifest{Version: manifestVersion, Elements: map[string]Element{}}
	for name, path := range elements {
		m.Elements[name] = Element{StorePaths: []string{path}}
	}
	return m
}

func TestMatching(t *testing.T) {
	m := manifest(map[string]string{"git": "/s/a-git-2", "gitea": "/s/b-gitea-1", "hello": "/s/c-hello-1"})
	for _, c := range []struct {
		words, regexes, want []string
		warnings             int
		err                  string
	}{
		{words: []string{"hello", "git", "hello"}, want: []string{"git", "hello"}},
		{words: []string{"/s/b-gitea-1"}, want: []string{"gitea"}},
		{regexes: []string{"git"}, want: []string{"git"}},
		{regexes: []string{"git.*", "x+"}, want: []string{"git", "gitea"}, warnings: 1},
		{words: []string{"nonesuch"}, warnings: 1},
		{words: []string{"1"}, err: "no longer supports indices"},
		{regexes: []string{"("}, err: "not a regular expression"},
	} {
		warnings := 0
		got, err := m.Matching(c.words, c.regexes, func(string) { warnings++ })
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q %q: error %v, want %q", c.words, c.regexes, err, c.err)
			}
			continue
		}
		if err != nil || warnings != c.warnings || cmp.Diff(c.want, got) != "" {
			t.Errorf("%q %q: %q, %d warnings, %v", c.words, c.regexes, got, warnings, err)
		}
	}
}

func TestChanges(t *testing.T) {
	before := manifest(map[string]string{"git": "/s/a-git-2", "hello": "/s/c-hello-1", "tool": "/s/d-tool", "same": "/s/e-same-1"})
	after := manifest(map[string]string{"git": "/s/f-git-3", "new": "/s/g-new-1", "tool": "/s/h-tool", "same": "/s/e-same-1"})
	want := []Change{{"git", "2", "3"}, {"hello", "1", ""}, {"new", "", "1"}, {"tool", "ε", "ε"}}
	if diff := cmp.Diff(want, after.Changes(before)); diff != "" {
		t.Error(diff)
	}
}
