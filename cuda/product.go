package cuda

import (
	"errors"
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// MatMul computes c (=|+=) alpha · op(a) · op(b). Operands of two types meet in bfloat16.
func (d *Device) MatMul(c, a, b *linalg.Tensor, op linalg.MatMul) {
	m, k := a.Rows(), a.Cols()
	if op.TransA {
		m, k = k, m
	}
	kb, n := b.Rows(), b.Cols()
	if op.TransB {
		kb, n = n, kb
	}
	if k != kb || c.Rows() != m || c.Cols() != n {
		panic(fmt.Sprintf("linalg.MatMul: %v = %v · %v, %+v", c.Shape(), a.Shape(), b.Shape(), op))
	}
	mustBeHidden("MatMul", c)
	mustBeHidden("MatMul", a)
	mustBeHidden("MatMul", b)
	d.matMul("MatMul", c, a, b, op)
}

// Linear computes y = f(x·Wᵀ + bias) + residual. What cuBLASLt can do as it writes the product
// is left to it; the rest is one more pass over y.
func (d *Device) Linear(y, x *linalg.Tensor, w linalg.Packed, e linalg.Epilogue) {
	p := w.(*packed)
	out, in := p.Shape()
	if x.Cols() != in || y.Cols() != out || x.Rows() != y.Rows() {
		panic(fmt.Sprintf("linalg.Linear: %v = %v · (%d, %d)ᵀ", y.Shape(), x.Shape(), out, in))
	}
	mustBeHidden("Linear", x, y)
	if e.Bias != nil {
		mustEqual("Linear", e.Bias.Len(), out)
	}
	switch {
	case x.Len() == 0: // sums of nothing
		d.Zero(y)
	case x.DType() == linalg.F32 && p.precision == linalg.BF16Weights:
		d.linearWidened(y, x, p.w)
	case p.padded(x.DType()) && y.DType() == linalg.BF16:
		d.linearPadded(y, x, p)
	case x.DType() == p.w.DType() && d.linearFused(y, x, p.w, e):
		return
	default:
		d.matMul("Linear", y, x, p.w, linalg.MatMul{TransB: true})
	}
	d.finish(y, e)
}

// LinearBackward computes dx (=|+=) g·W, or dx = (g·W)∘f′ in one more pass over dx.
func (d *Device) LinearBackward(dx, g *linalg.Tensor, w linalg.Packed, b linalg.Backward) {
	p := w.(*packed)
	out, in := p.Shape()
	if dx.Cols() != in || g.Cols() != out || dx.Rows() != g.Rows() {
		panic(fmt.Sprintf("linalg.LinearBackward: %v = %v · (%d, %d)", dx.Shape(), g.Shape(), out, in))
	}
	mustBeHidden("LinearBackward", g, dx)
	switch {
	case g.Len() > 0 && g.DType() == linalg.F32 && p.precision == linalg.BF16Weights:
		d.linearBackwardWidened(dx, g, p.w, b.Accumulate)
	case g.Len() > 0 && p.padded(g.DType()):
		d.linearBackwardPadded(dx, g, p, b.Accumulate)
	default:
		d.matMul("LinearBackward", dx, g, p.w, linalg.MatMul{Accumulate: b.Accumulate})
	}
	if b.Saved != nil {
		d.ActivateBackward(dx, dx, b.Saved, b.Activation)
	}
}

// linearFused does all of a linear layer in one product, and says whether it could.
func (d *Device) linearFused(y, x, w *linalg.Tensor, e linalg.Epilogue) bool {
	if e.Bias == nil && e.Saved == nil && e.Residual == nil || e.Saved != nil && !d.fusesGELU(e) {
		return false
	}
	var at devicePointer
	if e.Bias != nil {
		bias := d.as(y.DType(), e.Bias) // cuBLASLt adds biases of the result's type only
		defer d.drop(bias, e.Bias)
		at = d.pointer(bias)
	}
	// Nothing takes memory between here and the product, which has addresses and no tensors.
	p := &product{a: d.matrix(x), b: d.matrix(w), transB: true, alpha: 1, d: d.matrix(y), bias: at}
	if e.Residual != nil {
		mustBeHidden("Linear", y, e.Residual)
		mustEqual("Linear", e.Residual.Len(), y.Len())
		p.beta, p.c = 1, d.matrix(e.Residual)
	}
	if e.Saved != nil {
		mustBeHidden("Linear", y, e.Saved)
		mustEqual("Linear", e.Saved.Len(), y.Len())
		p.aux = d.matrix(e.Saved)
	}
	return d.multiply("Linear", p)
}

// fusesGELU says whether cuBLASLt's GELU is worth its time: before Hopper a pass of our own is
// faster than what it does to the product, as others have measured. It knows the tanh form only.
func (d *Device) fusesGELU(e linalg.Epilogue) bool {
	return e.Activation == linalg.GELUTanh && e.Residual == nil && d.info.Major >= 9
}

// matMul is MatMul of shapes that fit.
func (d *Device) matMul(op string, c, a, b *linalg.Tensor, o linalg.MatMul) {
	if c.Len() == 0 {
		return
	}
	if a.Len() == 0 { // a sum of nothing
		if !o.Accumulate {
			d.Zero(c)
		}
		return
	}
	if a.DType() != b.DType() {
		left, right := d.as(linalg.BF16, a), d.as(linalg.BF16, b)
		defer d.drop(left, a)
		defer d.drop(right, b)
		a, b = left, right
	}
	if c.DType() == linalg.BF16 && a.DType() == linalg.F32 {
		d.matMulRounded(op, c, a, b, o)
		return
	}
	d.mustMultiply(op, d.productOf(c, a, b, o))
}

// matMulRounded is a product of float32 into bfloat16, which cuBLASLt does not write.
func (d *Device) matMulRounded(op string, c, a, b *linalg.Tensor, o linalg.MatMul) {
	exact := d.Empty(linalg.F32, c.Rows(), c.Cols())
	defer d.Free(exact)
	accumulate := o.Accumulate
	o.Accumulate = false
	d.matMul(op, exact, a, b, o)
	if accumulate {
		d.Axpy(c, 1, exact)
	} else {
		d.convert(c, exact)
	}
}

// productOf is c (=|+=) alpha · op(a) · op(b) as a product.
func (d *Device) productOf(c, a, b *linalg.Tensor, o linalg.MatMul) *product {
	p := &product{a: d.matrix(a), b: d.matrix(b), transA: o.TransA, transB: o.TransB, alpha: o.Alpha, d: d.matrix(c)}
	if p.alpha == 0 {
		p.alpha = 1
	}
	if o.Accumulate {
		p.beta, p.c = 1, p.d
	}
	return p
}

// matrix is a tensor as products take it.
func (d *Device) matrix(t *linalg.Tensor) matrix {
	return matrix{at: d.pointer(t), dtype: t.DType(), rows: t.Rows(), cols: t.Cols()}
}

// as returns a tensor in a type: itself, or a copy for [Device.drop].
func (d *Device) as(dtype linalg.DType, t *linalg.Tensor) *linalg.Tensor {
	if t.DType() == dtype {
		return t
	}
	converted := d.Empty(dtype, t.Shape()...)
	d.convert(converted, t)
	return converted
}

// drop lets go of what as made.
func (d *Device) drop(converted, t *linalg.Tensor) {
	if converted != t {
		d.Free(converted)
	}
}

// multiply queues a product, and says whether cuBLASLt can do it. Failures are kept for Err.
func (d *Device) multiply(op string, p *product) (possible bool) {
	possible = true
	d.do(op, func() error {
		err := d.blas.multiply(p)
		if errors.Is(err, errNoAlgorithm) {
			possible = false
			return nil
		}
		return err
	})
	return possible
}

// mustMultiply is multiply of what there is no other way to compute.
func (d *Device) mustMultiply(op string, p *product) {
	if !d.multiply(op, p) {
		d.do(op, func() error {
			m, n, k := p.shape()
			return fmt.Errorf("%s of (%d,%d) and (%d,%d), %v into %v: %w", op, m, k, k, n, p.a.dtype, p.d.dtype, errNoAlgorithm)
		})
	}
}
