package membership_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gradientlearning/cola/protocol"
	"github.com/gradientlearning/cola/protocol/membership"
)

// TestMain waits for memberlist's goroutines: after Shutdown a probe that is under way
// still waits for its answer, for up to a probe interval, which is more than goleak's
// own patience.
func TestMain(m *testing.M) {
	code := m.Run()
	for range 20 {
		if goleak.Find() == nil {
			break
		}
	}
	goleak.VerifyTestMain(ran(code))
}

// ran is a test run that is over.
type ran int

// Run returns the run's exit code.
func (r ran) Run() int { return int(r) }

var key = []byte("abcdefghijklmnopqrstuvwxya")

func announceConfig(coordinator string, seeds ...string) membership.Config {
	cfg := membership.DefaultAnnounceConfig()
	cfg.CoordinatorAddr = coordinator
	return onLoopback(cfg, seeds)
}

func discoverConfig(seeds ...string) membership.Config {
	return onLoopback(membership.DefaultDiscoverConfig(), seeds)
}

func onLoopback(cfg membership.Config, seeds []string) membership.Config {
	cfg.Bind, cfg.Network = "127.0.0.1:0", membership.Loopback
	cfg.Key, cfg.JobID, cfg.Seeds = key, "job", seeds
	cfg.Logger = slog.New(slog.DiscardHandler)
	return cfg
}

func announce(t *testing.T, cfg membership.Config) *membership.Pool {
	t.Helper()
	p, err := membership.Announce(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, p) })
	return p
}

func discover(t *testing.T, cfg membership.Config) *membership.Pool {
	t.Helper()
	p, err := membership.Discover(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, p) })
	return p
}

func shutdown(t *testing.T, p *membership.Pool) {
	t.Helper()
	if err := p.Shutdown(); err != nil {
		t.Error(err)
	}
}

// next returns the next event about members of a role.
func next(t *testing.T, p *membership.Pool, role membership.Role) membership.Event {
	t.Helper()
	for {
		select {
		case e, ok := <-p.Events():
			if !ok {
				t.Fatal("the events ended")
			}
			if e.Role == role {
				return e
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no event about a %s", role)
		}
	}
}

func wantCode(t *testing.T, err error, code protocol.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want code %q", code)
	}
	if fault := protocol.AsFault(err); fault.Code != code || fault.Fix == "" {
		t.Fatalf("code %q, want %q: %v", fault.Code, code, err)
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	coordinator := announce(t, announceConfig("10.0.0.7:7433"))
	participant := discover(t, discoverConfig(coordinator.Addr()))
	if diff := cmp.Diff([]string{"10.0.0.7:7433"}, participant.Coordinators()); diff != "" {
		t.Error(diff)
	}
	want := membership.Event{Kind: membership.Joined, Role: membership.Participant, Addr: participant.Addr()}
	if diff := cmp.Diff(want, next(t, coordinator, membership.Participant)); diff != "" {
		t.Error(diff)
	}
	shutdown(t, participant)
	want.Kind = membership.Gone
	if diff := cmp.Diff(want, next(t, coordinator, membership.Participant)); diff != "" {
		t.Error(diff)
	}
	shutdown(t, participant) // again: harmless
	for range participant.Events() {
		continue // ends, because Shutdown closed the channel
	}
}

func TestSeveralCoordinators(t *testing.T) {
	t.Parallel()
	first := announce(t, announceConfig("a.example:7433"))
	second := announce(t, announceConfig("b.example:7433", first.Addr()))
	announce(t, announceConfig("b.example:7433", "127.0.0.1:1", first.Addr())) // a restarted one: the same address
	participant := discover(t, discoverConfig(second.Addr()))
	want := []string{"a.example:7433", "b.example:7433"}
	for !cmp.Equal(want, participant.Coordinators()) {
		next(t, participant, membership.Coordinator)
	}
	shutdown(t, first)
	for e := next(t, participant, membership.Coordinator); e.Kind != membership.Gone; {
		e = next(t, participant, membership.Coordinator)
	}
	if diff := cmp.Diff(want[1:], participant.Coordinators()); diff != "" {
		t.Error(diff)
	}
}

func TestCoordinatorComesLater(t *testing.T) {
	t.Parallel()
	early, err := membership.Announce(t.Context(), announceConfig("10.0.0.7:7433"))
	if err != nil {
		t.Fatal(err)
	}
	seed := early.Addr()
	shutdown(t, early)
	started := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		close(started)
		p, err := membership.Discover(t.Context(), discoverConfig(seed))
		if err != nil {
			t.Error(err)
			return
		}
		if diff := cmp.Diff([]string{"10.0.0.7:7433"}, p.Coordinators()); diff != "" {
			t.Error(diff)
		}
		shutdown(t, p)
	})
	<-started
	cfg := announceConfig("10.0.0.7:7433", "127.0.0.1:1") // its seed is not there: it announces alone
	cfg.Bind = seed
	announce(t, cfg)
	wg.Wait()
}

func TestOthersAreNotHeard(t *testing.T) {
	coordinator := announce(t, announceConfig("10.0.0.7:7433"))
	tests := map[string]func(*membership.Config){
		"another key":  func(cfg *membership.Config) { cfg.Key = bytes.ToUpper(key) },
		"another job":  func(cfg *membership.Config) { cfg.JobID = "another" },
		"another seed": func(cfg *membership.Config) { cfg.Seeds = []string{"127.0.0.1:1"} },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := discoverConfig(coordinator.Addr())
			change(&cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			_, err := membership.Discover(ctx, cfg)
			wantCode(t, err, protocol.CodeUnreachable)
		})
	}
}

func TestConfigFaults(t *testing.T) {
	tests := map[string]func(*membership.Config){
		"no port":               func(cfg *membership.Config) { cfg.Bind = "127.0.0.1" },
		"a name to bind to":     func(cfg *membership.Config) { cfg.Bind = "localhost:7946" },
		"nothing advertised":    func(cfg *membership.Config) { cfg.Advertise = "127.0.0.1:0" },
		"a port to be found":    func(cfg *membership.Config) { cfg.Advertise = "127.0.0.1:7946" },
		"a short key":           func(cfg *membership.Config) { cfg.Key = key[:15] },
		"no job":                func(cfg *membership.Config) { cfg.JobID = "" },
		"no logger":             func(cfg *membership.Config) { cfg.Logger = nil },
		"an unknown network":    func(cfg *membership.Config) { cfg.Network = "moon" },
		"no address":            func(cfg *membership.Config) { cfg.CoordinatorAddr = "" },
		"an open address":       func(cfg *membership.Config) { cfg.CoordinatorAddr = ":7433" },
		"an unspecified one":    func(cfg *membership.Config) { cfg.CoordinatorAddr = "0.0.0.0:7433" },
		"too much to advertise": func(cfg *membership.Config) { cfg.CoordinatorAddr = strings.Repeat("a", 600) + ":7433" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := announceConfig("10.0.0.7:7433")
			change(&cfg)
			_, err := membership.Announce(t.Context(), cfg)
			wantCode(t, err, protocol.CodeUsage)
		})
	}
	_, err := membership.Discover(t.Context(), discoverConfig())
	wantCode(t, err, protocol.CodeUsage)
	cfg := discoverConfig("127.0.0.1:1")
	cfg.Key = nil
	_, err = membership.Discover(t.Context(), cfg)
	wantCode(t, err, protocol.CodeUsage)
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	first := announce(t, announceConfig("10.0.0.7:7433"))
	cfg := announceConfig("10.0.0.8:7433")
	cfg.Bind = first.Addr()
	_, err := membership.Announce(t.Context(), cfg)
	wantCode(t, err, protocol.CodePortInUse)
}

func TestAnnounceCancelled(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connects, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for range 2 { // the context ends meanwhile, and has ended before
		_, err := membership.Announce(ctx, announceConfig("10.0.0.7:7433", silent.Addr().String()))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	}
}

func TestAdvertisedAddress(t *testing.T) {
	t.Parallel()
	first := announce(t, announceConfig("10.0.0.7:7433"))
	shutdown(t, first)
	cfg := announceConfig("10.0.0.7:7433")
	cfg.Bind = first.Addr()
	cfg.Advertise = "127.0.0.2:7999"
	cfg.Network = membership.WAN
	if got := announce(t, cfg).Addr(); got != cfg.Advertise {
		t.Errorf("advertised %s", got)
	}
}
