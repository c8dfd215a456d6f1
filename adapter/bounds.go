package adapter

import (
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// bounds are what no element of an optimizer's moments exceeds. Each step's follow from those
// before by arithmetic, so that most steps are known to stay finite before they are taken, and
// nothing need be copied in case they do not.
type bounds struct{ first, second float64 }

// boundLimit is far below the largest float32: roundings lie in between.
const boundLimit = 1e37

// measure sets the bounds to what the moments hold.
func (o *optimizer) measure() { o.bounds = bounds{norm(o.first), norm(o.second)} }

// most returns what no element of the parameters exceeds.
func (o *optimizer) most() (w float64) {
	for _, p := range o.params {
		w = max(w, linalg.Bound(p.Value.F32()))
	}
	return w
}

// productNorm is more than the norm of init + gᵀ·(x, 1) can be, as it is computed: that of a
// product is not above that of its factors, and every term adds a rounding.
func productNorm(init float64, x, g *linalg.Tensor) float64 {
	size := func(t *linalg.Tensor) float64 {
		const lost = 1e-18 // squares of less may be 0
		return linalg.Bound(t.F32()) + lost*math.Sqrt(float64(t.Len()))
	}
	n := float64(x.Rows())
	const slack = 1.001 // for roundings of the sizes
	return slack * math.Exp(n/(1<<23)) * (init + size(g)*math.Hypot(size(x), math.Sqrt(n)))
}

// outlook returns the bounds after a step, and whether that leaves finite numbers for certain,
// whatever the gradients of this norm are, and the parameters of which none exceeds w, element
// by element.
func (o *optimizer) outlook(w, gradNorm, rate float64) (after bounds, certain bool) {
	const slack = 1.001 // for roundings, of the norms too
	c, before := o.cfg, o.bounds
	g := slack * gradNorm
	if c.Name != "adamw" {
		g += slack * c.WeightDecay * w
	}
	var change float64
	if c.Name == "sgd" {
		after.first = slack * (c.Momentum*before.first + g)
		change = rate * (g + after.first)
	} else {
		t := float64(o.steps.I32()[0]) + 1
		after = bounds{slack * max(before.first, g), slack * max(before.second, g*g)}
		change = rate / (1 - math.Pow(c.Beta1, t)) * after.first / float64(float32(c.Epsilon))
		change = max(change, math.Sqrt(after.second)/math.Sqrt(1-math.Pow(c.Beta2, t)))
	}
	most := max(g, after.first, after.second, (1+rate*c.WeightDecay)*w+slack*change)
	return after, most < boundLimit // not so if anything is NaN
}
