package main

import (
	"math"
	"testing"
)

// TestAmdahl: from the times that a known program would take on one core and
// two, the model finds the program again.
func TestAmdahl(t *testing.T) {
	for _, c := range []struct{ wall, serial, overhead float64 }{{10, 2, 1}, {10, 2, 1.2}, {1, 0, 1}, {3, 3, 1}} {
		on := func(n float64) float64 { return c.serial + (c.overhead*c.wall-c.serial)/n }
		m := amdahl(sample{wall: c.wall, cpu: c.wall}, sample{wall: on(2), cpu: c.overhead * c.wall})
		for _, n := range []int{2, 4, 8, 1 << 20} {
			if got, want := m.speedup(n), c.wall/on(float64(n)); math.Abs(got-want) > 1e-9*want {
				t.Errorf("%+v on %d cores: speed-up %v, want %v", c, n, got, want)
			}
		}
	}
}
