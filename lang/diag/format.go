package diag

import (
	"github.com/seed192a40f6/glang/lang/ast"
)

// Format is what [Print] writes, without the final newline.
func Format(err error, sources *ast.Sources, opts PrintOptions) string { return err.Error() }

// FilterANSI takes terminal escape sequences out of a text.
func FilterANSI(s string) string { return s }
