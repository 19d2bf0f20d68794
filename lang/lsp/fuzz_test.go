package lsp

import (
	"strings"
	"testing"
)

// FuzzAnswers asks everything about a place of a text: no answer may panic,
// and no edit may lie outside the text.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		"let a = 1; in { inherit a; b = a; }",
		"{ a, b ? a }@args: with args; rec { inherit (b) c \"d\"; e.f = c; }",
		"let s.a.b = 1; s.a.c = 2; in s.a.c or s ? a",
		"with import ./fuzz.nix; let inherit (x) y z; in y.",
		"fix: fix (self: { a = self.b; b = self // { c = 1; }; })",
		"{ callPackage }: { x = callPackage ./fuzz.nix { y = 1; }; }",
		"''\n  ${a.}\n''",
	} {
		for off := 0; off <= len(s); off += 5 {
			f.Add(s, uint(off), "z")
		}
	}
	f.Fuzz(func(t *testing.T, text string, off uint, name string) {
		if len(text) > 1000 || len(name) > 100 {
			t.Skip()
		}
		s := New(testConfig)
		const uri = "file:///nowhere/fuzz.nix"
		s.work = maxWork
		u := newUnit(s.symbols, s.globals, uri, "/nowhere/fuzz.nix", text)
		s.docs[uri] = u
		s.diagnose(u)
		p := positionParams{textDocument{URI: uri}, u.position(int(off % uint(len(text)+1)))}
		ask := func(what string, err error) {
			if err != nil && !strings.Contains(err.Error(), "code -32602") && what != "formatting" {
				t.Errorf("%s: %v", what, err)
			}
			s.work = maxWork
		}
		_, err := s.hover(u, p)
		ask("hover", err)
		_, err = s.definition(u, p)
		ask("definition", err)
		_, err = s.references(u, referenceParams{positionParams: p}, func() error { return nil })
		ask("references", err)
		_, err = s.highlight(u, p)
		ask("highlight", err)
		_, err = s.completion(u, p)
		ask("completion", err)
		_, err = s.documentSymbols(u, p)
		ask("symbols", err)
		_, err = s.formatting(u, formattingParams{p.TextDocument})
		ask("formatting", err)
		e, err := s.rename(u, renameParams{p, name}, func() error { return nil })
		ask("rename", err)
		if err != nil || u.err != nil {
			return
		}
		if next := edited(text, e.Changes[uri]); newUnit(s.symbols, s.globals, uri, u.path, next).err != nil {
			t.Errorf("renaming to %q gives %q", name, next)
		}
	})
}
