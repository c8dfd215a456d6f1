package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Batch is an aggregated batch: the rows of several owners behind each other, with no
// padding.
type Batch struct {
	Inputs *linalg.Tensor // on the host; images: (examples, height, width, channels)
	Labels *linalg.Tensor // on the host, I32; images: (examples)
	// Starts are the first rows of packed sequences; nil where each row is an example.
	Starts []int32
	// Owners in the order of their rows, which they cover from first to last.
	Owners []Owner
}

// Owner is a participant's part of a batch: rows Lo to Hi-1 of the inputs, at least one.
type Owner struct {
	Participant string
	Lo, Hi      int
	// Adapters by site, for unmerged and detached passes; nil for the base model alone,
	// and in merged mode.
	Adapters []adapter.Adapter
	// Scale is the factor on each row's ∂L/∂logits: 1/own rows where the owner's loss is
	// the mean over its own rows, 1/all rows for the paper's.
	Scale float32
}

// check says what is wrong with a batch before any of it is used.
func (b *Base) check(batch *Batch, mode Mode) error {
	switch {
	case mode != Detached && mode != Unmerged && mode != Merged:
		return fmt.Errorf("mode %q: use detached, unmerged or merged", mode)
	case batch == nil || batch.Inputs == nil || batch.Labels == nil || len(batch.Inputs.Shape()) == 0:
		return errors.New("a batch needs inputs and labels")
	case batch.Inputs.Memory() != nil || batch.Labels.Memory() != nil:
		return errors.New("the inputs and labels of a batch must be on the host")
	case batch.Inputs.Rows() == 0:
		return errors.New("the batch has no rows")
	}
	end, owner := 0, "the batch"
	for _, o := range batch.Owners {
		if o.Lo != end {
			return fmt.Errorf("participant %s owns rows from %d, %s ends at %d: owners follow each other without gaps", o.Participant, o.Lo, owner, end)
		}
		if o.Hi <= o.Lo || o.Hi > batch.Inputs.Rows() {
			return fmt.Errorf("participant %s owns rows %d to %d of %d: give it at least one, all within the batch", o.Participant, o.Lo, o.Hi-1, batch.Inputs.Rows())
		}
		if err := b.checkOwner(o, mode); err != nil {
			return fmt.Errorf("participant %s: %w", o.Participant, err)
		}
		end, owner = o.Hi, "participant "+o.Participant
	}
	if end != batch.Inputs.Rows() {
		return fmt.Errorf("rows %d to %d have no owner: owners must cover the batch", end, batch.Inputs.Rows()-1)
	}
	return b.network.check(batch)
}

func (b *Base) checkOwner(o Owner, mode Mode) error {
	if s := float64(o.Scale); math.IsNaN(s) || math.IsInf(s, 0) {
		return fmt.Errorf("the scale of its loss is %g: give 1/rows", o.Scale)
	}
	if len(o.Adapters) == 0 {
		return nil
	}
	if mode == Merged {
		return errors.New("a merged pass takes no adapters: merge them, and leave them out")
	}
	if len(o.Adapters) != len(b.layers) {
		return fmt.Errorf("%d adapters for %d sites: give one to each", len(o.Adapters), len(b.layers))
	}
	for i, a := range o.Adapters {
		if a == nil {
			return fmt.Errorf("no adapter for site %s: give one to each", b.layers[i].site.Name)
		}
	}
	return nil
}
