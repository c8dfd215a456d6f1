package bench

import (
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// sink takes tuples as the coordinator does: x and g are asked for as the pass makes them, and
// another goroutine waits for a group that is whole and finds the rows of every owner that have
// a gradient. What the coordinator then gives to connections is let go of.
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
	first, end := adapter.Together(s.sites, site)
	s.inputs[first] = s.dev.Fetch(x, x.DType())
	s.deliver(first, end, rows)
}

// Gradient asks for g.
func (s *sink) Gradient(site int, g *linalg.Tensor, rows []model.Rows) {
	first, end := adapter.Together(s.sites, site)
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
			s.rows += len(linalg.NonZeroRows(parts[:len(parts)-1])) // what is sent lies where it is
		}
		for _, tensor := range tensors {
			if tensor != nil {
				s.dev.Free(tensor)
			}
		}
	}
	s.done <- failed
}
