package eval

import (
	"context"
	"os"
	"testing"

	"github.com/seed192a40f6/glang/lang/ast"
)

func benchFile(b *testing.B, f string) {
	text, _ := os.ReadFile("../../tests/bench/" + f + ".expr")
	for range b.N {
		e, _ := New(Options{Builtins: miniBuiltins()})
		m := e.Machine(context.Background())
		if err := m.Do(func() {
			n, err := m.Parse(&ast.Source{Origin: ast.FromString}, text, "/")
			if err != nil {
				m.FailErr(0, err)
			}
			m.Eval(n)
		}); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkFib(b *testing.B)  { benchFile(b, "fib") }
func BenchmarkFold(b *testing.B) { benchFile(b, "fold") }
