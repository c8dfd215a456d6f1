package model

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Delta is what is merged into one site, on the host or on the model's device.
type Delta struct {
	// Weight is ΔW (out, in), at a conv2d site (out, C·K·K), at an embedding site the
	// table's (in, out); nil: unchanged.
	Weight *linalg.Tensor
	Bias   *linalg.Tensor // Δb (out); nil: unchanged
}

// Merge makes W₀ + ΔW̄ the working copy, one delta a site. It begins from the pristine W₀
// each time, whatever was merged before: adding and subtracting would drift. Deltas of
// another shape are an error that names the site, and change nothing.
func (b *Base) Merge(deltas []Delta) error {
	if err := b.checkDeltas(deltas); err != nil {
		return err
	}
	s := &scratch{}
	for i, l := range b.sites {
		l.merge(b.dev, s, deltas[i].Weight, deltas[i].Bias)
	}
	return b.dev.Err()
}

// checkDeltas says whether deltas fit the sites.
func (b *Base) checkDeltas(deltas []Delta) error {
	if len(deltas) != len(b.sites) {
		return fmt.Errorf("%d deltas for %d sites: give one to each", len(deltas), len(b.sites))
	}
	for i, l := range b.sites {
		weight := []int{l.site.Out, l.site.In}
		if l.site.Kind == adapter.SiteEmbedding {
			weight = []int{l.site.In, l.site.Out}
		}
		bias := []int{l.site.Out}
		if *l.bias == nil {
			bias = nil
		}
		if err := fits(deltas[i].Weight, weight); err != nil {
			return fmt.Errorf("site %s: %w", l.site.Name, err)
		}
		if err := fits(deltas[i].Bias, bias); err != nil {
			return fmt.Errorf("site %s: %w", l.site.Name, err)
		}
	}
	return nil
}

// fits says whether a delta, if there is one, has the shape of its parameter.
func fits(delta *linalg.Tensor, shape []int) error {
	switch {
	case delta == nil:
		return nil
	case shape == nil:
		return errors.New("a delta for its bias, and it has none: leave it out")
	case delta.DType() != linalg.F32 || !slices.Equal(delta.Shape(), shape):
		return fmt.Errorf("a delta %v of %v does not fit its parameter: give %v, f32", delta.Shape(), delta.DType(), shape)
	}
	return nil
}

// Unmerge makes W₀ the working copy again, to the bit.
func (b *Base) Unmerge() {
	s := &scratch{}
	for _, l := range b.sites {
		if l.merged {
			l.restore(b.dev, s)
		}
	}
}
