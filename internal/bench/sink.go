package bench

import (
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// sink takes tuples as the coordinator does: every owner's rows of a group of sites are
// copied as soon as the group is whole, without the rows that have no gradient. What the
// coordinator then gives to a connection is let go of.
type sink struct {
	dev    linalg.Device
	sites  []adapter.Site
	inputs []*linalg.Tensor // by site; of a group, at its first site
	gs     []*linalg.Tensor // by site
	rows   int              // copied so far, of all groups
}

func newSink(dev linalg.Device, sites []adapter.Site) *sink {
	return &sink{dev: dev, sites: sites, inputs: make([]*linalg.Tensor, len(sites)), gs: make([]*linalg.Tensor, len(sites))}
}

// Input keeps x until the group's gradients are there.
func (s *sink) Input(site int, x *linalg.Tensor, rows []model.Rows) {
	s.inputs[site] = x
	s.deliver(site, rows)
}

// Gradient keeps g until x and the group's other gradients are there.
func (s *sink) Gradient(site int, g *linalg.Tensor, rows []model.Rows) {
	s.gs[site] = g
	s.deliver(site, rows)
}

// deliver copies a group of which nothing is missing, and forgets it.
func (s *sink) deliver(site int, rows []model.Rows) {
	first, end := s.group(site)
	if s.inputs[first] == nil || slices.Contains(s.gs[first:end], nil) {
		return
	}
	for _, own := range rows {
		s.copy(first, end, own)
	}
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

// copy makes one owner's tuple of a group.
func (s *sink) copy(first, end int, own model.Rows) {
	view := func(t *linalg.Tensor) *linalg.Tensor { return s.dev.Rows(t, own.Lo, own.Hi) }
	var gs []*linalg.Tensor
	for _, g := range s.gs[first:end] {
		gs = append(gs, view(g))
	}
	keep := make([]int, 0, own.Hi-own.Lo)
	for i := range own.Hi - own.Lo {
		if slices.ContainsFunc(gs, func(g *linalg.Tensor) bool { return nonZero(g, i) }) {
			keep = append(keep, i)
		}
	}
	for _, t := range append(gs, view(s.inputs[first])) {
		pick(t, keep)
	}
	s.rows += len(keep)
}

// nonZero says whether row i has anything in it.
func nonZero(t *linalg.Tensor, i int) bool {
	n := t.Len() / t.Rows()
	return slices.ContainsFunc(t.F32()[i*n:(i+1)*n], func(v float32) bool { return v != 0 })
}

// pick copies the listed rows of a tensor.
func pick(t *linalg.Tensor, rows []int) *linalg.Tensor {
	if len(rows) == t.Rows() {
		return t.Clone()
	}
	shape := slices.Clone(t.Shape())
	shape[0] = len(rows)
	out := linalg.New(t.DType(), shape...)
	if t.DType() == linalg.I32 { // ids
		pickRows(out.I32(), t.I32(), rows, t.Len()/t.Rows())
	} else {
		pickRows(out.F32(), t.F32(), rows, t.Len()/t.Rows())
	}
	return out
}

// pickRows copies the listed rows of n elements each.
func pickRows[E any](dst, src []E, rows []int, n int) {
	for to, from := range rows {
		copy(dst[to*n:(to+1)*n], src[from*n:])
	}
}
