package linalg

import "slices"

// NonZeroRows lists the rows that are not all zero in every one of some host tensors, F32 or BF16,
// of as many rows. It is never nil.
func NonZeroRows(tensors []*Tensor) []int {
	list := make([]int, 0, tensors[0].Rows())
	for i := range tensors[0].Rows() {
		if slices.ContainsFunc(tensors, func(t *Tensor) bool { return !isZeroRow(t, i) }) {
			list = append(list, i)
		}
	}
	return list
}

// isZeroRow reports whether all of a row is zero, of whichever sign.
func isZeroRow(t *Tensor, row int) bool {
	lo, hi := row*t.Cols(), (row+1)*t.Cols()
	if t.DType() == F32 {
		return !slices.ContainsFunc(t.F32()[lo:hi], func(v float32) bool { return v != 0 })
	}
	const sign = 1 << 15
	return !slices.ContainsFunc(t.Bits()[lo:hi], func(v uint16) bool { return v&^sign != 0 })
}

// KeepRows returns a host tensor of the listed rows: a view if they are all there are, else a
// copy.
func KeepRows(t *Tensor, keep []int) *Tensor {
	if len(keep) == t.Rows() {
		return t
	}
	kept := New(t.dtype, append([]int{len(keep)}, t.shape[1:]...)...)
	switch n := t.Cols(); t.DType() {
	case I32:
		copyRows(kept.i32, t.I32(), n, keep)
	case F32:
		copyRows(kept.f32, t.F32(), n, keep)
	default:
		copyRows(kept.u16, t.Bits(), n, keep)
	}
	return kept
}

// copyRows copies rows of n elements.
func copyRows[E any](to, from []E, n int, keep []int) {
	for i, row := range keep {
		copy(to[i*n:(i+1)*n], from[row*n:(row+1)*n])
	}
}
