package linalg

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	blasgonum "gonum.org/v1/gonum/blas/gonum"
)

// gonum's Sgemm adds the products of one element of C in the order of k, whatever the
// other dimensions and the number of threads are, if B is not transposed. With Bᵀ it
// sums in blocks whose length depends on the number of rows. So B is never handed to it
// transposed: that is what makes rows independent of each other.
//
// It passes over zeros of A: 0·NaN and 0·∞ count as 0 here.
func sgemm(transA bool, m, n, k int, a, b, c []float32, accumulate bool) {
	if m == 0 || n == 0 {
		return
	}
	beta := float32(0)
	if accumulate {
		beta = 1
	}
	if k == 0 {
		if !accumulate {
			clear(c[:m*n])
		}
		return
	}
	tA, lda := blas.NoTrans, k
	if transA {
		tA, lda = blas.Trans, m
	}
	blasgonum.Implementation{}.Sgemm(tA, blas.NoTrans, m, n, k, 1, a, lda, b, n, beta, c, n)
}

// MatMul computes c (=|+=) alpha · op(a) · op(b).
func (d cpu) MatMul(c, a, b *Tensor, op MatMul) {
	m, k := a.Rows(), a.Cols()
	if op.TransA {
		m, k = k, m
	}
	kb, n := b.Rows(), b.Cols()
	bs := b.F32()
	if op.TransB {
		kb, n = n, kb
		bs = transpose(make([]float32, len(bs)), bs, n, kb)
	}
	if kb != k || c.Rows() != m || c.Cols() != n {
		panic(fmt.Sprintf("linalg.MatMul: %v = %v · %v, %+v", c.shape, a.shape, b.shape, op))
	}
	if op.Alpha == 0 || op.Alpha == 1 {
		sgemm(op.TransA, m, n, k, a.F32(), bs, c.F32(), op.Accumulate)
		return
	}
	product := New(F32, m, n)
	sgemm(op.TransA, m, n, k, a.F32(), bs, product.F32(), false)
	if !op.Accumulate {
		d.Zero(c)
	}
	d.Axpy(c, op.Alpha, product)
}

// transpose writes x (rows, cols) to t as (cols, rows), and returns t.
func transpose(t, x []float32, rows, cols int) []float32 {
	const block = 32 // both sides of a block stay in cache
	for i0 := 0; i0 < rows; i0 += block {
		for j0 := 0; j0 < cols; j0 += block {
			for i := i0; i < min(i0+block, rows); i++ {
				for j := j0; j < min(j0+block, cols); j++ {
					t[j*rows+i] = x[i*cols+j]
				}
			}
		}
	}
	return t
}

// packed keeps W and Wᵀ, so that neither product transposes anything.
type packed struct {
	out, in       int
	w, transposed []float32
}

// Pack prepares W (out, in).
func (cpu) Pack(w *Tensor) Packed {
	p := &packed{out: w.Rows(), in: w.Cols(), w: make([]float32, w.Len()), transposed: make([]float32, w.Len())}
	p.Set(w)
	return p
}

// Shape returns (out, in).
func (p *packed) Shape() (out, in int) { return p.out, p.in }

// Set replaces the matrix.
func (p *packed) Set(w *Tensor) {
	if w.Rows() != p.out || w.Cols() != p.in {
		panic(fmt.Sprintf("linalg.Packed.Set: %v for (%d, %d)", w.shape, p.out, p.in))
	}
	copy(p.w, w.Convert(F32).F32())
	transpose(p.transposed, p.w, p.out, p.in)
}

// Bytes returns what W and Wᵀ take.
func (p *packed) Bytes() int64 { return int64(len(p.w)+len(p.transposed)) * 4 }

// Linear computes y = x·Wᵀ + bias.
func (d cpu) Linear(y, x *Tensor, w Packed, bias *Tensor) {
	p := w.(*packed)
	if x.Cols() != p.in || y.Cols() != p.out || x.Rows() != y.Rows() {
		panic(fmt.Sprintf("linalg.Linear: %v = %v · (%d, %d)ᵀ", y.shape, x.shape, p.out, p.in))
	}
	sgemm(false, x.Rows(), p.out, p.in, x.F32(), p.transposed, y.F32(), false)
	if bias != nil {
		d.AddBias(y, bias)
	}
}

// LinearBackward computes dx (=|+=) g·W.
func (cpu) LinearBackward(dx, g *Tensor, w Packed, accumulate bool) {
	p := w.(*packed)
	if dx.Cols() != p.in || g.Cols() != p.out || dx.Rows() != g.Rows() {
		panic(fmt.Sprintf("linalg.LinearBackward: %v = %v · (%d, %d)", dx.shape, g.shape, p.out, p.in))
	}
	sgemm(false, g.Rows(), p.in, p.out, g.F32(), p.w, dx.F32(), accumulate)
}
