package builtins_test

import (
	"context"
	"strings"
	"testing"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/eval"
)

// TestExamples evaluates the examples of the table: each must equal what it
// is said to be.
func TestExamples(t *testing.T) {
	e, err := eval.New(eval.Options{Builtins: builtins.All(), Overlays: builtins.Overlays(), ReadOnly: true, ExperimentalFeatures: features})
	if err != nil {
		t.Fatal(err)
	}
	m := e.Machine(context.Background())
	defer m.Close()
	checked := 0
	for _, d := range builtins.Manual() {
		expr, want, ok := strings.Cut(d.Example, " # => ")
		if !ok {
			// It depends on where it is evaluated; but it must be an expression.
			text := []byte("drv: " + expr)
			src := &ast.Source{Origin: ast.FromString, Size: len(text), Text: func() ([]byte, error) { return text, nil }}
			if _, err := m.Parse(src, text, "/"); err != nil && !d.Internal {
				t.Errorf("%s: %v\n%s", d.Name, err, d.Example)
			}
			continue
		}
		checked++
		text := []byte("(" + expr + ") == (" + want + ")")
		src := &ast.Source{Origin: ast.FromString, Size: len(text), Text: func() ([]byte, error) { return text, nil }}
		if err := m.Do(func() {
			node, err := m.Parse(src, text, "/")
			if err != nil {
				m.FailErr(ast.NoPos, err)
			}
			if v := m.Eval(node); v.Kind() != eval.KindBool || !v.Bool() {
				t.Errorf("%s: the example is wrong:\n%s", d.Name, d.Example)
			}
		}); err != nil {
			t.Errorf("%s: %v\n%s", d.Name, err, d.Example)
		}
	}
	if checked < 85 {
		t.Errorf("only %d examples", checked)
	}
}
