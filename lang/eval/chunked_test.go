package eval

import "testing"

// TestChunked: elements stay where they are while the array grows, also where
// indices are skipped.
func TestChunked(t *testing.T) {
	var c chunked[int]
	places := map[uint32]*int{}
	for i := uint32(0); i < 40_000; i += 1 + i/50 {
		if i > 0 && c.peek(i+5_000) != nil {
			t.Fatalf("element %d is there", i+5_000)
		}
		p := c.grow(i)
		*p = int(i)
		places[i] = p
	}
	for i, p := range places {
		if c.at(i) != p || c.peek(i) != p || c.grow(i) != p || *p != int(i) {
			t.Errorf("element %d: %d", i, *c.at(i))
		}
	}
	if c.peek(1<<31) != nil {
		t.Error("an element that was never made is there")
	}
}
