// Package embed runs the same work through glang and through what a Go program
// would embed instead: starlark-go, go-jsonnet and, where its language can say
// it, CUE.
//
//	cd tests/bench/embed && go test -bench . -count 5
package embed

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/google/go-jsonnet"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/seed192a40f6/glang"
)

// A job is one piece of work in each language. All give the same number.
type job struct {
	name                          string
	want                          string
	glang, starlark, jsonnet, cue string
}

var jobs = []job{
	{
		name: "recursion", want: "17711",
		glang:    `let fib = n: if n < 2 then n else fib (n - 1) + fib (n - 2); in fib 22`,
		starlark: "def fib(n):\n  return n if n < 2 else fib(n - 1) + fib(n - 2)\nresult = fib(22)\n",
		jsonnet:  `local fib(n) = if n < 2 then n else fib(n - 1) + fib(n - 2); fib(22)`,
	},
	{
		name: "fold", want: "4999950000",
		glang:    `builtins.foldl' (a: b: a + b) 0 (builtins.genList (i: i) 100000)`,
		starlark: "def f():\n  a = 0\n  for i in range(100000):\n    a += i\n  return a\nresult = f()\n",
		jsonnet:  `std.foldl(function(a, b) a + b, std.range(0, 99999), 0)`,
	},
	{
		name: "sort", want: "19999",
		glang:    `builtins.elemAt (builtins.sort builtins.lessThan (builtins.genList (i: let x = i * 7919; in x - x / 20000 * 20000) 20000)) 19999`,
		starlark: "result = sorted([i * 7919 % 20000 for i in range(20000)], key = lambda x: x)[19999]\n",
		jsonnet:  `std.sort([i * 7919 % 20000 for i in std.range(0, 19999)], function(x) x)[19999]`,
	},
	{
		name: "strings", want: "100893",
		glang:    `builtins.stringLength (builtins.concatStringsSep "," (builtins.genList (i: "n${toString i}") 16000 ++ [ "end" ]))`,
		starlark: "result = len(\",\".join([\"n\" + str(i) for i in range(16000)] + [\"end\"]))\n",
		jsonnet:  `std.length(std.join(",", ["n" + i for i in std.range(0, 15999)] + ["end"]))`,
	},
	{
		name: "objects", want: "1249975000",
		glang: `let s = builtins.listToAttrs (builtins.genList (i: { name = "k${toString i}"; value = i; }) 50000);
			in builtins.foldl' (a: k: a + s.${k}) 0 (builtins.attrNames s)`,
		starlark: "def f():\n  s = {\"k\" + str(i): i for i in range(50000)}\n  a = 0\n  for k in sorted(s.keys()):\n    a += s[k]\n  return a\nresult = f()\n",
		jsonnet:  `local s = { ["k" + i]: i for i in std.range(0, 49999) }; std.foldl(function(a, k) a + s[k], std.objectFields(s), 0)`,
	},
	{
		name: "configuration", want: "3000",
		glang: `let
			base = { port = 80; tls = false; tags = [ ]; };
			host = i: base // { name = "h${toString i}"; port = base.port + i; tags = base.tags ++ [ "a" "b" "c" ]; };
			hosts = builtins.genList host 1000;
			in builtins.foldl' (n: h: n + builtins.length h.tags) 0 hosts`,
		starlark: "base = {\"port\": 80, \"tls\": False, \"tags\": []}\n" +
			"def host(i):\n  h = dict(base)\n  h.update({\"name\": \"h\" + str(i), \"port\": base[\"port\"] + i, \"tags\": base[\"tags\"] + [\"a\", \"b\", \"c\"]})\n  return h\n" +
			"def f():\n  n = 0\n  for h in [host(i) for i in range(1000)]:\n    n += len(h[\"tags\"])\n  return n\nresult = f()\n",
		jsonnet: `local base = { port: 80, tls: false, tags: [] };
			local host(i) = base + { name: "h" + i, port: super.port + i, tags: super.tags + ["a", "b", "c"] };
			std.foldl(function(n, h) n + std.length(h.tags), [host(i) for i in std.range(0, 999)], 0)`,
		cue: `import "list"
			#Base: {name: string, port: int, tls: bool | *false, tags: [...string]}
			hosts: [for i in list.Range(0, 1000, 1) {#Base & {name: "h\(i)", port: 80 + i, tags: ["a", "b", "c"]}}]
			result: list.Sum([for h in hosts {len(h.tags)}])`,
	},
}

func Benchmark(b *testing.B) {
	for _, j := range jobs {
		for _, l := range []struct {
			name, text string
			run        func(string) (string, error)
		}{
			{"glang", j.glang, runGlang}, {"starlark", j.starlark, runStarlark},
			{"jsonnet", j.jsonnet, runJsonnet}, {"cue", j.cue, runCUE},
		} {
			if l.text == "" {
				continue
			}
			b.Run(j.name+"/"+l.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					got, err := l.run(l.text)
					if err != nil {
						b.Fatal(err)
					}
					if got != j.want {
						b.Fatalf("got %s, want %s", got, j.want)
					}
				}
			})
		}
	}
}

// BenchmarkParallel runs glang's side on all cores at once, an evaluator for each
// piece of work (-cpu 1,2,4).
func BenchmarkParallel(b *testing.B) {
	for _, j := range jobs {
		b.Run(j.name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if got, err := runGlang(j.glang); err != nil || got != j.want {
						b.Errorf("got %s (%v), want %s", got, err, j.want)
						return
					}
				}
			})
		})
	}
}

// BenchmarkSmall is what an embedder pays for an expression that does next to
// nothing, with a new evaluator each time and with one for all.
func BenchmarkSmall(b *testing.B) {
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := runGlang("1 + 1"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		e, err := glang.New(glang.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Eval(context.Background(), "1 + 1"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func runGlang(text string) (string, error) {
	e, err := glang.New(glang.Options{})
	if err != nil {
		return "", err
	}
	v, err := e.Eval(context.Background(), text)
	if err != nil {
		return "", err
	}
	return v.String(), nil
}

func runStarlark(text string) (string, error) {
	opts := &syntax.FileOptions{Recursion: true, TopLevelControl: true, GlobalReassign: true}
	globals, err := starlark.ExecFileOptions(opts, &starlark.Thread{}, "work.star", text, nil)
	if err != nil {
		return "", err
	}
	return globals["result"].String(), nil
}

func runJsonnet(text string) (string, error) {
	vm := jsonnet.MakeVM()
	vm.MaxStack = 10_000
	out, err := vm.EvaluateAnonymousSnippet("work.jsonnet", text)
	return strings.TrimSpace(out), err
}

func runCUE(text string) (string, error) {
	v := cuecontext.New().CompileString(text)
	n, err := v.LookupPath(cue.ParsePath("result")).Int64()
	return fmt.Sprint(n), err
}
