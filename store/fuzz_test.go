package store_test

import (
	"bytes"
	"testing"

	"github.com/seed192a40f6/glang/store"
	"github.com/seed192a40f6/glang/store/storepath"
)

// FuzzImport reads exports from strangers: it returns, and what it takes it
// exports as the same bytes.
func FuzzImport(f *testing.F) {
	scheme := storepath.Nix("/nix/store")
	s := store.NewDummy(scheme, false)
	a, err := s.AddText("a", []byte("a"), nil)
	if err != nil {
		f.Fatal(err)
	}
	b, err := s.AddText("b", []byte(scheme.Print(a)), []storepath.Path{a})
	if err != nil {
		f.Fatal(err)
	}
	for _, paths := range [][]storepath.Path{nil, {a}, {a, b}} {
		var w bytes.Buffer
		if err := store.Export(s, paths, &w); err != nil {
			f.Fatal(err)
		}
		f.Add(w.Bytes())
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s := store.NewDummy(scheme, false)
		paths, err := store.Import(s, bytes.NewReader(in))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := store.Export(s, paths, &once); err != nil {
			t.Fatal(err)
		}
		other := store.NewDummy(scheme, false)
		if _, err := store.Import(other, bytes.NewReader(once.Bytes())); err != nil {
			t.Fatalf("importing an export: %v", err)
		}
		if err := store.Export(other, paths, &twice); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Error("another export")
		}
	})
}

// FuzzScanner splits text anywhere and compares with a plain search.
func FuzzScanner(f *testing.F) {
	p, err := storepath.ParseBase("0123456789abcdfghijklmnpqrsvwxyz-x")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("x0123456789abcdfghijklmnpqrsvwxyz"), uint8(7))
	f.Add([]byte("01230123456789abcdfghijklmnpqrsvwxyzz"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, step uint8) {
		sc := store.NewScanner([]storepath.Path{p})
		for rest := text; len(rest) > 0; {
			n := min(len(rest), int(step)+1)
			sc.Write(rest[:n])
			rest = rest[n:]
		}
		if got, want := len(sc.Found()) == 1, bytes.Contains(text, []byte(p.HashPart())); got != want {
			t.Errorf("%q by %d: %v, want %v", text, step, got, want)
		}
	})
}
