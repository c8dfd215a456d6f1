package membership

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/gradientlearning/cola/protocol"
)

// Pool is membership in a gossip pool, until [Pool.Shutdown].
type Pool struct {
	list     *memberlist.Memberlist
	observer *observer
	logger   *slog.Logger
	silence  func() // ends memberlist's log
	addr     string
	joining  sync.WaitGroup
	shutdown sync.Once
	err      error // of the shutdown
}

const (
	retryInterval = time.Second
	leaveTimeout  = 2 * time.Second
)

// Announce enters the pool as a coordinator and tells it CoordinatorAddr. Seeds, if
// any, are tried once; a coordinator whose seeds do not answer is in the pool by
// itself. The context bounds the call, not the membership.
func Announce(ctx context.Context, cfg Config) (*Pool, error) {
	if err := checkAddr(cfg.CoordinatorAddr); err != nil {
		return nil, usage("the coordinator cannot be announced: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("join the gossip pool: %w", err)
	}
	p, err := enter(cfg, meta{Role: Coordinator, Version: protocol.MaxVersion, Addr: cfg.CoordinatorAddr})
	if err != nil {
		return nil, err
	}
	if len(cfg.Seeds) == 0 {
		return p, nil
	}
	select {
	case err = <-p.join(cfg.Seeds):
		if err != nil {
			p.logger.Info("no gossip seed answers: announcing alone", "seeds", cfg.Seeds, "error", err)
		}
		return p, nil
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("join the gossip pool: %w", ctx.Err()), p.Shutdown())
	}
}

// Discover enters the pool through Seeds as a participant and returns once at least
// one coordinator is known: [Pool.Coordinators] has the addresses. Until the context
// ends it tries again and again; then it fails with an unreachable fault.
func Discover(ctx context.Context, cfg Config) (*Pool, error) {
	if len(cfg.Seeds) == 0 {
		return nil, usage("discovery needs the gossip address of a member of the pool")
	}
	p, err := enter(cfg, meta{Role: Participant, Version: protocol.MaxVersion})
	if err != nil {
		return nil, err
	}
	last := errors.New("no answer yet")
	attempt := p.join(cfg.Seeds)
	retry := time.NewTicker(retryInterval)
	defer retry.Stop()
	for len(p.Coordinators()) == 0 {
		select {
		case <-p.observer.changed:
		case err := <-attempt:
			if last = err; err == nil {
				last = errors.New("members answer, but none of them is a coordinator")
			}
			attempt = nil
		case <-retry.C:
			if attempt == nil { // one at a time
				attempt = p.join(cfg.Seeds)
			}
		case <-ctx.Done():
			fault := protocol.Faultf(protocol.CodeUnreachable,
				"check that the coordinator runs with --gossip and that UDP and TCP pass both ways, or give its address instead",
				"no coordinator was found by gossip through %s: %w", strings.Join(cfg.Seeds, ", "), last)
			return nil, errors.Join(fault, p.Shutdown())
		}
	}
	return p, nil
}

// enter starts gossiping, with nobody yet.
func enter(cfg Config, self meta) (*Pool, error) {
	data, err := self.encode()
	if err != nil {
		return nil, err
	}
	// A new name at every start: a member that comes back is not taken for a
	// conflict with what the pool remembers of it.
	conf, err := cfg.memberlist(string(self.Role) + "-" + strings.ToLower(rand.Text()[:8]))
	if err != nil {
		return nil, err
	}
	p := &Pool{observer: newObserver(), logger: cfg.Logger}
	conf.Logger, p.silence = bridge(cfg.Logger)
	conf.Delegate = delegate(data)
	conf.Events = p.observer
	if p.list, err = memberlist.Create(conf); err != nil {
		return nil, protocol.Faultf(protocol.CodePortInUse,
			"choose another gossip address, or stop the process that uses this one",
			"cannot gossip at %s: %w", cfg.Bind, err)
	}
	p.addr = p.list.LocalNode().Address()
	return p, nil
}

// join tries the seeds once, beside the caller, and reports on the channel.
func (p *Pool) join(seeds []string) <-chan error {
	done := make(chan error, 1)
	p.joining.Go(func() {
		_, err := p.list.Join(seeds)
		done <- err
	})
	return done
}

// Coordinators returns the TLS addresses of the coordinators that are thought to be
// there, sorted. They are hints: dial them through package identity.
func (p *Pool) Coordinators() []string { return p.observer.coordinators() }

// Events returns hints about members that came and went, the member itself among
// them. The oldest are dropped where nobody listens; the channel is closed by Shutdown.
func (p *Pool) Events() <-chan Event { return p.observer.events }

// Addr returns the address that this member gossips at, a seed for others.
func (p *Pool) Addr() string { return p.addr }

// Shutdown says good-bye to the pool and stops gossiping. A probe that is under way keeps
// a goroutine for up to a probe interval more. It may be called again.
func (p *Pool) Shutdown() error {
	p.shutdown.Do(func() {
		if err := p.list.Leave(leaveTimeout); err != nil {
			// Others will find out by probing.
			p.logger.Debug("the gossip pool was left without a good-bye", "error", err)
		}
		if err := p.list.Shutdown(); err != nil {
			p.err = fmt.Errorf("stop gossiping: %w", err)
		}
		p.joining.Wait()
		p.observer.close()
		p.silence()
	})
	return p.err
}

// delegate is what memberlist asks about this member: its metadata, and no messages.
type delegate []byte

// NodeMeta returns the metadata; its size was checked.
func (d delegate) NodeMeta(int) []byte { return d }

// NotifyMsg ignores what others send: the pool carries no messages of ours.
func (d delegate) NotifyMsg([]byte) {}

// GetBroadcasts returns nothing: the pool carries no messages of ours.
func (d delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState returns nothing: the pool carries no state of ours.
func (d delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState ignores others' state.
func (d delegate) MergeRemoteState([]byte, bool) {}
