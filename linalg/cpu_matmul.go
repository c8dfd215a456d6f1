package linalg

import (
	"fmt"
	"runtime"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// factor is the left operand of a product, or the right one before it is packed.
type factor struct {
	data       []float32
	rows, cols int
	transposed bool // data holds it as (cols, rows)
}

// strides returns what to add to an index for the next row, and for the next column.
func (x factor) strides() (rs, cs int) {
	if x.transposed {
		return 1, x.rows
	}
	return x.cols, 1
}

// operand returns rows from lo on.
func (x factor) operand(lo int) kernel.Operand {
	if x.transposed {
		return kernel.Columns(x.data[lo:], x.rows)
	}
	return kernel.Rows(x.data[lo*x.cols:], x.cols)
}

// uprightColumns is the number of columns of a product from which on its left factor is turned first,
// if it is transposed. Rows that lie across memory take one place of the first cache, or few, and
// every panel fetches them again.
const uprightColumns = 256

// upright writes the rows lo to hi-1 of a transposed factor to memory, each in one piece.
func (x factor) upright(memory []float32, lo, hi int) kernel.Operand {
	kernel.Transpose(memory, x.cols, x.data[lo:], x.rows, x.cols, hi-lo)
	return kernel.Rows(memory, x.cols)
}

// pack packs x for the right side of a product.
func (x factor) pack(dst []float32) {
	rs, cs := x.strides()
	kernel.Pack(dst, x.data, x.rows, x.cols, rs, cs)
}

// panels does it on several threads.
func (x factor) panels(dst []float32) {
	rs, cs := x.strides()
	parallel((x.cols+kernel.Panel-1)/kernel.Panel, max(1, elementGrain/(kernel.Panel*max(1, x.rows))), func(lo, hi int) {
		first, last := lo*kernel.Panel, min(hi*kernel.Panel, x.cols)
		kernel.Pack(dst[first*x.rows:], x.data[first*cs:], x.rows, last-first, rs, cs)
	})
}

// Products are shared out in pieces of whole panels and of rows that stay in cache.
const (
	pieceRows    = 112     // a multiple of what the largest tile has
	fewestRows   = 28      // likewise, of a piece that is cut off
	piecePanels  = 8       // at most, about, where rows stay in cache
	unitPanels   = 4       // that are shared out at least
	shallow      = 768     // terms: so many of a piece's rows stay in cache from one piece to the next
	deepRows     = 56      // of a piece of more terms: they stay in cache within one
	deepPanels   = 24      // at most, about
	nearElements = 1 << 23 // of b: if it has more, they come from memory for every piece anew
	farRows      = 100     // then a piece has no fewer, and less than twice as many
	tallRows     = 224     // of a piece of which b is widened for every piece anew
	pieceWork    = 1 << 18 // multiplications that are worth a thread
)

// piece is what a thread computes of a product.
type piece struct {
	c, init    []float32 // from its first element on
	ldc, ldi   int       // from row to row
	row, col   int       // of the first element; col is a panel's first
	rows, cols int
}

// cutting is what pieces of a product are cut by besides its size.
type cutting struct {
	unit int  // they begin at rows that are multiples of it
	tall bool // they cost something that does not depend on how many rows they have
}

// pieces calls do for the pieces of a product c (m, n) of k terms.
func pieces(c, init []float32, m, n, k int, cut cutting, do func(p piece)) {
	if m == 0 || n == 0 {
		return
	}
	ldi := n
	if len(init) == n && m > 1 {
		ldi = 0
	}
	panels := (n + kernel.Panel - 1) / kernel.Panel
	units, threads := (m+cut.unit-1)/cut.unit, runtime.GOMAXPROCS(0)
	high := pieceRows
	switch {
	case cut.tall:
		high = tallRows
	case k > shallow && k <= kernel.Depth:
		high = deepRows
	}
	bands := max((m+high-1)/high, min(m/fewestRows, 4*threads/panels)) // a narrow product is cut between rows
	if high == pieceRows && k*n > nearElements {
		bands = max(1, m/farRows)
	}
	// A piece has several panels, so that a's rows are fetched for more than one, and not so many
	// that what was computed has left the cache when the piece is done.
	across, together := max(1, panels/unitPanels), piecePanels/unitPanels
	if k > shallow { // then no rows of a stay in cache from one piece to the next
		together = deepPanels / unitPanels
	}
	grain := max(1, pieceWork/max(1, (m/bands+1)*max(1, k)*(n/across+1)))
	parallel(bands*across, grain, func(lo, hi int) {
		for i := lo; i < hi; {
			band, part := i/across, i%across
			parts := min(together, across-part, hi-i)
			i += parts
			top, bottom := band*units/bands*cut.unit, min((band+1)*units/bands*cut.unit, m)
			left, right := part*panels/across*kernel.Panel, min((part+parts)*panels/across*kernel.Panel, n)
			p := piece{c: c[top*n+left:], ldc: n, ldi: ldi, row: top, col: left, rows: bottom - top, cols: right - left}
			if init != nil {
				p.init = init[top*ldi+left:]
			}
			do(p)
		}
	})
}

// MatMul computes c (=|+=) alpha · op(a) · op(b).
func (d cpu) MatMul(c, a, b *Tensor, op MatMul) {
	left := factor{a.F32(), a.Rows(), a.Cols(), false}
	if op.TransA {
		left = factor{a.F32(), a.Cols(), a.Rows(), true}
	}
	right := factor{b.F32(), b.Rows(), b.Cols(), false}
	if op.TransB {
		right = factor{b.F32(), b.Cols(), b.Rows(), true}
	}
	if right.rows != left.cols || c.Rows() != left.rows || c.Cols() != right.cols {
		panic(fmt.Sprintf("linalg.MatMul: %v = %v · %v, %+v", c.shape, a.shape, b.shape, op))
	}
	if op.Alpha != 0 && op.Alpha != 1 {
		scaled := floats.borrow(len(left.data))
		defer scaled.giveBack()
		copy(scaled.data, left.data)
		left.data = scaled.data
		d.Scale(FromF32(left.data, len(left.data)), op.Alpha)
	}
	m, n, k := left.rows, right.cols, right.rows
	switch {
	case op.TransA && !op.TransB && min(m, n) <= fewColumns:
		sumOuter(c.F32(), left, right, op.Accumulate)
		return
	case !op.TransA && n <= fewColumns:
		var init []float32
		if op.Accumulate {
			init = c.F32()
		}
		multiplyThin(c.F32(), init, left, right)
		return
	case !op.TransA && !op.TransB && m <= outerRows && 2*m < n && k*n >= outerElements:
		multiplyOuter(c.F32(), left, right, op.Accumulate)
		return
	case 2*m < n && k*m+2*m*n < k*n:
		multiplySwapped(c.F32(), left, right, op.Accumulate)
		return
	}
	var init []float32
	if op.Accumulate {
		init = c.F32()
	}
	multiplyPacking(c.F32(), init, left, right, false)
}

// multiplyPacking computes c = init + a·b for a b that is not packed yet. Where a streams, from
// memory and past the caches, what lies behind a piece's rows is asked for while they are multiplied.
func multiplyPacking(c, init []float32, a, b factor, streams bool) {
	n, k := b.cols, b.rows
	panels := floats.borrow(kernel.PackedLen(k, n))
	defer panels.giveBack()
	b.panels(panels.data)
	if a.transposed && n >= uprightColumns {
		turned := floats.borrow(a.rows * k)
		defer turned.giveBack()
		transpose(turned.data, a.data, k, a.rows)
		a = factor{turned.data, a.rows, k, false}
	}
	pieces(c, init, a.rows, n, k, cutting{unit: 1}, func(p piece) {
		var later []float32
		if end := (p.row + p.rows) * k; streams && !a.transposed {
			later = a.data[end:min(end+p.rows*k, len(a.data))]
		}
		kernel.MultiplyFetching(p.c, p.ldc, p.init, p.ldi, a.operand(p.row), panels.data[p.col*k:], p.rows, p.cols, k, later)
	})
}

// multiplySwapped computes c (m, n) (=|+=) a·b as the transpose of bᵀ·aᵀ, which packs a where
// there is much less of it than of b. Every element is the same chain of sums.
func multiplySwapped(c []float32, a, b factor, accumulate bool) {
	m, n := a.rows, b.cols
	memory := floats.borrow(m * n)
	defer memory.giveBack()
	var init []float32
	if accumulate {
		init = memory.data
		transpose(memory.data, c, m, n)
	}
	multiplyPacking(memory.data, init, b.flipped(), a.flipped(), true)
	transpose(c, memory.data, n, m)
}

// flipped returns the transpose, of the same data.
func (x factor) flipped() factor { return factor{x.data, x.cols, x.rows, !x.transposed} }

// transpose writes x (rows, cols) to t as (cols, rows), on several threads.
func transpose(t, x []float32, rows, cols int) {
	const columns = 64 // of x, that a thread turns at a time: rows of it that lie in one piece
	parallel((cols+columns-1)/columns, max(1, elementGrain/(columns*max(1, rows))), func(lo, hi int) {
		left, right := lo*columns, min(hi*columns, cols)
		kernel.Transpose(t[left*rows:], rows, x[left:], cols, rows, right-left)
	})
}
