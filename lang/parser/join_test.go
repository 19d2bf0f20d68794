package parser

import (
	"path"
	"testing"
)

// TestJoin compares the fast way to join a path literal to its folder with
// path.Clean, for all short literals.
func TestJoin(t *testing.T) {
	parts := []string{"", ".", "..", "a", ".b", "b.c", "..d"}
	var texts []string
	for _, x := range parts {
		for _, y := range parts {
			for _, z := range parts {
				for _, w := range parts {
					texts = append(texts, x+"/"+y+"/"+z+"/"+w, x+"/"+y+"/"+z, x+"/"+y)
				}
			}
		}
	}
	p, _ := newParser(Options{})
	p.begin()
	for _, dir := range []string{"/", "/x", "/x/y", "/x/y/z/w/v"} {
		for _, text := range texts {
			if got, want := p.join(dir, text), path.Clean(dir+"/"+text); got != want {
				t.Errorf("join(%q, %q) = %q, want %q", dir, text, got, want)
			}
		}
	}
}
