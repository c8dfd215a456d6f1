package bench

import (
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// sink takes tuples as the coordinator does: x and g are asked for as the pass makes them, and
// another goroutine waits for a group that is whole and drops the rows of every owner that have
// no gradient. What the coordinator then gives to connections is let go of.
type sink struct {
	dev    linalg.Device
	sites  []adapter.Site
	inputs []fetch // by site; of a group, at its first
	gs     []fetch // by site

	coming chan tuple
	done   chan error
	rows   int // of all groups
}

// tuple is a group on its way: the gradients, and x behind them.
type tuple struct {
	tensors []fetch
	rows    []model.Rows // by owner
}

// fetch waits for a tensor that the device was asked for.
type fetch func() (*linalg.Tensor, error)

// newSink returns a sink for a pass, which ends with end.
func newSink(dev linalg.Device, sites []adapter.Site) *sink {
	s := &sink{
		dev: dev, sites: sites, inputs: make([]fetch, len(sites)), gs: make([]fetch, len(sites)),
		coming: make(chan tuple, len(sites)), done: make(chan error, 1),
	}
	go s.receive()
	return s
}

// Input asks for x.
func (s *sink) Input(site int, x *linalg.Tensor, rows []model.Rows) {
	first, end := s.group(site)
	s.inputs[first] = s.dev.Fetch(x, x.DType())
	s.deliver(first, end, rows)
}

// Gradient asks for g.
func (s *sink) Gradient(site int, g *linalg.Tensor, rows []model.Rows) {
	first, end := s.group(site)
	s.gs[site] = s.dev.Fetch(g, g.DType())
	s.deliver(first, end, rows)
}

// deliver hands on a group of which nothing is missing.
func (s *sink) deliver(first, end int, rows []model.Rows) {
	missing := func(f fetch) bool { return f == nil }
	if missing(s.inputs[first]) || slices.ContainsFunc(s.gs[first:end], missing) {
		return
	}
	s.coming <- tuple{append(slices.Clone(s.gs[first:end]), s.inputs[first]), rows}
	s.inputs[first] = nil
	clear(s.gs[first:end])
}

// group returns the range of sites that share the site's input.
func (s *sink) group(site int) (first, end int) {
	same := func(a int) bool { return s.sites[a].Group == s.sites[site].Group }
	for first = site; first > 0 && same(first-1); first-- {
	}
	for end = site + 1; end < len(s.sites) && same(end); end++ {
	}
	return first, end
}

// end waits until every tuple is there.
func (s *sink) end() error {
	close(s.coming)
	return <-s.done
}

// receive waits for tuples, in order.
func (s *sink) receive() {
	var failed error
	for t := range s.coming {
		var tensors []*linalg.Tensor
		for _, wait := range t.tensors {
			tensor, err := wait()
			if failed == nil {
				failed = err
			}
			tensors = append(tensors, tensor)
		}
		for _, own := range t.rows {
			if failed != nil {
				break
			}
			var parts []*linalg.Tensor
			for _, tensor := range tensors {
				parts = append(parts, tensor.RowRange(own.Lo, own.Hi))
			}
			s.rows += dropZero(parts)
		}
	}
	s.done <- failed
}

// dropZero moves the rows of a tuple together in which a gradient is not zero, and returns how
// many there are.
func dropZero(tuple []*linalg.Tensor) int {
	gs := tuple[:len(tuple)-1]
	var keep []int
	for i := range gs[0].Rows() {
		if slices.ContainsFunc(gs, func(g *linalg.Tensor) bool { return nonZero(g, i) }) {
			keep = append(keep, i)
		}
	}
	if len(keep) == gs[0].Rows() {
		return len(keep)
	}
	for _, t := range tuple {
		switch n := t.Cols(); t.DType() {
		case linalg.I32: // ids
			move(t.I32(), n, keep)
		case linalg.F32:
			move(t.F32(), n, keep)
		default:
			move(t.Bits(), n, keep)
		}
	}
	return len(keep)
}

// nonZero says whether row i has anything in it.
func nonZero(t *linalg.Tensor, i int) bool {
	lo, hi := i*t.Cols(), (i+1)*t.Cols()
	if t.DType() == linalg.F32 {
		return slices.ContainsFunc(t.F32()[lo:hi], func(v float32) bool { return v != 0 })
	}
	const sign = 1 << 15
	return slices.ContainsFunc(t.Bits()[lo:hi], func(v uint16) bool { return v&^sign != 0 })
}

// move moves rows of n elements to the front.
func move[E any](data []E, n int, rows []int) {
	for to, from := range rows {
		copy(data[to*n:(to+1)*n], data[from*n:(from+1)*n])
	}
}
