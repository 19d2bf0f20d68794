package builtins_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/internal/golden"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/eval"
)

// TestDocs keeps docs/builtins.md, which is made of the table, up to date:
// go test ./lang/builtins -run Docs -update
func TestDocs(t *testing.T) {
	defs := builtins.All()
	slices.SortFunc(defs, func(a, b eval.BuiltinDef) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	var b strings.Builder
	b.WriteString("# Builtins\n\n" +
		"All are attributes of the set `builtins`. Those marked *global* can be written without `builtins.` as well.\n" +
		"This page is made of the table in `lang/builtins/table.go` by a test.\n")
	seen := map[string]bool{}
	for _, d := range defs {
		if d.Doc == "" || seen[d.Name] {
			t.Errorf("%s has no description, or comes twice", d.Name)
		}
		seen[d.Name] = true
		if !d.Internal {
			writeDoc(&b, d)
		}
	}
	golden.Check(t, "../../docs/builtins.md", []byte(b.String()))
}

func writeDoc(b *strings.Builder, d eval.BuiltinDef) {
	b.WriteString("\n## `" + strings.Join(append([]string{d.Name}, d.Args...), " ") + "`\n\n")
	var notes []string
	if d.Global {
		notes = append(notes, "global")
	}
	if d.Impure {
		notes = append(notes, "not in pure mode")
	}
	if d.Feature != "" {
		notes = append(notes, "needs the experimental feature `"+d.Feature+"`")
	}
	if len(notes) > 0 {
		b.WriteString("*" + strings.Join(notes, ", ") + "*\n\n")
	}
	b.WriteString(d.Doc + "\n")
	if d.Example != "" {
		b.WriteString("\n```nix\n" + d.Example + "\n```\n")
	}
}
