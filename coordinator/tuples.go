package coordinator

import (
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// tupleSink takes x and g as the pass makes them, and sends every group of sites to its
// owners as soon as it is whole. Where blocks are computed twice x may come after some of its
// gradients.
type tupleSink struct {
	round    uint64
	dev      linalg.Device
	sites    []adapter.Site
	members  []*member
	encoding protocol.Encoding
	dropZero bool // rows whose g is exactly zero add nothing to the gradient

	inputs    []*linalg.Tensor // by site; of a group, at its first site
	gradients []*linalg.Tensor // by site
	sent      int              // sites
}

func newTupleSink(c *Coordinator, round uint64, members []*member) *tupleSink {
	return &tupleSink{
		round: round, dev: c.Device, sites: c.sites, members: members,
		encoding: c.job.encoding(), dropZero: c.job.Solver.Name == "gradient",
		inputs: make([]*linalg.Tensor, len(c.sites)), gradients: make([]*linalg.Tensor, len(c.sites)),
	}
}

// Input keeps x until the group's gradients are there.
func (s *tupleSink) Input(site int, x *linalg.Tensor, rows []model.Rows) {
	s.inputs[site] = x
	s.sendIfWhole(site, rows)
}

// Gradient keeps g until x and the group's other gradients are there.
func (s *tupleSink) Gradient(site int, g *linalg.Tensor, rows []model.Rows) {
	s.gradients[site] = g
	s.sendIfWhole(site, rows)
}

// sendIfWhole sends the site's group if nothing of it is missing, and lets go of it. The rows
// of an owner are the same in x and in all gradients of a group.
func (s *tupleSink) sendIfWhole(site int, rows []model.Rows) {
	first, end := s.group(site)
	if s.inputs[first] == nil || slices.Contains(s.gradients[first:end], nil) {
		return
	}
	s.sent += end - first
	for i, m := range s.members {
		if m.session != nil {
			m.session.send(s.tuples(first, end, rows[i]))
		}
	}
	s.inputs[first] = nil
	clear(s.gradients[first:end])
}

// group returns the range of sites that share the site's input.
func (s *tupleSink) group(site int) (first, end int) {
	first, end = site, site+1
	for first > 0 && s.sites[first-1].Group == s.sites[site].Group {
		first--
	}
	for end < len(s.sites) && s.sites[end].Group == s.sites[site].Group {
		end++
	}
	return first, end
}

// tuples copies one owner's rows of a group of sites.
func (s *tupleSink) tuples(first, end int, own model.Rows) *protocol.Tuples {
	rows := func(t *linalg.Tensor) *linalg.Tensor { return onHost(s.dev, s.dev.Rows(t, own.Lo, own.Hi)) }
	m := &protocol.Tuples{Round: s.round, Group: s.sites[first].Group, Last: s.sent == len(s.sites)}
	gradients := make([]*linalg.Tensor, 0, end-first)
	for _, g := range s.gradients[first:end] {
		gradients = append(gradients, rows(g))
	}
	keep := s.keep(gradients, own.Hi-own.Lo)
	add := func(name string, t *linalg.Tensor, as linalg.DType) {
		if t.DType() != linalg.F32 {
			as = t.DType() // ids
		}
		m.Sections = append(m.Sections, protocol.Section{Name: name, Tensor: pick(t, keep), As: as, Compress: s.encoding.Compress})
	}
	add("x", rows(s.inputs[first]), s.encoding.X)
	for i, g := range gradients {
		add("g."+s.sites[first+i].Name, g, s.encoding.G)
	}
	return m
}

// keep lists the rows that carry a gradient at any of the sites.
func (s *tupleSink) keep(gradients []*linalg.Tensor, rows int) []int {
	keep := make([]int, 0, rows)
	for i := range rows {
		if !s.dropZero || slices.ContainsFunc(gradients, func(g *linalg.Tensor) bool { return nonZeroRow(g, i) }) {
			keep = append(keep, i)
		}
	}
	return keep
}

func nonZeroRow(g *linalg.Tensor, i int) bool {
	n := g.Len() / g.Rows()
	return slices.ContainsFunc(g.F32()[i*n:(i+1)*n], func(v float32) bool { return v != 0 })
}

// pick copies the listed rows of a host tensor.
func pick(t *linalg.Tensor, rows []int) *linalg.Tensor {
	if len(rows) == t.Rows() {
		return t.Clone()
	}
	shape := slices.Clone(t.Shape())
	shape[0] = len(rows)
	out := linalg.New(t.DType(), shape...)
	for to, from := range rows {
		copyRows(out.RowRange(to, to+1), t.RowRange(from, from+1))
	}
	return out
}
