package cuda_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/linalg"
)

// sentences are texts that repeat: a model can learn what comes next.
type sentences struct{ n int }

func (s sentences) Len() int { return s.n }

func (sentences) Format() data.Format {
	return data.Format{Task: data.CausalLM, Vocabulary: 23, Longest: 9}
}

func (sentences) Label(i int) int { return i % 4 }

func (sentences) Batch(indices []int) data.Batch {
	var ids, starts []int32
	for _, i := range indices {
		starts = append(starts, int32(len(ids)))
		for j := range 4 + i%6 {
			ids = append(ids, int32((5*i+j)%20))
		}
	}
	return data.Batch{Inputs: linalg.FromI32(ids, len(ids)), Starts: starts, Labels: linalg.FromI32(ids, len(ids))}
}

// A whole federation whose coordinator computes on a GPU ends where that on a CPU does, merged
// and unmerged, in float32 and in bfloat16.
func TestFederation(t *testing.T) {
	useGPU(t)
	dir := t.TempDir()
	config := `{"model_type":"gpt2","vocab_size":23,"n_positions":16,"n_embd":16,"n_layer":2,"n_head":2}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, collaboration := range []coordinator.Collaboration{coordinator.Collaborative, coordinator.Alone} {
		for precision, tolerance := range map[string]float64{"f32": 1e-4, "bf16": 2e-2} {
			t.Run(string(collaboration)+"/"+precision, func(t *testing.T) {
				job := coordinator.DefaultTextJob()
				job.Name, job.Rounds, job.Participants, job.Batch = "fake", 4, 3, 3
				job.Collaboration, job.Optimizer.LearningRate = collaboration, 1e-2
				job.Model = coordinator.ModelConfig{Path: dir, Random: true, Precision: precision}
				job.Wire.X, job.Wire.G = "bf16", "bf16"
				if collaboration == coordinator.Alone {
					job.Adapter.Override = []coordinator.AdapterOverride{
						{Participants: []string{"p1"}, Kind: adapter.MLP, Hidden: []int{5}}, {Participants: []string{"p2"}, Kind: adapter.Linear},
					}
				}
				want := federate(t, job, linalg.NewCPU())
				got := federate(t, job, newDevice(t, cuda.Options{}))
				for name, loss := range want.TestLoss {
					if !(math.Abs(got.TestLoss[name]-loss) <= tolerance*loss) {
						t.Errorf("%s: the loss is %g on the GPU, %g on the CPU", name, got.TestLoss[name], loss)
					}
				}
			})
		}
	}
}

func federate(t *testing.T, job coordinator.Job, device linalg.Device) *coordinator.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	all := sentences{40}
	return must[*coordinator.Result](t)(sim.Federate(ctx, sim.Config{Job: job, Test: sentences{8}, Devices: []linalg.Device{device}}, sim.Names(job.Participants),
		func(i int) data.Dataset { return data.ByLabel(all, i, 4) }))
}
