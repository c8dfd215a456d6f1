package linalg

import "math"

// logarithm returns log x with a relative error below 1e-14. Its bits are the same everywhere,
// which those of package math are not: some compilers fuse what is written there.
//
// With x = 2ᵉ·m, √½ < m ≤ √2, and s = (m − 1)/(m + 1), log m = 2·(s + s³/3 + s⁵/5 + …).
func logarithm(x float32) float64 {
	wide := float64(x)
	switch {
	case x == 0:
		return math.Inf(-1)
	case !(x > 0 && x <= math.MaxFloat32): // ∞ stays
		return wide + math.Sqrt(wide)
	}
	const one, fraction = 1023, 1<<52 - 1
	bits := math.Float64bits(wide)
	e, m := int(bits>>52)-one, math.Float64frombits(bits&fraction|one<<52)
	if m > math.Sqrt2 {
		e, m = e+1, m/2
	}
	s := (m - 1) / (m + 1)
	square := s * s
	sum := 1. / 17
	for _, c := range [...]float64{1. / 15, 1. / 13, 1. / 11, 1. / 9, 1. / 7, 1. / 5, 1. / 3, 1} {
		sum = float64(sum*square) + c
	}
	return float64(float64(e)*math.Ln2) + float64(2*s*sum)
}
