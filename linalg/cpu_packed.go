package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/kernel"
	"github.com/gradientlearning/cola/linalg/row"
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
		return panels{k: k, n: n, single: inLargePages(make([]float32, kernel.PackedLen(k, n)))}
	}
	return panels{k: k, n: n, half: inLargePages(make([]uint16, kernel.PackedLenBF16(k, n)))}
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

// Linear computes y = f(x·Wᵀ + bias) + residual, of every piece of the product while that is in
// cache.
func (cpu) Linear(y, x *Tensor, w Packed, e Epilogue) {
	p := w.(*packed)
	if x.Cols() != p.in || y.Cols() != p.out || x.Rows() != y.Rows() {
		panic(fmt.Sprintf("linalg.Linear: %v = %v · (%d, %d)ᵀ", y.shape, x.shape, p.out, p.in))
	}
	var init []float32
	if e.Bias != nil {
		init = e.Bias.F32()
		mustEqual("Linear", len(init), p.out)
	}
	product, finish := e.on(y)
	p.forward.multiply(product.F32(), init, x, p.precision, finish)
}

// on returns where the product goes whose result is y, and what is to be done with a piece of
// it; nil: nothing.
func (e Epilogue) on(y *Tensor) (product *Tensor, finish func(p piece)) {
	if e.Before == nil && e.Residual == nil {
		return y, nil
	}
	product = y
	var residual []float32
	var curve func(y, x []float32)
	if e.Before != nil {
		product, curve = e.Before, e.Activation.curve().value
		mustEqual("Linear", product.Len(), y.Len())
	}
	if e.Residual != nil {
		residual = e.Residual.F32()
		mustEqual("Linear", len(residual), y.Len())
	}
	ys, n := y.F32(), y.Cols()
	return product, func(p piece) {
		for i := range p.rows {
			at := (p.row+i)*n + p.col
			out := ys[at : at+p.cols]
			if curve != nil {
				curve(out, p.c[i*n:][:p.cols])
			}
			if residual != nil {
				row.Add(out, residual[at:at+p.cols])
			}
		}
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
	p.backward.multiply(dx.F32(), init, g, p.precision, nil)
}

// multiply computes c = init + x·b, and then finishes every piece, if there is anything to do.
func (b panels) multiply(c, init []float32, x *Tensor, precision Precision, finish func(p piece)) {
	a := factor{x.F32(), x.Rows(), b.k, false}
	do, unit := b.product(a), 1
	if precision == BF16Products {
		var rounded *borrowed[uint16]
		rounded, do = b.rounded(a)
		defer rounded.giveBack()
		unit = kernel.Together
	}
	pieces(c, init, a.rows, b.n, b.k, unit, func(p piece) {
		do(p)
		if finish != nil {
			finish(p)
		}
	})
}

// product multiplies in float32.
func (b panels) product(a factor) func(p piece) {
	if b.single != nil {
		return func(p piece) {
			kernel.Multiply(p.c, b.n, p.init, p.ldi, a.operand(p.row), b.single[p.col*b.k:], p.rows, p.cols, b.k)
		}
	}
	terms := kernel.Terms(b.k)
	return func(p piece) {
		kernel.MultiplyWidened(p.c, b.n, p.init, p.ldi, a.operand(p.row), b.half[p.col*terms:], p.rows, p.cols, b.k)
	}
}

// rounded rounds a, all of it first, and multiplies that.
func (b panels) rounded(a factor) (memory *borrowed[uint16], product func(p piece)) {
	terms := kernel.Terms(b.k)
	memory = halves.borrow(kernel.RowsBF16(a.rows) * terms)
	parallel(a.rows, rowGrain(b.k), func(lo, hi int) {
		kernel.RoundBF16(memory.data[lo*terms:], a.operand(lo), hi-lo, b.k)
	})
	return memory, func(p piece) {
		kernel.MultiplyBF16(p.c, b.n, p.init, p.ldi, memory.data[p.row*terms:], b.half[p.col*terms:], p.rows, p.cols, b.k)
	}
}
