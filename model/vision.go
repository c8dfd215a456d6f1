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
	input   []int
	classes int
}

// check says what is wrong with a batch of images.
func (m images) check(b *Batch) error {
	shape := b.Inputs.Shape()
	if len(shape) != 4 || !slices.Equal(shape[1:], m.input) || b.Inputs.DType() != linalg.F32 {
		return fmt.Errorf("inputs %v of %v do not fit the model: give it (examples, height, width, channels) with %v for each, f32",
			shape, b.Inputs.DType(), m.input)
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

// rows are the owners' examples.
func (images) rows(b *Batch) []rows {
	list := make([]rows, len(b.Owners))
	for i, o := range b.Owners {
		list[i] = rows{o.Lo, o.Hi}
	}
	return list
}

// flatten makes each image one row.
func (images) flatten(p *pass, x *Var) *Var { return p.Reshape(x, x.Value.Rows(), x.Value.Cols()) }
