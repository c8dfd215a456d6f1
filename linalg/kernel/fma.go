package kernel

import "math"

// fma returns x·y + z, rounded once, as every kernel's product has it.
//
// In float64 the product is exact. The sum is rounded there first, which changes what it
// rounds to as a float32 only where it comes to lie halfway between two of them.
func fma(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	const halfway, below = 1 << 28, 1<<29 - 1 // of the bits that a float32 does not have
	bits := math.Float64bits(s)
	if bits&below != halfway && math.Abs(s) >= 0x1p-126 || s == 0 || s-s != 0 {
		return float32(s)
	}
	return float32(toOdd(p, c, s))
}

// toOdd returns p + c rounded to odd, where s is it rounded to nearest: then rounding once
// more, to fewer bits, is as good as rounding once.
func toOdd(p, c, s float64) float64 {
	part := s - p
	rest := (p - (s - part)) + (c - part) // p + c = s + rest exactly (Knuth's two-sum)
	bits := math.Float64bits(s)
	if rest == 0 || bits&1 == 1 {
		return s
	}
	if (rest > 0) == (s > 0) {
		return math.Float64frombits(bits + 1)
	}
	return math.Float64frombits(bits - 1)
}
