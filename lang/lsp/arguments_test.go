package lsp

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// definition tells where the definition of what the cursor is on lies.
func (c *client) definition(p positionParams) string {
	c.t.Helper()
	var locs []location
	c.call("textDocument/definition", p, &locs)
	var got []string
	for _, l := range locs {
		got = append(got, filepath.Base(l.URI)+":"+itoa(l.Range.Start.Line)+":"+itoa(l.Range.Start.Character))
	}
	return strings.Join(got, " ")
}

func TestFilledArguments(t *testing.T) {
	c := start(t, testConfig)
	c.write("all.nix", `{ lib, extra }:
rec {
  # Compresses.
  zlib = { v = 1; };
  pkg = callPackage ./pkg.nix { opt = { o = 1; }; };
  nest = self.callPackage ./nest.nix { };
  self = { bzip = 2; };
  inner = with { lzma = 3; }; callPackage ./inner.nix { };
  plain = import ./plain.nix { given = 4; };
}`)
	c.write("scope.nix", "lib: let callPackage = lib.callPackageWith { gmp = 1; }; in { a = callPackage ./through.nix { }; }")
	for _, tc := range []struct{ file, text, want string }{
		{"pkg.nix", "{ zlib|, opt }: zlib", "all.nix:3:2"},
		{"pkg.nix", "{ zlib, opt| }: zlib", "all.nix:4:32"},
		{"pkg.nix", "{ zlib, opt }: zlib|", "pkg.nix:0:2"},
		{"pkg.nix", "{ zlib, opt }: zlib.v|", "all.nix:3:11"},
		{"pkg.nix", "{ zlib, opt }: with opt; o|", "all.nix:4:40"},
		{"pkg.nix", "{ absent| }: absent", "pkg.nix:0:2"},
		{"nest.nix", "{ bzip| }: bzip", "all.nix:6:11"},
		{"inner.nix", "{ lzma| }: lzma", "all.nix:7:17"},
		{"inner.nix", "{ extra| }: extra", "all.nix:0:7"},
		{"plain.nix", "{ given| }: given", "all.nix:8:31"},
		{"plain.nix", "{ zlib| }: zlib", "plain.nix:0:2"},
		{"through.nix", "{ gmp| }: gmp", "scope.nix:0:45"},
		{"none.nix", "{ zlib| }: zlib", "none.nix:0:2"},
	} {
		if got := c.definition(c.open(tc.file, tc.text)); got != tc.want {
			t.Errorf("%s, %s: got %q, want %q", tc.file, tc.text, got, tc.want)
		}
	}
	var h hover
	c.call("textDocument/hover", c.open("pkg.nix", "{ zlib|, opt }: zlib"), &h)
	if !strings.Contains(h.Contents.Value, "set { v }") || !strings.Contains(h.Contents.Value, "Compresses.") {
		t.Errorf("hover: %q", h.Contents.Value)
	}
	p := c.open("pkg.nix", "{ zlib|, opt }: zlib")
	var e workspaceEdit
	if err := c.conn.Call(t.Context(), "textDocument/rename", renameParams{p, "z"}, &e); err == nil {
		t.Error("renaming an argument that callPackage fills was not refused")
	}
}

func TestGivenArguments(t *testing.T) {
	c := start(t, testConfig)
	c.write("more.nix", "{ lib }: { deep = lib.base; }")
	for _, tc := range []struct{ text, want string }{
		{"let load = f: import f { lib = 1; }; in (load ./more.nix).deep|", "more.nix:0:11"},
		{"let id = x: x; in (id { a = 1; }).a|", "a.nix:0:24"},
		{"let f = { s, ... }: s; in (f { s.a = 1; }).a|", "a.nix:0:33"},
		{"fix: fix (self: { a = 1; b = self.a|; })", "a.nix:0:18"},
		{"makeExtensible: (makeExtensible (self: { a = 1; })).a|", "a.nix:0:41"},
		{"{ a, b ? 1 }@args: args.b|", "a.nix:0:5"},
	} {
		if got := c.definition(c.open("a.nix", tc.text)); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.text, got, tc.want)
		}
	}
}

// A set that is made of itself must not take time exponential in the steps.
func TestEndlessDefinitions(t *testing.T) {
	c := start(t, testConfig)
	begin := time.Now()
	for _, text := range []string{
		"let a = a // a // a // a; in a.b|",
		"let f = x: f x // f x; in (f 1).b|",
		"let a = b; b = a; in { inherit (a) c|; }",
		"let inherit (a) a; in a|",
	} {
		c.definition(c.open("a.nix", text))
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}
