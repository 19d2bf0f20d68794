// Package diag is the one error type of the language and how it is shown.
//
// Parsing, resolving and evaluating fail with an [*Error]: a kind, a message,
// the position it is about and a trace, the list of what was being done, from
// the inside out. Message and positions stay apart until [Print] draws them:
// it looks positions up in [ast.Sources], adds the lines around each, and
// leaves out frames as the reference implementation does. What an error says
// beyond the reference (notes, further errors of a text, frames folded to what
// the user wrote) is there too, and shown where [PrintOptions] asks for it.
//
// A message may hold terminal colour sequences (package eval marks the values
// it quotes); [Error.Error] and an uncoloured Print take them out.
package diag

import (
	"github.com/seed192a40f6/glang/lang/ast"
)

// Kind says what went wrong; it decides what builtins.tryEval may catch.
type Kind uint8

// The kinds of errors.
const (
	Eval              Kind = iota // any other failure of evaluation
	Syntax                        // the text is not an expression
	Undefined                     // a variable that nothing defines
	Type                          // a value of the wrong type
	Assertion                     // a failed assert; tryEval catches it
	Throw                         // builtins.throw; tryEval catches it
	Abort                         // builtins.abort
	InfiniteRecursion             // a value that needs itself
	StackOverflow                 // calls or values nested too deeply
	MissingArgument               // a call without an argument that has no default
	Interrupted                   // the context was cancelled
	Limit                         // fuel or memory budget is spent
	Restricted                    // a file or address that pure or restricted mode forbids
	Usage                         // the request itself, such as a wrong flag
)

// Catchable reports whether builtins.tryEval catches errors of this kind.
func (k Kind) Catchable() bool { return k == Assertion || k == Throw }

// Frame is an entry of a trace: what was being done, and where.
type Frame struct {
	Pos  ast.Pos // or NoPos
	Text string
	// Always keeps the frame in a trace that is otherwise cut short
	// (builtins.addErrorContext).
	Always bool
	// Forced marks a frame that goes beyond the reference's: the variable
	// written at Pos was needed. It has no Text; see [PrintOptions.Notes].
	Forced bool
}

// Note is a remark that goes beyond what the reference says; see
// [PrintOptions.Notes].
type Note struct {
	Pos  ast.Pos // or NoPos
	Text string
}

// Error is a failure of parsing, resolving or evaluating.
type Error struct {
	Kind    Kind
	Pos     ast.Pos // or NoPos
	Message string
	// Trace has the innermost frame first, in the order in which unwinding
	// adds them; it is shown the other way round.
	Trace []Frame
	// Suggestions are names that may have been meant, best first.
	Suggestions []string
	// Notes explain the error further, and Similar are suggestions that the
	// reference does not make; see [PrintOptions.Notes].
	Notes   []Note
	Similar []string
	// Also are further errors of the same text, in its order.
	Also []*Error
	// Cause is the Go error behind this one, if there is one.
	Cause error
	// Status is the exit status that a command should end with; 0 means 1.
	Status int
	// FromExpr marks a warning that the program itself asked for.
	FromExpr bool
	// Plain shows the message as it is after the first word, without
	// indentation.
	Plain bool
}

// Error returns the message alone, without colours.
func (e *Error) Error() string { return FilterANSI(e.Message) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// AddTrace appends a frame outside those already there.
func (e *Error) AddTrace(pos ast.Pos, text string) {
	e.Trace = append(e.Trace, Frame{Pos: pos, Text: text})
}
