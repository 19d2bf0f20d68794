package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed192a40f6/glang/store/nar"
	"github.com/seed192a40f6/glang/store/storepath"
)

// BenchmarkAddTree adds small files, each a path of its own.
func BenchmarkAddTree(b *testing.B) {
	s := open(b)
	dir := b.TempDir()
	file := filepath.Join(dir, "f")
	for i := range b.N {
		if err := os.WriteFile(file, fmt.Append(nil, "contents ", i), 0o644); err != nil {
			b.Fatal(err)
		}
		if _, err := s.AddTree("f", nar.OS(), file, AddOptions{Method: storepath.NAR}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAddText(b *testing.B) {
	s := open(b)
	a := must(s.AddText("a", nil, nil))(b)
	b.ResetTimer()
	for i := range b.N {
		if _, err := s.AddText("t", fmt.Append(nil, i), []storepath.Path{a}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIsValid(b *testing.B) {
	s := open(b)
	a := must(s.AddText("a", nil, nil))(b)
	b.ResetTimer()
	for range b.N {
		if ok, err := s.IsValid(a); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkPathInfo(b *testing.B) {
	s := open(b)
	a := must(s.AddText("a", nil, nil))(b)
	p := must(s.AddText("b", nil, []storepath.Path{a}))(b)
	b.ResetTimer()
	for range b.N {
		if _, err := s.PathInfo(p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens a store that exists, asks one question and closes it.
func BenchmarkOpen(b *testing.B) {
	root := b.TempDir()
	for i := range b.N + 1 {
		s := must(Open(testConfig(root)))(b)
		if _, err := s.IsValid(storepath.Path{}); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		if i == 0 {
			b.ResetTimer()
		}
	}
}

// BenchmarkGC collects 1000 paths.
func BenchmarkGC(b *testing.B) {
	for range b.N {
		b.StopTimer()
		s := open(b)
		for i := range 1000 {
			must(s.AddText("t", fmt.Append(nil, i), nil))(b)
		}
		s.temp.close()
		b.StartTimer()
		res := must(s.GC(context.Background(), GCOptions{}))(b)
		if len(res.Paths) != 1000 {
			b.Fatal(len(res.Paths))
		}
	}
}
