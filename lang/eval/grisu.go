package eval

import (
	"math"
	"math/big"
	"math/bits"
)

// grisu2 gives the decimal digits of a positive float as the algorithm of that
// name does (F. Loitsch: Printing Floating-Point Numbers Quickly and
// Accurately with Integers, 2010): they read back as the same number, and are
// the shortest such digits in all but about one case of a thousand. The
// reference's JSON library uses it, so that JSON, and with it derivations, has
// those digits. The number is 0.d1d2… × 10^point.
func grisu2(f float64) (digits []byte, point int) {
	v, low, high := boundaries(f)
	power, exp10 := decimalPower(high.e)
	w := v.times(power)
	wLow := low.times(power)
	wHigh := high.times(power)
	// One unit off either end, for the products are not exact.
	wLow.f++
	wHigh.f--
	digits, exp := generate(wLow, w, wHigh, -exp10)
	return digits, len(digits) + exp
}

// diyFloat is f × 2^e.
type diyFloat struct {
	f uint64
	e int
}

func (x diyFloat) times(y diyFloat) diyFloat {
	hi, lo := bits.Mul64(x.f, y.f)
	return diyFloat{hi + lo>>63, x.e + y.e + 64}
}

func (x diyFloat) normal() diyFloat {
	n := bits.LeadingZeros64(x.f)
	return diyFloat{x.f << n, x.e - n}
}

// boundaries are a float and the middles between it and its neighbours, all
// with one exponent.
func boundaries(f float64) (v, low, high diyFloat) {
	const bias, hidden = 1023 + 52, 1 << 52
	b := math.Float64bits(f)
	e, m := int(b>>52&0x7ff), b&(hidden-1)
	if e == 0 {
		v = diyFloat{m, 1 - bias}
	} else {
		v = diyFloat{m + hidden, e - bias}
	}
	high = diyFloat{2*v.f + 1, v.e - 1}.normal()
	if m == 0 && e > 1 {
		low = diyFloat{4*v.f - 1, v.e - 2}
	} else {
		low = diyFloat{2*v.f - 1, v.e - 1}
	}
	return v.normal(), diyFloat{low.f << (low.e - high.e), high.e}, high
}

// decimalPower is a power of ten, of every eighth exponent, whose product with
// a number of the binary exponent e has one between -60 and -32.
func decimalPower(e int) (power diyFloat, exp10 int) {
	const first, step = -300, 8
	x := -60 - e - 1
	k := x * 78913 / (1 << 18) // × log10(2)
	if x > 0 {
		k++
	}
	exp10 = first + (-first+k+step-1)/step*step
	p := new(big.Float).SetPrec(64)
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exp10, -exp10))), nil)
	if exp10 >= 0 {
		p.SetInt(ten)
	} else {
		p.Quo(big.NewFloat(1), new(big.Float).SetInt(ten))
	}
	mant := new(big.Float)
	exp := p.MantExp(mant) // p = mant × 2^exp, 0.5 ≤ mant < 1
	n, _ := mant.SetMantExp(mant, 64).Uint64()
	return diyFloat{n, exp - 64}, exp10
}

// generate makes the digits of w, as few as low and high allow.
func generate(low, w, high diyFloat, exp int) ([]byte, int) {
	delta, dist := high.f-low.f, high.f-w.f
	shift := -high.e
	one := uint64(1) << shift
	whole, rest := uint32(high.f>>shift), high.f&(one-1)
	buf := make([]byte, 0, 20)

	pow, n := uint32(1), 1
	for whole/pow >= 10 {
		pow *= 10
		n++
	}
	for ; n > 0; pow /= 10 {
		buf = append(buf, byte('0'+whole/pow))
		whole %= pow
		n--
		if left := uint64(whole)<<shift + rest; left <= delta {
			exp += n
			return closer(buf, dist, delta, left, uint64(pow)<<shift), exp
		}
	}
	for {
		rest *= 10
		buf = append(buf, byte('0'+rest>>shift))
		rest &= one - 1
		exp--
		delta *= 10
		dist *= 10
		if rest <= delta {
			return closer(buf, dist, delta, rest, one), exp
		}
	}
}

// closer moves the last digit towards the number itself.
func closer(buf []byte, dist, delta, rest, unit uint64) []byte {
	for rest < dist && delta-rest >= unit && (rest+unit < dist || dist-rest > rest+unit-dist) {
		buf[len(buf)-1]--
		rest += unit
	}
	return buf
}
