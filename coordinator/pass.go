package coordinator

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// pass runs one forward and one backward pass over the batches of the members, in
// their order, and streams each of them its own tuples while it runs.
func (c *Coordinator) pass(r uint64, members []*member) error {
	begin := time.Now()
	batch := c.aggregate(members, func(m *member) float32 {
		if c.job.Loss == "batch" {
			return 1 / float32(c.interval.rows[r])
		}
		return 1 / float32(m.batch.inputs.Rows())
	})
	sink := &tupleSink{
		round: r, dev: c.Device, sites: c.sites, members: members,
		encoding: c.job.encoding(), dropZero: c.job.Solver.Name == "gradient",
		inputs: make([]*linalg.Tensor, len(c.sites)), gradients: make([]*linalg.Tensor, len(c.sites)),
	}
	result, err := c.base.Pass(batch, c.mode, sink)
	if err != nil {
		return passFault(r, err)
	}
	for i, m := range members {
		c.lastLoss[m.name] = result.Loss[i]
		if m.session != nil {
			m.session.send(&protocol.Loss{Round: r, Loss: result.Loss[i], Rows: m.batch.inputs.Rows(), Correct: result.Correct[i]})
		}
		m.batch, m.opened, m.cursor = nil, false, r+1
		c.ask(m)
	}
	c.spent.pass += time.Since(begin)
	return nil
}

// passFault explains a failed pass.
func passFault(r uint64, err error) error {
	if d, ok := errors.AsType[*model.DivergedError](err); ok {
		f := protocol.Faultf(protocol.CodeDiverged, "lower the learning rate, or set clip_norm; the last commit is whole", "%w", err)
		f.Participant, f.Round = d.Participant, r+1
		return f
	}
	return fmt.Errorf("pass of round %d: %w", r+1, err)
}

// aggregate packs the members' batches into one, each with its own rows.
func (c *Coordinator) aggregate(members []*member, scale func(*member) float32) *model.Batch {
	shape := slices.Clone(members[0].batch.inputs.Shape())
	shape[0] = rowsOf(members)
	inputs := linalg.New(linalg.F32, shape...)
	labels := linalg.New(linalg.I32, shape[0])
	batch := &model.Batch{Inputs: inputs, Labels: labels}
	lo := 0
	for _, m := range members {
		hi := lo + m.batch.inputs.Rows()
		copy(inputs.RowRange(lo, hi).F32(), m.batch.inputs.F32())
		copy(labels.RowRange(lo, hi).I32(), m.batch.labels.I32())
		batch.Owners = append(batch.Owners, model.Owner{
			Participant: m.name, Lo: lo, Hi: hi, Adapters: m.adapters, Scale: scale(m),
		})
		lo = hi
	}
	return batch
}

// tupleSink takes x during forward and g during backward, and sends every group of
// sites to its owners as soon as it is whole.
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

// Input keeps x until the group's gradients are there.
func (s *tupleSink) Input(site int, x *linalg.Tensor, _ []model.Rows) { s.inputs[site] = x }

// Gradient sends the site's group if this was its last gradient.
func (s *tupleSink) Gradient(site int, g *linalg.Tensor, rows []model.Rows) {
	s.gradients[site] = g
	first, end := s.group(site)
	for _, g := range s.gradients[first:end] {
		if g == nil {
			return
		}
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
	return slices.ContainsFunc(g.RowRange(i, i+1).F32(), func(v float32) bool { return v != 0 })
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
		copy(out.RowRange(to, to+1).F32(), t.RowRange(from, from+1).F32())
	}
	return out
}

// firstNonFinite returns the index of the first NaN or infinity, or -1.
func firstNonFinite(v []float32) int {
	return slices.IndexFunc(v, func(f float32) bool {
		return math.IsNaN(float64(f)) || math.IsInf(float64(f), 0)
	})
}
