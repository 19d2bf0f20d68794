package main

import (
	"slices"
	"testing"
)

// TestSortLikeReference compares with what std::sort of the GNU C++ library
// made of the same numbers, sorted by their hundreds.
func TestSortLikeReference(t *testing.T) {
	l := make([]int, 40)
	for i := range l {
		l[i] = i*7%4*100 + i
	}
	sortLikeReference(l, func(a, b int) bool { return a/100 < b/100 })
	want := []int{0, 36, 4, 32, 28, 8, 24, 12, 20, 16, 139, 135, 131, 127, 123, 119, 115, 107, 103, 111, 210, 206, 230, 234, 226, 202, 222, 238, 214, 218, 301, 337, 333, 305, 329, 309, 325, 321, 313, 317}
	if !slices.Equal(l, want) {
		t.Errorf("got %v", l)
	}
}
