package parser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/seed192a40f6/glang/lang/ast"
)

// scanAll scans a text and checks what the parser relies on: tokens follow each
// other without overlapping, each makes progress or ends something, and an error
// or the end comes after no more tokens than there are bytes, twice over.
func scanAll(t *testing.T, text string, keep bool) {
	t.Helper()
	var s scanner
	s.symbols, s.keep, s.pipes = new(ast.Symbols), keep, true
	s.reset(text, 1)
	end := 0
	for n := 0; ; n++ {
		var tok lexer.Token
		s.token(&tok)
		if tok.Type == tEOF {
			break
		}
		if tok.Type == tError {
			if s.err == nil || s.err.Pos < 1 || int(s.err.Pos)-1 > len(text) {
				t.Errorf("%q: the error is %v", text, s.err)
			}
			break
		}
		if tok.Type == tPathEnd {
			continue // stands where its path's last piece does, as in the reference
		}
		from, to := tok.Pos.Offset, tok.Pos.Column
		if from < end || to < from || to > len(text) {
			t.Fatalf("%q: token %d is at [%d, %d), the one before ended at %d", text, n, from, to, end)
		}
		end = to
		if n > 2*len(text)+2 {
			t.Fatalf("%q: too many tokens", text)
		}
	}
	last := 0
	for _, c := range s.comments {
		if int(c.Pos) < last {
			t.Errorf("%q: comments are not in order", text)
		}
		last = int(c.Pos)
	}
}

func TestScanFiles(t *testing.T) {
	files, err := filepath.Glob("../../tests/golden/*.expr")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		scanAll(t, string(text), true)
		for n := range min(len(text), 200) { // cut off anywhere
			scanAll(t, string(text[:n]), false)
		}
	}
}

func FuzzScanner(f *testing.F) {
	for _, s := range []string{
		"{ a = \"x${y}z\"; b = ''\n  ''${c} ${d}\n''; }", "a/b${c}/d <e/f> ~/g https://h.i/j ./k", "# c\n/* d */ /** e */ x: x",
		"1.5e3 0x 1.a.b..c ... .5 1a", "\"\\${\\n\" ''''$ ''\\n '''", "a.or b |> c <| d -> e // f ++ g", "${", "''", "\"", "/*", strings.Repeat("${\"", 50),
	} {
		f.Add(s, true)
	}
	f.Fuzz(scanAll)
}
