package eval

import (
	"math"
	"math/rand"
	"strconv"
	"testing"
)

func digitsOf(f float64) string {
	d, point := grisu2(f)
	return "0." + string(d) + "e" + strconv.Itoa(point)
}

// Digits that the reference printed, the last one longer than need be.
func TestGrisuReference(t *testing.T) {
	for f, want := range map[float64]string{
		1: "0.1e1", 0.1: "0.1e0", 2.5: "0.25e1", 1e100: "0.1e101", 5e-324: "0.5e-323", math.MaxFloat64: "0.17976931348623157e309",
		61243753765189136: "0.61243753765189136e17",
	} {
		if got := digitsOf(f); got != want {
			t.Errorf("%g: %s, want %s", f, got, want)
		}
	}
}

// Whatever the digits are, they read back as the number, and few are longer
// than need be.
func TestGrisuRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	long := 0
	const n = 100000
	for range n {
		f := math.Abs(math.Float64frombits(rnd.Uint64()))
		if math.IsNaN(f) || math.IsInf(f, 0) || f == 0 {
			continue
		}
		s := digitsOf(f)
		if g, err := strconv.ParseFloat(s, 64); err != nil || g != f {
			t.Fatalf("%g gives %s, which reads as %g", f, s, g)
		}
		d, _ := grisu2(f)
		if short := strconv.FormatFloat(f, 'e', -1, 64); len(d) > digitCount(short) {
			long++
		}
	}
	if long > n/500 {
		t.Errorf("%d of %d are not the shortest", long, n)
	}
}

func digitCount(s string) int {
	n := 0
	for _, c := range s {
		if c == 'e' {
			break
		}
		if c != '.' {
			n++
		}
	}
	return n
}
