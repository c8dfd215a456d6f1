package row

import "math"

// ToBF16 rounds to the nearest bfloat16, to even in the middle. NaN stays NaN.
func ToBF16(x float32) uint16 {
	bits := math.Float32bits(x)
	if x != x {
		return uint16(bits>>16) | 0x40 // quiet, whatever the payload was
	}
	return uint16((bits + 0x7FFF + bits>>16&1) >> 16)
}

// FromBF16 widens exactly.
func FromBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// ToF16 rounds to the nearest binary16, to even in the middle. What is too large becomes
// infinite; NaN stays NaN, with as much of its payload as there is room for.
func ToF16(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits >> 16 & 0x8000)
	exponent := int(bits>>23&0xFF) - 127 + 15
	mantissa := bits & 0x7FFFFF
	switch {
	case x != x:
		return sign | 0x7E00 | uint16(mantissa>>13)
	case exponent >= 31:
		return sign | 0x7C00
	case exponent <= 0: // subnormal, or zero
		if exponent < -10 {
			return sign
		}
		return sign | roundShift(mantissa|0x800000, uint(14-exponent))
	}
	// A carry out of the mantissa moves the exponent up, to infinity at the top.
	return sign | (uint16(exponent<<10) + roundShift(mantissa, 13))
}

// roundShift shifts right, rounding to nearest even.
func roundShift(v uint32, shift uint) uint16 {
	half := uint32(1) << (shift - 1)
	return uint16((v + half - 1 + v>>shift&1) >> shift)
}

// FromF16 widens exactly. NaN becomes quiet.
func FromF16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, mantissa := uint32(h>>10&0x1F), uint32(h&0x3FF)
	switch {
	case exponent == 31 && mantissa != 0:
		return math.Float32frombits(sign | 0x7FC00000 | mantissa<<13)
	case exponent == 31:
		return math.Float32frombits(sign | 0x7F800000)
	case exponent == 0:
		return math.Float32frombits(sign | math.Float32bits(float32(mantissa)*(1.0/(1<<24))))
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | mantissa<<13)
}

// WidenBF16 computes dst = x, exactly.
func WidenBF16(dst []float32, x []uint16) {
	for i := convert(widenBF16, dst, x); i < len(x); i++ {
		dst[i] = FromBF16(x[i])
	}
}

// NarrowBF16 rounds as [ToBF16] does.
func NarrowBF16(dst []uint16, x []float32) {
	for i := convert(narrowBF16, dst, x); i < len(x); i++ {
		dst[i] = ToBF16(x[i])
	}
}

// WidenF16 widens as [FromF16] does.
func WidenF16(dst []float32, x []uint16) {
	for i := convert(widenF16, dst, x); i < len(x); i++ {
		dst[i] = FromF16(x[i])
	}
}

// NarrowF16 rounds as [ToF16] does.
func NarrowF16(dst []uint16, x []float32) {
	for i := convert(narrowF16, dst, x); i < len(x); i++ {
		dst[i] = ToF16(x[i])
	}
}

// conversion is a kernel over n elements, which are a multiple of 16. It reports whether there
// is one at the level in use.
type conversion[To, From uint16 | float32] func(dst *To, x *From, n int) bool

// convert returns how many of x's elements a kernel converted.
func convert[To, From uint16 | float32](kernel conversion[To, From], dst []To, x []From) int {
	n := len(x) / lanes * lanes
	if n == 0 || !kernel(&dst[:n][0], &x[0], n) {
		return 0
	}
	return n
}
