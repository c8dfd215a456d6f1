package model

import (
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// Delta is what is merged into one site, on the host or on the model's device.
type Delta struct {
	Weight *linalg.Tensor // ΔW (out, in), at a conv2d site (out, C·K·K); nil: unchanged
	Bias   *linalg.Tensor // Δb (out); nil: unchanged
}

// Merge makes W₀ + ΔW̄ the working copy, one delta a site. It begins from the pristine W₀
// each time, whatever was merged before: adding and subtracting would drift. Deltas of
// another shape are an error that names the site, and change nothing.
func (b *Base) Merge(deltas []Delta) error {
	if len(deltas) != len(b.layers) {
		return fmt.Errorf("%d deltas for %d sites: give one to each", len(deltas), len(b.layers))
	}
	for i, l := range b.layers {
		for _, d := range []struct{ base, delta *linalg.Tensor }{{l.weight, deltas[i].Weight}, {l.bias, deltas[i].Bias}} {
			if d.delta != nil && (d.delta.DType() != linalg.F32 || !slices.Equal(d.delta.Shape(), d.base.Shape())) {
				return fmt.Errorf("site %s: a delta %v of %v does not fit its parameter: give %v, f32", l.site.Name, d.delta.Shape(), d.delta.DType(), d.base.Shape())
			}
		}
	}
	for i, l := range b.layers {
		l.packed.Set(b.sum(l.weight, deltas[i].Weight))
		l.workingBias, l.merged = b.sum(l.bias, deltas[i].Bias), true
	}
	return nil
}

// sum returns base + delta in new memory, or base itself where there is no delta.
func (b *Base) sum(base, delta *linalg.Tensor) *linalg.Tensor {
	if delta == nil {
		return base
	}
	if delta.Memory() == nil {
		delta = upload(b.dev, delta)
	}
	s := b.dev.New(linalg.F32, base.Shape()...)
	b.dev.Axpy(s, 1, base)
	b.dev.Axpy(s, 1, delta)
	return s
}

// Unmerge makes W₀ the working copy again, to the bit.
func (b *Base) Unmerge() {
	for _, l := range b.layers {
		if l.merged {
			l.packed.Set(l.weight)
			l.workingBias, l.merged = l.bias, false
		}
	}
}
