package sim_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/participant"
	"github.com/gradientlearning/cola/protocol"
)

// smallJob is a job of a second or less.
func smallJob() coordinator.Job {
	job := coordinator.DefaultJob()
	job.Name = "small"
	job.Rounds, job.Participants, job.Batch = 7, 4, 6
	job.Model = coordinator.ModelConfig{Type: "mlp", Input: []int{5, 4, 1}, Classes: 4, Hidden: []int{9, 7}}
	job.Eval = coordinator.EvalConfig{Data: "test", Every: 3, Examples: 20}
	return job
}

// smallData returns a training and a test set that fit smallJob.
func smallData(t testing.TB, job coordinator.Job) (train, test data.Dataset) {
	t.Helper()
	in := job.Model.Input
	shape := fmt.Sprintf("%dx%dx%d", in[0], in[1], in[2])
	var sets [2]data.Dataset
	for i, spec := range []string{"synthetic:400:" + shape + ":4:1", "synthetic:60:" + shape + ":4:2"} {
		ds, err := data.Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		sets[i] = ds
	}
	return sets[0], sets[1]
}

// federate runs a job with one participant a name on its shard of the data.
func federate(t testing.TB, job coordinator.Job, network sim.Network, shards map[string]int) *coordinator.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	train, test := smallData(t, job)
	var names []string
	for name := range shards {
		names = append(names, name)
	}
	slices.Sort(names)
	result, err := sim.Federate(ctx, sim.Config{Job: job, Test: test, Network: network}, names, func(i int) data.Dataset {
		return data.ByLabel(train, shards[names[i]], 4)
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func everyone() map[string]int { return map[string]int{"p0": 0, "p1": 1, "p2": 2, "p3": 3} }

// variants are jobs whose every promise is tested.
func variants() map[string]func(*coordinator.Job) {
	return map[string]func(*coordinator.Job){
		"collaborative": func(*coordinator.Job) {},
		"mixed": func(j *coordinator.Job) {
			j.Adapter.Override = []coordinator.AdapterOverride{{Participants: []string{"p1", "p2"}, Kind: adapter.LowRank, Rank: 3}}
			j.Optimizer.Name, j.Optimizer.LearningRate = "adamw", 1e-2
			j.MergeWeights = "examples"
		},
		"interval": func(j *coordinator.Job) { j.Interval = 3 },
		"alone": func(j *coordinator.Job) {
			j.Collaboration = coordinator.Alone
			j.Adapter.Kind = adapter.MLP
			j.Adapter.Hidden = []int{5}
			j.Adapter.Override = []coordinator.AdapterOverride{{Participants: []string{"p1"}, Kind: adapter.LowRank}, {Participants: []string{"p3"}, Kind: adapter.Linear}}
		},
		"steps": func(j *coordinator.Job) { j.Solver.Name, j.Solver.Steps, j.Optimizer.LearningRate = "steps", 3, 1e-3 },
		"bf16":  func(j *coordinator.Job) { j.Wire.X, j.Wire.G = "bf16", "bf16" },
		"int8":  func(j *coordinator.Job) { j.Wire.X, j.Wire.G, j.Interval = "int8", "int8", 2 },
		"batch": func(j *coordinator.Job) { j.Loss = "batch"; j.Wire.Compress = false; j.Wire.Broadcast = "end" },
		"cnn": func(j *coordinator.Job) {
			j.Model = coordinator.ModelConfig{Type: "cnn", Input: []int{6, 6, 2}, Classes: 4, Hidden: []int{3, 5}}
		},
	}
}

func variant(change func(*coordinator.Job)) coordinator.Job {
	job := smallJob()
	change(&job)
	return job
}

// TestBitsDoNotDependOnTiming runs each job with other numbers of threads, another
// order of joining, and a network that delays.
func TestBitsDoNotDependOnTiming(t *testing.T) {
	for name, change := range variants() {
		t.Run(name, func(t *testing.T) {
			job := variant(change)
			want := federate(t, job, nil, everyone()).AdaptersSHA256
			previous := runtime.GOMAXPROCS(1)
			one := federate(t, job, nil, everyone()).AdaptersSHA256
			runtime.GOMAXPROCS(max(previous, 2))
			late := federate(t, job, &lateNetwork{order: []string{"p3", "p1", "p2", "p0"}}, everyone()).AdaptersSHA256
			runtime.GOMAXPROCS(previous)
			if one != want || late != want {
				t.Errorf("adapters %s; with one thread %s; joined in another order %s", want, one, late)
			}
		})
	}
}

// TestAloneIsIsolated compares eight participants in one pass with eight runs of one.
func TestAloneIsIsolated(t *testing.T) {
	for _, mode := range []model.Mode{model.Unmerged, model.Detached} {
		job := variant(variants()["alone"])
		job.Mode = mode
		if mode == model.Unmerged { // rounded by the owner's name, whoever else is there
			job.Wire.X, job.Wire.G = "int8", "int8"
		}
		eight := map[string]int{}
		for i, name := range sim.Names(8) {
			eight[name] = i % 4
		}
		job.Participants = 8
		together := digests(t, job, eight)
		job.Participants = 1
		for name, shard := range eight {
			if alone := digests(t, job, map[string]int{name: shard}); alone[name] != together[name] {
				t.Errorf("%s, %s: adapters %x in company, %x by itself", mode, name, together[name], alone[name])
			}
		}
	}
}

// digests returns each participant's own digest, as it sees it.
func digests(t *testing.T, job coordinator.Job, shards map[string]int) map[string][32]byte {
	t.Helper()
	train, _ := smallData(t, job)
	return digestsOf(t, job, slices.Collect(maps.Keys(shards)), func(name string) data.Dataset { return data.ByLabel(train, shards[name], 4) })
}

// digestsOf returns the digests of participants on their own data.
func digestsOf(t *testing.T, job coordinator.Job, names []string, own func(name string) data.Dataset) map[string][32]byte {
	t.Helper()
	listener := protocol.NewPipeListener()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	var running sync.WaitGroup
	got := map[string][32]byte{}
	for _, name := range names {
		running.Go(func() {
			cfg := participant.DefaultConfig()
			cfg.Name, cfg.Data = name, own(name)
			cfg.Dial = func(ctx context.Context) (*protocol.Conn, error) { return listener.Dial(ctx, name) }
			result, err := participant.Run(ctx, cfg)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[name] = result.AdaptersSHA256
		})
	}
	cfg := coordinator.DefaultConfig()
	cfg.Job, cfg.Listener = job, listener
	result, err := coordinator.Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	running.Wait()
	sum := adapter.DigestAll(got)
	if result.AdaptersSHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("the coordinator's digest %s is not that of the participants' adapters %x", result.AdaptersSHA256, sum)
	}
	return got
}

// TestDigestIsDocumented recomputes adapters_sha256 from what docs/architecture.md says.
func TestDigestIsDocumented(t *testing.T) {
	got := digests(t, smallJob(), everyone())
	h := sha256.New()
	for _, name := range []string{"p0", "p1", "p2", "p3"} {
		d := got[name]
		h.Write([]byte{byte(len(name)), 0, 0, 0})
		h.Write([]byte(name))
		h.Write(d[:])
	}
	if sum := adapter.DigestAll(got); !slices.Equal(sum[:], h.Sum(nil)) {
		t.Errorf("DigestAll %x, as documented %x", sum, h.Sum(nil))
	}
}

// lateNetwork lets participants in one after the other, in the given order.
type lateNetwork struct {
	order    []string
	listener *protocol.PipeListener
}

func (n *lateNetwork) Listen(context.Context) (protocol.Listener, error) {
	n.listener = protocol.NewPipeListener()
	return n.listener, nil
}

func (n *lateNetwork) Dial(ctx context.Context, name string) (*protocol.Conn, error) {
	time.Sleep(time.Duration(slices.Index(n.order, name)) * 10 * time.Millisecond)
	return n.listener.Dial(ctx, name)
}
