package eval_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/builtins"
	"github.com/seed192a40f6/glang/lang/eval"
)

// Long and deep texts must not take time out of proportion: what is quadratic
// would need minutes here.
func TestLongChains(t *testing.T) {
	const n = 90_000
	join := func(sep string, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return strings.Join(items, sep)
	}
	same := func(s string) func(int) string { return func(int) string { return s } }
	numbered := func(format string) func(int) string { return func(i int) string { return fmt.Sprintf(format, i) } }
	tests := map[string]string{
		"not":       strings.Repeat("!", n) + "true",
		"minus":     strings.Repeat("- ", n) + "1 == 1",
		"paren":     strings.Repeat("(", n) + "true" + strings.Repeat(")", n),
		"list":      "builtins.length " + strings.Repeat("[", n) + strings.Repeat("]", n) + " == 1",
		"concat":    "builtins.length (" + join(" ++ ", same("[ 1 ]")) + fmt.Sprintf(") == %d", n),
		"update":    "builtins.length (builtins.attrNames (" + join(" // ", numbered("{ a%d = 1; }")) + fmt.Sprintf(")) == %d", n),
		"override":  "(" + join(" // ", numbered("{ a = %d; }")) + fmt.Sprintf(").a == %d", n-1),
		"add":       join(" + ", same("1")) + fmt.Sprintf(" == %d", n),
		"strings":   "builtins.stringLength (" + join(" + ", same(`"ab"`)) + fmt.Sprintf(") == %d", 2*n),
		"else if":   strings.Repeat("if false then 1 else ", n) + "true",
		"and":       join(" && ", same("true")),
		"or":        join(" || ", same("false")) + " || true",
		"let":       strings.Repeat("let x = true; in ", n) + "x",
		"with":      "with { y = true; }; " + strings.Repeat("with { }; ", n) + "y",
		"attr path": "{ " + join(".", same("a")) + " = 1; } ? a",
		"has attr":  "!({ } ? " + join(".", same("a")) + ")",
		"interp":    `builtins.stringLength "` + strings.Repeat(`${"a"}`, n) + fmt.Sprintf(`" == %d`, n),
		"set":       "builtins.length (builtins.attrNames { " + join(" ", numbered("a%d = 1;")) + fmt.Sprintf(" }) == %d", n),
		"dynamic":   "builtins.length (builtins.attrNames { " + join(" ", numbered(`${"a%d"} = 1;`)) + fmt.Sprintf(" }) == %d", n),
		"formals":   "({ " + join(", ", numbered("a%d ? true")) + " }: a0) { }",
		"data":      fmt.Sprintf("builtins.deepSeq (builtins.foldl' (a: _: [ a ]) [ ] (builtins.genList (x: x) %d)) true", n),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := eval.New(eval.Options{Builtins: builtins.All(), MaxCallDepth: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
			defer cancel()
			m := e.Machine(ctx)
			defer m.Close()
			src := &ast.Source{Origin: ast.FromString, Text: func() ([]byte, error) { return []byte(text), nil }}
			err = m.Do(func() {
				node, err := m.Parse(src, []byte(text), "/")
				if err != nil {
					m.FailErr(ast.NoPos, err)
				}
				if v := m.Eval(node); v.Kind() != eval.KindBool || !v.Bool() {
					t.Error("not true")
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
