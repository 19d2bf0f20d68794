// Package lazyre compiles regular expressions on first use. Compiled when the
// program starts they were a twentieth of what a short command takes, and the
// program starts often: it is the shell of every build.
package lazyre

import (
	"regexp"
	"sync"
)

// New gives an expression's compiled form. It panics when that is first asked
// for, if the expression is wrong.
func New(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
