package flakeref

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRoundTrip: what a reference is written as reads as the same reference.
func TestRoundTrip(t *testing.T) {
	for _, c := range []struct {
		text, canonical string
		attrs           Attrs
	}{
		{"nixpkgs", "flake:nixpkgs", Attrs{"type": "indirect", "id": "nixpkgs"}},
		{"nixpkgs/a#x", "flake:nixpkgs/a", Attrs{"type": "indirect", "id": "nixpkgs", "ref": "a"}},
		{"github:o/r/a/b?dir=d", "github:o/r/a%2Fb?dir=d", Attrs{"type": "github", "owner": "o", "repo": "r", "ref": "a/b", "dir": "d"}},
		{"git+file:///r?ref=m&shallow=1&x=y", "git+file:///r?ref=m&shallow=1&x=y",
			Attrs{"type": "git", "url": "file:///r?x=y", "ref": "m", "shallow": true}},
		{"/a b", "path:/a%20b", Attrs{"type": "path", "path": "/a b"}},
		{"path:/a?lastModified=3", "path:/a?lastModified=3", Attrs{"type": "path", "path": "/a", "lastModified": int64(3)}},
		{"https://h/a?x=y", "https://h/a?x=y", Attrs{"type": "tarball", "url": "https://h/a?x=y"}},
		{"hg+http://h/a?rev=x", "hg+http://h/a?rev=x", Attrs{"type": "hg", "url": "http://h/a", "rev": "x"}},
	} {
		ref, _, err := Parse(c.text, true)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.attrs, ref.Attrs()); diff != "" {
			t.Errorf("%s: %s", c.text, diff)
		}
		text, err := ref.Text()
		if err != nil || text != c.canonical {
			t.Errorf("%s is written as %s (%v), want %s", c.text, text, err, c.canonical)
		}
		again, _, err := Parse(text, true)
		if err != nil || !cmp.Equal(ref, again) {
			t.Errorf("%s reads as %v (%v)", text, again, err)
		}
		back, err := FromAttrs(ref.Attrs())
		if err != nil || !cmp.Equal(ref, back) {
			t.Errorf("%s from its attributes: %v (%v)", c.text, back, err)
		}
	}
}

func TestIsLegalRef(t *testing.T) {
	for name, want := range map[string]bool{
		"main": true, "a/b": true, "v1.0": true, "@": false, "a..b": false, "": false, "/a": false, "a/": false,
		"a b": false, "a.lock": false, ".a": false, "a/.b": false, "a~": false, "a@{b": false, "-a": false, "a\x7f": false,
	} {
		if IsLegalRef(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}
