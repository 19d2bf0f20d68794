package diag

import (
	"io"

	"github.com/seed192a40f6/glang/lang/ast"
)

// Level is the weight of a message, which decides its first word.
type Level uint8

// The levels that are printed with a prefix.
const (
	LevelError Level = iota
	LevelWarn
	LevelNotice
	LevelInfo
)

// PrintOptions says how errors are shown. The zero value is an uncoloured
// error with a shortened trace.
type PrintOptions struct {
	Level     Level
	ShowTrace bool // the whole trace
	Color     bool // keep terminal colours
	// Notes shows what the reference does not have: the error's notes, further
	// errors of the text, and, without ShowTrace, the trace folded to frames in
	// files that are not Library.
	Notes bool
	// Library tells files that the user did not write by their path; nil: none.
	Library func(path string) bool
}

func (o *PrintOptions) library(src *ast.Source) bool {
	return o.Library != nil && src.Origin == ast.FromFile && o.Library(src.Path)
}

// Print writes an error as the reference implementation does: "error: …",
// the trace, positions and the lines around them, and a final newline.
// Errors that are no *Error are shown by their text.
func Print(w io.Writer, err error, sources *ast.Sources, opts PrintOptions) {
	_, _ = io.WriteString(w, Format(err, sources, opts)+"\n")
}
