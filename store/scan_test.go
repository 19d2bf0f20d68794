package store

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed192a40f6/glang/store/hash"
	"github.com/seed192a40f6/glang/store/storepath"
)

func pathOf(t testing.TB, hashPart, name string) storepath.Path {
	t.Helper()
	return must(storepath.ParseBase(hashPart + "-" + name))(t)
}

func scan(candidates []storepath.Path, chunks ...string) []string {
	sc := NewScanner(candidates)
	for _, c := range chunks {
		sc.Write([]byte(c))
	}
	return names(sc.Found())
}

// TestScanner puts a hash at each offset of runs of base-32 characters and of
// others, and splits the input at each place.
func TestScanner(t *testing.T) {
	h := "0123456789abcdfghijklmnpqrsvwxyz"
	p := pathOf(t, h, "x")
	other := pathOf(t, "zyxwvsrqpnmlkjihgfdcba9876543210", "y")
	for _, fill := range []string{"0", "z", "e", "\x00", "-"} {
		for before := range 40 {
			for after := range 3 {
				text := strings.Repeat(fill, before) + h + strings.Repeat(fill, after)
				for cut := range len(text) + 1 {
					if got := scan([]storepath.Path{p, other}, text[:cut], text[cut:]); len(got) != 1 || got[0] != p.String() {
						t.Fatalf("fill %q, offset %d, cut at %d: found %v", fill, before, cut, got)
					}
				}
			}
		}
	}
	// byte by byte, and a near miss
	var bytes []string
	for _, c := range "xx" + h[:31] + "0" + h {
		bytes = append(bytes, string(c))
	}
	if got := scan([]storepath.Path{p}, bytes...); len(got) != 1 {
		t.Errorf("byte by byte: found %v", got)
	}
	if got := scan([]storepath.Path{p}, h[:31]+"1", h[1:], h[:31], "e", h[31:]); got != nil {
		t.Errorf("found what is not there: %v", got)
	}
}

// TestScannerRandom compares with a plain search.
func TestScannerRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const digits = "0123456789abcdfghijklmnpqrsvwxyz"
	random := func(n int, from string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = from[r.IntN(len(from))]
		}
		return string(b)
	}
	for range 200 {
		var all []storepath.Path
		for range 20 {
			all = append(all, pathOf(t, random(32, digits), "x"))
		}
		var text strings.Builder
		for range 10 {
			text.WriteString(random(r.IntN(80), digits))
			text.WriteString(random(r.IntN(3), "e-\n"))
			if i := r.IntN(len(all)); r.IntN(2) == 0 {
				text.WriteString(all[i].HashPart()[:32-r.IntN(2)])
			}
		}
		var want []storepath.Path
		for _, p := range all {
			if strings.Contains(text.String(), p.HashPart()) {
				want = append(want, p)
			}
		}
		var chunks []string
		for rest := text.String(); rest != ""; {
			n := min(len(rest), 1+r.IntN(70))
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		if diff := cmp.Diff(names(sortedPaths(want)), scan(all, chunks...)); diff != "" {
			t.Fatalf("%q: %s", chunks, diff)
		}
	}
}

func TestRewriter(t *testing.T) {
	from, to := "0123456789abcdfghijklmnpqrsvwxyz", strings.Repeat("#", 32)
	text := "a" + from + from + "0123" + from + "z"
	want := strings.ReplaceAll(text, from, to)
	for cut := range len(text) + 1 {
		for cut2 := cut; cut2 <= len(text); cut2++ {
			var out bytes.Buffer
			r := must(NewRewriter(&out, map[string]string{from: to}))(t)
			for _, c := range []string{text[:cut], text[cut:cut2], text[cut2:]} {
				r.Write([]byte(c))
			}
			if err := r.Flush(); err != nil || out.String() != want {
				t.Fatalf("cut at %d and %d: %q, %v", cut, cut2, out.String(), err)
			}
		}
	}
	if _, err := NewRewriter(nil, map[string]string{"a": "bb"}); err == nil {
		t.Error("accepted another length")
	}
}

func TestHashModulo(t *testing.T) {
	s := open(t)
	h1, h2 := "0123456789abcdfghijklmnpqrsvwxyz", "zyxwvsrqpnmlkjihgfdcba9876543210"
	one := must(s.AddText("one", []byte("at "+h1), nil))(t)
	two := must(s.AddText("two", []byte("at "+h2), nil))(t)
	a := must(HashModulo(storepath.NAR, hash.SHA256, s.Tree(), one.String(), h1))(t)
	b := must(HashModulo(storepath.NAR, hash.SHA256, s.Tree(), two.String(), h2))(t)
	c := must(HashModulo(storepath.NAR, hash.SHA256, s.Tree(), two.String(), h1))(t)
	if a != b || a == c {
		t.Errorf("%v %v %v", a, b, c)
	}
}

func BenchmarkScanner(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	var all []storepath.Path
	for range 500 {
		h := must(storepath.FromHash(data[r.IntN(1<<19):][:20], "x"))(b)
		all = append(all, h)
	}
	for name, data := range map[string][]byte{"binary": data, "base32": bytes.Repeat([]byte("0a1b2c3d"), 1<<17)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(1 << 20)
			for range b.N {
				sc := NewScanner(all)
				sc.Write(data)
			}
		})
	}
}
