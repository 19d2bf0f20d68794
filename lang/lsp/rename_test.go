package lsp

import (
	"context"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

func TestRename(t *testing.T) {
	for _, tc := range []struct{ text, to, want string }{
		// inherit is taken apart where its two sides no longer share a name.
		{"let a| = 1; in { inherit a; b = a; }", "z", "let z = 1; in { a = z; b = z; }"},
		{"let a = 1; in { inherit a|; }", "z", "let z = 1; in { a = z; }"},
		{"{ a|, b }: {\n  inherit\n    a\n    b\n    ;\n}", "z", "{ z, b }: {\n  inherit\n    b\n    ;\n  a = z;\n}"},
		{"x: let inherit (x) a b; in { inherit a|; }", "z", "x: let inherit (x) b; z = x.a; in { a = z; }"},
		{"f: let inherit (f 1) a; in a|", "z", "f: let z = (f 1).a; in z"},
		{"let s = { a| = 1; }; in { inherit (s) a; }", "z", "let s = { z = 1; }; in { a = s.z; }"},
		{"let a = 1; s = { inherit a; }; in s.a|", "z", "let a = 1; s = { z = a; }; in s.z"},
		{"let a = 1; s = { inherit \"a\"; }; in s.a|", "z", "let a = 1; s = { z = a; }; in s.z"},
		// with, selections and formals.
		{"let s = { a| = 1; }; in with s; a + s.a or 2", "z", "let s = { z = 1; }; in with s; z + s.z or 2"},
		{"{ a|, b ? a }: b", "z", "{ z, b ? z }: b"},
		{"x|: x", "z", "z: z"},
		{"let f = { a| }: f { inherit a; }; in f", "z", "let f = { z }: f { inherit z; }; in f"},
		{"let f = { a| }: a; in f { a = 1; }", "z", "let f = { z }: z; in f { z = 1; }"},
		{"a: let f = { a|, ... }: a; in f { inherit a; b = a; }", "z", "a: let f = { z, ... }: z; in f { z = a; b = a; }"},
		{"a: let f = { a }: a; in { x = f { inherit (a) a; }; y = f { a = a|; }; }", "z", "z: let f = { a }: a; in { x = f { inherit (z) a; }; y = f { a = z; }; }"},
		{"let a| = 1; in let inherit a; in a", "a", "let a = 1; in let inherit a; in a"},
		{"let a.b| = 1; in a.b", "z", "let a.z = 1; in a.z"},
		// Refused, for the meaning would change.
		{"{ a|, b }: a", "b", "renaming to 'b' gives: duplicate formal function argument 'b'"},
		{"let a| = 1; in x: let b = 3; in a + b", "b", "another 'b' is nearer to a place that means 'a'"},
		{"b: let a| = 1; in a + b", "b", "line 1 already means another 'b'"},
		{"s: let a| = 1; in with s; a + b", "b", "line 1 already means another 'b'"},
		{"rec { a| = 1; b = a; }", "b", "'b' is already defined on line 1"},
		{"{ a|.x = 1; b.y = 2; }", "b", "'b' is already defined on line 1"},
		{"a| + 1", "b", "this name is not defined in a document"},
		{"let a = 1; in { inherit a /* ; */; c = a|; }", "z", "the inherit on line 1 is too intricate to be taken apart"},
	} {
		c := start(t, testConfig)
		p := c.open("a.nix", tc.text)
		var e workspaceEdit
		err := c.conn.Call(context.Background(), "textDocument/rename", renameParams{p, tc.to}, &e)
		got := edited(strings.Replace(tc.text, "|", "", 1), e.Changes[p.TextDocument.URI])
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, tc.want) || err == nil && got != tc.want {
			t.Errorf("%s: got\n%s, want\n%s", tc.text, got, tc.want)
		}
	}
}

// Attributes are followed from one document into another.
func TestAcrossDocuments(t *testing.T) {
	c := start(t, testConfig)
	const libText = "{\n  one = 1;\n}\n"
	c.write("lib.nix", libText)
	userText := "with import ./lib.nix; { inherit (import ./lib.nix) one; x = one; }"
	user := c.open("user.nix", userText)
	p := c.open("main.nix", "(import ./lib.nix).one|")
	params := referenceParams{positionParams: p}
	params.Context.IncludeDeclaration = true
	var locs []location
	c.call("textDocument/references", params, &locs)
	var got []string
	for _, l := range locs {
		got = append(got, filepath.Base(l.URI)+":"+itoa(l.Range.Start.Line)+":"+itoa(l.Range.Start.Character))
	}
	sort.Strings(got)
	if want := "lib.nix:1:2 main.nix:0:19 user.nix:0:52 user.nix:0:61"; strings.Join(got, " ") != want {
		t.Errorf("references: got %v, want %s", got, want)
	}
	var e workspaceEdit
	c.call("textDocument/rename", renameParams{p, "uno"}, &e)
	if got, want := edited(userText, e.Changes[user.TextDocument.URI]), "with import ./lib.nix; { one = (import ./lib.nix).uno; x = uno; }"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := edited(libText, e.Changes[fileURI(filepath.Join(c.dir, "lib.nix"))]); got != "{\n  uno = 1;\n}\n" {
		t.Errorf("got %s", got)
	}
}
