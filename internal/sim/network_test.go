package sim_test

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gradientlearning/cola/internal/netem"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/protocol"
)

// badNetwork connects over pipes that faults break, a number of times.
type badNetwork struct {
	faults func(r *rand.Rand) netem.Faults

	mu    sync.Mutex
	r     *rand.Rand
	left  int // connections that still break
	conns chan *protocol.Conn
	done  chan struct{}
	once  sync.Once
}

func newBadNetwork(seed uint64, breaks int, faults func(r *rand.Rand) netem.Faults) *badNetwork {
	return &badNetwork{
		faults: faults, r: rand.New(rand.NewPCG(seed, 0)), left: breaks, conns: make(chan *protocol.Conn), done: make(chan struct{}),
	}
}

func (n *badNetwork) Listen(context.Context) (protocol.Listener, error) { return n, nil }

func (n *badNetwork) Accept() (*protocol.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *badNetwork) Close() error { n.once.Do(func() { close(n.done) }); return nil }
func (n *badNetwork) Addr() string { return "bad" }

// next returns the faults of both directions of a new connection.
func (n *badNetwork) next() (there, back netem.Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left == 0 {
		return netem.Faults{}, netem.Faults{}
	}
	n.left--
	return n.faults(n.r), n.faults(n.r)
}

func (n *badNetwork) Dial(ctx context.Context, name string) (*protocol.Conn, error) {
	near, far := protocol.Pipe()
	there, back := n.next()
	c := protocol.NewConn(netem.Wrap(far, back), protocol.Peer{Name: name, Addr: "bad"}, protocol.DefaultLimits())
	select {
	case n.conns <- c:
		return protocol.NewConn(netem.Wrap(near, there), protocol.Peer{Name: "coordinator", Addr: "bad"}, protocol.DefaultLimits()), nil
	case <-n.done:
		return nil, protocol.Faultf(protocol.CodeUnreachable, "", "closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// cut ends a connection in the middle of something.
func cut(r *rand.Rand) netem.Faults { return netem.Faults{CutAfter: 1 + r.Int64N(20_000)} }

// TestBitsSurviveABadNetwork cuts and corrupts connections in the middle of frames: the
// adapters end up the same.
func TestBitsSurviveABadNetwork(t *testing.T) {
	faults := map[string]func(r *rand.Rand) netem.Faults{
		"cut":     cut,
		"corrupt": func(r *rand.Rand) netem.Faults { return netem.Faults{CorruptAt: 1 + r.Int64N(20_000)} },
		"slow":    func(*rand.Rand) netem.Faults { return netem.Faults{Delay: time.Millisecond, BytesPerSecond: 4e6} },
	}
	for _, name := range []string{"collaborative", "interval", "alone", "batch", "int8"} {
		want := federate(t, variant(variants()[name]), nil, everyone()).AdaptersSHA256
		for kind, f := range faults {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				network := newBadNetwork(uint64(len(name)), 12, f)
				if got := federate(t, variant(variants()[name]), network, everyone()).AdaptersSHA256; got != want {
					t.Errorf("adapters %s, on a good network %s", got, want)
				}
				if network.left > 0 && kind != "slow" {
					t.Errorf("%d of 12 connections did not break", network.left)
				}
			})
		}
	}
}

// TestLoopbackEndsLikeMemory compares TLS over loopback with connections in memory.
func TestLoopbackEndsLikeMemory(t *testing.T) {
	job := smallJob()
	want := federate(t, job, nil, everyone())
	got := federate(t, job, &sim.Loopback{Dir: t.TempDir()}, everyone())
	if got.AdaptersSHA256 != want.AdaptersSHA256 {
		t.Errorf("adapters %s over TLS, %s in memory", got.AdaptersSHA256, want.AdaptersSHA256)
	}
	for name := range want.Accuracy {
		if got.Accuracy[name] != want.Accuracy[name] {
			t.Errorf("%s: accuracy %g over TLS, %g in memory", name, got.Accuracy[name], want.Accuracy[name])
		}
	}
}
