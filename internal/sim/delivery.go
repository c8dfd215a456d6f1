package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// Delivery measures rounds of a coordinator whose participants take their tuples and throw
// them away: what a round takes where nobody is waited for. Coordinator, passes, messages and
// connections are those of any job; but nobody fits, and nothing is ever committed.
type Delivery struct {
	// Job is a causal language model's. Its rounds are those that are measured.
	Job coordinator.Job
	// Seq are the tokens of each of the job's Batch texts of a participant, random ids from 0
	// to Vocabulary-1.
	Seq, Vocabulary int
	// Network connects them; nil is in memory.
	Network Network
	// Devices compute the passes; nil: the CPU.
	Devices []linalg.Device
}

// Delivered is what was measured.
type Delivered struct {
	// Rounds are seconds from the end of one round to that of the next, of all but the first: a
	// round ends when every participant has its last tuple, and its loss behind it.
	Rounds []float64
	// Bytes of a round to all participants, frames and all.
	Bytes float64
}

// Run runs the rounds.
func (d Delivery) Run(ctx context.Context) (*Delivered, error) {
	if d.Job.Rounds < 2 {
		return nil, fmt.Errorf("%d rounds: the first is not measured", d.Job.Rounds)
	}
	d.Job.Interval, d.Job.Eval = d.Job.Rounds, coordinator.EvalConfig{} // the commit is never reached
	c := coordinator.DefaultConfig()
	c.Job = d.Job
	if d.Devices != nil {
		c.Devices = d.Devices
	}
	network := d.Network
	if network == nil {
		network = &memoryNetwork{}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var err error
	if c.Listener, err = network.Listen(ctx); err != nil {
		return nil, err
	}
	coordinated := make(chan error, 1)
	go func() {
		_, err := coordinator.Run(ctx, c)
		cancel()
		coordinated <- err
	}()
	drains := make([]*drain, d.Job.Participants)
	errs := make([]error, len(drains))
	var running sync.WaitGroup
	for i, name := range Names(d.Job.Participants) {
		drains[i] = &drain{Delivery: d, name: name, random: rand.New(rand.NewPCG(uint64(i), 4))}
		running.Go(func() {
			if errs[i] = drains[i].run(ctx, network); errs[i] != nil {
				cancel()
			}
		})
	}
	running.Wait()
	cancel() // the coordinator waits for updates
	if err := <-coordinated; err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return delivered(drains), nil
}

// delivered sums up what the participants saw.
func delivered(drains []*drain) *Delivered {
	r := &Delivered{}
	var before time.Time
	for round := range drains[0].ends {
		end := slices.MaxFunc(drains, func(a, b *drain) int { return a.ends[round].Compare(b.ends[round]) }).ends[round]
		if round > 0 {
			r.Rounds = append(r.Rounds, end.Sub(before).Seconds())
		}
		before = end
	}
	for _, p := range drains {
		r.Bytes += float64(p.bytes) / float64(len(r.Rounds))
	}
	return r
}

// drain is a participant that learns nothing.
type drain struct {
	Delivery
	name   string
	random *rand.Rand
	ends   []time.Time // of the rounds
	bytes  int64       // that came after the first
}

// run takes part until the last round is over.
func (p *drain) run(ctx context.Context, network Network) error {
	conn, err := network.Dial(ctx, p.name)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() }) //nolint:errcheck // its end is seen by Receive
	defer stop()
	defer conn.Close() //nolint:errcheck // closed twice
	hello := &protocol.Hello{
		MinVersion: protocol.MinVersion, MaxVersion: protocol.MaxVersion, Participant: p.name,
		Data: protocol.Data{Examples: p.Job.Batch, Task: "causal-lm", Vocabulary: p.Vocabulary, Longest: p.Seq},
	}
	if err := conn.Send(hello); err != nil {
		return err
	}
	before := int64(0)
	for {
		m, err := conn.Receive()
		if err != nil {
			return fmt.Errorf("participant %s after %d rounds: %w", p.name, len(p.ends), err)
		}
		switch m := m.(type) {
		case *protocol.Open:
			if err := conn.Send(p.batch(m.Round)); err != nil {
				return err
			}
		case *protocol.Loss: // comes behind the round's tuples
			p.ends = append(p.ends, time.Now())
			_, received := conn.Traffic()
			if len(p.ends) == 1 {
				before = received
			}
			p.bytes = received - before
			if len(p.ends) == int(p.Job.Rounds) {
				return nil
			}
		case *protocol.Error:
			return m.Fault()
		}
	}
}

// batch makes texts of random ids, each of which is a label too.
func (p *drain) batch(round uint64) *protocol.Batch {
	ids := linalg.New(linalg.I32, p.Job.Batch*p.Seq)
	for i := range ids.I32() {
		ids.I32()[i] = int32(p.random.IntN(p.Vocabulary))
	}
	starts := linalg.New(linalg.I32, p.Job.Batch)
	for i := range starts.I32() {
		starts.I32()[i] = int32(i * p.Seq)
	}
	return &protocol.Batch{Round: round, Sections: []protocol.Section{
		{Name: "inputs", Tensor: ids}, {Name: "labels", Tensor: ids}, {Name: "starts", Tensor: starts},
	}}
}
