package linalg

import "slices"

// NonZeroRows lists the rows that are not all zero in every one of some host tensors, F32 or BF16,
// of as many rows.
func NonZeroRows(tensors []*Tensor) []int {
	var list []int
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

// KeepRows moves the listed rows of each host tensor together, in the tensor's own memory, and
// replaces it in the list by a view of them. They are in ascending order.
func KeepRows(tensors []*Tensor, keep []int) {
	for i, t := range tensors {
		if len(keep) == t.Rows() {
			continue
		}
		switch n := t.Cols(); t.DType() {
		case I32:
			moveRows(t.I32(), n, keep)
		case F32:
			moveRows(t.F32(), n, keep)
		default:
			moveRows(t.Bits(), n, keep)
		}
		tensors[i] = t.RowRange(0, len(keep))
	}
}

// moveRows moves rows of n elements to the front.
func moveRows[E any](data []E, n int, keep []int) {
	for to, from := range keep {
		copy(data[to*n:(to+1)*n], data[from*n:(from+1)*n])
	}
}
