package model

import (
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// Var is a value on a [Tape].
type Var struct {
	Value *linalg.Tensor

	gradient *gradient // nil: none is wanted
	rows     []Rows    // by owner, where the rows of Value belong to owners of a batch
}

// Gradient returns the gradient of a parameter after [Tape.Backward]; nil where none is
// wanted or none arrived.
func (v *Var) Gradient() *linalg.Tensor {
	if v.gradient == nil {
		return nil
	}
	return v.gradient.sum
}

// gradient collects what the consumers of a value hand back. Backward steps hold on to
// gradients and not to Vars, so that values which nothing needs any more can go.
type gradient struct {
	shape []int
	sum   *linalg.Tensor // nil until the first contribution
}

// Rows is a range Lo to Hi-1.
type Rows struct{ Lo, Hi int }

// rescale returns the ranges after every row became to/from rows.
func rescale(list []Rows, from, to int) []Rows {
	if from == to {
		return list
	}
	scaled := slices.Clone(list)
	for i, r := range scaled {
		scaled[i] = Rows{r.Lo * to / from, r.Hi * to / from}
	}
	return scaled
}

// Tape records a forward pass and runs it backwards: every operation appends its backward
// step. Only what leads to a parameter, or to a site whose g leaves the pass, is recorded:
// frozen parameters are plain tensors and never get a gradient. A tape serves one pass.
type Tape struct {
	dev   linalg.Device
	steps []func()
}

// NewTape returns an empty tape.
func NewTape(dev linalg.Device) *Tape { return &Tape{dev: dev} }

// Input returns a Var that wants no gradient.
func (t *Tape) Input(value *linalg.Tensor) *Var { return &Var{Value: value} }

// Parameter returns a Var whose gradient is wanted and kept.
func (t *Tape) Parameter(value *linalg.Tensor) *Var {
	return &Var{Value: value, gradient: &gradient{shape: value.Shape()}}
}

// Backward runs the backward steps, last first.
func (t *Tape) Backward() {
	for i, step := range slices.Backward(t.steps) {
		t.steps[i] = nil // what the step holds can go when it is done
		step()
	}
}

// result returns the Var of an operation on sources, the first of which says whose its
// rows are. If any of them wants a gradient the backward step is recorded; it owns the g
// that it gets.
func (t *Tape) result(value *linalg.Tensor, backward func(g *linalg.Tensor), sources ...*Var) *Var {
	v := &Var{Value: value, rows: sources[0].rows}
	if slices.ContainsFunc(sources, func(s *Var) bool { return s.gradient != nil }) {
		t.record(v, backward)
	}
	return v
}

// record makes v want a gradient and appends its backward step.
func (t *Tape) record(v *Var, backward func(g *linalg.Tensor)) {
	own := &gradient{shape: v.Value.Shape()}
	v.gradient = own
	t.steps = append(t.steps, func() {
		if g := own.sum; g != nil {
			own.sum = nil
			backward(g)
		}
	})
}

// add contributes to d, if that is wanted: write adds to sum. Where accumulate is false sum
// is new, all zeros, and may be overwritten instead.
func (t *Tape) add(d *gradient, write func(sum *linalg.Tensor, accumulate bool)) {
	if d == nil {
		return
	}
	accumulate := d.sum != nil
	if !accumulate {
		d.sum = t.dev.New(linalg.F32, d.shape...)
	}
	write(d.sum, accumulate)
}

// give contributes g itself, which the caller needs no longer.
func (t *Tape) give(d *gradient, g *linalg.Tensor) {
	switch {
	case d == nil:
	case d.sum == nil:
		d.sum = g
	default:
		t.dev.Axpy(d.sum, 1, g)
	}
}
