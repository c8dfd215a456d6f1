package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/row"
)

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
	p.forward.multiply(y.F32(), init, x, p.precision, e.finish(y))
}

// LinearBackward computes dx (=|+=) g·W, or dx = (g·W)·f′(before), likewise.
func (cpu) LinearBackward(dx, g *Tensor, w Packed, b Backward) {
	p := w.(*packed)
	if dx.Cols() != p.in || g.Cols() != p.out || dx.Rows() != g.Rows() {
		panic(fmt.Sprintf("linalg.LinearBackward: %v = %v · (%d, %d)", dx.shape, g.shape, p.out, p.in))
	}
	var init []float32
	if b.Accumulate {
		init = dx.F32()
	}
	p.backward.multiply(dx.F32(), init, g, p.precision, b.finish(dx))
}

// finish is what becomes of every piece of a product.
type finish struct {
	aside bool          // the piece is in memory of its own, and not where the product is to be
	meets [2][]float32  // what it reads or writes where the product is to be; or nil
	piece func(p piece) // nil: nothing is to be done
}

// finish makes y of the product.
func (e Epilogue) finish(y *Tensor) finish {
	var residual []float32
	if e.Residual != nil {
		residual = e.Residual.F32()
		mustEqual("Linear", len(residual), y.Len())
	}
	n := y.Cols()
	switch {
	case e.Before != nil:
		mustEqual("Linear", e.Before.Len(), y.Len())
		return finish{true, [2][]float32{y.F32(), residual}, e.activate(y.F32(), e.Before.F32(), residual, n)}
	case residual == nil:
		return finish{}
	}
	return finish{false, [2][]float32{residual}, func(p piece) {
		for i := range p.rows {
			at := (p.row+i)*n + p.col
			row.Add(p.c[i*p.ldc:][:p.cols], residual[at:at+p.cols])
		}
	}}
}

// activate writes f of a piece to y, adds the residual, if there is one, and leaves f's argument
// in before, which nothing needs before the way back.
func (e Epilogue) activate(y, before, residual []float32, n int) func(p piece) {
	value := e.Activation.curve().value
	return func(p piece) {
		for i := range p.rows {
			at := (p.row+i)*n + p.col
			out, u := y[at:at+p.cols], p.c[i*p.ldc:][:p.cols]
			value(out, u)
			if residual != nil {
				row.Add(out, residual[at:at+p.cols])
			}
			row.Stream(before[at:at+p.cols], u)
		}
		row.Fence()
	}
}

// finish multiplies the product by f′.
func (b Backward) finish(dx *Tensor) finish {
	if b.Before == nil {
		return finish{}
	}
	slope, to, before, n := b.Activation.curve().slope, dx.F32(), b.Before.F32(), dx.Cols()
	mustEqual("LinearBackward", len(before), dx.Len())
	if b.Accumulate {
		panic("linalg.LinearBackward: before and accumulate")
	}
	return finish{true, [2][]float32{to, before}, func(p piece) {
		for i := range p.rows {
			at := (p.row+i)*n + p.col
			slope(to[at:at+p.cols], p.c[i*p.ldc:][:p.cols], before[at:at+p.cols])
		}
	}}
}
