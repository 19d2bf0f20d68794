package eval

import (
	"math"
	"strings"
	"testing"
	"unsafe"
)

// TestNumbers has those on both sides of what fits without a box.
func TestNumbers(t *testing.T) {
	for shift := range 64 {
		for d := int64(-2); d <= 2; d++ {
			for _, n := range []int64{1<<shift + d, -(1 << shift) + d} {
				if v := Int(n); v.Int() != n || v.int() != n || v.Kind() != KindInt || v.tag() != KindInt {
					t.Errorf("%d became %d", n, v.Int())
				}
			}
		}
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1, -1.5, 0.1, 1e300, -1e-300, math.Inf(1), math.Inf(-1),
		math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64, math.Pi} {
		if v := Float(f); math.Float64bits(v.Float()) != math.Float64bits(f) || v.Kind() != KindFloat {
			t.Errorf("%g became %g", f, v.Float())
		}
	}
	e := &Evaluator{opts: Options{Notes: true}}
	for _, v := range []Value{e.numberAt(Int(7), 5), e.numberAt(Float(0.1), 5)} {
		if e.origin(&v) != 5 {
			t.Errorf("a number of kind %d has no position", v.Kind())
		}
	}
	if v := e.numberAt(Int(-7), 5); v.int() != -7 {
		t.Errorf("-7 became %d", v.int())
	}
	if v := e.numberAt(Float(0.1), 5); v.Float() != 0.1 {
		t.Errorf("0.1 became %g", v.Float())
	}
}

// TestLengths has those on both sides of what fits into a Value.
func TestLengths(t *testing.T) {
	text := strings.Repeat("x", maxSize+1)
	elems := make([]*Value, maxSize+1)
	for _, n := range []int{0, 1, maxSize - 1, maxSize, maxSize + 1} {
		s, p, l := String(text[:n], 3), PathValue(text[:n]), List(elems[:n])
		if s.Str() != text[:n] || s.size() != n || s.Context() != 3 || s.Kind() != KindString {
			t.Errorf("a string of %d bytes became one of %d", n, s.size())
		}
		if p.Path() != text[:n] || !p.is(KindPath) {
			t.Errorf("a path of %d bytes became one of %d", n, len(p.Path()))
		}
		if len(l.List()) != n || l.size() != n || l.tag() != KindList || n > 0 && &l.List()[0] != &elems[0] {
			t.Errorf("a list of %d elements became one of %d", n, l.size())
		}
	}
	if n := unsafe.Sizeof(Value{}); n > 16 {
		t.Errorf("a value has %d bytes", n)
	}
}
