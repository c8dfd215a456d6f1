package linalg

import "github.com/gradientlearning/cola/linalg/kernel"

// thin is a factor of few columns, in the form in which rows are multiplied by it fastest.
type thin struct {
	factor
	data   []float32
	narrow bool               // for [kernel.MultiplyNarrow], else packed
	memory *borrowed[float32] // nil: it is used as it lies
}

// thin prepares x.
func (x factor) thin() thin {
	width := kernel.NarrowWidth(x.cols)
	if width == x.cols && !x.transposed {
		return thin{x, x.data, true, nil}
	}
	if width == 0 {
		memory := floats.borrow(kernel.PackedLen(x.rows, x.cols))
		x.pack(memory.data)
		return thin{x, memory.data, false, memory}
	}
	memory := floats.borrow(x.rows * width)
	rs, cs := x.strides()
	kernel.PackNarrow(memory.data, x.data, x.rows, x.cols, rs, cs)
	return thin{x, memory.data, true, memory}
}

// multiply computes m rows of c = init + a·x, from the first of each on. c and init have no other
// columns, and behind a lies what is multiplied next.
func (x thin) multiply(c, init, a []float32, m int) {
	n, k := x.cols, x.rows
	if x.narrow {
		kernel.MultiplyNarrow(c, n, init, n, a, x.data, m, n, k)
		return
	}
	kernel.Multiply(c, n, init, n, kernel.Rows(a, k), x.data, m, n, k)
}

// giveBack ends the loan.
func (x thin) giveBack() {
	if x.memory != nil {
		x.memory.giveBack()
	}
}

// multiplyThin computes c = init + a·b for a b of few columns.
func multiplyThin(c, init []float32, a, b factor) {
	t := b.thin()
	defer t.giveBack()
	n, k, tiles := b.cols, b.rows, (a.rows+tallest-1)/tallest
	const ranges = 4 // at most, about: the first rows of each come too late
	parallel(tiles, max(1, tiles/ranges, pieceWork/(tallest*max(1, n*k))), func(lo, hi int) {
		top, bottom := lo*tallest, min(hi*tallest, a.rows)
		var from []float32
		if init != nil {
			from = init[top*n:]
		}
		t.multiply(c[top*n:], from, a.data[top*k:], bottom-top)
	})
}

// tallest is how many rows the largest tile has.
const tallest = 16
