package diag

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/lang/ast"
)

// text enters a text and returns the position of its first byte.
func text(s *ast.Sources, path, content string) ast.Pos {
	src := &ast.Source{Path: path, Size: len(content), Text: func() ([]byte, error) { return []byte(content), nil }}
	if path == "" {
		src.Origin = ast.FromString
	}
	s.Add(src)
	return src.Base
}

func TestFormat(t *testing.T) {
	var s ast.Sources
	file := text(&s, "/f.nix", "one\ntwo\n\tthree\n")
	crlf := text(&s, "", "a\r\nb\rc")
	empty := text(&s, "/empty.nix", "")
	frame := func(n int, pos ast.Pos) Frame { return Frame{Pos: pos, Text: fmt.Sprintf("frame %d", n)} }
	tests := []struct {
		name string
		err  error
		opts PrintOptions
		want string
	}{
		{"plain", errors.New("some\nlines"), PrintOptions{}, "error: some\n       lines"},
		{"wrapped", fmt.Errorf("outer: %w", &Error{Message: "inner"}), PrintOptions{}, "error: inner"},
		{"first line", &Error{Message: "m", Pos: file}, PrintOptions{},
			"error: m\n       at /f.nix:1:1:\n            1| one\n             | ^\n            2| two"},
		{"tab", &Error{Message: "m", Pos: file + 9}, PrintOptions{},
			"error: m\n       at /f.nix:3:2:\n            2| two\n            3|   three\n             |  ^\n            4|"},
		{"line ends", &Error{Message: "m", Pos: crlf + 3}, PrintOptions{},
			"error: m\n       at «string»:2:1:\n            1| a\n            2| b\n             | ^\n            3| c"},
		{"empty text", &Error{Message: "m", Pos: empty}, PrintOptions{}, "error: m\n       at /empty.nix:1:1:"},
		{"suggestions", &Error{Message: "m", Suggestions: []string{"a", "b", "c"}}, PrintOptions{}, "error: m\n       Did you mean one of a, b or c?"},
		{"one suggestion", &Error{Message: "m", Suggestions: []string{"a"}}, PrintOptions{}, "error: m\n       Did you mean a?"},
		{"warning", &Error{Message: "m"}, PrintOptions{Level: LevelWarn}, "warning: m"},
		{"warning of a program", &Error{Message: "m", FromExpr: true}, PrintOptions{Level: LevelWarn}, "evaluation warning: m"},
		{"plain warning", &Error{Message: "m\nn", Plain: true}, PrintOptions{Level: LevelWarn}, "warning: m\nn"},
		{"nobody's code", &Error{Message: "m", Trace: []Frame{frame(1, file)}},
			PrintOptions{Notes: true, Library: func(string) bool { return true }}, "error: m"},
		{"color", &Error{Message: "a " + Quote("b")}, PrintOptions{Color: true}, "\x1b[31;1merror:\x1b[0m a \x1b[35;1mb\x1b[0m"},
		{"no color", &Error{Message: "a " + Quote("b")}, PrintOptions{}, "error: a b"},
		{"trace", &Error{Message: "m", Trace: []Frame{frame(1, ast.NoPos), frame(2, file)}}, PrintOptions{},
			"error:\n       … frame 2\n         at /f.nix:1:1:\n            1| one\n             | ^\n            2| two\n\n       … frame 1\n\n       error: m"},
		{"truncated", &Error{Message: "m", Trace: []Frame{frame(1, 0), {Text: "kept", Always: true}, frame(3, 0), frame(4, 0), frame(5, 0), frame(6, 0)}}, PrintOptions{},
			"error:\n       … frame 6\n\n       … frame 5\n\n       … frame 4\n\n       … frame 3\n\n       … kept\n\n" +
				"       (stack trace truncated; use '--show-trace' to show the full, detailed trace)\n\n       error: m"},
		{"repeated", &Error{Message: "m", Trace: []Frame{frame(1, 0), frame(2, 0), frame(2, 0), frame(2, 0)}}, PrintOptions{ShowTrace: true},
			"error:\n       … frame 2\n\n       … frame 2\n\n       … frame 2\n\n       … frame 1\n\n       error: m"},
		{"often repeated", &Error{Message: "m", Trace: append([]Frame{frame(1, 0)}, make7(frame(2, 0))...)}, PrintOptions{ShowTrace: true},
			"error:\n       … frame 2\n\n       (6 duplicate frames omitted)\n\n       … frame 1\n\n       error: m"},
		{"empty frame", &Error{Message: "m", Trace: []Frame{{}}}, PrintOptions{}, "error:\n       error: m"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Format(tt.err, &s, tt.opts)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			var b strings.Builder
			Print(&b, tt.err, &s, tt.opts)
			if b.String() != Format(tt.err, &s, tt.opts)+"\n" {
				t.Error("Print and Format differ")
			}
		})
	}
}

func make7(f Frame) (fs []Frame) {
	for range 7 {
		fs = append(fs, f)
	}
	return fs
}

func TestFilterANSI(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                "plain",
		"\x1b[31;1mred\x1b[0m":                 "red",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\a": "link",
		"\x1b[2Jclear\x1bM":                    "clear",
		"a\rb\ac":                              "abc",
		"a\tb":                                 "a       b",
		"漢\tb":                                 "漢      b",
		"e\u0301\tb":                           "e\u0301       b",
		"ends\x1b":                             "ends",
		"ends\x1b[1":                           "ends",
		"\xff\tb":                              "\xff       b",
	} {
		if got := FilterANSI(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := filterANSI("\x1b[1mb\x1b[2J\tc", false); got != "\x1b[1mb       c" {
		t.Errorf("keeping colours: %q", got)
	}
}

func TestBestMatches(t *testing.T) {
	names := []string{"attrNames", "attrValues", "attrNam", "atrNames", "attrNamess", "attrName", "attrNamez", "other"}
	want := []string{"attrNames", "atrNames", "attrName", "attrNamess", "attrNamez"}
	if diff := cmp.Diff(want, BestMatches(names, "attrNames")); diff != "" {
		t.Error(diff)
	}
	if got := BestMatches(names, "nothing"); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestErrorsAs(t *testing.T) {
	cause := errors.New("cause")
	var err error = fmt.Errorf("outer: %w", &Error{Kind: Throw, Message: Quote("m"), Cause: cause})
	var e *Error
	if !errors.As(err, &e) || e.Error() != "m" || !errors.Is(err, cause) || !e.Kind.Catchable() {
		t.Errorf("%v", e)
	}
}

func TestSimilar(t *testing.T) {
	for query, want := range map[string]string{"prot": "port", "prto": "", "por": "port", "x": "", "hots": "host", "versoin": "version", "lib": ""} {
		got := strings.Join(Similar([]string{"port", "host", "y", "version", "list"}, query), " ")
		if got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}
