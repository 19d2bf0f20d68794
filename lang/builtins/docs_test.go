package builtins_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/internal/golden"
	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
)

// TestDocs keeps docs/builtins.md, which is made of the table, up to date:
// go test ./lang/builtins -run Docs -update
func TestDocs(t *testing.T) {
	entries := builtins.Manual()
	slices.SortFunc(entries, func(a, b builtins.Entry) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	var b strings.Builder
	b.WriteString("# Builtins\n\n" +
		"All are attributes of the set `builtins`. Those marked *global* can be written without `builtins.` as well.\n" +
		"This page is made of the table in `lang/builtins/table.go` by a test.\n")
	seen := map[string]bool{}
	for _, d := range entries {
		if d.Doc == "" || seen[d.Name] {
			t.Errorf("%s has no description, or comes twice", d.Name)
		}
		seen[d.Name] = true
		if !d.Internal {
			if d.Cost == "" || d.Example == "" {
				t.Errorf("%s: the manual does not tell its cost, or has no example", d.Name)
			}
			if function := len(d.Args) > 0 || d.Name == "derivation"; function != (d.Errors != "") || function != (d.Fails != "") {
				t.Errorf("%s: the manual must tell how a function fails, and of constants nothing", d.Name)
			}
		}
		if !d.Internal {
			writeDoc(&b, d)
		}
	}
	golden.Check(t, "../../docs/builtins.md", []byte(b.String()))
}

// TestFailures keeps tests/agreement/failures.txt up to date, which is made of
// the failing expressions of the manual; TestOneLiners holds what they print
// against a file, TestAgreement against the reference.
func TestFailures(t *testing.T) {
	entries := builtins.Manual()
	slices.SortFunc(entries, func(a, b builtins.Entry) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString("# A failure of each builtin; made of lang/builtins/manual.go by a test.\n")
	for _, d := range entries {
		if d.Fails == "" {
			continue
		}
		b.WriteString(d.Fails + "\n")
		stdout, stderr := evaluate(t, []byte(d.Fails), &ast.Source{Origin: ast.FromString}, absolute(t, agreementDir))
		if stdout != "" || !strings.Contains(stderr, "error:") {
			t.Errorf("%s does not fail: %s%s", d.Fails, stdout, stderr)
		}
	}
	golden.Check(t, agreementDir+"failures.txt", []byte(b.String()))
}

func writeDoc(b *strings.Builder, d builtins.Entry) {
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
	if d.Errors != "" {
		b.WriteString("\n*Fails on* " + d.Errors + ", as `" + d.Fails + "` does.\n")
	}
	if d.Cost != "" {
		b.WriteString("\n*Cost*: " + d.Cost + ".\n")
	}
	if d.Example != "" {
		b.WriteString("\n```nix\n" + d.Example + "\n```\n")
	}
}
