// Package builtins is the table of the language's builtin functions: the name
// of each, its arguments, a description, an example and the Go function.
//
// [All] makes the table for one Evaluator. One file holds one family; the Go
// function behind a builtin has the builtin's name. What a builtin computes,
// the words of its errors and the frames of their traces are those of the
// reference implementation.
package builtins
