package lsp

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sourcegraph/jsonrpc2"
)

// client talks to a server through a pipe as an editor does.
type client struct {
	t    *testing.T
	conn *jsonrpc2.Conn
	dir  string

	mu    sync.Mutex
	diags map[string][]diagnostic
	got   chan struct{}
}

func start(t *testing.T, cfg Config) *client {
	t.Helper()
	a, b := net.Pipe()
	c := &client{t: t, dir: t.TempDir(), diags: map[string][]diagnostic{}, got: make(chan struct{}, 100)}
	done := make(chan error, 1)
	go func() { done <- New(cfg).Serve(context.Background(), a) }()
	c.conn = jsonrpc2.NewConn(context.Background(), jsonrpc2.NewBufferedStream(b, jsonrpc2.VSCodeObjectCodec{}),
		jsonrpc2.HandlerWithError(func(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) (interface{}, error) {
			if r.Method == "textDocument/publishDiagnostics" {
				var p publishParams
				if err := json.Unmarshal(*r.Params, &p); err != nil {
					t.Error(err)
				}
				c.mu.Lock()
				c.diags[p.URI] = p.Diagnostics
				c.mu.Unlock()
				c.got <- struct{}{}
			}
			return nil, nil
		}))
	t.Cleanup(func() {
		c.call("shutdown", nil, nil)
		if err := c.conn.Notify(context.Background(), "exit", nil); err != nil {
			t.Error(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the server ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server did not end")
		}
	})
	if err := os.Mkdir(filepath.Join(c.dir, ".git"), 0o755); err != nil { // nothing above is looked at
		t.Fatal(err)
	}
	var init struct{ Capabilities map[string]interface{} }
	c.call("initialize", map[string]interface{}{"capabilities": map[string]interface{}{}}, &init)
	if init.Capabilities["hoverProvider"] != true {
		t.Errorf("capabilities: %v", init.Capabilities)
	}
	return c
}

func (c *client) call(method string, params, result interface{}) {
	c.t.Helper()
	if err := c.conn.Call(context.Background(), method, params, result); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

// write puts a file into the client's folder and gives its address.
func (c *client) write(name, text string) string {
	c.t.Helper()
	p := filepath.Join(c.dir, name)
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
	return fileURI(p)
}

// open opens a document whose text has the cursor where | stands.
func (c *client) open(name, text string) positionParams {
	c.t.Helper()
	before, after, found := strings.Cut(text, "|")
	if !found {
		before, after = text, ""
	}
	uri := fileURI(filepath.Join(c.dir, name))
	if err := c.conn.Notify(context.Background(), "textDocument/didOpen", map[string]interface{}{
		"textDocument": map[string]interface{}{"uri": uri, "languageId": "nix", "version": 1, "text": before + after}}); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-c.got:
	case <-time.After(10 * time.Second):
		c.t.Fatal("no diagnostics came")
	}
	line := strings.Count(before, "\n")
	return positionParams{textDocument{URI: uri}, position{line, utf16Len(before[strings.LastIndexByte(before, '\n')+1:])}}
}

func (c *client) diagnostics(uri string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, d := range c.diags[uri] {
		out = append(out, d.Message)
	}
	return out
}

var testConfig = Config{Builtins: []Builtin{
	{Name: "builtins", Global: true, Doc: "All of them."},
	{Name: "map", Global: true, Args: []string{"f", "list"}, Doc: "Applies a function to each element."},
	{Name: "import", Global: true, Args: []string{"path"}},
	{Name: "attrNames", Args: []string{"set"}, Doc: "The names of a set."},
}}

func TestDiagnostics(t *testing.T) {
	c := start(t, testConfig)
	p := c.open("a.nix", "let a = 1; b = 2; in a + c + d")
	want := []string{"undefined variable 'c'", "undefined variable 'd'", "'b' is never used"}
	if d := cmp.Diff(want, c.diagnostics(p.TextDocument.URI)); d != "" {
		t.Error(d)
	}
	p = c.open("b.nix", "{ a = ; }")
	if got := c.diagnostics(p.TextDocument.URI); len(got) != 1 || !strings.HasPrefix(got[0], "syntax error") {
		t.Errorf("got %q", got)
	}
	twice := c.open("c.nix", "{\n  a.b = 1;\n  a.b = 2;\n}").TextDocument.URI
	c.mu.Lock()
	related := c.diags[twice][0].Related
	c.mu.Unlock()
	if d := cmp.Diff([]relatedDiagnostic{{location{twice, textRange{position{1, 2}, position{1, 3}}}, "'a.b' is first defined here"}}, related); d != "" {
		t.Error(d)
	}
	// An edit mends it.
	if err := c.conn.Notify(context.Background(), "textDocument/didChange", map[string]interface{}{
		"textDocument": map[string]interface{}{"uri": p.TextDocument.URI, "version": 2},
		"contentChanges": []interface{}{map[string]interface{}{
			"range": textRange{position{0, 6}, position{0, 6}}, "text": "1"}}}); err != nil {
		t.Fatal(err)
	}
	<-c.got
	if got := c.diagnostics(p.TextDocument.URI); len(got) != 0 {
		t.Errorf("after the edit: %q", got)
	}
}

func TestDefinition(t *testing.T) {
	c := start(t, testConfig)
	c.write("lib.nix", "{ f }: rec {\n  # Doubles.\n  twice = x: f (x + x);\n  inherit (import ./more.nix) deep;\n}")
	c.write("more.nix", "{ deep.er = 5; }")
	c.write("pkg.nix", "{ stdenv, zlib ? null }: { name = \"pkg\"; }")
	for _, tc := range []struct{ name, text, want string }{
		{"let", "let a = 1; in a|", "a.nix:0:4"},
		{"formal", "{ a, b }: b|", "a.nix:0:5"},
		{"argument behind formals", "{ a }@args: args|.a", "a.nix:0:6"},
		{"inherit", "let a = 1; in { inherit a|; }", "a.nix:0:4"},
		{"recursive set", "rec { a = 1; b = a|; }", "a.nix:0:6"},
		{"attribute", "let s = { x.y = 1; }; in s.x.y|", "a.nix:0:12"},
		{"with", "let s = { x = 1; }; in with s; x|", "a.nix:0:10"},
		{"import", "(import ./lib.nix { f = 1; }).twice|", "lib.nix:2:2"},
		{"import through inherit", "(import ./lib.nix { f = 1; }).deep.er|", "more.nix:0:7"},
		{"inherit from an import", "let inherit (import ./more.nix) deep; in deep|.er", "more.nix:0:2"},
		{"inherit in a set", "let s = { a = 1; }; t = { inherit (s) a; }; in t.a|", "a.nix:0:10"},
		{"with import", "with import ./more.nix; deep|", "more.nix:0:2"},
		{"inherit through with", "let m = import ./more.nix; in with m; { inherit deep|; }", "more.nix:0:2"},
		{"inherit twice", "let a = 1; b = { inherit a; }; c = { inherit (b) a; }; in c.a|", "a.nix:0:4"},
		{"file", "import ./lib.nix|", "lib.nix:0:0"},
		{"callPackage", "{ callPackage }: (callPackage ./pkg.nix { }).name|", "pkg.nix:0:27"},
		{"behind an error", "let a = 1; b = ; in a|", "a.nix:0:4"},
		{"before an end that comes too early", "let a = { x = 1; };\n  b = a|;\n in { c = [ (", "a.nix:0:4"},
		{"in an open string", "{ b, c }: \"${c|}", "a.nix:0:5"},
		{"update", "let a = { x = 1; }; b = a // { y = 2; }; in b.x|", "a.nix:0:10"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := c.open("a.nix", tc.text)
			var locs []location
			c.call("textDocument/definition", p, &locs)
			got := ""
			for _, l := range locs {
				got += filepath.Base(l.URI) + ":" + itoa(l.Range.Start.Line) + ":" + itoa(l.Range.Start.Character)
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestHover(t *testing.T) {
	c := start(t, testConfig)
	for _, tc := range []struct{ text, want string }{
		{"map| (x: x) []", "map f list"},
		{"builtins.attrNames| {}", "The names of a set."},
		{"let\n  # How many.\n  n = 5;\nin n|", "n: int 5\n```\n\nHow many."},
		{"let f = { a, b ? 1, ... }: a; in f|", "f: function { a, b?, ... }:"},
		{"let s = { x = 1; y = 2; }; in s|", "s: set { x y }"},
		{"x: x|", "argument of a function"},
		{"let n = 5; in { a = n|; b = ", "n: int 5"},
	} {
		var h hover
		c.call("textDocument/hover", c.open("a.nix", tc.text), &h)
		if !strings.Contains(h.Contents.Value, tc.want) {
			t.Errorf("%s: got %q, want %q in it", tc.text, h.Contents.Value, tc.want)
		}
	}
}

func TestReferencesAndRename(t *testing.T) {
	c := start(t, testConfig)
	p := c.open("a.nix", "let a| = 1;\n b = a; in a + (let a = 2; in a) + b")
	var locs []location
	c.call("textDocument/references", referenceParams{positionParams: p}, &locs)
	if len(locs) != 2 {
		t.Errorf("references: %v", locs)
	}
	var e workspaceEdit
	c.call("textDocument/rename", renameParams{p, "z"}, &e)
	if got := edited("let a = 1;\n b = a; in a + (let a = 2; in a) + b", e.Changes[p.TextDocument.URI]); got != "let z = 1;\n b = z; in z + (let a = 2; in a) + b" {
		t.Errorf("renamed to %q", got)
	}
	for _, name := range []string{"", "1a", "let", "a b"} {
		if err := c.conn.Call(context.Background(), "textDocument/rename", renameParams{p, name}, &e); err == nil {
			t.Errorf("renaming to %q was not refused", name)
		}
	}
}

func edited(text string, edits []textEdit) string {
	u := &unit{}
	u.setText(text)
	for i := len(edits) - 1; i >= 0; i-- {
		s, e := u.at(edits[i].Range.Start), u.at(edits[i].Range.End)
		text = text[:s] + edits[i].NewText + text[e:]
	}
	return text
}

func TestCompletion(t *testing.T) {
	c := start(t, testConfig)
	c.write("lib.nix", "{ one = 1; two = x: x; }")
	for _, tc := range []struct {
		text string
		want []string // all of these
		not  string
	}{
		{"let s = { alpha = 1; beta = 2; }; in s.|", []string{"alpha", "beta"}, "map"},
		{"let s = { alpha = 1; beta = 2; }; in { x = s.|\n}", []string{"alpha", "beta"}, "map"},
		{"let lib = import ./lib.nix; in lib.t|", []string{"one", "two"}, "map"},
		{"builtins.|", []string{"attrNames", "map"}, "let"},
		{"let alpha = 1; in { y = a|; }", []string{"alpha", "map", "let"}, "attrNames"},
		{"let s = { alpha = 1; }; in with s; |", []string{"alpha", "s", "map"}, "beta"},
		{"let a.b = { c = 1; d = 2; }; in a.b.|", []string{"c", "d"}, "map"},
		{"let a.b = { c = 1; };\n  x = a.b.|", []string{"c"}, "map"},
		{"let a = { c = 1; }; in { x = a.|", []string{"c"}, "map"},
		{"let a = { c = 1; }; in { x = f (a.|", []string{"c"}, "map"},
		{"let a = { c = 1; }; in { x = if a.|", []string{"c"}, "map"},
		{"let a = { c = 1; }; in { x = \"${a.|", []string{"c"}, "map"},
		{"let a = { c = 1; }; in with a.|", []string{"c"}, "map"},
		{"{ a ? 1, b ? 2 }@args: args.|", []string{"a", "b"}, "map"},
		{"{ s ? { c = 1; } }: s.|", []string{"c"}, "map"},
		{"with import ./lib.nix; |", []string{"one", "two", "map"}, "attrNames"},
		{"{ inherit (import ./lib.nix) |; }", []string{"one", "two"}, "map"},
		{"{ inherit (import ./lib.nix) one t|; }", []string{"one", "two"}, "map"},
		{"let inherit (import ./lib.nix) t|", []string{"one", "two"}, "map"},
		{"let s.\"x y\" = 1; in s.|", []string{"x y"}, "map"},
		{"let b = builtins; in b.|", []string{"attrNames"}, "let"},
		{"import ./|", []string{"lib.nix"}, "map"},
	} {
		var items []completionItem
		c.call("textDocument/completion", c.open("a.nix", tc.text), &items)
		have := map[string]bool{}
		for _, i := range items {
			have[i.Label] = true
		}
		for _, w := range tc.want {
			if !have[w] {
				t.Errorf("%s: no %q in %v", tc.text, w, items)
			}
		}
		if have[tc.not] {
			t.Errorf("%s: %q is offered", tc.text, tc.not)
		}
	}
}

// A document in the making has an outline, and nothing in it is renamed.
func TestUnfinished(t *testing.T) {
	c := start(t, testConfig)
	p := c.open("a.nix", "{ a| = 1; b = { c = 2; }; d = [ a")
	var out []documentSymbol
	c.call("textDocument/documentSymbol", p, &out)
	var names []string
	for _, s := range out {
		names = append(names, s.Name)
	}
	if d := cmp.Diff([]string{"a", "b", "d"}, names); d != "" {
		t.Error(d)
	}
	err := c.conn.Call(context.Background(), "textDocument/rename", renameParams{p, "z"}, new(workspaceEdit))
	if err == nil || !strings.Contains(err.Error(), "has a syntax error") {
		t.Errorf("renamed: %v", err)
	}
}

func TestSymbolsAndFormatting(t *testing.T) {
	c := start(t, testConfig)
	p := c.open("a.nix", "{ a.b = 1; f = x: { inner = 2; }; }")
	var syms []documentSymbol
	c.call("textDocument/documentSymbol", p, &syms)
	if len(syms) != 2 || syms[0].Name != "a.b" || syms[1].Name != "f" || len(syms[1].Children) != 1 || syms[1].Children[0].Name != "inner" {
		t.Errorf("symbols: %+v", syms)
	}
	text := "{\n  a = 1;\n  b=[1 2];\n  ü = 3;\n}\n"
	text = strings.ReplaceAll(text, "ü", "\"ü😀\"")
	p = c.open("b.nix", text)
	var edits []textEdit
	c.call("textDocument/formatting", formattingParams{p.TextDocument}, &edits)
	if got := edited(text, edits); got != "{\n  a = 1;\n  b = [\n    1\n    2\n  ];\n  \"ü😀\" = 3;\n}\n" {
		t.Errorf("formatted to %q by %+v", got, edits)
	}
}

func TestPositions(t *testing.T) {
	u := &unit{}
	u.setText("a😀b\nü\n")
	for off, want := range map[int]position{0: {0, 0}, 1: {0, 1}, 5: {0, 3}, 6: {0, 4}, 7: {1, 0}, 9: {1, 1}, 10: {2, 0}} {
		if got := u.position(off); got != want {
			t.Errorf("offset %d: got %v, want %v", off, got, want)
		}
		if got := u.at(want); got != off {
			t.Errorf("%v: got offset %d, want %d", want, got, off)
		}
	}
}
