package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/kernel"
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
		Widen(widened, t)
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

// Widen sets dst to src, both on the host: dst is of F32, src of any float type, of as many
// elements.
func Widen(dst, src *Tensor) {
	to := dst.F32()
	mustEqual("Widen", src.Len(), len(to))
	if src.dtype == F32 {
		parallel(len(to), copyGrain, func(lo, hi int) { copy(to[lo:hi], src.F32()[lo:hi]) })
		return
	}
	from, widen := src.Bits(), widening(src.dtype)
	parallel(len(from), elementGrain, func(lo, hi int) { widen(to[lo:hi], from[lo:hi]) })
}

// side is that of the squares in which matrices of 16 bits are widened and transposed: 16 float32
// are what a cache holds together.
const side = 16

// Transpose sets dst (n, m), of F32, to the transposed of src (m, n), of any float type. Both
// are on the host.
func Transpose(dst, src *Tensor) {
	m, n := src.Rows(), src.Cols()
	to := dst.F32()
	if dst.Rows() != n || dst.Cols() != m {
		panic(fmt.Sprintf("linalg.Transpose: %v from %v", dst.shape, src.shape))
	}
	if src.dtype == F32 {
		transpose(to, src.F32(), m, n)
		return
	}
	from, widen := src.Bits(), widening(src.dtype)
	parallel((n+side-1)/side, max(1, elementGrain/(side*max(1, m))), func(lo, hi int) {
		left, right := lo*side, min(hi*side, n)
		wide := floats.borrow(side * (right - left))
		defer wide.giveBack()
		for top := 0; top < m; top += side {
			rows := min(side, m-top)
			for i := range rows {
				at := (top + i) * n
				widen(wide.data[i*(right-left):][:right-left], from[at+left:at+right])
			}
			kernel.Transpose(to[left*m+top:], m, wide.data, right-left, rows, right-left)
		}
	})
}

// widening returns what widens a row of a type of 16 bits.
func widening(d DType) func(dst []float32, x []uint16) {
	if d == F16 {
		return row.WidenF16
	}
	return row.WidenBF16
}
