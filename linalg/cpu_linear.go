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

// LinearBackward computes dx (=|+=) g·W, or dx = (g·W)∘f′, likewise.
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
	case e.Saved != nil:
		mustEqual("Linear", e.Saved.Len(), y.Len())
		return finish{true, [2][]float32{y.F32(), residual}, e.activate(y.F32(), e.Saved.F32(), residual, n)}
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

// activate writes f of a piece to y, adds the residual, if there is one, and leaves f′ in saved,
// which nothing needs before the way back: there it takes one multiplication, and here less than
// half of what it would take there.
func (e Epilogue) activate(y, saved, residual []float32, n int) func(p piece) {
	valueAndSlope := e.Activation.curve().valueAndSlope
	return func(p piece) {
		for i := range p.rows {
			at := (p.row+i)*n + p.col
			out, u := y[at:at+p.cols], p.c[i*p.ldc:][:p.cols]
			valueAndSlope(out, u, u)
			if residual != nil {
				row.Add(out, residual[at:at+p.cols])
			}
			row.Stream(saved[at:at+p.cols], u)
		}
		row.Fence()
	}
}

// finish multiplies the product by f′.
func (b Backward) finish(dx *Tensor) finish {
	if b.Saved == nil {
		return finish{}
	}
	slope, n := b.Saved.F32(), dx.Cols()
	mustEqual("LinearBackward", len(slope), dx.Len())
	if b.Accumulate {
		panic("linalg.LinearBackward: saved and accumulate")
	}
	return finish{false, [2][]float32{slope}, func(p piece) {
		for i := range p.rows {
			at, out := (p.row+i)*n+p.col, p.c[i*p.ldc:][:p.cols]
			row.Times(out, out, slope[at:at+p.cols])
		}
	}}
}
