package sim_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// coordinatorHeap runs a job with participants that keep nothing (each sends random
// adapters without fitting them) and returns the largest live heap after a round.
func coordinatorHeap(b *testing.B, job coordinator.Job) uint64 {
	b.Helper()
	listener := protocol.NewPipeListener()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := range job.Participants {
		go idleParticipant(ctx, b, listener, string(rune('A'+i/26))+string(rune('A'+i%26)))
	}
	cfg := coordinator.DefaultConfig()
	cfg.Job, cfg.Listener = job, listener
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	held := uint64(0)
	cfg.Observe = func(coordinator.Observation) {
		runtime.GC()
		runtime.ReadMemStats(&now)
		held = max(held, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
	}
	if _, err := coordinator.Run(ctx, cfg); err != nil {
		b.Fatal(err)
	}
	return held
}

// idleParticipant follows the protocol with one adapter that all of them share.
func idleParticipant(ctx context.Context, b *testing.B, listener *protocol.PipeListener, name string) {
	conn, err := listener.Dial(ctx, name)
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the benchmark is over
	send := func(m protocol.Message) {
		if err := conn.Send(m); err != nil && ctx.Err() == nil {
			b.Error(err)
		}
	}
	send(&protocol.Hello{MinVersion: 2, MaxVersion: 2, Participant: name, Data: protocol.Data{Examples: 10, Task: "image-cls", Shape: []int{28, 28, 1}, Classes: 10}})
	var open *protocol.Open
	for {
		m, err := conn.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *protocol.Open:
			open = m
			send(&protocol.Batch{Round: m.Round, Sections: []protocol.Section{
				{Name: "inputs", Tensor: linalg.New(linalg.F32, m.Rows, 28, 28, 1)},
				{Name: "labels", Tensor: linalg.New(linalg.I32, m.Rows)},
			}})
		case *protocol.Tuples:
			if m.Last {
				u := sharedUpdate
				u.Version, u.Round = open.Version, open.Round
				send(&u)
			}
		case *protocol.Commit:
			if m.Final {
				send(&protocol.Bye{Reason: "done"})
			}
		}
	}
}

// sharedUpdate is an update of linear adapters of zeros at the MNIST MLP's sites.
var sharedUpdate = func() protocol.Update {
	var u protocol.Update
	var sites []adapter.Site
	var list []adapter.Adapter
	for _, s := range []adapter.Site{
		{Name: "layers.0", In: 784, Out: 128}, {Name: "layers.1", In: 128, Out: 256}, {Name: "head", In: 256, Out: 10},
	} {
		s.Kind, s.Bias = adapter.SiteLinear, true
		a, err := adapter.New(s, adapter.Spec{Kind: adapter.Linear, Bias: true}, nil)
		if err != nil {
			panic(err)
		}
		sites, list = append(sites, s), append(list, a)
		for _, p := range a.Params() {
			u.Sections = append(u.Sections, protocol.Section{Name: s.Name + "." + p.Name, Tensor: p.Value})
		}
	}
	digest := adapter.Digest(sites, list)
	u.Digest = digest[:]
	return u
}()
