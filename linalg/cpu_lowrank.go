package linalg

import "fmt"

// LowRank computes y += s·(x·Aᵀ)·Bᵀ on the rows of every part.
func (d cpu) LowRank(y, x *Tensor, parts []LowRank) {
	for _, p := range parts {
		p.check("LowRank", x, y)
		u := d.Empty(F32, p.Hi-p.Lo, p.A.Rows())
		d.MatMul(u, d.Rows(x, p.Lo, p.Hi), p.A, MatMul{TransB: true})
		d.MatMul(d.Rows(y, p.Lo, p.Hi), u, p.B, MatMul{TransB: true, Alpha: p.Scale, Accumulate: true})
		d.Free(u)
	}
}

// LowRankBackward computes dx += s·(g·B)·A on the rows of every part.
func (d cpu) LowRankBackward(dx, g *Tensor, parts []LowRank) {
	for _, p := range parts {
		p.check("LowRankBackward", dx, g)
		u := d.Empty(F32, p.Hi-p.Lo, p.A.Rows())
		d.MatMul(u, d.Rows(g, p.Lo, p.Hi), p.B, MatMul{})
		d.MatMul(d.Rows(dx, p.Lo, p.Hi), u, p.A, MatMul{Alpha: p.Scale, Accumulate: true})
		d.Free(u)
	}
}

// check panics where a part does not fit in (n, in) and out (n, out).
func (p LowRank) check(op string, in, out *Tensor) {
	if in.Rows() != out.Rows() || p.Lo < 0 || p.Hi < p.Lo || p.Hi > in.Rows() ||
		p.A.Cols() != in.Cols() || p.B.Rows() != out.Cols() || p.A.Rows() != p.B.Cols() {
		panic(fmt.Sprintf("linalg.%s: rows %d to %d of %v and %v, A %v, B %v", op, p.Lo, p.Hi, in.shape, out.shape, p.A.shape, p.B.shape))
	}
}
