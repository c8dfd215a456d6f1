package sim_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// textModels are tiny models of text, of which a config.json is all: their weights are random.
var textModels = map[string]struct {
	task   data.Task
	config string
}{
	"gpt2":  {data.CausalLM, `{"model_type":"gpt2","vocab_size":23,"n_positions":16,"n_embd":12,"n_layer":2,"n_head":3}`},
	"llama": {data.CausalLM, `{"model_type":"llama","vocab_size":23,"max_position_embeddings":16,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":2,"num_attention_heads":6,"num_key_value_heads":2,"head_dim":4}`},
	"bert":  {data.SequenceClassification, `{"model_type":"bert","vocab_size":23,"max_position_embeddings":16,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":2,"num_attention_heads":3,"num_labels":3}`},
	"bart":  {data.SequenceToSequence, `{"model_type":"bart","vocab_size":23,"max_position_embeddings":16,"d_model":12,"encoder_layers":2,"decoder_layers":2,"encoder_attention_heads":3,"decoder_attention_heads":3,"encoder_ffn_dim":17,"decoder_ffn_dim":17,"pad_token_id":1,"decoder_start_token_id":2}`},
}

// textJob is a job of a second or less with a tiny model of text.
func textJob(t testing.TB, name string) coordinator.Job {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(textModels[name].config), 0o600); err != nil {
		t.Fatal(err)
	}
	job := coordinator.DefaultTextJob()
	job.Name = name
	job.Rounds, job.Participants, job.Batch = 5, 4, 3
	job.Adapter.Rank = 2
	job.Optimizer.LearningRate = 1e-2
	job.Model = coordinator.ModelConfig{Path: dir, Random: true}
	job.Eval.Every, job.Eval.Examples = 2, 10
	return job
}

// texts is a data set of random texts of 2 to 9 tokens, in four categories.
type texts struct {
	task            data.Task
	inputs, targets [][]int32
}

func newTexts(task data.Task, n int, seed uint64) *texts {
	r := rand.New(rand.NewPCG(seed, 0))
	some := func() []int32 {
		ids := make([]int32, 2+r.IntN(8))
		for i := range ids {
			ids[i] = int32(3 + r.IntN(20))
		}
		return ids
	}
	s := &texts{task: task}
	for range n {
		s.inputs, s.targets = append(s.inputs, some()), append(s.targets, some())
	}
	return s
}

func (s *texts) Len() int { return len(s.inputs) }

func (s *texts) Format() data.Format {
	f := data.Format{Task: s.task, Vocabulary: 23, Longest: 9, Tokenizer: "f00d"}
	if s.task == data.SequenceClassification {
		f.Classes = 3
	}
	return f
}

func (s *texts) Label(i int) int { return int(s.inputs[i][0]) % 4 }

func (s *texts) Batch(indices []int) data.Batch {
	var ids, starts, targets, targetStarts, causal, classes []int32
	for _, i := range indices {
		starts, targetStarts = append(starts, int32(len(ids))), append(targetStarts, int32(len(targets)))
		ids, targets = append(ids, s.inputs[i]...), append(targets, s.targets[i]...)
		own := slices.Clone(s.inputs[i])
		if len(own) > 3 {
			own[1] = data.Ignored // a prompt's
		}
		causal, classes = append(causal, own...), append(classes, s.inputs[i][1]%3)
	}
	b := data.Batch{Inputs: linalg.FromI32(ids, len(ids)), Starts: starts}
	switch s.task {
	case data.CausalLM:
		b.Labels = linalg.FromI32(causal, len(causal))
	case data.SequenceToSequence:
		b.Labels, b.LabelStarts = linalg.FromI32(targets, len(targets)), targetStarts
	default:
		b.Labels = linalg.FromI32(classes, len(classes))
	}
	return b
}

// federateText runs a text job, each participant on its own categories.
func federateText(t testing.TB, job coordinator.Job, network sim.Network, names ...string) *coordinator.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	task := taskOf(job)
	train, test := newTexts(task, 60, 1), newTexts(task, 20, 2)
	result, err := sim.Federate(ctx, sim.Config{Job: job, Test: test, Validation: newTexts(task, 11, 3), Network: network, Tokenizer: "f00d"}, names, func(i int) data.Dataset {
		return data.ByLabel(train, int(names[i][1]-'0')%4, 4)
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func taskOf(job coordinator.Job) data.Task { return textModels[job.Name].task }

// textVariants are what can be different in a job with a model of text.
func textVariants() map[string]func(*coordinator.Job) {
	return map[string]func(*coordinator.Job){
		"collaborative": func(*coordinator.Job) {},
		"alone": func(j *coordinator.Job) {
			j.Collaboration = coordinator.Alone
			j.Adapter.Override = []coordinator.AdapterOverride{{Participants: []string{"p1"}, Kind: adapter.MLP, Hidden: []int{5}}, {Participants: []string{"p3"}, Kind: adapter.Linear}}
		},
		"batch":         func(j *coordinator.Job) { j.Loss, j.Interval, j.Wire.X = "batch", 2, "bf16" },
		"steps":         func(j *coordinator.Job) { j.Solver.Name, j.Solver.Steps = "steps", 2 },
		"checkpointing": func(j *coordinator.Job) { j.Model.Checkpointing = true },
	}
}

// TestTextBitsDoNotDependOnTheNetwork runs each job over pipes that break and over TLS.
func TestTextBitsDoNotDependOnTheNetwork(t *testing.T) {
	for name := range textModels {
		for kind, change := range textVariants() {
			if name != "gpt2" && kind != "collaborative" {
				continue
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				job := textJob(t, name)
				change(&job)
				want := federateText(t, job, nil, sim.Names(4)...)
				broken := newBadNetwork(7, 8, cut)
				if got := federateText(t, job, broken, sim.Names(4)...); got.AdaptersSHA256 != want.AdaptersSHA256 {
					t.Errorf("adapters %s where connections broke, %s undisturbed", got.AdaptersSHA256, want.AdaptersSHA256)
				}
				if kind == "collaborative" {
					tls := federateText(t, job, &sim.Loopback{Dir: t.TempDir()}, sim.Names(4)...)
					if tls.AdaptersSHA256 != want.AdaptersSHA256 || tls.TestLoss["p0"] != want.TestLoss["p0"] {
						t.Errorf("adapters %s over TLS, %s in memory", tls.AdaptersSHA256, want.AdaptersSHA256)
					}
				}
			})
		}
	}
}

// TestTextAloneIsIsolated compares eight participants in one pass with eight runs of one.
func TestTextAloneIsIsolated(t *testing.T) {
	for name := range textModels {
		t.Run(name, func(t *testing.T) {
			job := textJob(t, name)
			job.Collaboration, job.Participants = coordinator.Alone, 8
			train := newTexts(taskOf(job), 60, 1)
			own := func(name string) data.Dataset { return data.ByLabel(train, int(name[1]-'0')%4, 4) }
			together := digestsOf(t, job, sim.Names(8), own)
			job.Participants = 1
			for _, p := range sim.Names(8) {
				if alone := digestsOf(t, job, []string{p}, own); alone[p] != together[p] {
					t.Errorf("%s: adapters %x in company, %x by itself", p, together[p], alone[p])
				}
			}
		})
	}
}

// TestCheckpointingChangesNoBit trains with blocks that are computed twice, with sites that
// many blocks share (BART's cross attention) and with embeddings.
func TestCheckpointingChangesNoBit(t *testing.T) {
	targets := map[string][]string{"gpt2": {"c_attn", "wte"}, "bert": {"all-linear", "word_embeddings"}, "bart": {"k_proj", "v_proj", "embed_tokens"}, "llama": {"all-linear", "embed_tokens"}}
	for name := range textModels {
		for _, mode := range []coordinator.Collaboration{coordinator.Collaborative, coordinator.Alone} {
			job := textJob(t, name)
			job.Collaboration = mode
			job.Model.Targets = targets[name]
			want := federateText(t, job, nil, sim.Names(4)...)
			job.Model.Checkpointing = true
			if got := federateText(t, job, nil, sim.Names(4)...); got.AdaptersSHA256 != want.AdaptersSHA256 || got.TestLoss["p2"] != want.TestLoss["p2"] {
				t.Errorf("%s, %s: adapters %s with checkpointing, %s without", name, mode, got.AdaptersSHA256, want.AdaptersSHA256)
			}
		}
	}
}

// TestTextLossFalls trains one participant, merged and unmerged: both learn, and agree but for
// rounding.
func TestTextLossFalls(t *testing.T) {
	for name := range textModels {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			losses := map[model.Mode][]float64{}
			for _, mode := range []model.Mode{model.Merged, model.Unmerged} {
				job := textJob(t, name)
				job.Collaboration, job.Participants, job.Mode, job.Rounds, job.Batch = coordinator.Joint, 1, mode, 15, 20
				job.Adapter.Kind, job.Model.Targets, job.Optimizer.LearningRate = adapter.Linear, []string{"all-linear"}, 3e-2
				train := newTexts(taskOf(job), 20, 1)
				_, err := sim.Federate(ctx, sim.Config{Job: job, Test: train, Observe: func(_ coordinator.Collaboration, o coordinator.Observation) {
					losses[mode] = append(losses[mode], o.Loss)
				}}, []string{"joint"}, func(int) data.Dataset { return train })
				if err != nil {
					t.Fatal(err)
				}
				if got := losses[mode]; !(got[14] < 0.985*got[0]) {
					t.Errorf("%s: the loss goes from %g to %g", mode, got[0], got[14])
				}
			}
			for r := range 3 {
				if a, b := losses[model.Merged][r], losses[model.Unmerged][r]; a < b*(1-1e-4) || a > b*(1+1e-4) {
					t.Errorf("round %d: loss %g merged, %g unmerged", r+1, a, b)
				}
			}
		})
	}
}
