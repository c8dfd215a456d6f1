package linalg

import (
	"runtime"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// LowRankGradient computes the gradients of a low-rank adapter from the rows Lo to Hi-1 of x and g:
//
//	dA += (s·g·B)ᵀ·x
//	dB += gᵀ·(s·x·Aᵀ)
//
// in row order. The CPU goes over x and g once, which come from memory: every block of rows is
// multiplied by A and B, and then by what came out, while it is in cache.
func LowRankGradient(dev Device, da, db, x, g *Tensor, p LowRank) {
	p.check("LowRankGradient", x, g)
	if _, host := dev.(cpu); host && p.A.Rows() <= fewColumns {
		mustEqual("LowRankGradient", da.Len(), p.A.Len())
		mustEqual("LowRankGradient", db.Len(), p.B.Len())
		newRankGradient(x, g, p).run(da.F32(), db.F32())
		return
	}
	x, g = dev.Rows(x, p.Lo, p.Hi), dev.Rows(g, p.Lo, p.Hi)
	u, v := dev.Empty(F32, x.Rows(), p.A.Rows()), dev.Empty(F32, x.Rows(), p.A.Rows())
	dev.MatMul(u, x, p.A, MatMul{TransB: true})
	dev.MatMul(v, g, p.B, MatMul{})
	if p.Scale != 1 {
		dev.Scale(u, p.Scale)
		dev.Scale(v, p.Scale)
	}
	dev.MatMul(da, v, x, MatMul{TransA: true, Accumulate: true})
	dev.MatMul(db, g, u, MatMul{TransA: true, Accumulate: true})
	dev.Free(u)
	dev.Free(v)
}

// rankGradient is such a computation.
type rankGradient struct {
	x, g          []float32
	n             int // rows
	in, out, rank int
	scale         float32
	a, b          thin // Aᵀ (in, rank), B (out, rank)
	block         int  // rows that are gone over at a time
	u, v          []float32
	columns       []float32 // dB by columns, strip by strip
	memory        *borrowed[float32]
}

// blockElements are those of a thread's share of a block of x and g: they stay in the second cache.
const blockElements = 48 << 10

func newRankGradient(x, g *Tensor, p LowRank) *rankGradient {
	r := &rankGradient{n: p.Hi - p.Lo, in: p.A.Cols(), out: p.B.Rows(), rank: p.A.Rows(), scale: p.Scale}
	r.x, r.g = x.F32()[p.Lo*r.in:p.Hi*r.in], g.F32()[p.Lo*r.out:p.Hi*r.out]
	r.a, r.b = factor{p.A.F32(), r.in, r.rank, true}.thin(), factor{p.B.F32(), r.out, r.rank, false}.thin()
	tiles := max(1, blockElements/(tallest*(r.in+r.out)))
	r.block = min(tiles*tallest*runtime.GOMAXPROCS(0), r.n)
	r.memory = floats.borrow(2*r.block*r.rank + r.rank*r.out)
	r.u, r.columns = split(r.memory.data, r.block*r.rank)
	r.v, r.columns = split(r.columns, r.block*r.rank)
	return r
}

// run goes over the blocks.
func (r *rankGradient) run(da, db []float32) {
	own := r.block * (r.in + r.out) * r.rank                                            // multiplications of a block, of each half
	ofX, ofG := (r.in+stripColumns-1)/stripColumns, (r.out+stripColumns-1)/stripColumns // strips
	for lo := 0; lo < r.n; lo += r.block {
		hi := min(lo+r.block, r.n)
		tiles := (hi - lo + tallest - 1) / tallest
		parallel(tiles, max(1, pieceWork*tiles/max(1, own)), func(first, last int) {
			r.inner(lo, lo+first*tallest, min(lo+last*tallest, hi))
		})
		parallel(ofX+ofG, max(1, pieceWork*(ofX+ofG)/max(1, own)), func(first, last int) {
			for s := first; s < last; s++ {
				if s < ofG {
					r.strip(db, s, lo, hi)
				} else {
					r.stripOfA(da, s-ofG, lo, hi)
				}
			}
		})
	}
	r.a.giveBack()
	r.b.giveBack()
	r.memory.giveBack()
}

// inner computes s·x·Aᵀ and s·g·B for some rows of the block that begins at row block.
func (r *rankGradient) inner(block, lo, hi int) {
	u, v := r.u[(lo-block)*r.rank:(hi-block)*r.rank], r.v[(lo-block)*r.rank:(hi-block)*r.rank]
	r.a.multiply(u, nil, r.x[lo*r.in:], hi-lo)
	r.b.multiply(v, nil, r.g[lo*r.out:], hi-lo)
	if r.scale != 1 {
		row.Scale(u, r.scale)
		row.Scale(v, r.scale)
	}
}

// strip adds the rows lo to hi-1 to some rows of dB, which are by columns meanwhile.
func (r *rankGradient) strip(db []float32, s, lo, hi int) {
	left, right := s*stripColumns, min((s+1)*stripColumns, r.out)
	width, part := right-left, db[left*r.rank:right*r.rank]
	c := r.columns[left*r.rank:][:width*r.rank]
	if lo == 0 {
		kernel.Transpose(c, width, part, r.rank, width, r.rank)
	}
	kernel.AddOuterFetching(c, width, r.u, r.rank, r.g[lo*r.out+left:], r.out, r.rank, width, hi-lo, next(r.g, r.out, lo, hi, left))
	if hi == r.n {
		kernel.Transpose(part, r.rank, c, width, r.rank, width)
	}
}

// stripOfA adds them to some columns of dA.
func (r *rankGradient) stripOfA(da []float32, s, lo, hi int) {
	left, right := s*stripColumns, min((s+1)*stripColumns, r.in)
	kernel.AddOuterFetching(da[left:], r.in, r.v, r.rank, r.x[lo*r.in+left:], r.in, r.rank, right-left, hi-lo, next(r.x, r.in, lo, hi, left))
}

// next is what of the block behind rows lo to hi-1 is asked for beside the columns from left on: as
// many elements as those have.
func next(x []float32, cols, lo, hi, left int) []float32 {
	return x[min(hi*cols+left*(hi-lo), len(x)):]
}
