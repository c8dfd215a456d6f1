package coordinator

import (
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// member is a participant that has joined the job, connected or not.
type member struct {
	name     string
	session  *session // nil while away
	data     protocol.Data
	specs    []adapter.Spec
	adapters []adapter.Adapter // unmerged and detached only: the coordinator's copy
	placed   placement         // of the adapters
	included uint64            // the last version that holds an update of its
	digest   [32]byte          // of its adapters in that version
	best     best              // what it would end with, where the job ends with its best commit
	done     bool              // it has the final commit
	leaving  bool              // it has said goodbye on its session

	// Of the interval that is under way.
	active  bool   // it takes part
	cursor  uint64 // the round whose batch it is asked for
	opened  bool   // it was asked
	batch   *ownBatch
	updated bool              // its update is in
	pending []adapter.Adapter // unmerged: its update, until the commit
	next    [32]byte          // the update's digest, until the commit
}

// newMember makes a member with adapters in their initial state.
func (c *Coordinator) newMember(name string, data protocol.Data) (*member, error) {
	m := &member{name: name, data: data}
	spec := c.job.Spec(name)
	for range c.sites {
		m.specs = append(m.specs, spec)
	}
	if c.mode == model.Merged {
		return m, nil
	}
	var err error
	m.adapters, err = c.newAdapters(m)
	return m, err
}

// newAdapters makes a member's adapters as the member itself makes them at first.
func (c *Coordinator) newAdapters(m *member) ([]adapter.Adapter, error) {
	adapters := make([]adapter.Adapter, len(c.sites))
	for i, site := range c.sites {
		a, err := adapter.New(site, m.specs[i], adapter.Rand(c.job.Seed, m.name, site.Name))
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", site.Name, err)
		}
		adapters[i] = a
	}
	return adapters, nil
}

// updateAdapters returns adapters to take a member's update into. In merged mode an update
// is forgotten once it is added, so that all members with the same specifications share
// one set, however many they are.
func (c *Coordinator) updateAdapters(m *member) ([]adapter.Adapter, error) {
	if c.mode != model.Merged {
		return c.newAdapters(m)
	}
	key := fmt.Sprint(m.specs)
	if c.scratch[key] == nil {
		adapters, err := c.newAdapters(m)
		if err != nil {
			return nil, err
		}
		c.scratch[key] = adapters
	}
	return c.scratch[key], nil
}

// admit lets a participant in that has said Hello, new or back again.
func (c *Coordinator) admit(s *session, hello *protocol.Hello) error {
	version, err := protocol.Negotiate(hello, c.job.encoding().Version())
	if err != nil {
		return err
	}
	if wrong := c.checkData(hello.Data); wrong != nil {
		return protocol.Faultf(protocol.CodeBadData, wrong.fix, "the participant's %s", wrong.cause)
	}
	m, known := c.members[s.name]
	if !known {
		if len(c.members) == c.job.Participants {
			return protocol.Faultf(protocol.CodeJobFull, "raise participants in the job file, or use one of the enrolled names",
				"all %d places of job %s are taken", c.job.Participants, c.job.Name)
		}
		if m, err = c.newMember(s.name, hello.Data); err != nil {
			return err
		}
		c.members[s.name] = m
	}
	for _, version := range []uint64{m.included, c.endsWith(m)} {
		if version > 0 && !slices.Contains(hello.States, version) {
			return protocol.Faultf(protocol.CodeStateLost,
				"give the participant the state folder that it used before, with --state; its optimizer state is nowhere else",
				"the job continues from commit %d, and would end with %d; the participant has not both (it has %v)", m.included, c.endsWith(m), hello.States)
		}
	}
	if m.session != nil {
		c.log.Info("participant is back on a new connection; the old one is closed", "participant", m.name)
		m.session.close()
	}
	m.session, m.data, m.leaving = s, hello.Data, false
	s.send(c.welcome(m, version))
	c.log.Info("participant joined", "participant", m.name, "from", s.conn.Peer().Addr, "examples", hello.Data.Examples,
		"resume", m.included, "present", c.present(), "of", c.job.Participants)
	return nil
}

// welcome tells a member all that it needs.
func (c *Coordinator) welcome(m *member, version uint16) *protocol.Welcome {
	return &protocol.Welcome{
		Version: version, Job: c.job.wire(c.id), Adapters: wireSpecs(m.specs), Sites: wireSites(c.sites),
		Resume: m.included, Best: c.endsWith(m), Round: c.round,
	}
}

// present counts the members that are connected.
func (c *Coordinator) present() int {
	n := 0
	for _, m := range c.members {
		if m.session != nil {
			n++
		}
	}
	return n
}

// wireSites returns the sites as they travel.
func wireSites(sites []adapter.Site) []protocol.Site {
	wire := make([]protocol.Site, len(sites))
	for i, s := range sites {
		wire[i] = protocol.Site{Name: s.Name, Kind: string(s.Kind), In: s.In, Out: s.Out, Bias: s.Bias, Group: s.Group, Head: s.Head}
		if s.Kind == adapter.SiteConv2D {
			wire[i].Conv = []int{s.Conv.Height, s.Conv.Width, s.Conv.Channels, s.Conv.Kernel, s.Conv.Stride, s.Conv.Padding}
		}
	}
	return wire
}

// wireSpecs returns a participant's adapters as they travel.
func wireSpecs(specs []adapter.Spec) []protocol.Adapter {
	wire := make([]protocol.Adapter, len(specs))
	for i, s := range specs {
		wire[i] = protocol.Adapter{Kind: string(s.Kind), Rank: s.Rank, Scale: s.Scale, Hidden: s.Hidden, Bias: s.Bias}
	}
	return wire
}
