package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed192a40f6/glang/lang/ast"
	"github.com/seed192a40f6/glang/lang/eval"
)

// completionTime bounds the evaluation that completing an attribute may need.
const completionTime = 2 * time.Second

// completeWord is what Tab calls: it completes the word that ends at pos, a
// count of characters.
func (r *repl) completeWord(line string, pos int) (head string, words []string, tail string) {
	runes := []rune(line)
	before, tail := string(runes[:pos]), string(runes[pos:])
	start := strings.LastIndexAny(before, " \n\r\t(){}[]") + 1
	return before[:start], r.complete(before[:start], before[start:]), tail
}

// complete lists what a word may become: a command at the beginning of the
// line, a file, an attribute, or a variable.
func (r *repl) complete(before, word string) []string {
	switch {
	case word == "" && strings.TrimSpace(before) == "":
		return nil // a tab that begins a line was pasted: it asks for nothing
	case before == "" && strings.HasPrefix(word, ":"):
		var out []string
		for _, c := range r.commands() {
			for _, n := range c.names {
				if strings.HasPrefix(n, word) {
					out = append(out, n)
				}
			}
		}
		return out
	case strings.Contains(word, "/"):
		return r.completeFile(word)
	case strings.Contains(word, "."):
		return r.completeAttr(word)
	}
	var out []string
	if f := strings.Fields(before); len(f) == 1 && (f[0] == ":l" || f[0] == ":load") {
		out = r.completeFile(word)
	}
	for _, n := range r.names() {
		if strings.HasPrefix(n, word) {
			out = append(out, n)
		}
	}
	return out
}

func (r *repl) completeFile(word string) []string {
	dir, name := path.Split(word)
	where := dir
	if rest, ok := strings.CutPrefix(dir, "~/"); ok {
		where = filepath.Join(r.a.dirs.Home, rest)
	}
	entries, err := os.ReadDir(r.a.absolute(where))
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		n := e.Name()
		if !strings.HasPrefix(n, name) || strings.HasPrefix(n, ".") && name == "" {
			continue
		}
		if e.IsDir() {
			n += "/"
		}
		out = append(out, dir+n)
	}
	return out
}

// completeAttr evaluates what stands before the last dot and lists its
// attributes. That it fails, or takes too long, is no matter.
func (r *repl) completeAttr(word string) []string {
	dot := strings.LastIndexByte(word, '.')
	expr, prefix := word[:dot], word[dot+1:]
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	m := r.x.E.Machine(ctx)
	defer m.Close()
	old := r.x.Machine
	r.x.Machine = m
	defer func() { r.x.Machine = old }()
	v, err := r.eval(expr)
	if err != nil || v.Kind() != eval.KindAttrs {
		return nil
	}
	var out []string
	for a := range v.Attrs().Sorted(m) {
		if n := m.E.Symbols.Name(a.Name); strings.HasPrefix(n, prefix) {
			out = append(out, expr+"."+ast.ShowIdentifier(n))
		}
	}
	return out
}
