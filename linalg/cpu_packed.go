package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// packed keeps the panels of Wᵀ, which y = x·Wᵀ multiplies by, and those of W for the way
// back, so that neither product packs anything.
type packed struct {
	out, in           int
	precision         Precision
	forward, backward panels
}

// panels are a packed matrix (k, n) in one of two forms.
type panels struct {
	k, n   int
	single []float32
	half   []uint16
}

// Pack prepares W (out, in).
func (cpu) Pack(w *Tensor, precision Precision) Packed {
	p := &packed{out: w.Rows(), in: w.Cols(), precision: precision}
	p.forward, p.backward = newPanels(p.in, p.out, precision), newPanels(p.out, p.in, precision)
	p.Set(w)
	return p
}

func newPanels(k, n int, precision Precision) panels {
	if precision == F32Products {
		return panels{k: k, n: n, single: make([]float32, kernel.PackedLen(k, n))}
	}
	return panels{k: k, n: n, half: make([]uint16, kernel.PackedLenBF16(k, n))}
}

// Shape returns (out, in).
func (p *packed) Shape() (out, in int) { return p.out, p.in }

// Set replaces the matrix.
func (p *packed) Set(w *Tensor) {
	if w.Rows() != p.out || w.Cols() != p.in {
		panic(fmt.Sprintf("linalg.Packed.Set: %v for (%d, %d)", w.shape, p.out, p.in))
	}
	data := w.Convert(F32).F32()
	p.forward.set(factor{data, p.in, p.out, true})
	p.backward.set(factor{data, p.out, p.in, false})
}

// set packs x, on several threads.
func (b panels) set(x factor) {
	if b.single != nil {
		x.panels(b.single)
		return
	}
	rs, cs := x.strides()
	parallel((b.n+kernel.Panel-1)/kernel.Panel, max(1, elementGrain/(kernel.Panel*max(1, b.k))), func(lo, hi int) {
		first, last := lo*kernel.Panel, min(hi*kernel.Panel, b.n)
		kernel.PackBF16(b.half[first*kernel.Terms(b.k):], x.data[first*cs:], b.k, last-first, rs, cs)
	})
}

// Bytes returns what both packed forms take.
func (p *packed) Bytes() int64 { return PackedBytes(p.out, p.in, p.precision) }

// PackedBytes returns what a packed matrix W (out, in) takes on the CPU.
func PackedBytes(out, in int, precision Precision) int64 {
	if precision == F32Products {
		return 4 * int64(kernel.PackedLen(in, out)+kernel.PackedLen(out, in))
	}
	return 2 * int64(kernel.PackedLenBF16(in, out)+kernel.PackedLenBF16(out, in))
}

// Linear computes y = f(x·Wᵀ + bias) + residual.
func (d cpu) Linear(y, x *Tensor, w Packed, e Epilogue) {
	p := w.(*packed)
	if x.Cols() != p.in || y.Cols() != p.out || x.Rows() != y.Rows() {
		panic(fmt.Sprintf("linalg.Linear: %v = %v · (%d, %d)ᵀ", y.shape, x.shape, p.out, p.in))
	}
	var init []float32
	if e.Bias != nil {
		init = e.Bias.F32()
		mustEqual("Linear", len(init), p.out)
	}
	product := y
	if e.Before != nil {
		product = e.Before
		mustEqual("Linear", product.Len(), y.Len())
	}
	p.forward.multiply(product.F32(), init, x, p.precision)
	if e.Before != nil {
		d.Activate(y, e.Before, e.Activation)
	}
	if e.Residual != nil {
		d.Add(y, y, e.Residual)
	}
}

// LinearBackward computes dx (=|+=) g·W.
func (cpu) LinearBackward(dx, g *Tensor, w Packed, accumulate bool) {
	p := w.(*packed)
	if dx.Cols() != p.in || g.Cols() != p.out || dx.Rows() != g.Rows() {
		panic(fmt.Sprintf("linalg.LinearBackward: %v = %v · (%d, %d)", dx.shape, g.shape, p.out, p.in))
	}
	var init []float32
	if accumulate {
		init = dx.F32()
	}
	p.backward.multiply(dx.F32(), init, g, p.precision)
}

// multiply computes c = init + x·b.
func (b panels) multiply(c, init []float32, x *Tensor, precision Precision) {
	a := factor{x.F32(), x.Rows(), b.k, false}
	switch precision {
	case F32Products:
		multiply(c, init, a, b.single, b.n)
	case BF16Weights:
		terms := kernel.Terms(b.k)
		pieces(c, init, a.rows, b.n, b.k, 1, func(p piece) {
			kernel.MultiplyWidened(p.c, b.n, p.init, p.ldi, a.operand(p.row), b.half[p.col*terms:], p.rows, p.cols, b.k)
		})
	case BF16Products:
		b.multiplyBF16(c, init, a)
	}
}

// multiplyBF16 rounds a, all of it first, and multiplies.
func (b panels) multiplyBF16(c, init []float32, a factor) {
	terms := kernel.Terms(b.k)
	rounded := halves.borrow(kernel.RowsBF16(a.rows) * terms)
	defer rounded.giveBack()
	parallel(a.rows, rowGrain(b.k), func(lo, hi int) {
		kernel.RoundBF16(rounded.data[lo*terms:], a.operand(lo), hi-lo, b.k)
	})
	pieces(c, init, a.rows, b.n, b.k, kernel.Together, func(p piece) {
		kernel.MultiplyBF16(p.c, b.n, p.init, p.ldi, rounded.data[p.row*terms:], b.half[p.col*terms:], p.rows, p.cols, b.k)
	})
}
