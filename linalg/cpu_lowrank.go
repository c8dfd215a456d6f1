package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
)

// LowRank computes y += s·(x·Aᵀ)·Bᵀ on the rows of every part.
func (cpu) LowRank(y, x *Tensor, parts []LowRank) {
	for _, p := range parts {
		p.check("LowRank", x, y)
	}
	throughRanks(y, x, parts, func(p *LowRank) (narrow, wide factor) {
		r, in, out := p.A.Rows(), p.A.Cols(), p.B.Rows()
		return factor{p.A.F32(), in, r, true}, factor{p.B.F32(), r, out, true}
	})
}

// LowRankBackward computes dx += s·(g·B)·A on the rows of every part.
func (cpu) LowRankBackward(dx, g *Tensor, parts []LowRank) {
	for _, p := range parts {
		p.check("LowRankBackward", dx, g)
	}
	throughRanks(dx, g, parts, func(p *LowRank) (narrow, wide factor) {
		r, in, out := p.A.Rows(), p.A.Cols(), p.B.Rows()
		return factor{p.B.F32(), out, r, false}, factor{p.A.F32(), r, in, false}
	})
}

// check panics where a part does not fit in (n, in) and out (n, out).
func (p LowRank) check(op string, in, out *Tensor) {
	if in.Rows() != out.Rows() || p.Lo < 0 || p.Hi < p.Lo || p.Hi > in.Rows() ||
		p.A.Cols() != in.Cols() || p.B.Rows() != out.Cols() || p.A.Rows() != p.B.Cols() {
		panic(fmt.Sprintf("linalg.%s: rows %d to %d of %v and %v, A %v, B %v", op, p.Lo, p.Hi, in.shape, out.shape, p.A.shape, p.B.shape))
	}
}

// runRows is how many rows of a part a thread takes at a time: so many that packing the
// part's factors, which is done for each run, is little beside them.
const runRows = 128

// run is rows of a part.
type run struct {
	part   *LowRank
	lo, hi int
}

// throughRanks computes y += s·(x·narrow)·wide on the rows of every part, of whatever ranks.
// Threads share out runs of rows: each reads the rows of x once, and what is between the two
// products never leaves its cache.
func throughRanks(y, x *Tensor, parts []LowRank, factors func(p *LowRank) (narrow, wide factor)) {
	var runs []run
	for i := range parts {
		p := &parts[i]
		for lo := p.Lo; lo < p.Hi; lo += runRows {
			runs = append(runs, run{p, lo, min(lo+runRows, p.Hi)})
		}
	}
	ys, xs := y.F32(), x.F32()
	parallel(len(runs), 1, func(lo, hi int) {
		var t twoProducts
		for _, r := range runs[lo:hi] {
			if t.part != r.part {
				t.end()
				t.begin(r.part, factors)
			}
			t.add(ys, xs, r)
		}
		t.end()
	})
}

// twoProducts is a part whose factors are prepared.
type twoProducts struct {
	part    *LowRank
	narrow  thin
	wide    factor
	memory  *borrowed[float32]
	up      []float32 // wide, packed
	between []float32 // (runRows, rank)
}

// begin prepares a part's factors.
func (t *twoProducts) begin(p *LowRank, factors func(p *LowRank) (narrow, wide factor)) {
	narrow, wide := factors(p)
	t.part, t.narrow, t.wide = p, narrow.thin(), wide
	up := kernel.PackedLen(wide.rows, wide.cols)
	t.memory = floats.borrow(up + runRows*narrow.cols)
	t.up, t.between = split(t.memory.data, up)
	wide.pack(t.up)
}

// add computes a run's rows of y.
func (t *twoProducts) add(y, x []float32, r run) {
	in, rank, out, n := t.narrow.rows, t.narrow.cols, t.wide.cols, r.hi-r.lo
	u := t.between[:n*rank]
	t.narrow.multiply(u, nil, x[r.lo*in:], n)
	if s := t.part.Scale; s != 1 {
		row.Scale(u, s)
	}
	rows := y[r.lo*out : r.hi*out]
	kernel.Multiply(rows, out, rows, out, factor{u, n, rank, false}.operand(0), t.up, n, out, rank)
}

// end ends the loans.
func (t *twoProducts) end() {
	if t.memory != nil {
		t.memory.giveBack()
		t.narrow.giveBack()
	}
}
