package adapter

import (
	"sync"

	"github.com/gradientlearning/cola/linalg"
)

// stateCopy holds a fitter's state while a fit may yet fail.
type stateCopy struct {
	floats []float32
	counts []int32
}

// copies are shared by all fitters: one buffer of the largest site's size does for a
// participant that fits one site after the other, and it is not made anew each time.
var copies = sync.Pool{New: func() any { return new(stateCopy) }}

// take copies the state.
func (c *stateCopy) take(state []Param) {
	c.floats, c.counts = c.floats[:0], c.counts[:0]
	for _, p := range state {
		if p.Value.DType() == linalg.I32 {
			c.counts = append(c.counts, p.Value.I32()...)
		} else {
			c.floats = append(c.floats, p.Value.F32()...)
		}
	}
}

// giveBack sets the state to what was taken of it.
func (c *stateCopy) giveBack(state []Param) {
	floats, counts := c.floats, c.counts
	for _, p := range state {
		if p.Value.DType() == linalg.I32 {
			counts = counts[copy(p.Value.I32(), counts):]
		} else {
			floats = floats[copy(p.Value.F32(), floats):]
		}
	}
}
