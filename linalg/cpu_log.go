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
	// Numbered from √½ on, the bits have e above the fraction. No branch depends on m: the
	// processor could not tell where it goes.
	const half = 0x3fe6a09e667f3bcd // √½
	bits := math.Float64bits(wide)
	e := int64(bits-half) >> 52
	m := math.Float64frombits(bits - uint64(e)<<52)
	s := (m - 1) / (m + 1)
	square := s * s
	sum := float64(1./17*square) + 1./15
	sum = float64(sum*square) + 1./13
	sum = float64(sum*square) + 1./11
	sum = float64(sum*square) + 1./9
	sum = float64(sum*square) + 1./7
	sum = float64(sum*square) + 1./5
	sum = float64(sum*square) + 1./3
	sum = float64(sum*square) + 1
	return float64(float64(e)*math.Ln2) + float64(2*s*sum)
}
