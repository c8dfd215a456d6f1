package coordinator

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/internal/telemetry"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// Coordinator is one run of a job. Only the loop's goroutine touches its fields; the
// sessions' goroutines speak to it through events.
type Coordinator struct {
	Config
	job      Job
	id       string // of the job
	mode     model.Mode
	base     *model.Base   // on the first device
	replicas []*model.Base // of base on each device, itself first
	sites    []adapter.Site
	records  durable.Versions
	events   chan event
	log      *slog.Logger

	members   map[string]*member
	version   uint64             // of the last commit
	round     uint64             // the next one
	merged    []model.Delta      // merged mode: what the working copy holds beyond W₀
	merger    *merger            // merged mode
	broadcast []protocol.Section // the merged update as it travels with the last commit
	spool     *spool             // merged mode with a quorum; else nil

	best       best          // merged mode: of all; else only whether there has been any
	bestMerged []model.Delta // of the best, merged mode

	scratch map[string][]adapter.Adapter // merged mode: what updates are taken into, by specification

	interval interval // under way
	traffic  traffic  // of sessions that have ended
	spent    spent
	lastEval evaluation
	lastLoss map[string]float64 // training loss of the last pass, by participant
}

type traffic struct{ sent, received int64 }

type spent struct{ pass, wait time.Duration }

// Run runs a job to its end, from the last commit in its state folder if there is one.
// It returns when every participant has the final commit (or Linger is over), when ctx
// is cancelled, or with a fault after which the state can still be used.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.Job.Validate(); err != nil {
		return nil, err
	}
	c := &Coordinator{
		Config: cfg, job: cfg.Job, mode: cfg.Job.EffectiveMode(), log: cfg.Log,
		events: make(chan event), members: map[string]*member{}, lastLoss: map[string]float64{}, scratch: map[string][]adapter.Adapter{},
	}
	release, err := c.open()
	if err != nil {
		return nil, errors.Join(err, cfg.Listener.Close())
	}
	defer release()

	// Sessions outlive a cancelled ctx for as long as it takes to say why.
	sessions, endSessions := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { c.accept(sessions, &running) })
	result, err := c.run(ctx)
	c.dismiss(err)
	err = errors.Join(err, cfg.Listener.Close())
	endSessions()
	running.Wait()
	return result, err
}

// open makes the model and takes the state of the last commit.
func (c *Coordinator) open() (release func(), err error) {
	release = func() {}
	if err := c.openReplicas(); err != nil {
		return release, err
	}
	c.sites = c.base.Sites()
	if c.id, err = c.identify(); err != nil {
		return release, protocol.Faultf(protocol.CodeJobMismatch, "correct the job's [model]", "%w", err)
	}
	if err := c.checkSites(); err != nil {
		return release, err
	}
	if err := c.checkTest(); err != nil {
		return release, err
	}
	if c.mode == model.Merged {
		c.merger = newMerger(c.sites)
		if c.job.EffectiveQuorum() < c.job.Participants {
			if c.spool, err = newSpool(c.StateDir); err != nil {
				return release, durable.Fault(c.StateDir, err)
			}
		}
	}
	if c.StateDir == "" {
		return release, nil
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return release, durable.Fault(c.StateDir, err)
	}
	unlock, err := durable.Lock(c.StateDir)
	if err != nil {
		return release, durable.Fault(c.StateDir, err)
	}
	release = func() {
		if err := unlock(); err != nil {
			c.log.Warn("unlock", "error", err)
		}
	}
	c.records = durable.Versions{Dir: c.StateDir, Prefix: "commit"}
	if err := c.readRecord(); err != nil {
		release()
		return func() {}, err
	}
	if c.version > 0 {
		c.log.Info("continuing", "job", c.job.Name, "commit", c.version, "round", c.round)
	}
	return release, nil
}

// accept starts a session for every connection until the listener is closed.
func (c *Coordinator) accept(ctx context.Context, running *sync.WaitGroup) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				c.log.Warn("no more connections are accepted", "error", err)
			}
			return
		}
		running.Go(func() { c.serve(ctx, conn) })
	}
}

// run is the loop: it owns all state.
func (c *Coordinator) run(ctx context.Context) (result *Result, err error) {
	begin, peak := time.Now(), telemetry.WatchMemory()
	defer func() {
		if held := peak(); result != nil {
			result.PeakMemory = held
		}
	}()
	for c.round < c.job.Rounds {
		if err := c.assemble(ctx); err != nil {
			return nil, err
		}
		if err := c.runInterval(ctx); err != nil {
			return nil, err
		}
	}
	if c.interval.end == 0 { // nothing was left to do: restarted after the last commit
		if err := c.adoptBest(); err != nil {
			return nil, err
		}
		if err := c.prepareBroadcast(); err != nil {
			return nil, err
		}
		if c.Test != nil {
			if err := c.evaluateFinally(); err != nil {
				return nil, err
			}
		}
	}
	total := time.Since(begin)
	if err := c.finish(ctx); err != nil {
		return nil, err
	}
	return c.result(total), nil
}

// finish waits until everyone has the final commit.
func (c *Coordinator) finish(ctx context.Context) error {
	linger, cancel := context.WithTimeout(ctx, c.Linger)
	defer cancel()
	for {
		var missing []string
		for _, name := range sortedKeys(c.members) {
			if !c.members[name].done {
				missing = append(missing, name)
			}
		}
		if len(missing) == 0 {
			return nil
		}
		if err := c.next(linger); err != nil {
			if ctx.Err() == nil && linger.Err() != nil {
				c.log.Warn("some participants have not fetched the final commit; run the coordinator again on the same state to serve them",
					"participants", missing)
				return nil
			}
			return err
		}
	}
}

// next waits for one event and handles it.
func (c *Coordinator) next(ctx context.Context) error {
	begin := time.Now()
	select {
	case e := <-c.events:
		c.spent.wait += time.Since(begin)
		return c.handle(e)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// handle takes one event. An error ends the job; what is wrong with one participant
// only ends its session.
func (c *Coordinator) handle(e event) error {
	if hello, ok := e.message.(*protocol.Hello); ok {
		if err := c.admit(e.session, hello); err != nil {
			c.refuse(e.session, err)
			return nil
		}
		return c.resume(c.members[e.session.name])
	}
	m := c.members[e.session.name]
	if e.message == nil {
		c.sessionEnded(m, e)
		return nil
	}
	if m == nil || m.session != e.session {
		return nil // an old connection's last words
	}
	err := c.take(m, e.message)
	if f, ok := errors.AsType[*participantFault](err); ok {
		c.refuse(e.session, f.Fault)
		return nil
	}
	return err
}

// participantFault is an error that is the participant's: it ends its session only.
type participantFault struct{ *protocol.Fault }

// blame makes a fault the participant's.
func (m *member) blame(round uint64, code protocol.Code, fix, format string, args ...any) error {
	f := protocol.Faultf(code, fix, format, args...)
	f.Participant, f.Round = m.name, round
	return &participantFault{f}
}

// take handles one message of a member.
func (c *Coordinator) take(m *member, message protocol.Message) error {
	switch message := message.(type) {
	case *protocol.Batch:
		return c.takeBatch(m, message)
	case *protocol.Update:
		return c.takeUpdate(m, message)
	case *protocol.Error:
		f := message.Fault()
		c.log.Warn("participant failed", "participant", m.name, "code", f.Code, "cause", f.Cause, "fix", f.Fix, "round", c.round+1)
		return nil
	case *protocol.Bye:
		m.leaving = true
		m.done = message.Reason == "done" && c.round == c.job.Rounds
		c.log.Info("participant left", "participant", m.name, "reason", message.Reason)
		m.session.close()
		return nil
	}
	return m.blame(c.round, protocol.CodeProtocol, "use a participant of the same release",
		"message of kind %d is not for a coordinator", message.Kind())
}

// refuse ends a session and tells its participant why.
func (c *Coordinator) refuse(s *session, err error) {
	f := protocol.AsFault(err)
	if f.Participant == "" {
		f.Participant = s.name
	}
	c.log.Warn("participant refused", "participant", s.name, "code", f.Code, "cause", f.Cause, "fix", f.Fix)
	s.fail(f)
}

// sessionEnded notes that a connection is gone.
func (c *Coordinator) sessionEnded(m *member, e event) {
	sent, received := e.session.conn.Traffic()
	c.traffic.sent += sent
	c.traffic.received += received
	if m == nil || m.session != e.session {
		return
	}
	m.session = nil
	if !m.leaving {
		c.log.Warn("participant lost; the round waits for it", "participant", m.name, "round", c.round+1, "error", e.err)
	}
}

// dismiss ends all sessions: in order after a finished job, with the fault after a
// failed one.
func (c *Coordinator) dismiss(err error) {
	for _, m := range c.members {
		if m.session == nil {
			continue
		}
		switch {
		case err == nil:
			m.session.send(&protocol.Bye{Reason: "done"})
		case errors.Is(err, context.Canceled):
			m.session.send(&protocol.Bye{Reason: "leaving"})
		default:
			m.session.send(protocol.AsFault(err).Message())
		}
		m.session.close()
	}
}

// result sums the job up.
func (c *Coordinator) result(total time.Duration) *Result {
	digests := map[string][32]byte{}
	r := &Result{
		Rounds: c.round, Version: c.version, Accuracy: c.accuracy(), TestLoss: c.lastEval.loss,
		BytesSent: c.traffic.sent, BytesReceived: c.traffic.received,
		Pass: c.spent.pass, Wait: c.spent.wait, Total: total,
		Language:   c.base.Config().Path != "" && c.base.Config().Task != "seq-cls",
		Regression: c.regression(),
	}
	for _, name := range sortedKeys(c.members) {
		m := c.members[name]
		r.Participants = append(r.Participants, name)
		digests[name] = m.digest
		if m.session != nil {
			sent, received := m.session.conn.Traffic()
			r.BytesSent += sent
			r.BytesReceived += received
		}
	}
	sum := adapter.DigestAll(digests)
	r.AdaptersSHA256 = hex.EncodeToString(sum[:])
	return r
}
