package model

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// images is what the vision models share: a row of the inputs is an example, an image
// (height, width, channels) with one label.
type images struct {
	shape   []int
	classes int
}

// check says what is wrong with a batch of images.
func (m images) check(b *Batch) error {
	shape := b.Inputs.Shape()
	if len(shape) != 4 || !slices.Equal(shape[1:], m.shape) || b.Inputs.DType() != linalg.F32 {
		return fmt.Errorf("inputs %v of %v do not fit the model: give it (examples, height, width, channels) with %v for each, f32",
			shape, b.Inputs.DType(), m.shape)
	}
	if b.Labels.DType() != linalg.I32 || !slices.Equal(b.Labels.Shape(), shape[:1]) {
		return fmt.Errorf("labels %v of %v do not fit %d examples: give one i32 to each", b.Labels.Shape(), b.Labels.DType(), shape[0])
	}
	if b.Starts != nil {
		return errors.New("images are not packed sequences: leave the starts out")
	}
	for _, o := range b.Owners {
		for i, label := range b.Labels.I32()[o.Lo:min(o.Hi, shape[0])] {
			if label < 0 || int(label) >= m.classes {
				return fmt.Errorf("participant %s: label %d of its example %d; the model has classes 0 to %d: check its data", o.Participant, label, i, m.classes-1)
			}
		}
	}
	return nil
}

// input is the batch's images, every row its owner's.
func (images) input(p *pass, b *Batch) *Var {
	x := p.Input(p.place(b.Inputs))
	x.rows = examples(b)
	return x
}

// head is nil: the last layer is small.
func (images) head() *linear { return nil }

// predicted are the owners' images.
func (images) predicted(b *Batch) []Rows { return examples(b) }

// labels are the batch's, one an image.
func (images) labels(b *Batch) *linalg.Tensor { return b.Labels }

// flatten makes each image one row.
func (images) flatten(p *pass, x *Var) *Var { return p.Reshape(x, x.Value.Rows(), x.Value.Cols()) }
