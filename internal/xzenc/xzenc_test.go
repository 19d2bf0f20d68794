package xzenc

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/therootcompany/xz"
)

func encode(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, level)
	// In pieces of odd sizes.
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 70_001)
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(b []byte) ([]byte, error) {
	r, err := xz.NewReader(bytes.NewReader(b), 0)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// samples are data of all sorts, with the greatest packed share expected.
func samples() map[string]struct {
	data  []byte
	share float64
} {
	rnd := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 300_000)
	for i := range random {
		random[i] = byte(rnd.Uint32())
	}
	words := strings.Fields("the quick brown fox jumps over lazy dogs while package sources compile and link")
	var text bytes.Buffer
	for text.Len() < 400_000 {
		text.WriteString(words[rnd.IntN(len(words))])
		text.WriteByte(" \n"[rnd.IntN(2)])
	}
	mixed := append(append(append([]byte{}, text.Bytes()[:200_000]...), random...), text.Bytes()[100_000:400_000]...)
	far := append(append(append([]byte{}, random...), make([]byte, 600_000)...), random...)
	return map[string]struct {
		data  []byte
		share float64
	}{
		"empty":    {nil, 1e9},
		"one byte": {[]byte("x"), 1e9},
		"short":    {[]byte("abcabcabcabcabcabd"), 10},
		"zeros":    {make([]byte, 3<<20), 0.001},
		"random":   {random, 1.001},
		"text":     {text.Bytes(), 0.3},
		"mixed":    {mixed, 0.6},
		"far":      {far, 0.3},
		"repeated": {bytes.Repeat(text.Bytes(), 6), 0.25},
	}
}

func TestRoundTrip(t *testing.T) {
	for name, s := range samples() {
		if testing.Short() && len(s.data) > 1<<20 && name != "far" {
			continue
		}
		for _, level := range []int{1, Default, 0, 9} {
			b := encode(t, s.data, level)
			got, err := decode(b)
			if err != nil || !bytes.Equal(got, s.data) {
				t.Errorf("%s at level %d: %v, %d bytes of %d", name, level, err, len(got), len(s.data))
			}
			if share := float64(len(b)) / float64(len(s.data)+1); share > s.share {
				t.Errorf("%s at level %d: packed to %.4f", name, level, share)
			}
			if len(s.data) > 1<<20 {
				break // one level will do
			}
		}
	}
}

// The program xz itself is content with the files.
func TestProgram(t *testing.T) {
	path, err := exec.LookPath("xz")
	if err != nil {
		t.Skip("xz is not installed")
	}
	for name, s := range samples() {
		if testing.Short() && len(s.data) > 1<<20 {
			continue
		}
		b := encode(t, s.data, 1)
		cmd := exec.Command(path, "-dc")
		cmd.Stdin = bytes.NewReader(b)
		got, err := cmd.Output()
		if err != nil || !bytes.Equal(got, s.data) {
			t.Errorf("%s: %v, %d bytes of %d", name, err, len(got), len(s.data))
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("abcabcabc"), uint8(1))
	f.Add(bytes.Repeat([]byte("ab\x00"), 100), uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, level uint8) {
		got, err := decode(encode(t, data, int(level%11)-1))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%v", err)
		}
	})
}

func BenchmarkText(b *testing.B) {
	data := samples()["text"].data
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		encode(b, data, Default)
	}
}
