package diag

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/lang/ast"
)

func TestJSON(t *testing.T) {
	var s ast.Sources
	file := text(&s, "/f.nix", "{ a = foo-1; }\n<b>\n")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"other", errors.New("no <such> thing"),
			`{"kind":"other","message":"no <such> thing","spans":[],"frames":[],"notes":[],"suggestions":[],"also":[]}`},
		{"all", &Error{Kind: Undefined, Pos: file + 6, Message: "undefined " + Quote("foo-1"),
			Trace:       []Frame{{Text: "inner"}, {Pos: file + 15, Text: "outer"}},
			Notes:       []Note{{Text: "a " + Quote("note")}},
			Suggestions: []string{"foo-2"}},
			`{"kind":"undefined-variable","message":"undefined foo-1","spans":[{"file":"/f.nix","line":1,"column":7,"endLine":1,"endColumn":12,"excerpt":"{ a = foo-1; }"}],` +
				`"frames":[{"message":"outer","span":{"file":"/f.nix","line":2,"column":1,"excerpt":"<b>"}},{"message":"inner"}],` +
				`"notes":[{"message":"a note"}],"suggestions":["foo-2"],"also":[]}`},
		{"at the end", &Error{Kind: Syntax, Pos: file + 19, Message: "m"},
			`{"kind":"syntax","message":"m","spans":[{"file":"/f.nix","line":3,"column":1}],"frames":[],"notes":[],"suggestions":[],"also":[]}`},
	}
	for _, test := range tests {
		if d := cmp.Diff(test.want, string(JSON(test.err, &s, PrintOptions{}))); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
	}
}

func TestNotes(t *testing.T) {
	e := &Error{Message: "m", Notes: []Note{{Text: "first"}, {Text: "second\nline"}}, Suggestions: []string{"a"}}
	var s ast.Sources
	if got, want := Format(e, &s, PrintOptions{}), "error: m\n       Did you mean a?"; got != want {
		t.Errorf("without notes: %q, want %q", got, want)
	}
	want := "error: m\n       note: first\n       note: second\n             line\n       Did you mean a?"
	if d := cmp.Diff(want, Format(e, &s, PrintOptions{Notes: true})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
