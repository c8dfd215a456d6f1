package sim_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/participant"
	"github.com/gradientlearning/cola/protocol"
)

// crew starts participants one by one on a coordinator in memory.
type crew struct {
	t        *testing.T
	ctx      context.Context
	train    data.Dataset
	listener *protocol.PipeListener
	running  sync.WaitGroup
}

// start starts a participant; the function that it returns stops it.
func (c *crew) start(name string, shard int, observe func(participant.Observation)) (stop func()) {
	ctx, cancel := context.WithCancel(c.ctx)
	cfg := participant.DefaultConfig()
	cfg.Name, cfg.Data = name, data.ByLabel(c.train, shard, 4)
	cfg.Dial = func(ctx context.Context) (*protocol.Conn, error) { return c.listener.Dial(ctx, name) }
	if observe != nil {
		cfg.Observe = observe
	}
	c.running.Go(func() {
		if _, err := participant.Run(ctx, cfg); err != nil && ctx.Err() == nil {
			c.t.Errorf("%s: %v", name, err)
		}
	})
	return cancel
}

// TestQuorum runs a job whose rounds close at quorum after their deadline: one
// participant leaves in the middle, another joins late, and each counts in the merged
// update with what it gave last.
func TestQuorum(t *testing.T) {
	for _, collaboration := range []coordinator.Collaboration{coordinator.Collaborative, coordinator.Alone} {
		t.Run(string(collaboration), func(t *testing.T) {
			job := smallJob()
			job.Collaboration, job.Rounds = collaboration, 20
			job.Quorum, job.Deadline = 2, coordinator.Duration(150*time.Millisecond)
			train, test := smallData(t, job)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c := &crew{t: t, ctx: ctx, train: train, listener: protocol.NewPipeListener()}
			c.start("p0", 0, nil)
			c.start("p1", 1, nil)
			leave := make(chan struct{})
			var once sync.Once
			stop := c.start("p2", 2, func(o participant.Observation) {
				if o.Round >= 5 { // the fifth itself may close without it
					once.Do(func() { close(leave) })
				}
			})
			c.running.Go(func() {
				<-leave
				stop()
				c.start("p3", 3, nil)
			})
			cfg := coordinator.DefaultConfig()
			cfg.Job, cfg.Listener, cfg.Test, cfg.StateDir, cfg.Linger = job, c.listener, test, t.TempDir(), 100*time.Millisecond
			result, err := coordinator.Run(ctx, cfg)
			if err != nil {
				t.Fatal(err)
			}
			c.running.Wait()
			if diff := cmp.Diff([]string{"p0", "p1", "p2", "p3"}, result.Participants); diff != "" || result.Rounds != job.Rounds {
				t.Errorf("%d rounds, participants (-want +got):\n%s", result.Rounds, diff)
			}
		})
	}
}
