package model

import (
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// Var is a value on a [Tape].
type Var struct {
	Value *linalg.Tensor

	memory   *memory   // of Value, where the tape made it
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

// memory is what holds a value. It goes back to the device when its last holder has let go:
// the frame that the value was made in, backward steps that need it, and the sink.
type memory struct {
	tensor  *linalg.Tensor
	holders int
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
//
// Values belong to the tape. Those of a frame go when it ends, unless a step that was
// recorded [Tape.keep]s them; then they go when it has run.
type Tape struct {
	dev    linalg.Device
	hidden linalg.DType // of values and gradients
	steps  []*step
	made   []*memory // what frames hold that have not ended
	given  bool      // the running step has passed its g on
}

// step is the backward step of an operation.
type step struct {
	run   func()
	needs []*memory
}

// NewTape returns an empty tape, whose values and gradients are of type hidden.
func NewTape(dev linalg.Device, hidden linalg.DType) *Tape { return &Tape{dev: dev, hidden: hidden} }

// Input returns a Var that wants no gradient.
func (t *Tape) Input(value *linalg.Tensor) *Var { return &Var{Value: value} }

// Parameter returns a Var whose gradient is wanted and kept.
func (t *Tape) Parameter(value *linalg.Tensor) *Var {
	return &Var{Value: value, gradient: &gradient{shape: value.Shape()}}
}

// Backward runs the backward steps, last first.
func (t *Tape) Backward() {
	for i, s := range slices.Backward(t.steps) {
		t.steps[i] = nil // what the step holds can go when it is done
		s.run()
		for _, m := range s.needs {
			t.drop(m)
		}
	}
}

// empty returns memory for the result of an operation, which writes all of it.
func (t *Tape) empty(shape ...int) *linalg.Tensor { return t.dev.Empty(t.hidden, shape...) }

// result returns the Var of an operation on sources, the first of which says whose its
// rows are. If any of them wants a gradient the backward step is recorded; it owns the g
// that it gets.
func (t *Tape) result(value *linalg.Tensor, backward func(g *linalg.Tensor), sources ...*Var) *Var {
	v := t.view(value, backward, sources...)
	t.own(v)
	return v
}

// own makes v's value the frame's.
func (t *Tape) own(v *Var) {
	v.memory = &memory{tensor: v.Value, holders: 1}
	t.made = append(t.made, v.memory)
}

// view is result for a value that lies in the memory of the first source.
func (t *Tape) view(value *linalg.Tensor, backward func(g *linalg.Tensor), sources ...*Var) *Var {
	v := &Var{Value: value, memory: sources[0].memory, rows: sources[0].rows}
	if slices.ContainsFunc(sources, func(s *Var) bool { return s.gradient != nil }) {
		t.record(v, backward)
	}
	return v
}

// record makes v want a gradient and appends its backward step.
func (t *Tape) record(v *Var, backward func(g *linalg.Tensor)) {
	own := &gradient{shape: v.Value.Shape()}
	v.gradient = own
	t.steps = append(t.steps, &step{run: func() {
		g := own.sum
		if g == nil {
			return
		}
		own.sum, t.given = nil, false
		backward(g)
		if !t.given {
			t.dev.Free(g)
		}
	}})
}

// keep holds values until the backward step of v has run, which needs them: v is the last
// operation's. Without such a step nothing is held.
func (t *Tape) keep(v *Var, values ...*Var) *Var {
	if v.gradient == nil {
		return v
	}
	s := t.steps[len(t.steps)-1]
	for _, x := range values {
		if x.memory != nil {
			x.memory.holders++
			s.needs = append(s.needs, x.memory)
		}
	}
	return v
}

// leave leaves tensors that an operation made beside its value to the backward step of v, which
// is the last operation's. Without such a step they go at once.
func (t *Tape) leave(v *Var, list ...*linalg.Tensor) *Var {
	for _, made := range list {
		if v.gradient == nil {
			t.dev.Free(made)
			continue
		}
		s := t.steps[len(t.steps)-1]
		s.needs = append(s.needs, &memory{tensor: made, holders: 1})
	}
	return v
}

// drop lets go of memory for one holder.
func (t *Tape) drop(m *memory) {
	if m.holders--; m.holders == 0 {
		t.dev.Free(m.tensor)
		m.tensor = nil // whoever still has m does not keep the memory from going
	}
}

// end ends the frame that began when so many values were made: it lets go of all since but v.
func (t *Tape) end(begin int, v *Var) {
	made := t.made[begin:]
	t.made = t.made[:begin]
	for _, m := range made {
		if v != nil && m == v.memory {
			t.made = append(t.made, m)
		} else {
			t.drop(m)
		}
	}
}

// abandon lets go of the steps and of all values but v, which becomes the outer tape's.
func (t *Tape) abandon(v *Var, outer *Tape) {
	for _, s := range t.steps {
		for _, m := range s.needs {
			t.drop(m)
		}
	}
	t.end(0, v)
	outer.made = append(outer.made, t.made...)
}

// add contributes to d, if that is wanted: write adds to sum where accumulate is true, and
// sets all of it where it is false.
func (t *Tape) add(d *gradient, write func(sum *linalg.Tensor, accumulate bool)) {
	if d == nil {
		return
	}
	accumulate := d.sum != nil
	if !accumulate {
		d.sum = t.empty(d.shape...)
	}
	write(d.sum, accumulate)
}

// addTo contributes to d, if that is wanted, by adding to sum, which may be all zeros.
func (t *Tape) addTo(d *gradient, write func(sum *linalg.Tensor)) {
	if d == nil {
		return
	}
	if d.sum == nil {
		d.sum = t.dev.New(t.hidden, d.shape...)
	}
	write(d.sum)
}

// give contributes g itself, the running step's or a view of it, which ends with that.
func (t *Tape) give(d *gradient, g *linalg.Tensor) {
	switch {
	case d == nil:
	case d.sum == nil:
		d.sum, t.given = g, true
	default:
		t.dev.Axpy(d.sum, 1, g)
	}
}

// hand contributes g, which the running step made.
func (t *Tape) hand(d *gradient, g *linalg.Tensor) {
	if d != nil && d.sum == nil {
		d.sum = g
		return
	}
	if d != nil {
		t.dev.Axpy(d.sum, 1, g)
	}
	t.dev.Free(g)
}
