package bench

import (
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/dryrun"
)

// counter is a device that computes nothing and counts the floating-point operations of
// products and attention: two for each term of a sum. All else is a few per cent of them.
type counter struct {
	*dryrun.Device
	flops float64
}

func newCounter() *counter { return &counter{Device: dryrun.New()} }

// MatMul counts a product.
func (c *counter) MatMul(dst, a, b *linalg.Tensor, op linalg.MatMul) {
	c.Device.MatMul(dst, a, b, op)
	inner := a.Cols()
	if op.TransA {
		inner = a.Rows()
	}
	c.flops += 2 * float64(dst.Len()) * float64(inner)
}

// Linear counts a layer.
func (c *counter) Linear(y, x *linalg.Tensor, w linalg.Packed, e linalg.Epilogue) {
	c.Device.Linear(y, x, w, e)
	out, in := w.Shape()
	c.flops += 2 * float64(x.Rows()) * float64(out) * float64(in)
}

// LinearBackward counts a layer's way back.
func (c *counter) LinearBackward(dx, g *linalg.Tensor, w linalg.Packed, b linalg.Backward) {
	c.Device.LinearBackward(dx, g, w, b)
	out, in := w.Shape()
	c.flops += 2 * float64(g.Rows()) * float64(out) * float64(in)
}

// LowRank counts both products of each part.
func (c *counter) LowRank(y, x *linalg.Tensor, parts []linalg.LowRank) {
	c.Device.LowRank(y, x, parts)
	c.flops += lowRankFlops(parts)
}

// LowRankBackward counts as many.
func (c *counter) LowRankBackward(dx, g *linalg.Tensor, parts []linalg.LowRank) {
	c.Device.LowRankBackward(dx, g, parts)
	c.flops += lowRankFlops(parts)
}

func lowRankFlops(parts []linalg.LowRank) float64 {
	flops := 0.0
	for _, p := range parts {
		flops += 2 * float64(p.Hi-p.Lo) * float64(p.A.Len()+p.B.Len())
	}
	return flops
}

// Attention counts two products for every key that a query sees.
func (c *counter) Attention(y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	c.Device.Attention(y, lse, q, k, v, a)
	c.flops += 2 * seen(a)
}

// AttentionBackward counts five.
func (c *counter) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	c.Device.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, a)
	c.flops += 5 * seen(a)
}

// seen are the operations of one product of an attention: queries with the keys that they see.
func seen(a linalg.Attention) float64 {
	pairs := 0.0
	for _, s := range a.Spans {
		n, m := float64(s.QueryHi-s.QueryLo), float64(s.KeyHi-s.KeyLo)
		if a.Causal && m >= n {
			pairs += n*(m-n) + n*(n+1)/2
		} else {
			pairs += n * m
		}
	}
	return 2 * pairs * float64(a.Heads*a.Dim)
}
