package adapter

import "github.com/gradientlearning/cola/linalg"

// linear is g(x) = x·ΔWᵀ + b with ΔW (out, in) and, where the site has one, b (out).
type linear struct {
	spec   Spec
	weight *linalg.Tensor
	bias   *linalg.Tensor // or nil
}

// newLinear returns zeros: the adapter begins as nothing.
func newLinear(site Site, spec Spec) *linear {
	l := &linear{spec: spec, weight: linalg.New(linalg.F32, site.Out, site.In)}
	if (site.Head || spec.Bias) && site.Bias {
		l.bias = linalg.New(linalg.F32, site.Out)
	}
	return l
}

func (l *linear) Spec() Spec { return l.spec }

func (l *linear) Params() []Param {
	if l.bias == nil {
		return []Param{{"weight", l.weight}}
	}
	return []Param{{"weight", l.weight}, {"bias", l.bias}}
}

// Apply computes y += x·ΔWᵀ + b.
func (l *linear) Apply(dev linalg.Device, y, x *linalg.Tensor) {
	dev.MatMul(y, x, l.weight, linalg.MatMul{TransB: true, Accumulate: true})
	if l.bias != nil {
		dev.AddBias(y, l.bias)
	}
}

// Backward computes dx += g·ΔW.
func (l *linear) Backward(dev linalg.Device, dx, _, g *linalg.Tensor) {
	dev.MatMul(dx, g, l.weight, linalg.MatMul{Accumulate: true})
}

// Gradient computes dΔW += gᵀ·x and db += Σ g.
func (l *linear) Gradient(dev linalg.Device, grads []*linalg.Tensor, x, g *linalg.Tensor) {
	dev.MatMul(grads[0], g, x, linalg.MatMul{TransA: true, Accumulate: true})
	if l.bias != nil {
		dev.AddBiasBackward(grads[1], g, true)
	}
}

// Delta returns the adapter itself.
func (l *linear) Delta(linalg.Device) (weight, bias *linalg.Tensor, err error) {
	return l.weight, l.bias, nil
}
