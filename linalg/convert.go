package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/row"
)

// BF16FromF32 rounds to the nearest bfloat16, to even in the middle. NaN stays NaN.
func BF16FromF32(f float32) uint16 { return row.ToBF16(f) }

// F32FromBF16 widens exactly.
func F32FromBF16(b uint16) float32 { return row.FromBF16(b) }

// F16FromF32 rounds to the nearest binary16, to even in the middle. What is too large
// becomes infinite; NaN stays NaN.
func F16FromF32(f float32) uint16 { return row.ToF16(f) }

// F32FromF16 widens exactly.
func F32FromF16(h uint16) float32 { return row.FromF16(h) }

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
		to, from, widen := widened.f32, t.Bits(), widening(t.dtype)
		parallel(len(from), elementGrain, func(lo, hi int) { widen(to[lo:hi], from[lo:hi]) })
		return widened.Convert(d)
	}
	narrow := New(d, t.shape...)
	to, from, round := narrow.u16, t.F32(), row.NarrowBF16
	if d == F16 {
		round = row.NarrowF16
	}
	parallel(len(from), elementGrain, func(lo, hi int) { round(to[lo:hi], from[lo:hi]) })
	return narrow
}

// widening returns what widens a row of a type of 16 bits.
func widening(d DType) func(dst []float32, x []uint16) {
	if d == F16 {
		return row.WidenF16
	}
	return row.WidenBF16
}
