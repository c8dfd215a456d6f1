package cuda

import "github.com/gradientlearning/cola/linalg"

// With precision bf16-weights, matrices are kept in bfloat16 and multiplied in float32, with rows
// that are float32. cuBLASLt has no such product: a part of W at a time is widened.

// widenedBytes is how much of W is widened at once.
const widenedBytes = 64 << 20

// widened calls do with W's rows lo to hi-1 in float32, one part after the other.
func (d *Device) widened(w *linalg.Tensor, do func(part *linalg.Tensor, lo int)) {
	rows := min(max(1, widenedBytes/(4*max(1, w.Cols()))), w.Rows())
	memory := d.Empty(linalg.F32, rows, w.Cols())
	for lo := 0; lo < w.Rows(); lo += rows {
		part := d.Rows(memory, 0, min(rows, w.Rows()-lo))
		d.convert(part, d.Rows(w, lo, lo+part.Rows()))
		do(part, lo)
	}
	d.Free(memory)
}

// linearWidened computes y = x·Wᵀ, some columns at a time.
func (d *Device) linearWidened(y, x, w *linalg.Tensor) {
	d.widened(w, func(part *linalg.Tensor, lo int) {
		p := &product{a: d.matrix(x), b: d.matrix(part), transB: true, alpha: 1, d: d.columns(y, lo, part.Rows())}
		d.mustMultiply("Linear", p)
	})
}

// linearBackwardWidened computes dx (=|+=) g·W, the sum in the order of W's rows.
func (d *Device) linearBackwardWidened(dx, g, w *linalg.Tensor, accumulate bool) {
	d.widened(w, func(part *linalg.Tensor, lo int) {
		p := &product{a: d.columns(g, lo, part.Rows()), b: d.matrix(part), alpha: 1, d: d.matrix(dx)}
		if accumulate || lo > 0 {
			p.beta, p.c = 1, p.d
		}
		d.mustMultiply("LinearBackward", p)
	})
}

// columns is a matrix of some columns of a tensor.
func (d *Device) columns(t *linalg.Tensor, lo, n int) matrix {
	m := d.matrix(t)
	m.at, m.cols, m.stride = m.at+devicePointer(lo*t.DType().Size()), n, t.Cols()
	return m
}
