package kernel

import "math"

// fma returns x·y + z, rounded once, as every kernel's product has it.
func fma(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z) // exactly
	s := p + c
	if roundsAgain(s) {
		return float32(s)
	}
	return float32(toOdd(p, c, s))
}

// roundsAgain says whether a sum that was rounded to s may be rounded to a float32 from there:
// not where s lies halfway between two of them, and not where those are denormal, since
// halfway is elsewhere then.
func roundsAgain(s float64) bool {
	const halfway, below = 1 << 28, 1<<29 - 1 // of the bits that a float32 does not have
	const normal = (1023 - 126) << 53         // the bits of 2⁻¹²⁶ without a sign
	bits := math.Float64bits(s)
	return bits&below != halfway && bits<<1 >= normal
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
