package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// interval is the rounds between two commits: start ≤ round < end. Neither the base
// model nor any adapter changes within it.
type interval struct {
	active     bool
	start, end uint64
	passed     uint64 // rounds below it have had their common pass
	// predictions with a label in each round's common pass, for loss = "batch"
	predictions map[uint64]int
}

// assemble waits until enough participants are connected for an interval: all of them,
// or, once the deadline has passed, a quorum.
func (c *Coordinator) assemble(ctx context.Context) error {
	deadline, cancel := c.deadline(ctx)
	defer cancel()
	told := time.Now()
	for c.present() < c.job.Participants {
		if deadline.Err() != nil && c.present() >= c.job.EffectiveQuorum() {
			return nil
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			c.log.Info("waiting for participants", "present", c.present(), "of", c.job.Participants, "away", c.away(), "round", c.round+1)
		}
		if err := c.nextBefore(ctx, deadline); err != nil {
			return err
		}
	}
	return nil
}

// away names the members that are not connected.
func (c *Coordinator) away() []string {
	list := []string{}
	for _, name := range sortedKeys(c.members) {
		if c.members[name].session == nil {
			list = append(list, name)
		}
	}
	return list
}

// deadline returns a context that ends with the round's deadline, if it has one.
func (c *Coordinator) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.job.Deadline == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(c.job.Deadline))
}

// nextBefore handles the next event, or returns when the deadline passes or a moment
// has gone by, so that the caller can look at its condition again.
func (c *Coordinator) nextBefore(ctx, deadline context.Context) error {
	moment := deadline
	if deadline.Err() != nil {
		moment = ctx // the deadline is over and the quorum is not there: wait on
	}
	pause, cancel := context.WithTimeout(moment, time.Second)
	defer cancel()
	if err := c.next(pause); err != nil {
		if pause.Err() != nil && ctx.Err() == nil {
			return nil
		}
		return err
	}
	return nil
}

// runInterval runs the rounds to the next commit, and the commit.
func (c *Coordinator) runInterval(ctx context.Context) error {
	start := c.round
	c.interval = interval{
		active: true, start: start, end: min(start-start%c.job.Interval+c.job.Interval, c.job.Rounds),
		passed: start, predictions: map[uint64]int{},
	}
	if c.merger != nil {
		c.merger.reset()
	}
	for _, name := range sortedKeys(c.members) {
		m := c.members[name]
		m.reset(start)
		m.active = m.session != nil
	}
	for r := start; r < c.interval.end; r++ {
		if err := c.gather(ctx, r); err != nil {
			return err
		}
		owners := c.ready(r)
		c.interval.predictions[r] = predictionsOf(owners)
		if err := c.pass(r, owners); err != nil {
			return err
		}
		c.interval.passed = r + 1
		if r+1 < c.interval.end {
			c.Observe(c.observation(r + 1))
		}
	}
	if err := c.collect(ctx); err != nil {
		return err
	}
	c.interval.active = false
	return c.commit()
}

// reset forgets what a member did in an interval.
func (m *member) reset(start uint64) {
	m.active, m.cursor, m.opened, m.batch, m.updated, m.pending = false, start, false, nil, false, nil
}

// resume puts a participant that came (back) to where it belongs: into the interval
// from its start if it takes part and has not given its update, to the final commit if
// the job is done.
func (c *Coordinator) resume(m *member) error {
	if c.round == c.job.Rounds {
		c.sendCommit(m)
		return nil
	}
	if !c.interval.active || !m.active || m.updated {
		return nil
	}
	m.reset(c.interval.start)
	m.active = true
	c.ask(m)
	return nil
}

// ask opens the member's next round for it, once.
func (c *Coordinator) ask(m *member) {
	if m.session == nil || m.opened || m.cursor >= c.interval.end {
		return
	}
	m.opened = true
	m.session.send(&protocol.Open{Round: m.cursor, Rows: c.job.Batch, Start: c.interval.start, End: c.interval.end, Version: c.version + 1})
}

// gather asks everyone for the batch of round r and waits for it: for all, or, after
// the deadline, for a quorum. Who is late is out of the interval.
func (c *Coordinator) gather(ctx context.Context, r uint64) error {
	deadline, cancel := c.deadline(ctx)
	defer cancel()
	for {
		active, ready := 0, 0
		for _, name := range sortedKeys(c.members) {
			m := c.members[name]
			if !m.active {
				continue
			}
			active++
			if m.cursor == r {
				c.ask(m)
			}
			if m.cursor == r && m.batch != nil {
				ready++
			}
		}
		if ready == active {
			return nil
		}
		if deadline.Err() != nil && ctx.Err() == nil && ready >= c.job.EffectiveQuorum() {
			c.dropLate(r, func(m *member) bool { return m.cursor == r && m.batch != nil })
			return nil
		}
		if err := c.nextBefore(ctx, deadline); err != nil {
			return err
		}
	}
}

// dropLate takes who is not in time out of the interval.
func (c *Coordinator) dropLate(r uint64, inTime func(*member) bool) {
	for _, name := range sortedKeys(c.members) {
		m := c.members[name]
		if m.active && !inTime(m) {
			m.active = false
			c.log.Warn("participant missed the deadline; it goes on with the next interval", "participant", name, "round", r+1,
				"deadline", time.Duration(c.job.Deadline))
		}
	}
}

// ready returns the members whose batch of round r is here, ascending by name: the
// order of rows in the pass.
func (c *Coordinator) ready(r uint64) []*member {
	var list []*member
	for _, name := range sortedKeys(c.members) {
		if m := c.members[name]; m.active && m.cursor == r && m.batch != nil {
			list = append(list, m)
		}
	}
	return list
}

// takeBatch takes a member's batch. If the round's common pass is over, the member
// lost its tuples and gets them again by a pass over its own rows.
func (c *Coordinator) takeBatch(m *member, b *protocol.Batch) error {
	if !c.interval.active || !m.active || m.batch != nil || b.Round != m.cursor {
		return nil // late or repeated: the round is closed for this participant
	}
	batch, err := c.checkBatch(m, b)
	if err != nil {
		return err
	}
	m.batch = batch
	if b.Round < c.interval.passed {
		return c.pass(b.Round, []*member{m})
	}
	return nil
}

// collect waits for the updates of the interval.
func (c *Coordinator) collect(ctx context.Context) error {
	deadline, cancel := c.deadline(ctx)
	defer cancel()
	for {
		active, updated := 0, 0
		for _, m := range c.members {
			if m.active {
				active++
			}
			if m.active && m.updated {
				updated++
			}
		}
		if updated == active {
			return nil
		}
		if deadline.Err() != nil && ctx.Err() == nil && updated >= c.job.EffectiveQuorum() {
			c.dropLate(c.interval.end-1, func(m *member) bool { return m.updated })
			return nil
		}
		if err := c.nextBefore(ctx, deadline); err != nil {
			return err
		}
	}
}

// takeUpdate takes a member's update for the commit that the interval ends with.
func (c *Coordinator) takeUpdate(m *member, u *protocol.Update) error {
	if !c.interval.active || !m.active || m.updated || u.Version != c.version+1 || m.cursor < c.interval.end {
		return nil // late or repeated
	}
	adapters, err := c.updateAdapters(m)
	if err != nil {
		return err
	}
	tensors := make(map[string]*linalg.Tensor, len(u.Sections))
	for _, s := range u.Sections {
		tensors[s.Name] = s.Tensor
	}
	for i, a := range adapters {
		if err := adapter.LoadTensors(c.sites[i], a, ofSite(tensors, c.sites[i])); err != nil {
			return m.blame(u.Round+1, protocol.CodeDiverged, "lower the learning rate, or set clip_norm, and start the job again", "its update cannot be used: %w", err)
		}
	}
	m.next = adapter.Digest(c.sites, adapters)
	if string(m.next[:]) != string(u.Digest) {
		return m.blame(u.Round+1, protocol.CodeProtocol, "use a participant of the same release", "its update does not have the digest it declares")
	}
	if c.mode == model.Merged {
		if c.spool != nil {
			if err := c.spool.put(m.name, u.Version, c.sites, adapters); err != nil {
				return durable.Fault(c.StateDir, err)
			}
		}
		if err := c.merger.add(adapters, c.mergeWeight(m)); err != nil {
			return c.diverged(m, err)
		}
	} else {
		m.pending = adapters
	}
	m.updated = true
	return nil
}

// mergeWeight returns a_k of the merge rule.
func (c *Coordinator) mergeWeight(m *member) float64 {
	if c.job.MergeWeights == "examples" {
		return float64(m.data.Examples) / 1024
	}
	return 1
}

// diverged ends the job because of one participant's numbers.
func (c *Coordinator) diverged(m *member, err error) error {
	if !errors.Is(err, errOutOfRange) {
		return fmt.Errorf("merge: %w", err)
	}
	f := protocol.Faultf(protocol.CodeDiverged, "lower the learning rate, or set clip_norm; the last commit is whole", "its update has diverged: %w", err)
	f.Participant, f.Round = m.name, c.interval.end
	return f
}
