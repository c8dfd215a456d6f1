package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// Bands is a device that hands a product over while it is in cache, in bands of rows, instead of
// writing it to memory, and asks for what is to be gone over together with it meanwhile.
type Bands interface {
	Device
	// MatMulBands computes init + aᵀ·b for a (k, m) and b (k, n), with the bits of MatMul. init
	// (m, n) may be nil. do gets rows lo to hi-1 in c, which is do's until it returns, and the
	// rows of all bands on several threads. All bands but the last have a multiple of unit
	// rows. later are tensors (m, n), whose rows do reads or writes.
	MatMulBands(init, a, b *Tensor, unit int, later []*Tensor, do func(lo, hi int, c []float32))
}

// bandRows is about how many rows a band has, of which threads take one at a time: so many that
// it is worth going over all of b, and so few that the band stays in cache with what is gone over
// together with it.
const bandRows = 64

// MatMulBands computes init + aᵀ·b, band by band.
func (cpu) MatMulBands(init, a, b *Tensor, unit int, later []*Tensor, do func(lo, hi int, c []float32)) {
	left, right := factor{a.F32(), a.Cols(), a.Rows(), true}, factor{b.F32(), b.Rows(), b.Cols(), false}
	m, n, k := left.rows, right.cols, right.rows
	if left.cols != k {
		panic(fmt.Sprintf("linalg.MatMulBands: %vᵀ · %v", a.shape, b.shape))
	}
	var start []float32
	if init != nil {
		start = init.F32()
		mustEqual("MatMulBands", len(start), m*n)
	}
	for _, t := range later {
		mustEqual("MatMulBands", t.Len(), m*n)
	}
	panels := floats.borrow(kernel.PackedLen(k, n))
	defer panels.giveBack()
	right.panels(panels.data)
	rows := min((bandRows+unit-1)/unit*unit, m)
	grain := max(1, pieceWork/max(1, rows*n*k))
	parallel((m+rows-1)/max(1, rows), grain, func(first, last int) {
		c, turned := floats.borrow(rows*n), floats.borrow(rows*k)
		defer c.giveBack()
		defer turned.giveBack()
		soon := make([][]float32, len(later))
		for band := first; band < last; band++ {
			lo, hi := band*rows, min((band+1)*rows, m)
			for i, t := range later {
				soon[i] = t.F32()[lo*n : hi*n]
			}
			var from []float32
			if start != nil {
				from = start[lo*n : hi*n]
			}
			out := c.data[:(hi-lo)*n]
			kernel.MultiplyFetching(out, n, from, n, left.upright(turned.data, lo, hi), panels.data, hi-lo, n, k, soon...)
			do(lo, hi, out)
		}
	})
}
