package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/protocol/identity"
	"github.com/gradientlearning/cola/protocol/membership"
)

const (
	smallJob = `
name = "small"
rounds = 4
participants = 1
batch = 4
[model]
type = "linear"
input = [4, 4, 1]
classes = 3
[eval]
data = ""
`
	smallData = "synthetic:40:4x4x1:3:1"
)

// job is a coordinator that runs in the background, for one participant.
type job struct {
	join   identity.Join
	gossip string // the pool's address, if the coordinator gossips
}

// startJob starts a coordinator; the test fails if its job does.
func startJob(t *testing.T, gossip bool) job {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	authority, err := identity.OpenAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	listening := identity.DefaultListenConfig()
	listening.Logger = quiet
	listener, err := authority.Listen("127.0.0.1:0", listening)
	if err != nil {
		t.Fatal(err)
	}
	j := job{join: identity.Join{Addr: listener.Addr(), Authority: authority.Fingerprint()}}
	if j.join.Token, err = authority.Invite("", 0); err != nil {
		t.Fatal(err)
	}
	if gossip {
		j.announce(t, authority)
	}
	cfg := coordinator.DefaultConfig()
	cfg.Listener = listener
	if cfg.Job, err = coordinator.ParseJob([]byte(smallJob)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := coordinator.Run(ctx, cfg)
		ended <- err
	}()
	t.Cleanup(func() {
		if t.Failed() {
			cancel() // nobody will finish it
		}
		if err := <-ended; err != nil {
			t.Errorf("coordinator: %v", err)
		}
		cancel()
	})
	return j
}

// announce puts the coordinator into a pool of its own.
func (j *job) announce(t *testing.T, authority *identity.Authority) {
	t.Helper()
	var err error
	if j.join.Gossip, err = authority.GossipSecret(); err != nil {
		t.Fatal(err)
	}
	cfg := membership.DefaultAnnounceConfig()
	cfg.Bind, cfg.Network, cfg.Logger = "127.0.0.1:0", membership.Loopback, slog.New(slog.DiscardHandler)
	cfg.JobID, cfg.Key, cfg.CoordinatorAddr = authority.Fingerprint(), []byte(j.join.Gossip), j.join.Addr
	pool, err := membership.Announce(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Shutdown(); err != nil {
			t.Errorf("leave the pool: %v", err)
		}
	})
	j.gossip = pool.Addr()
}

// takePart runs cola-participant.
func takePart(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = cli.Main(&cli.Participant{}, "cola-participant", args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestParticipantTrainsAndLeavesItsAdapter(t *testing.T) {
	j := startJob(t, false)
	state := t.TempDir()
	status, stdout, stderr := takePart("--join", j.join.String(), "--name", "ada", "--data", smallData, "--state", state, "--json")
	if status != 0 {
		t.Fatalf("exit status %d:\n%s", status, stderr)
	}
	var got struct {
		Participant string `json:"participant"`
		Rounds      int    `json:"rounds"`
		Adapter     string `json:"adapter"`
		Digest      string `json:"adapter_sha256"`
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in %q", err, stdout)
	}
	if got.Participant != "ada" || got.Rounds != 4 || len(got.Digest) != 64 {
		t.Errorf("it says %s", stdout)
	}
	for _, file := range []string{got.Adapter, filepath.Join(state, "ledger.jsonl")} {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("%s is not there: %v", file, err)
		}
	}
}

func TestParticipantFindsTheCoordinatorByGossip(t *testing.T) {
	j := startJob(t, true)
	j.join.Name = "bob"
	dir := t.TempDir()
	t.Chdir(dir)
	status, stdout, stderr := takePart("--join", j.join.String(), "--data", smallData, "--shard", "1/2", "--discover", j.gossip, "--out", "result")
	if status != 0 {
		t.Fatalf("exit status %d:\n%s", status, stderr)
	}
	if !strings.HasPrefix(stdout, "bob: 4 rounds done") {
		t.Errorf("it says %q", stdout)
	}
	for _, file := range []string{"result/adapter.safetensors", "cola-bob/ledger.jsonl"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
	}
}

func TestParticipantIsToldWhatIsWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := identity.Join{Addr: l.Addr().String(), Token: strings.Repeat("a", 26), Authority: strings.Repeat("a", 64), Name: "eve"}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	for name, tc := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"unknown data":  {[]string{"--data", "imagenet"}, 12, `data "imagenet"`},
		"no shard":      {[]string{"--data", smallData, "--shard", "3"}, 2, `--shard "3"`},
		"shard too far": {[]string{"--data", smallData, "--shard", "3/3"}, 2, `--shard "3/3"`},
		"broken line":   {[]string{"--data", smallData, "--join", "http://x"}, 2, "join line"},
		"not enrolled":  {[]string{"--data", smallData, "--state", state}, 2, "not enrolled"},
		"nobody there":  {[]string{"--data", smallData, "--state", state, "--join", nobody.String(), "--wait", "1ms"}, 35, nobody.Addr},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := takePart(tc.args...)
			if status != tc.status || !strings.Contains(stderr, tc.says) || !strings.Contains(stderr, "\nfix:   ") {
				t.Errorf("exit status %d, want %d and %q:\n%s", status, tc.status, tc.says, stderr)
			}
			if stdout != "" {
				t.Errorf("%q on standard output", stdout)
			}
		})
	}
}

func TestParticipantHasItsOwnHelp(t *testing.T) {
	status, stdout, _ := takePart("--help")
	if status != 0 || !strings.Contains(stdout, "Usage: cola-participant --data=DATA [flags]") {
		t.Errorf("exit status %d, %s", status, stdout)
	}
	if status := cli.Main(&cli.Participant{}, "cola-participant", nil, io.Discard, io.Discard); status != 2 {
		t.Errorf("exit status %d without arguments, want 2", status)
	}
}
