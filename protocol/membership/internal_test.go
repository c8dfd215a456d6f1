package membership

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// What comes from the pool reaches these by way of memberlist, which has no face for
// a test to send garbage through: hence inside the package.

func FuzzParseMeta(f *testing.F) {
	f.Add([]byte(`{"role":"coordinator","version":1,"addr":"10.0.0.7:7433"}`))
	f.Add([]byte(`{"role":"participant","version":1}`))
	f.Add([]byte(`{"role":"coordinator","version":1,"addr":":0"}`))
	f.Add([]byte(`[[[[`))
	f.Add(bytes.Repeat([]byte("["), 600))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMeta(data)
		if err != nil {
			return
		}
		if m.Role == Participant && m.Addr != "" {
			t.Errorf("a participant has the address %q", m.Addr)
		}
		if m.Role == Coordinator {
			if _, port, err := net.SplitHostPort(m.Addr); err != nil || port == "" {
				t.Errorf("a coordinator's address %q: %v", m.Addr, err)
			}
		}
		if m.Role != Participant && m.Role != Coordinator {
			t.Errorf("role %q", m.Role)
		}
	})
}

func TestLogLevels(t *testing.T) {
	var out bytes.Buffer
	logger, silence := bridge(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer func() {
		silence()
		out.Reset()
		if logger.Print("[ERR] memberlist: late"); out.Len() > 0 {
			t.Errorf("silenced, it logs %q", out.String())
		}
	}()
	for line, want := range map[string]string{
		"[DEBUG] memberlist: chatter":  "",
		"[INFO] memberlist: news":      "level=DEBUG msg=news",
		"[WARN] memberlist: worry":     "level=INFO msg=worry",
		"[ERR] memberlist: trouble":    "level=WARN msg=trouble",
		"[ERROR] memberlist: trouble":  "level=WARN msg=trouble",
		"something without any level ": `level=INFO msg="something without any level"`,
	} {
		out.Reset()
		logger.Print(line)
		got := out.String()
		if want == "" && got != "" || !strings.Contains(got, want) || (got != "" && !strings.Contains(got, "part=gossip")) {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
}

// Nobody may be listening: memberlist must not be held up, and the newest hints stay.
func TestEventsNobodyHears(t *testing.T) {
	o := newObserver()
	data, err := meta{Role: Participant, Version: 1}.encode()
	if err != nil {
		t.Fatal(err)
	}
	const all = 3 * eventBuffer
	for i := range all {
		o.NotifyJoin(&memberlist.Node{Name: fmt.Sprint(i), Addr: net.IPv4(127, 0, 0, 1), Port: uint16(i + 1), Meta: data})
	}
	o.NotifyUpdate(&memberlist.Node{Name: "a stranger", Meta: []byte("garbage")})
	o.close()
	o.NotifyLeave(&memberlist.Node{Name: "0", Meta: data})
	port := all - eventBuffer
	for e := range o.events {
		port++
		if want := fmt.Sprintf("127.0.0.1:%d", port); e.Addr != want {
			t.Fatalf("event about %s, want %s", e.Addr, want)
		}
	}
	if port != all {
		t.Errorf("the last event is number %d, want %d", port, all)
	}
}

// A coordinator that is killed says no good-bye: the others find out by probing.
func TestSilentMemberIsGone(t *testing.T) {
	t.Parallel()
	cfg := DefaultAnnounceConfig()
	cfg.Bind, cfg.Network, cfg.Key, cfg.JobID = "127.0.0.1:0", Loopback, make([]byte, 16), "job"
	cfg.CoordinatorAddr, cfg.Logger = "10.0.0.7:7433", slog.New(slog.DiscardHandler)
	coordinator, err := Announce(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Seeds = []string{coordinator.Addr()}
	participant, err := Discover(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := coordinator.list.Shutdown(); err != nil {
		t.Fatal(err)
	}
	patience := time.After(time.Minute)
	for len(participant.Coordinators()) > 0 {
		select {
		case <-participant.Events():
		case <-patience:
			t.Fatal("the coordinator's silence was not noticed")
		}
	}
	if err := participant.Shutdown(); err != nil {
		t.Error(err)
	}
	coordinator.observer.close()
}
