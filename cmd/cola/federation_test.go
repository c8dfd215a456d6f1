package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// federation is a coordinator and its participants as processes of their own, on
// loopback.
type federation struct {
	t       *testing.T
	dir     string
	job     string
	data    string
	address string
	names   []string
	mode    string   // the collaboration
	flags   []string // of every participant
}

// process is one running command.
type process struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr bytes.Buffer
	ended  chan error // gets the result of Wait, once
}

const federationJob = `
name = "small"
seed = 3
rounds = %d
participants = 3
batch = 8
interval = %d
collaboration = "%s"
[model]
type = "mlp"
input = [6, 6, 1]
classes = 4
hidden = [12, 9]
[adapter]
kind = "linear"
[[adapter.override]]
participants = ["p1"]
kind = "low-rank"
rank = 2
[optimizer]
name = "adamw"
learning_rate = 0.01
[eval]
data = "synthetic:50:6x6x1:4:8"
every = 0
`

const textFederationJob = `
name = "small"
rounds = %d
participants = 3
batch = 2
interval = %d
collaboration = "%s"
[model]
path = "writer"
targets = ["c_attn", "wte"]
[adapter]
rank = 2
[optimizer]
learning_rate = 0.01
[wire]
x = "int8"
g = "int8"
[eval]
data = "jsonl:texts.jsonl"
max_length = 32
every = 20
examples = 2
keep = "best"
validation_share = 0.5
`

// kinds are the federations that processes are compared with the simulation in.
var kinds = map[string]func(t *testing.T, rounds, interval int) *federation{
	"collaborative": func(t *testing.T, rounds, interval int) *federation {
		return newFederation(t, "collaborative", rounds, interval)
	},
	"alone": func(t *testing.T, rounds, interval int) *federation {
		return newFederation(t, "alone", rounds, interval)
	},
	"text": newTextFederation,
}

// newTextFederation has a tiny GPT-2, tuples as int8, and ends with its best commit.
func newTextFederation(t *testing.T, rounds, interval int) *federation {
	t.Helper()
	f := newFederation(t, "collaborative", rounds, interval)
	f.data, f.flags = "jsonl:texts.jsonl", []string{"--tokenizer", "writer", "--max-length", "32"}
	var texts []byte
	for i := range 9 {
		texts = fmt.Appendf(texts, `{"prompt":"number %d?","response":"%s","category":"%d"}`+"\n", i, strings.Repeat("yes ", i+1), i%3)
	}
	err := errors.Join(writeTextModel(f.dir), os.WriteFile(filepath.Join(f.dir, "texts.jsonl"), texts, 0o600),
		os.WriteFile(f.job, fmt.Appendf(nil, textFederationJob, rounds, interval, f.mode), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newFederation(t *testing.T, collaboration string, rounds, interval int) *federation {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free now, and most likely later
	if err != nil {
		t.Fatal(err)
	}
	f := &federation{
		t: t, dir: t.TempDir(), data: "synthetic:300:6x6x1:4:7", address: l.Addr().String(), names: []string{"p0", "p1", "p2"}, mode: collaboration,
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f.job = filepath.Join(f.dir, "job.toml")
	if err := os.WriteFile(f.job, fmt.Appendf(nil, federationJob, rounds, interval, collaboration), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// start starts cola with the arguments; it is killed at the end of the test at the latest.
func (f *federation) start(args ...string) *process {
	f.t.Helper()
	p := &process{cmd: exec.Command("cola", args...), ended: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = &p.stdout, &p.stderr, f.dir
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	f.t.Cleanup(func() { p.kill() })
	return p
}

// kill ends a process as a power cut would.
func (p *process) kill() {
	if p.cmd.Process.Signal(syscall.SIGKILL) == nil {
		p.ended <- <-p.ended
	}
}

// over says whether the process has ended by itself.
func (p *process) over() bool {
	select {
	case err := <-p.ended:
		p.ended <- err
		return true
	default:
		return false
	}
}

// wait waits for the process's end and returns its exit status.
func (f *federation) wait(p *process) int {
	f.t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		f.t.Fatalf("%v does not end; it says\n%s", p.cmd.Args, p.stderr.String())
		return 0
	}
}

func (f *federation) state() string { return filepath.Join(f.dir, "coordinator") }

func (f *federation) coordinator(flags ...string) *process {
	f.t.Helper()
	return f.start(append([]string{"coordinator", "--job", f.job, "--state", f.state(), "--listen", f.address, "--json", "--linger", "3s"}, flags...)...)
}

// enrolled starts a participant that is enrolled already, or enrols with a join line.
func (f *federation) participant(i int, flags ...string) *process {
	f.t.Helper()
	args := []string{
		"participant", "--data", f.data, "--shard", fmt.Sprintf("%d/%d", i, len(f.names)),
		"--state", filepath.Join(f.dir, f.names[i]), "--json",
	}
	return f.start(slices.Concat(args, f.flags, flags)...)
}

// invite returns a join line.
func (f *federation) invite(name string) string {
	f.t.Helper()
	line, err := exec.Command("cola", "invite", "--state", f.state(), "--name", name, "--wait", "20s").Output()
	if err != nil {
		f.t.Fatalf("invite: %v", err)
	}
	return strings.TrimSpace(string(line))
}

// outcome is what a coordinator prints.
type outcome struct {
	Modes map[string]struct {
		Accuracy []float64 `json:"accuracy"`
		Digest   string    `json:"adapters_sha256"`
	} `json:"modes"`
}

// digest returns adapters_sha256 of a command's JSON.
func (f *federation) digest(output []byte) string {
	f.t.Helper()
	var o outcome
	if err := json.Unmarshal(output, &o); err != nil {
		f.t.Fatalf("%v in %q", err, output)
	}
	if len(o.Modes[f.mode].Digest) != 64 {
		f.t.Fatalf("no digest of %s in %s", f.mode, output)
	}
	return o.Modes[f.mode].Digest
}

// simulated returns the digest of the same job in one process.
func (f *federation) simulated() string {
	f.t.Helper()
	p := f.start("simulate", "--job", f.job, "--data", f.data, "--mode", f.mode, "--json")
	if status := f.wait(p); status != 0 {
		f.t.Fatalf("simulate: exit status %d:\n%s", status, p.stderr.String())
	}
	return f.digest(p.stdout.Bytes())
}

// TestProcessesEndLikeTheSimulation runs a coordinator and its participants as
// processes, joining in another order, and compares bits.
func TestProcessesEndLikeTheSimulation(t *testing.T) {
	for name, federate := range kinds {
		t.Run(name, func(t *testing.T) {
			f := federate(t, 10, 3)
			coordinator := f.coordinator()
			var participants []*process
			for _, i := range []int{2, 0, 1} {
				participants = append(participants, f.participant(i, "--join", f.invite(f.names[i])))
			}
			for _, p := range participants {
				if status := f.wait(p); status != 0 {
					t.Errorf("exit status %d of %v:\n%s", status, p.cmd.Args, p.stderr.String())
				}
			}
			if status := f.wait(coordinator); status != 0 {
				t.Fatalf("exit status %d of the coordinator:\n%s", status, coordinator.stderr.String())
			}
			if got, want := f.digest(coordinator.stdout.Bytes()), f.simulated(); got != want {
				t.Errorf("processes end with adapters %s, the simulation with %s", got, want)
			}
			for _, name := range f.names {
				out, err := exec.Command("cola", "inspect", filepath.Join(f.dir, name, "adapter.safetensors")).CombinedOutput()
				if err != nil || !bytes.Contains(out, []byte(name)) {
					t.Errorf("inspect of %s's adapter: %v\n%s", name, err, out)
				}
			}
		})
	}
}

// TestKilledAtAnyInstant kills the coordinator or a participant again and again, as
// often as -kills says, restarts it, and compares the bits that come out.
func TestKilledAtAnyInstant(t *testing.T) {
	for name, federate := range kinds {
		t.Run(name, func(t *testing.T) {
			f := federate(t, 100**kills, 2)
			coordinator := f.coordinator()
			participants := make([]*process, len(f.names))
			joins := make([]string, len(f.names))
			for i, name := range f.names {
				joins[i] = f.invite(name)
				participants[i] = f.participant(i, "--join", joins[i])
			}
			random := newInstants(t)
			killed := 0
			for range *kills {
				random.sleep()
				victim := random.victim(len(participants) + 1)
				switch {
				case victim == len(participants) && !coordinator.over():
					coordinator.kill()
					coordinator = f.coordinator()
					killed++
				case victim < len(participants) && !participants[victim].over():
					participants[victim].kill()
					participants[victim] = f.participant(victim, "--join", joins[victim])
					killed++
				}
			}
			if t.Logf("%d kills while the job ran", killed); killed < *kills/2 {
				t.Errorf("the job was over after %d of %d kills: it proves little", killed, *kills)
			}
			for i, p := range participants {
				if status := f.wait(p); status != 0 {
					t.Errorf("exit status %d of %s:\n%s", status, f.names[i], p.stderr.String())
				}
			}
			if status := f.wait(coordinator); status != 0 {
				t.Fatalf("exit status %d of the coordinator:\n%s", status, coordinator.stderr.String())
			}
			if got, want := f.digest(coordinator.stdout.Bytes()), f.simulated(); got != want {
				t.Errorf("after %d kills the adapters are %s, undisturbed %s", *kills, got, want)
			}
		})
	}
}
