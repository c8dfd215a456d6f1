package adapter

import (
	"math"
	"math/rand/v2"

	"github.com/gradientlearning/cola/linalg"
)

// lowRank is g(x) = s·x·Aᵀ·Bᵀ with A (r, in) and B (out, r).
type lowRank struct {
	spec Spec
	a, b *linalg.Tensor
}

// newLowRank draws A as PyTorch's kaiming_uniform(a = √5) does, U(−1/√in, 1/√in), and
// sets B to zero, so that the adapter begins as nothing.
func newLowRank(site Site, spec Spec, r *rand.Rand) *lowRank {
	l := &lowRank{spec: spec, a: linalg.New(linalg.F32, spec.Rank, site.In), b: linalg.New(linalg.F32, site.Out, spec.Rank)}
	uniform(l.a, 1/math.Sqrt(float64(site.In)), r)
	return l
}

func (l *lowRank) Spec() Spec { return l.spec }

func (l *lowRank) Params() []Param { return []Param{{"A", l.a}, {"B", l.b}} }

func (l *lowRank) scale() float32 { return float32(l.spec.scale()) }

// on is the adapter on rows lo to hi-1.
func (l *lowRank) on(lo, hi int) linalg.LowRank {
	return linalg.LowRank{Lo: lo, Hi: hi, A: l.a, B: l.b, Scale: l.scale()}
}

// Apply computes y += s·u·Bᵀ.
func (l *lowRank) Apply(dev linalg.Device, y, x *linalg.Tensor) {
	dev.LowRank(y, x, []linalg.LowRank{l.on(0, x.Rows())})
}

// Backward computes dx += s·(g·B)·A.
func (l *lowRank) Backward(dev linalg.Device, dx, _, g *linalg.Tensor) {
	dev.LowRankBackward(dx, g, []linalg.LowRank{l.on(0, g.Rows())})
}

// Gradient computes dA += (s·g·B)ᵀ·x and dB += gᵀ·(s·u).
func (l *lowRank) Gradient(dev linalg.Device, grads []*linalg.Tensor, x, g *linalg.Tensor) {
	linalg.LowRankGradient(dev, grads[0], grads[1], x, g, l.on(0, x.Rows()))
}

// Delta returns ΔW = s·B·A.
func (l *lowRank) Delta(dev linalg.Device) (weight, bias *linalg.Tensor, err error) {
	weight = dev.New(linalg.F32, l.b.Rows(), l.a.Cols())
	dev.MatMul(weight, l.b, l.a, linalg.MatMul{Alpha: l.scale()})
	return weight, nil, nil
}
