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

// multiply computes c = init + x·b, and then finishes every piece, if there is anything to do.
func (b panels) multiply(c, init []float32, x *Tensor, precision Precision, f finish) {
	a := factor{x.F32(), x.Rows(), b.k, false}
	do, cut := b.product(a, f.meets), cutting{unit: 1, tall: b.single == nil}
	switch {
	case precision == BF16Products && kernel.BF16() != "none":
		var rounded *borrowed[uint16]
		rounded, do = b.rounded(a)
		defer rounded.giveBack()
		cut = cutting{unit: kernel.Together}
	case precision == BF16Products:
		rounded := roundedWide(a)
		defer rounded.giveBack()
		a.data = rounded.data
		do = b.product(a, f.meets)
	}
	pieces(c, init, a.rows, b.n, b.k, cut, func(p piece) {
		if f.aside {
			memory := floats.borrow(p.rows * p.cols)
			defer memory.giveBack()
			p.c, p.ldc = memory.data, p.cols
		}
		do(p)
		if f.piece != nil {
			f.piece(p)
		}
	})
}

// product multiplies in float32, and fetches what the result meets.
func (b panels) product(a factor, meets [2][]float32) func(p piece) {
	terms := kernel.Terms(b.k)
	return func(p piece) {
		var list [2]kernel.Meeting
		n := 0
		for _, data := range meets {
			if data != nil {
				list[n] = kernel.Meeting{Data: data[p.row*b.n+p.col:], Stride: b.n}
				n++
			}
		}
		if b.single != nil {
			kernel.Multiply(p.c, p.ldc, p.init, p.ldi, a.operand(p.row), b.single[p.col*b.k:], p.rows, p.cols, b.k, list[:n]...)
		} else {
			kernel.MultiplyWidened(p.c, p.ldc, p.init, p.ldi, a.operand(p.row), b.half[p.col*terms:], p.rows, p.cols, b.k, list[:n]...)
		}
	}
}

// roundedWide rounds a, all of it first, to numbers of bfloat16 in float32: for processors that
// multiply no bfloat16, or not faster.
func roundedWide(a factor) *borrowed[float32] {
	memory := floats.borrow(a.rows * a.cols)
	parallel(a.rows, rowGrain(a.cols), func(lo, hi int) {
		narrow := halves.borrow(a.cols)
		defer narrow.giveBack()
		for i := lo; i < hi; i++ {
			row.NarrowBF16(narrow.data, a.data[i*a.cols:][:a.cols])
			row.WidenBF16(memory.data[i*a.cols:][:a.cols], narrow.data)
		}
	})
	return memory
}

// rounded rounds a, all of it first, and multiplies that.
func (b panels) rounded(a factor) (memory *borrowed[uint16], product func(p piece)) {
	terms := kernel.Terms(b.k)
	memory = halves.borrow(kernel.RowsBF16(a.rows) * terms)
	parallel(a.rows, rowGrain(b.k), func(lo, hi int) {
		kernel.RoundBF16(memory.data[lo*terms:], a.operand(lo), hi-lo, b.k)
	})
	return memory, func(p piece) {
		kernel.MultiplyBF16(p.c, p.ldc, p.init, p.ldi, memory.data[p.row*terms:], b.half[p.col*terms:], p.rows, p.cols, b.k)
	}
}
