package coordinator

import (
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// commit makes the interval's updates durable and tells everyone.
func (c *Coordinator) commit() error {
	c.version++
	c.round = c.interval.end
	if c.mode == model.Merged {
		if err := c.merge(); err != nil {
			return err
		}
	}
	for _, m := range c.members {
		if !m.active || !m.updated {
			continue
		}
		m.included, m.digest = c.version, m.next
		if m.pending != nil {
			m.adapters, m.pending = m.pending, nil
		}
	}
	before := c.bestCommits()
	if err := c.validate(); err != nil {
		return err
	}
	if err := c.writeRecord(before); err != nil {
		return err
	}
	if c.round == c.job.Rounds {
		if err := c.adoptBest(); err != nil {
			return err
		}
	}
	if err := c.evaluateIfDue(); err != nil {
		return err
	}
	if err := c.prepareBroadcast(); err != nil {
		return err
	}
	c.Observe(c.observation(c.round))
	for _, name := range sortedKeys(c.members) {
		c.sendCommit(c.members[name])
	}
	return c.trimSpool()
}

// merge makes W₀ + ΔW̄ the working copy.
func (c *Coordinator) merge() error {
	if c.spool != nil {
		if err := c.addAbsent(); err != nil {
			return err
		}
	}
	c.merged = c.merger.deltas()
	return c.mergeEverywhere(c.merged)
}

// addAbsent adds the last committed update of everyone who missed this interval.
func (c *Coordinator) addAbsent() error {
	for _, name := range sortedKeys(c.members) {
		m := c.members[name]
		if (m.active && m.updated) || m.included == 0 {
			continue
		}
		adapters, err := c.newAdapters(m)
		if err != nil {
			return err
		}
		if err := c.spool.get(name, m.included, c.sites, adapters); err != nil {
			return protocol.Faultf(protocol.CodeStateCorrupt, "restore the file from a copy, or begin again with an empty state folder",
				"the kept update of participant %s cannot be used: %w", name, err)
		}
		if err := c.merger.add(adapters, c.mergeWeight(m)); err != nil {
			return c.diverged(m, err)
		}
	}
	return nil
}

// trimSpool drops kept updates that no commit record names any more.
func (c *Coordinator) trimSpool() error {
	if c.spool == nil {
		return nil
	}
	for name, m := range c.members {
		if m.included != c.version {
			continue
		}
		if err := c.spool.trim(name); err != nil {
			return durable.Fault(c.StateDir, err)
		}
	}
	return nil
}

// sendCommit tells a member of the last commit, with the merged update where the job
// broadcasts it.
func (c *Coordinator) sendCommit(m *member) {
	if m.session == nil {
		return
	}
	final := c.round == c.job.Rounds
	message := &protocol.Commit{
		Version: c.version, Round: c.round, Included: m.included == c.version, Final: final, Members: c.committed(),
		Best: c.endsWith(m),
	}
	message.Sections = c.broadcast
	if accuracy, ok := c.lastEval.accuracy[m.name]; ok && c.lastEval.round == c.round {
		m.session.send(&protocol.Eval{Round: c.round, Accuracy: accuracy, Loss: c.lastEval.loss[m.name], Examples: c.lastEval.examples})
	}
	m.session.send(message)
}

// committed counts the members whose updates are part of the last commit.
func (c *Coordinator) committed() int {
	n := 0
	for _, m := range c.members {
		if m.included > 0 {
			n++
		}
	}
	return n
}

// prepareBroadcast encodes the merged update once for everyone, exact, where it is due.
func (c *Coordinator) prepareBroadcast() error {
	c.broadcast = nil
	if c.merged == nil || c.round < c.job.Rounds && c.job.Wire.Broadcast != "commit" {
		return nil
	}
	add := func(name string, t *linalg.Tensor) error {
		s := protocol.Section{Name: name, Tensor: t, Compress: c.job.Wire.CompressUpdates}
		c.broadcast = append(c.broadcast, s)
		return c.broadcast[len(c.broadcast)-1].Prepare()
	}
	for i, d := range c.merged {
		if err := add(c.sites[i].Name+".weight", d.Weight); err != nil {
			return err
		}
		if d.Bias == nil {
			continue
		}
		if err := add(c.sites[i].Name+".bias", d.Bias); err != nil {
			return err
		}
	}
	return nil
}
