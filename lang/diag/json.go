package diag

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/seed192a40f6/glang/lang/ast"
)

// jsonError is the shape of [JSON].
type jsonError struct {
	Kind        string      `json:"kind"`
	Message     string      `json:"message"`
	Spans       []jsonSpan  `json:"spans"`
	Frames      []jsonFrame `json:"frames"`
	Notes       []jsonFrame `json:"notes"`
	Suggestions []string    `json:"suggestions"`
	Also        []jsonError `json:"also"`
}

// jsonSpan is a place. Lines and columns count from 1, columns in bytes; the
// end is that of the word at the start and is left out if there is none.
type jsonSpan struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine,omitempty"`
	EndColumn int    `json:"endColumn,omitempty"`
	Excerpt   string `json:"excerpt,omitempty"` // the line
	Library   bool   `json:"library,omitempty"` // in a file that the user did not write
}

type jsonFrame struct {
	Message string    `json:"message"`
	Span    *jsonSpan `json:"span,omitempty"`
}

// JSON describes an error for tools: one object on one line, without colours:
//
//	{"kind": "undefined-variable", "message": "…",
//	 "spans": [{"file": "/a.nix", "line": 1, "column": 2, "endLine": 1, "endColumn": 5, "excerpt": "…"}],
//	 "frames": [{"message": "while …", "span": {…}}], "notes": […], "suggestions": ["…"], "also": [{…}]}
//
// Frames are all that there are, outermost first; those in files that
// opts.Library knows have "library": true in their span. Suggestions hold both
// the reference's and others, also further errors of the same text. Lists are
// there even if empty. An error that is no [*Error] has the kind "other" and
// its text.
func JSON(err error, sources *ast.Sources, opts PrintOptions) []byte {
	var out jsonError
	var e *Error
	if errors.As(err, &e) {
		w := jsonWriter{formatter{sources: sources}, opts}
		out = w.error(e)
	} else {
		out = newJSONError("other", err.Error())
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(out) // strings and numbers alone: cannot fail
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

func newJSONError(kind, message string) jsonError {
	return jsonError{Kind: kind, Message: FilterANSI(message), Spans: []jsonSpan{}, Frames: []jsonFrame{},
		Notes: []jsonFrame{}, Suggestions: []string{}, Also: []jsonError{}}
}

type jsonWriter struct {
	formatter
	opts PrintOptions
}

func (w *jsonWriter) error(e *Error) jsonError {
	out := newJSONError(e.Kind.String(), e.Message)
	if s := w.place(e.Pos); s != nil {
		out.Spans = append(out.Spans, *s)
	}
	for i := len(e.Trace) - 1; i >= 0; i-- {
		fr := e.Trace[i]
		if fr.Forced {
			fr.Text = w.forced(fr.Pos)
		}
		if fr.Text != "" {
			out.Frames = append(out.Frames, jsonFrame{FilterANSI(fr.Text), w.place(fr.Pos)})
		}
	}
	for _, n := range e.Notes {
		out.Notes = append(out.Notes, jsonFrame{FilterANSI(n.Text), w.place(n.Pos)})
	}
	out.Suggestions = append(append(out.Suggestions, e.Suggestions...), e.Similar...)
	for _, more := range e.Also {
		out.Also = append(out.Also, w.error(more))
	}
	return out
}

func (w *jsonWriter) place(pos ast.Pos) *jsonSpan {
	s := jsonPlace(w.sources, pos)
	if s != nil {
		s.Library = w.opts.library(w.sources.Of(pos))
	}
	return s
}

func jsonPlace(sources *ast.Sources, pos ast.Pos) *jsonSpan {
	loc, ok := sources.Locate(pos)
	if !ok {
		return nil
	}
	s := &jsonSpan{File: ShowSource(loc.Source), Line: loc.Line, Column: loc.Column}
	if loc.Source.Text == nil {
		return s
	}
	text, err := loc.Source.Text()
	if err != nil || loc.Offset > len(text) || loc.Column-1 > loc.Offset {
		return s
	}
	line := string(text[loc.Offset-(loc.Column-1):])
	if i := strings.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	s.Excerpt = line
	if loc.Column-1 < len(line) {
		if n := wordLength(line[loc.Column-1:]); n > 0 {
			s.EndLine, s.EndColumn = loc.Line, loc.Column+n
		}
	}
	return s
}

// wordLength is the length of the name or number that s starts with.
func wordLength(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		inside := i > 0 && (c == '-' || c == '\'')
		if !letter && !inside && (c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

// String is the kind as tools know it.
func (k Kind) String() string {
	names := [...]string{
		Eval: "eval", Syntax: "syntax", Undefined: "undefined-variable", Type: "type", Assertion: "assertion",
		Throw: "throw", Abort: "abort", InfiniteRecursion: "infinite-recursion", StackOverflow: "stack-overflow",
		MissingArgument: "missing-argument", Interrupted: "interrupted", Limit: "limit", Restricted: "restricted",
		Usage: "usage",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return "eval"
}
