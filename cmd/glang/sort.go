package main

import (
	"math/bits"
	"slices"
)

// sortLikeReference sorts with equal elements in the order in which the
// reference's (not stable) sort leaves them, so that listings are the same:
// quicksort with the median of three down to runs of 16, which a stable
// insertion sort finishes. The order is that of the GNU C++ library.
func sortLikeReference[E any](l []E, less func(a, b E) bool) {
	partition(l, 2*(bits.Len(uint(len(l)))-1), less)
	slices.SortStableFunc(l, func(a, b E) int {
		switch {
		case less(a, b):
			return -1
		case less(b, a):
			return 1
		}
		return 0
	})
}

// partition sorts roughly, for depth levels.
func partition[E any](l []E, depth int, less func(a, b E) bool) {
	for ; len(l) > 16 && depth > 0; depth-- {
		m := median(l, 1, len(l)/2, len(l)-1, less)
		l[0], l[m] = l[m], l[0]
		first, last := 1, len(l)
		for {
			for less(l[first], l[0]) {
				first++
			}
			for last--; less(l[0], l[last]); last-- {
			}
			if first >= last {
				break
			}
			l[first], l[last] = l[last], l[first]
			first++
		}
		partition(l[first:], depth-1, less)
		l = l[:first]
	}
}

// median is which of three elements lies between the others.
func median[E any](l []E, a, b, c int, less func(a, b E) bool) int {
	if !less(l[a], l[b]) {
		// The first of two equal ones counts as the greater.
		switch {
		case less(l[a], l[c]):
			return a
		case less(l[b], l[c]):
			return c
		}
		return b
	}
	switch {
	case less(l[b], l[c]):
		return b
	case less(l[a], l[c]):
		return c
	}
	return a
}
