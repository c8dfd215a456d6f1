package coordinator

import (
	"slices"
	"sync/atomic"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// tupleSink takes x and g as the pass makes them: it asks the device for them in the types that
// travel. A group of sites that was asked for as a whole is another goroutine's, which waits
// for it and sends every owner its rows, while the pass goes on. Where blocks are computed twice
// x may come after some of its gradients.
type tupleSink struct {
	round    uint64
	dev      linalg.Device
	sites    []adapter.Site
	owners   []*session // nil: to whom nothing is sent
	encoding protocol.Encoding
	seed     uint64 // the job's
	dropZero bool   // rows whose g is exactly zero add nothing to the gradient

	sent map[int]bool // by a group's first site: in tries before this one

	inputs    []fetch // by site; of a group, at its first
	gradients []fetch // by site
	left      int     // groups that were not asked for yet

	coming chan *arrival
	result chan outcome
}

// arrival is a group on its way from the device.
type arrival struct {
	first     int // of the group's sites
	last      bool
	rows      []model.Rows // by owner
	x         fetch
	gradients []fetch
}

// outcome is what became of a try: the first sites of the groups that were sent, and why the
// others were not, if there are any.
type outcome struct {
	sent []int
	err  error
}

// fetch waits for a tensor that the device was asked for.
type fetch func() (*linalg.Tensor, error)

func newTupleSink(c *Coordinator, dev linalg.Device, round uint64, members []*member) *tupleSink {
	s := &tupleSink{
		round: round, dev: dev, sites: c.sites, encoding: c.job.encoding(), seed: c.job.Seed, dropZero: c.job.Solver.Name == "gradient",
		sent: map[int]bool{},
	}
	for _, m := range members {
		s.owners = append(s.owners, m.session)
	}
	return s
}

// begin prepares for a pass or, after one that ended early, for another: what was sent is not
// sent again.
func (s *tupleSink) begin() {
	s.inputs, s.gradients = make([]fetch, len(s.sites)), make([]fetch, len(s.sites))
	groups := s.sites[len(s.sites)-1].Group + 1
	s.left = groups - len(s.sent)
	s.coming = make(chan *arrival, groups) // all there are: the pass never waits for it
	s.result = make(chan outcome, 1)
	go s.deliver()
}

// end waits until everything has arrived and is queued for its participants.
func (s *tupleSink) end() error {
	close(s.coming)
	o := <-s.result
	for _, first := range o.sent {
		s.sent[first] = true
	}
	return o.err
}

// Input asks for x.
func (s *tupleSink) Input(site int, x *linalg.Tensor, rows []model.Rows) {
	if first, end := adapter.Together(s.sites, site); !s.sent[first] {
		s.inputs[first] = s.fetch(x, s.encoding.X)
		s.passOnIfWhole(first, end, rows)
	}
}

// Gradient asks for g.
func (s *tupleSink) Gradient(site int, g *linalg.Tensor, rows []model.Rows) {
	if first, end := adapter.Together(s.sites, site); !s.sent[first] {
		s.gradients[site] = s.fetch(g, s.encoding.G)
		s.passOnIfWhole(first, end, rows)
	}
}

// fetch asks the device for a tensor as it travels, or as it is rounded from; ids travel as they
// are.
func (s *tupleSink) fetch(t *linalg.Tensor, as protocol.Form) fetch {
	if t.DType() == linalg.I32 {
		as = protocol.AsI32
	}
	return s.dev.Fetch(t, as.Host())
}

// passOnIfWhole gives a group away if nothing of it is missing. The rows of an owner are the
// same in x and in all gradients of a group.
func (s *tupleSink) passOnIfWhole(first, end int, rows []model.Rows) {
	missing := func(f fetch) bool { return f == nil }
	if missing(s.inputs[first]) || slices.ContainsFunc(s.gradients[first:end], missing) {
		return
	}
	s.left--
	s.coming <- &arrival{first: first, last: s.left == 0, rows: rows, x: s.inputs[first], gradients: slices.Clone(s.gradients[first:end])}
	s.inputs[first] = nil
	clear(s.gradients[first:end])
}

// deliver sends what arrives, in order, until something does not.
func (s *tupleSink) deliver() {
	var o outcome
	for a := range s.coming {
		tensors, err := a.wait()
		if o.err == nil {
			o.err = err
		}
		if o.err != nil {
			continue
		}
		use := s.untilUnused(tensors)
		done := use()
		for i, session := range s.owners {
			if session != nil {
				session.sendAnd(s.message(a, tensors, a.rows[i], session.name), use())
			}
		}
		done()
		o.sent = append(o.sent, a.first)
	}
	s.result <- o
}

// untilUnused counts who uses tensors: each calls use, and what that returns when it is done. The
// last one gives their memory back to the device.
func (s *tupleSink) untilUnused(tensors []*linalg.Tensor) (use func() (done func())) {
	var users atomic.Int32
	done := func() {
		if users.Add(-1) == 0 {
			for _, t := range tensors {
				s.dev.Free(t)
			}
		}
	}
	return func() func() { users.Add(1); return done }
}

// wait returns x and the gradients when all of them are there, whatever happens to one.
func (a *arrival) wait() ([]*linalg.Tensor, error) {
	x, failed := a.x()
	tensors := []*linalg.Tensor{x}
	for _, wait := range a.gradients {
		g, err := wait()
		if failed == nil {
			failed = err
		}
		tensors = append(tensors, g)
	}
	return tensors, failed
}

// message is an owner's tuple: its rows of x and of the gradients, without those that carry no
// gradient at any of the sites. It lies in the tensors' memory.
func (s *tupleSink) message(a *arrival, tensors []*linalg.Tensor, own model.Rows, owner string) *protocol.Tuples {
	var parts []*linalg.Tensor
	for _, t := range tensors {
		parts = append(parts, t.RowRange(own.Lo, own.Hi))
	}
	var keep []int // nil: all
	if s.dropZero {
		keep = linalg.NonZeroRows(parts[1:])
	}
	m := &protocol.Tuples{Round: s.round, Group: s.sites[a.first].Group, Last: a.last}
	for i, t := range parts {
		name, as, unique := "x", s.encoding.X, "x."+s.sites[a.first].Name
		if i > 0 {
			name, as = "g."+s.sites[a.first+i-1].Name, s.encoding.G
			unique = name
		}
		if t.DType() == linalg.I32 {
			as = protocol.AsI32
		}
		m.Sections = append(m.Sections, protocol.Section{
			Name: name, Tensor: t, Rows: keep, As: as, Seed: roundingSeed(s.seed, s.round, owner, unique), Compress: s.encoding.Compress,
		})
	}
	return m
}
