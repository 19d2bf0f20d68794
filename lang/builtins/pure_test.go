package builtins

import (
	"math/rand"
	"slices"
	"testing"
)

func TestPeeksort(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	type elem struct{ key, at int }
	for range 3000 {
		list := make([]elem, rnd.Intn(80))
		for i := range list {
			list[i] = elem{rnd.Intn(10), i}
			if rnd.Intn(3) > 0 && i > 0 { // runs
				list[i].key = list[i-1].key + rnd.Intn(2)
			}
		}
		want := slices.Clone(list)
		slices.SortStableFunc(want, func(a, b elem) int { return a.key - b.key })
		got := slices.Clone(list)
		peeksort(got, func(a, b elem) bool { return a.key < b.key }, nil)
		if !slices.Equal(got, want) {
			t.Fatalf("%v\nsorts to %v\nwant     %v", list, got, want)
		}
		// A comparator that is no order loses nothing.
		peeksort(got, func(a, b elem) bool { return rnd.Intn(2) == 0 }, nil)
		slices.SortFunc(got, func(a, b elem) int { return a.at - b.at })
		if !slices.Equal(got, list) {
			t.Fatalf("elements of %v were lost", list)
		}
	}
}

func TestMulInt(t *testing.T) {
	edges := []int64{0, 1, -1, 2, -2, 1 << 31, -1 << 31, 3037000499, 3037000500, 1<<62 - 1, 1 << 62, 1<<63 - 1, -1 << 63, -1<<63 + 1}
	for _, a := range edges {
		for _, b := range edges {
			r, ok := mulInt(a, b)
			want := a * b
			wantOK := a == 0 || want/a == b && !(a == -1 && b == -1<<63)
			if ok != wantOK || ok && r != want {
				t.Errorf("%d * %d: %d, %v", a, b, r, ok)
			}
		}
	}
}

func TestFormatFloatG(t *testing.T) {
	for f, want := range map[float64]string{1e300: "1e+300", 1.5e10: "1.5e+10", 123456: "123456", 0.5: "0.5", 1234567: "1.23457e+06"} {
		if got := formatFloatG(f); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}
