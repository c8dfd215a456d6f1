package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// Ignored is the label that stands for no loss.
const Ignored = -100

// Batch is an aggregated batch: the examples of several owners behind each other, with no
// padding. All of it is on the host.
type Batch struct {
	// Inputs are images (examples, height, width, channels) in F32, or the ids (tokens) of
	// texts in I32.
	Inputs *linalg.Tensor
	// Starts are the first tokens of the texts in Inputs; nil for images.
	Starts []int32
	// Labels depend on the task:
	//
	//	image-cls   classes (examples), I32
	//	seq-cls     classes (examples), I32; of a regression numbers, F32
	//	causal-lm   ids (tokens), I32: a token's own, which the token before it is to
	//	            predict; Ignored where no loss is wanted
	//	masked-lm   ids (tokens), I32, or Ignored
	//	seq2seq-lm  ids (target tokens), I32, or Ignored
	Labels *linalg.Tensor
	// LabelStarts are the first target tokens of the texts, of seq2seq-lm alone.
	LabelStarts []int32
	// Decoder are the ids (target tokens), I32, that the decoder of seq2seq-lm reads; nil:
	// the labels, each text's moved by one behind the model's start token.
	Decoder *linalg.Tensor
	// Owners in the order of their examples, which they cover from first to last.
	Owners []Owner
}

// examples returns the number of examples.
func (b *Batch) examples() int {
	if b.Inputs.DType() == linalg.I32 {
		return len(b.Starts)
	}
	return b.Inputs.Rows()
}

// Owner is a participant's part of a batch: examples Lo to Hi-1, at least one.
type Owner struct {
	Participant string
	Lo, Hi      int
	// Adapters by site, for unmerged and detached passes; nil for the base model alone,
	// and in merged mode.
	Adapters []adapter.Adapter
	// Scale is the factor on ∂L/∂logits of each prediction that has a label: one over its
	// own predictions where the owner's loss is the mean over them, one over all for the
	// paper's. [Base.Predictions] counts them.
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
	case batch.Inputs.Rows() == 0 || batch.examples() == 0:
		return errors.New("the batch has no examples")
	}
	end, owner := 0, "the batch"
	for _, o := range batch.Owners {
		if o.Lo != end {
			return fmt.Errorf("participant %s owns examples from %d, %s ends at %d: owners follow each other without gaps", o.Participant, o.Lo, owner, end)
		}
		if o.Hi <= o.Lo || o.Hi > batch.examples() {
			return fmt.Errorf("participant %s owns examples %d to %d of %d: give it at least one, all within the batch", o.Participant, o.Lo, o.Hi-1, batch.examples())
		}
		if err := b.checkOwner(o, mode); err != nil {
			return fmt.Errorf("participant %s: %w", o.Participant, err)
		}
		end, owner = o.Hi, "participant "+o.Participant
	}
	if end != batch.examples() {
		return fmt.Errorf("examples %d to %d have no owner: owners must cover the batch", end, batch.examples()-1)
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
	if len(o.Adapters) != len(b.sites) {
		return fmt.Errorf("%d adapters for %d sites: give one to each", len(o.Adapters), len(b.sites))
	}
	for i, a := range o.Adapters {
		if a == nil {
			return fmt.Errorf("no adapter for site %s: give one to each", b.sites[i].site.Name)
		}
	}
	return nil
}
