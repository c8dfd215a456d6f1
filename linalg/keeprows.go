package coordinator

import (
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// withGradient lists the rows that are not all zero in each of some host tensors.
func withGradient(gradients []*linalg.Tensor) []int {
	var list []int
	for i := range gradients[0].Rows() {
		if slices.ContainsFunc(gradients, func(g *linalg.Tensor) bool { return !isZero(g, i) }) {
			list = append(list, i)
		}
	}
	return list
}

// isZero reports whether all of a row is zero, of whichever sign.
func isZero(t *linalg.Tensor, row int) bool {
	lo, hi := row*t.Cols(), (row+1)*t.Cols()
	if t.DType() == linalg.F32 {
		return !slices.ContainsFunc(t.F32()[lo:hi], func(v float32) bool { return v != 0 })
	}
	const sign = 1 << 15
	return !slices.ContainsFunc(t.Bits()[lo:hi], func(v uint16) bool { return v&^sign != 0 })
}

// keepRows moves the listed rows of each tensor together, in the tensor's own memory, and cuts
// off the rest. They are in ascending order.
func keepRows(tensors []*linalg.Tensor, keep []int) {
	for i, t := range tensors {
		if len(keep) == t.Rows() {
			continue
		}
		switch n := t.Cols(); t.DType() {
		case linalg.I32:
			moveRows(t.I32(), n, keep)
		case linalg.F32:
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
