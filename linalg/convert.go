package linalg

import (
	"fmt"
	"math"
)

// BF16FromF32 rounds to the nearest bfloat16, to even in the middle. NaN stays NaN.
func BF16FromF32(f float32) uint16 {
	bits := math.Float32bits(f)
	if f != f {
		return uint16(bits>>16) | 0x40 // quiet, whatever the payload was
	}
	return uint16((bits + 0x7FFF + bits>>16&1) >> 16)
}

// F32FromBF16 widens exactly.
func F32FromBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// F16FromF32 rounds to the nearest binary16, to even in the middle. What is too large
// becomes infinite; NaN stays NaN.
func F16FromF32(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	exponent := int(bits>>23&0xFF) - 127 + 15
	mantissa := bits & 0x7FFFFF
	switch {
	case f != f:
		return sign | 0x7E00
	case exponent >= 31:
		return sign | 0x7C00
	case exponent <= 0: // subnormal, or zero
		if exponent < -10 {
			return sign
		}
		mantissa |= 0x800000
		shift := uint(14 - exponent)
		return sign | roundShift(mantissa, shift)
	}
	// A carry out of the mantissa moves the exponent up, to infinity at the top.
	return sign | (uint16(exponent<<10) + roundShift(mantissa, 13))
}

// roundShift shifts right, rounding to nearest even.
func roundShift(v uint32, shift uint) uint16 {
	half := uint32(1) << (shift - 1)
	return uint16((v + half - 1 + v>>shift&1) >> shift)
}

// F32FromF16 widens exactly.
func F32FromF16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent, mantissa := uint32(h>>10&0x1F), uint32(h&0x3FF)
	switch {
	case exponent == 31:
		return math.Float32frombits(sign | 0x7F800000 | mantissa<<13)
	case exponent == 0:
		v := float32(mantissa) * (1.0 / (1 << 24))
		if sign != 0 {
			v = -v
		}
		return v
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | mantissa<<13)
}

// Convert returns a host tensor in another float type, rounding to nearest even; t
// itself if it has that type.
func (t *Tensor) Convert(d DType) *Tensor {
	if t.dtype == d {
		return t
	}
	if t.dtype == I32 || d == I32 {
		panic(fmt.Sprintf("linalg: %v is not converted to %v", t.dtype, d))
	}
	if t.dtype != F32 {
		widened := New(F32, t.shape...)
		widen := F32FromBF16
		if t.dtype == F16 {
			widen = F32FromF16
		}
		for i, b := range t.Bits() {
			widened.f32[i] = widen(b)
		}
		return widened.Convert(d)
	}
	narrow := New(d, t.shape...)
	round := BF16FromF32
	if d == F16 {
		round = F16FromF32
	}
	for i, f := range t.F32() {
		narrow.u16[i] = round(f)
	}
	return narrow
}
