package participant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/gradientlearning/cola/internal/durable"
	"github.com/gradientlearning/cola/protocol"
)

// Participant is one run of a participant.
type Participant struct {
	Config
	states *states
	ledger *ledger

	job      *training     // nil before the first Welcome
	welcomed bool          // on this connection
	tested   protocol.Eval // the last one
	result   *Result       // set by the final commit
	traffic  struct{ sent, received int64 }
}

const (
	heartbeat    = 5 * time.Second
	patience     = 30 * time.Second
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// coordinatorError is an end of the session that is not this participant's doing: the
// coordinator may take it up again.
type coordinatorError string

func (e coordinatorError) Error() string { return string(e) }

// Run takes part in a job until it is done. A lost connection is taken up again, for
// ever and ever more slowly; a fault that no repetition mends ends the run, and the
// state can still be used. A cancelled ctx leaves the job in order.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	p := &Participant{Config: cfg}
	release, err := p.open()
	if err != nil {
		return nil, p.sign(err)
	}
	defer release()
	before, err := p.wasDone()
	if err != nil {
		return nil, p.sign(err)
	}
	wait, begin := firstBackoff, time.Now()
	for {
		progressed, err := p.session(ctx)
		switch {
		case before != nil && p.job == nil && protocol.AsFault(err).Code == protocol.CodeUnreachable:
			p.Log.Info("the job is done, and its coordinator has gone", "participant", p.Name)
			return before, nil
		case p.result != nil:
			p.result.BytesSent, p.result.BytesReceived = p.traffic.sent, p.traffic.received
			return p.result, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !temporary(err), p.job == nil && p.FirstContact > 0 && time.Since(begin) > p.FirstContact:
			return nil, p.sign(err)
		}
		if progressed {
			wait = firstBackoff
		}
		p.Log.Warn("connection lost; trying again", "participant", p.Name, "in", wait, "error", err)
		select {
		case <-time.After(time.Duration(float64(wait) * (0.5 + rand.Float64()))):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		wait = min(2*wait, lastBackoff)
	}
}

// sign puts the participant's name on a fault.
func (p *Participant) sign(err error) error {
	f := *protocol.AsFault(err)
	f.Participant = p.Name
	return &f
}

// temporary says whether trying again can help.
func temporary(err error) bool {
	f, ok := errors.AsType[*protocol.Fault](err)
	return !ok || f.Code == protocol.CodeUnreachable
}

// open takes the state folder.
func (p *Participant) open() (release func(), err error) {
	if err := protocol.ValidName(p.Name); err != nil {
		return nil, protocol.Faultf(protocol.CodeUsage, "give another name with --name", "the participant's name cannot be used: %w", err)
	}
	if p.states, err = openStates(p.StateDir); err != nil {
		return nil, err
	}
	unlock := func() error { return nil }
	if p.StateDir != "" {
		if unlock, err = durable.Lock(p.StateDir); err != nil {
			return nil, durable.Fault(p.StateDir, err)
		}
	}
	if p.ledger, err = openLedger(p.StateDir); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return func() {
		if err := errors.Join(p.ledger.close(), unlock()); err != nil {
			p.Log.Warn("closing state", "error", err)
		}
	}, nil
}

// session is one connection, from Hello to its end. progressed says that the
// coordinator took the participant in.
func (p *Participant) session(ctx context.Context) (progressed bool, err error) {
	conn, err := p.Dial(ctx)
	if err != nil {
		return false, err
	}
	conn.SetPatience(patience)
	// A cancelled ctx says goodbye, and the close behind it ends Receive.
	stop := context.AfterFunc(ctx, func() {
		conn.Send(&protocol.Bye{Reason: "leaving"}) //nolint:errcheck // a courtesy
		conn.Close()                                //nolint:errcheck // its end is seen by Receive
	})
	defer stop()
	endBeat := p.beat(conn)
	defer func() {
		if f, ok := errors.AsType[*protocol.Fault](err); ok && !temporary(err) && f.Participant == "" {
			f.Participant = p.Name
			conn.Fail(f) // the fault is ours: tell the coordinator's people
		}
		endBeat()
		sent, received := conn.Traffic()
		p.traffic.sent += sent
		p.traffic.received += received
		if closeErr := conn.Close(); closeErr != nil {
			p.Log.Debug("close", "error", closeErr)
		}
	}()
	p.welcomed = false
	if err := p.hello(conn); err != nil {
		return false, err
	}
	for {
		m, err := conn.Receive()
		if err != nil {
			return progressed, received(err)
		}
		if err := p.handle(conn, m); err != nil {
			return progressed, err
		}
		if p.result != nil {
			return true, p.send(conn, &protocol.Bye{Reason: "done"})
		}
		progressed = true
	}
}

// lastWords is why nothing can be sent any more: what the coordinator said before it hung
// up, if it said anything.
func (p *Participant) lastWords(conn *protocol.Conn, err error) error {
	conn.HangUp()
	for {
		m, receiveErr := conn.Receive()
		if receiveErr != nil {
			return err
		}
		if m.Kind() == protocol.KindError {
			return p.handle(conn, m)
		}
	}
}

// received explains why nothing more comes. A damaged frame is the connection's fault.
func received(err error) error {
	if errors.Is(err, io.EOF) {
		return coordinatorError("the coordinator closed the connection")
	}
	if f, ok := errors.AsType[*protocol.Fault](err); ok && f.Code == protocol.CodeProtocol {
		return coordinatorError(f.Cause)
	}
	return err
}

// beat says that the participant is alive while it fits or waits.
func (p *Participant) beat(conn *protocol.Conn) (stop func()) {
	quit := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(heartbeat)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if conn.Send(&protocol.Progress{Stage: "alive"}) != nil {
					return // Receive reports it
				}
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		conn.Close() //nolint:errcheck // closed twice; frees a Send that is stuck
		<-ended
	}
}

// send sends a message and writes it into the ledger.
func (p *Participant) send(conn *protocol.Conn, m protocol.Message) error {
	if err := conn.Send(m); err != nil {
		if _, ours := errors.AsType[*protocol.Fault](err); ours {
			return err
		}
		return p.lastWords(conn, err)
	}
	if err := p.ledger.note(conn, m); err != nil {
		return durable.Fault(p.StateDir, fmt.Errorf("ledger: %w", err))
	}
	return nil
}

// hello introduces the participant.
func (p *Participant) hello(conn *protocol.Conn) error {
	versions, err := p.states.list()
	if err != nil {
		return err
	}
	format := p.Data.Format()
	return p.send(conn, &protocol.Hello{
		MinVersion: protocol.MinVersion, MaxVersion: protocol.MaxVersion,
		Participant: p.Name, Software: p.Software, Job: p.states.job,
		Data: protocol.Data{
			Examples: p.Data.Len(), Task: string(format.Task), Shape: format.Shape, Classes: format.Classes,
			Vocabulary: format.Vocabulary, Longest: format.Longest, Tokenizer: format.Tokenizer,
		},
		States: versions,
	})
}

// handle does what a message asks for.
func (p *Participant) handle(conn *protocol.Conn, m protocol.Message) error {
	if welcome, ok := m.(*protocol.Welcome); ok {
		return p.welcome(welcome)
	}
	if !p.welcomed && m.Kind() != protocol.KindError && m.Kind() != protocol.KindProgress {
		return protocol.Faultf(protocol.CodeProtocol, "use a coordinator of the same release", "message of kind %d came before Welcome", m.Kind())
	}
	switch m := m.(type) {
	case *protocol.Open:
		batch, err := p.job.open(m, p.Data)
		if err != nil {
			return err
		}
		return p.send(conn, batch)
	case *protocol.Tuples:
		update, err := p.job.tuples(m)
		if err != nil || update == nil {
			return err
		}
		// The state behind the update must be durable before the update can be committed.
		if err := p.states.put(update.Version, p.Name, p.job.state()); err != nil {
			return err
		}
		return p.send(conn, update)
	case *protocol.Loss:
		p.Observe(Observation{Round: m.Round + 1, Rounds: p.job.wire.Rounds, Loss: m.Loss, Accuracy: float64(m.Correct) / float64(max(m.Rows, 1))})
		return nil
	case *protocol.Eval:
		p.tested = *m
		p.Log.Info("evaluated", "participant", p.Name, "round", m.Round, "accuracy", m.Accuracy, "loss", m.Loss, "examples", m.Examples)
		return nil
	case *protocol.Commit:
		return p.commit(m)
	case *protocol.Error:
		if m.Participant != p.Name && p.welcomed {
			return coordinatorError("the coordinator failed: " + m.Fault().Error())
		}
		return m.Fault() // it is about this participant
	case *protocol.Bye:
		return coordinatorError("the coordinator is leaving; it may be back")
	case *protocol.Progress:
		return nil
	}
	return protocol.Faultf(protocol.CodeProtocol, "use a coordinator of the same release", "message of kind %d is not for a participant", m.Kind())
}

// welcome takes up the job at the version that the coordinator names.
func (p *Participant) welcome(w *protocol.Welcome) error {
	begins := w.Resume == 0
	if err := p.newJob(w.Job.ID, begins); err != nil {
		return err
	}
	training, err := newTraining(p.Config, w)
	if err != nil {
		return err
	}
	p.job, p.welcomed = training, true
	p.job.best = w.Best
	if !begins {
		if err := p.restore(w.Resume); err != nil {
			return err
		}
	}
	p.Log.Info("joined", "participant", p.Name, "job", w.Job.Name, "round", w.Round, "rounds", w.Job.Rounds, "from", w.Resume)
	return nil
}

// newJob sets states aside that belong to another job, or to a run of this one that the
// coordinator has begun again. A state of version 1 alone was never committed.
func (p *Participant) newJob(id string, begins bool) error {
	versions, err := p.states.list()
	if err != nil {
		return err
	}
	if p.states.unknown && !begins {
		return nil // the coordinator counts on them: what is wrong is said when they are read
	}
	if p.states.job != id || begins && len(versions) > 0 && versions[len(versions)-1] > 1 {
		dir, err := p.states.setAside()
		if err != nil {
			return err
		}
		if dir != "" {
			p.Log.Warn("the job begins anew; earlier state was set aside", "participant", p.Name, "folder", dir)
		}
	}
	p.states.job = id
	return nil
}

// restore goes on from a version.
func (p *Participant) restore(version uint64) error {
	state, err := p.states.get(version)
	if err != nil {
		return err
	}
	if err := p.job.restore(state); err != nil {
		return protocol.Faultf(protocol.CodeStateCorrupt, "restore the state folder from a copy", "the state of version %d does not fit the job: %w", version, err)
	}
	p.job.version = version
	return nil
}

// commit goes on from a committed version, or, if this participant's update came too
// late for it, from where it was.
func (p *Participant) commit(m *protocol.Commit) error {
	before, best := p.job.version, p.job.best
	switch {
	case m.Included && p.job.prepared == m.Version:
		p.job.version = m.Version
	case m.Included && p.job.version != m.Version:
		if err := p.restore(m.Version); err != nil {
			return err
		}
	case !m.Included && p.job.prepared != 0:
		if err := p.rollBack(); err != nil {
			return err
		}
	}
	p.job.prepared, p.job.best = 0, m.Best
	p.job.reset()
	// The coordinator may come back from the commit before this one, with what was best then.
	if err := p.states.trim(before, p.job.version, best, m.Best); err != nil {
		return err
	}
	if !m.Final {
		return nil
	}
	if err := p.endWith(m.Best); err != nil {
		return err
	}
	if err := p.job.write(p.Out, m); err != nil {
		return err
	}
	p.result = &Result{Version: m.Version, Rounds: m.Round, AdaptersSHA256: p.job.digest(), Accuracy: p.tested.Accuracy, TestLoss: p.tested.Loss}
	return p.markDone()
}

// rollBack forgets an update that was not taken.
func (p *Participant) rollBack() error { return p.goTo(p.job.version) }

// endWith takes up the state that the job ends with.
func (p *Participant) endWith(best uint64) error {
	if best == p.job.version {
		return nil
	}
	return p.goTo(best)
}

// goTo takes up a version's state; 0 is the state at the beginning.
func (p *Participant) goTo(version uint64) error {
	if version == 0 {
		return p.job.begin()
	}
	return p.restore(version)
}
