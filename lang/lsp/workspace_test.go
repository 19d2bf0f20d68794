package lsp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sourcegraph/jsonrpc2"
)

// inWorkspace starts a client whose folder, with these files, is the workspace.
func inWorkspace(t *testing.T, files map[string]string) *client {
	t.Helper()
	c := start(t, testConfig)
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(c.dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		c.write(name, text)
	}
	c.call("initialize", map[string]interface{}{"rootUri": fileURI(c.dir), "capabilities": map[string]interface{}{}}, nil)
	if err := c.conn.Notify(context.Background(), "initialized", struct{}{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// references lists places as file:line:column.
func (c *client) references(p positionParams) []string {
	c.t.Helper()
	params := referenceParams{positionParams: p}
	params.Context.IncludeDeclaration = true
	var locs []location
	c.call("textDocument/references", params, &locs)
	got := []string{}
	for _, l := range locs {
		rel, err := filepath.Rel(c.dir, filePath(l.URI))
		if err != nil {
			c.t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s:%d:%d", rel, l.Range.Start.Line, l.Range.Start.Character))
	}
	sort.Strings(got)
	return got
}

func TestWorkspaceReferences(t *testing.T) {
	files := map[string]string{
		"lib/default.nix": "let strings = import ./strings.nix; in { inherit (strings) join; inherit strings; }",
		"a/user.nix":      "with import ../lib; join [ ]",
		"a/other.nix":     "{ join = 1; }", // another join
		"a/broken.nix":    "{ join = ;",
		".hidden/x.nix":   "(import ../lib).join",
		"a/\xff.nix":      "join \xff\xfe",
	}
	c := inWorkspace(t, files)
	p := c.open("lib/strings.nix", "{\n  |join = sep: sep;\n}\n")
	want := []string{"a/user.nix:0:20", "lib/default.nix:0:59", "lib/strings.nix:1:2"}
	if d := cmp.Diff(want, c.references(p)); d != "" {
		t.Errorf("not open, through an inherit: %s", d)
	}
	// What changes on disk is found, told or not.
	c.write("b.expr", "(import ./lib/strings.nix).join")
	time.Sleep(staleAfter)
	want = append(want, "b.expr:0:27")
	sort.Strings(want)
	if d := cmp.Diff(want, c.references(p)); d != "" {
		t.Errorf("after a write: %s", d)
	}
	if err := os.Remove(filepath.Join(c.dir, "b.expr")); err != nil {
		t.Fatal(err)
	}
	c.write("a/user.nix", "\n\nwith import ../lib; join [ ]")
	if err := c.conn.Notify(context.Background(), "workspace/didChangeWatchedFiles", map[string]interface{}{"changes": []string{}}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a/user.nix:2:20", "lib/default.nix:0:59", "lib/strings.nix:1:2"}, c.references(p)); d != "" {
		t.Errorf("after a change: %s", d)
	}
	// An open document counts as it is in the editor.
	c.open("a/user.nix", "(import ../lib/strings.nix).join + 1")
	if d := cmp.Diff([]string{"a/user.nix:0:28", "lib/default.nix:0:59", "lib/strings.nix:1:2"}, c.references(p)); d != "" {
		t.Errorf("open: %s", d)
	}
}

func TestWorkspaceRename(t *testing.T) {
	files := map[string]string{
		"lib.nix":     "{ inherit (import ./strings.nix) join; }",
		"user.nix":    "with import ./strings.nix; join [ ]",
		"unicode.nix": "# 🦊\r\n{ \"🦊\" = (import ./strings.nix).join; }\r\n",
		"pkg.nix":     "{ dep }: dep",
		"pkgs.nix":    "rec { dep = 1; pkg = callPackage ./pkg.nix { }; }",
	}
	c := inWorkspace(t, files)
	p := c.open("strings.nix", "{ |join = sep: sep; }")
	var e workspaceEdit
	c.call("textDocument/rename", renameParams{p, "concat"}, &e)
	got := map[string]string{}
	for uri, edits := range e.Changes {
		name := filepath.Base(filePath(uri))
		text := files[name]
		if name == "strings.nix" {
			text = "{ join = sep: sep; }"
		}
		got[name] = edited(text, edits)
	}
	want := map[string]string{
		"strings.nix": "{ concat = sep: sep; }",
		"lib.nix":     "{ join = (import ./strings.nix).concat; }",
		"user.nix":    "with import ./strings.nix; concat [ ]",
		"unicode.nix": "# 🦊\r\n{ \"🦊\" = (import ./strings.nix).concat; }\r\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	p = c.open("pkgs.nix", "rec { |dep = 1; pkg = callPackage ./pkg.nix { }; }")
	if d := cmp.Diff([]string{"pkg.nix:0:2", "pkgs.nix:0:6"}, c.references(p)); d != "" {
		t.Error(d)
	}
	err := c.conn.Call(context.Background(), "textDocument/rename", renameParams{p, "z"}, &e)
	if err == nil || !strings.Contains(err.Error(), "'dep' fills an argument of ") {
		t.Errorf("got %v", err)
	}
}

// callPackage is known under its other names.
func TestCallersByName(t *testing.T) {
	for _, text := range []string{
		"rec { dep = { v = 1; }; p = callPackage ./pkg.nix { }; }",
		"rec { dep = { v = 1; }; p = self.callPackage ./pkg.nix { }; }",
		"rec { dep = { v = 1; }; p = pkgs.python3Packages.callPackage ./pkg.nix { }; }",
		"rec { dep = { v = 1; }; p = callPackages ./pkg.nix { }; }",
		"let s = { dep = { v = 1; }; }; in lib.callPackageWith s ./pkg.nix { }",
		"let s = { dep = { v = 1; }; }; in (callPackageWith s) ./pkg.nix { }",
		"let s = { dep = { v = 1; }; }; build = lib.callPackageWith s; in build ./pkg.nix { }",
		"let s = { dep = { v = 1; }; }; build = newScope s; in build ./pkg.nix { }",
		"let s = { dep = { v = 1; }; }; in newScope s ./pkg.nix { }",
		"let s = { dep = { v = 1; }; }; build = s.callPackage; in { p = build ./pkg.nix { }; }",
		"{ p = callPackage ./pkg.nix { dep = { v = 1; }; }; }",
	} {
		c := inWorkspace(t, map[string]string{"all.nix": text})
		p := c.open("pkg.nix", "{ |dep }: dep.v")
		var got []location
		c.call("textDocument/definition", p, &got)
		if len(got) != 1 || got[0].URI != fileURI(filepath.Join(c.dir, "all.nix")) || got[0].Range.Start.Character != strings.Index(text, "dep") {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestHoverDerivation(t *testing.T) {
	for text, want := range map[string]string{
		"{ stdenv }: rec { |p = stdenv.mkDerivation rec { pname = \"hello\"; version = \"2.\" + \"1\"; name = \"${pname}-x\"; }; }": "p: derivation hello-x",
		"let |p = stdenv.mkDerivation { pname = \"hello\"; version = \"2.10\"; }; in p":                                             "p: derivation hello-2.10",
		"let p = mkDerivation (self: { name = \"a\"; }); in { |q = p.overrideAttrs (o: { }); }":                                     "q: derivation a",
		"let |p = buildGoModule { pname = \"g\"; }; in p":                                                                           "p: derivation g",
		"let |p = runCommand \"r\" { } \"\"; in p":                                                                                  "p: derivation r",
		"let |p = \"text\"; in p": "p: string \"text\"",
	} {
		c := start(t, testConfig)
		var h hover
		c.call("textDocument/hover", c.open("a.nix", text), &h)
		if !strings.Contains(h.Contents.Value, "```nix\n"+want+"\n```") {
			t.Errorf("%s: got %s", text, h.Contents.Value)
		}
	}
}

func TestCompleteFormals(t *testing.T) {
	c := inWorkspace(t, map[string]string{"f.nix": "{ alpha, beta ? 1, ... }: { result.deep = 1; }"})
	for text, want := range map[string]string{
		"let f = { one, two ? 2 }: one; in f { | }":                  "one: required formal, two: formal int 2",
		"let f = { one, two }: one; in f { one = 1; t| }":            "two: required formal",
		"let f = { one, two }: one; in f { on|e = 1; two = 2; }":     "one: required formal",
		"import ./f.nix { | }":                                       "alpha: required formal, beta: formal int 1",
		"{ p = callPackage ./f.nix { | }; }":                         "alpha: required formal, beta: formal int 1",
		"let f = x: { in1 }: 1; in f 0 { i| }":                       "in1: required formal",
		"(import ./f.nix { alpha = 1; }).|":                          "result: set { deep }",
		"(import ./f.nix { alpha = 1; }).result.|":                   "deep: int 1",
		"let f = import ./f.nix; r = f { alpha = 1; }; in r.result.": "",
	} {
		if text[len(text)-1] == '.' {
			text, want = text+"|", "deep: int 1"
		}
		var items []completionItem
		c.call("textDocument/completion", c.open("main.nix", text), &items)
		var got []string
		for _, i := range items {
			got = append(got, i.Label+": "+i.Detail)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: got %s, want %s", text, strings.Join(got, ", "), want)
		}
	}
}

// A request is cancelled whether it waits for its turn or runs.
func TestCancel(t *testing.T) {
	files := map[string]string{}
	for i := range 300 {
		files[fmt.Sprintf("d/f%d.nix", i)] = "(import ../lib.nix).name" + strings.Repeat(" + (import ../lib.nix).name", 1000)
	}
	c := inWorkspace(t, files)
	p := c.open("lib.nix", "{ |name = 1; }")
	call, err := c.conn.DispatchCall(context.Background(), "textDocument/references", referenceParams{positionParams: p}, jsonrpc2.PickID(jsonrpc2.ID{Num: 77}))
	if err != nil {
		t.Fatal(err)
	}
	var h hover
	c.call("textDocument/hover", p, &h) // is not kept waiting by the search
	if err := c.conn.Notify(context.Background(), "$/cancelRequest", map[string]int{"id": 77}); err != nil {
		t.Fatal(err)
	}
	err = call.Wait(context.Background(), nil)
	if err == nil || !strings.Contains(err.Error(), "-32800") {
		t.Errorf("got %v", err)
	}
	// A change of a document ends a search as well: its places would be wrong.
	call, err = c.conn.DispatchCall(context.Background(), "textDocument/references", referenceParams{positionParams: p})
	if err != nil {
		t.Fatal(err)
	}
	c.open("lib.nix", "{ nam = 1; }")
	if err = call.Wait(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "-32801") {
		t.Errorf("got %v", err)
	}
}

// A message that is none is answered, and those behind it are read.
func TestBadMessages(t *testing.T) {
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- New(testConfig).Serve(context.Background(), a) }()
	send := func(text string) {
		t.Helper()
		if _, err := io.WriteString(b, text); err != nil {
			t.Fatal(err)
		}
	}
	framed := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	r := newStream(struct {
		io.Reader
		io.Writer
		io.Closer
	}{bufio.NewReader(b), io.Discard, b})
	for _, tc := range []struct{ send, want string }{
		{framed(`{"jsonrpc": "2.0", "id": 1, "method": "textDocument/hover", "params": {}}`), "-32002"},
		{framed(`{"jsonrpc"`), "-32700"},
		{framed(`{}`), "-32600"},
		{framed(`[]`), "-32600"},
		{"no header\r\nX: y\n\n" + framed(`{"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": {"rootUri": null}}`), "capabilities"},
		{framed(`{"jsonrpc": "2.0", "method": "$/unknown"}`) + framed(`{"jsonrpc": "2.0", "id": "x", "method": "unknown"}`), "-32601"},
		{framed(`{"jsonrpc": "2.0", "id": 3, "method": "textDocument/hover", "params": 1}`), "-32602"},
		{framed(`{"jsonrpc": "2.0", "id": 4, "method": "textDocument/hover", "params": {"textDocument": {"uri": "file:///no"}}}`), "-32602"},
		{"content-length:39 \n\n" + `{"jsonrpc":"2.0","id":5,"method":"no"} `, "-32601"},
	} {
		send(tc.send)
		got, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(got), tc.want) {
			t.Errorf("%q: got %s, want %s", tc.send, got, tc.want)
		}
	}
	send("Content-Length: 99999999999999\r\n\r\n")
	if err := <-done; err != errNoShutdown {
		t.Errorf("got %v", err)
	}
}

// A client that goes leaves nothing behind.
func TestClientVanishes(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		a, b := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- New(testConfig).Serve(context.Background(), a) }()
		if _, err := io.WriteString(b, "Content-Length: 1000\r\n\r\n{\"jsonrpc\""); err != nil {
			t.Fatal(err)
		}
		b.Close()
		select {
		case err := <-done:
			if err != errNoShutdown {
				t.Errorf("got %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the server did not end")
		}
	}
	for until := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// Positions count UTF-16 units, whatever bytes a text has.
func TestPositionsOfAnyBytes(t *testing.T) {
	text := "a\r\n\"🦊\" é \xff\xfe b\n"
	u := newUnit(New(testConfig).symbols, nil, "file:///x", "/x", text)
	for off := range text {
		if got := u.at(u.position(off)); got != off && text[off] != '\n' {
			t.Errorf("offset %d (%q) becomes %d", off, text[off], got)
		}
	}
	if got := u.position(strings.IndexByte(text, 'b')); got != (position{1, 10}) {
		t.Errorf("got %v", got)
	}
	if got := u.at(position{1, 2}); got != strings.Index(text, "🦊") {
		t.Errorf("the middle of a pair is offset %d", got)
	}
}
