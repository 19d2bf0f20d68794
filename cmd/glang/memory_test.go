package main

import (
	"math"
	"testing"
)

// TestRoomGuard: what is left is handed out, with something spared; what was
// refused once is given when there is room again.
func TestRoomGuard(t *testing.T) {
	left := memoryLeft{pages: 10 << 30, addresses: math.MaxInt64}
	g := &roomGuard{left: func() memoryLeft { return left }}
	ask := func(n int64, want bool) {
		t.Helper()
		if err := g.room(n); (err == nil) != want {
			t.Errorf("%d bytes with %+v left: %v", n, left, err)
		}
	}
	ask(1<<20, true)
	ask(10<<30, false)
	ask(9<<30, true)
	left.addresses = 1 << 30
	ask(1<<30, false)
	ask(500<<20, true)
	left.pages = pagesSpare + 1<<20
	ask(200<<20, false)
	left.pages = 1 << 40
	ask(200<<20, true)
}

// TestMemoryLeft: the kernel's answer is plausible.
func TestMemoryLeft(t *testing.T) {
	total := memory()
	if total == 0 {
		t.Skip("the size of the memory is not known here")
	}
	if left := systemMemoryLeft(); left.pages <= 0 || left.pages == math.MaxInt64 || left.addresses <= 0 {
		t.Errorf("%+v of %d", left, total)
	}
}
