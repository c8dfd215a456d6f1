package evaluate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/evaluate"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const (
	gpt2    = `{"model_type":"gpt2","vocab_size":23,"n_positions":24,"n_embd":12,"n_layer":2,"n_head":3}`
	bart    = `{"model_type":"bart","vocab_size":23,"max_position_embeddings":24,"d_model":12,"encoder_layers":1,"decoder_layers":1,"encoder_attention_heads":3,"decoder_attention_heads":2,"encoder_ffn_dim":17,"decoder_ffn_dim":13}`
	roberta = `{"model_type":"roberta","vocab_size":23,"max_position_embeddings":26,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":1,"num_attention_heads":3,"pad_token_id":1}`
)

// open makes a model with random weights.
func open(t *testing.T, config string, c model.Config) *model.Base {
	t.Helper()
	if config != "" {
		c.Path, c.Random = t.TempDir(), true
		if err := os.WriteFile(filepath.Join(c.Path, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return must[*model.Base](t)(model.New(linalg.NewCPU(), c))
}

// adapters are random ones for every site.
func adapters(t *testing.T, b *model.Base, name string, kind adapter.Kind) []adapter.Adapter {
	t.Helper()
	var list []adapter.Adapter
	for _, s := range b.Sites() {
		r := adapter.Rand(1, name, s.Name)
		a := must[adapter.Adapter](t)(adapter.New(s, adapter.Spec{Kind: kind, Rank: 2, Hidden: []int{4}}, r))
		for _, p := range a.Params() {
			for i := range p.Value.F32() {
				p.Value.F32()[i] = float32(0.5 * r.NormFloat64())
			}
		}
		list = append(list, a)
	}
	return list
}

// texts is a set of random texts of three categories.
type texts struct {
	task       data.Task
	classes    int
	inputs     [][]int32
	targets    [][]int32
	references [][]string
}

func newTexts(task data.Task, classes, n int) *texts {
	s := &texts{task: task, classes: classes}
	r := rand.New(rand.NewPCG(1, 2))
	random := func() []int32 {
		ids := make([]int32, 3+r.IntN(5))
		for i := range ids {
			ids[i] = int32(r.IntN(23))
		}
		return ids
	}
	for i := range n {
		s.inputs, s.targets = append(s.inputs, random()), append(s.targets, random())
		s.references = append(s.references, []string{fmt.Sprint("text ", i), "another"})
	}
	return s
}

func (s *texts) Len() int { return len(s.inputs) }

func (s *texts) Format() data.Format {
	return data.Format{Task: s.task, Classes: s.classes, Vocabulary: 23, Longest: 8}
}

// Label spreads examples over three categories, unevenly.
func (s *texts) Label(i int) int { return i * i % 3 }

func (s *texts) Example(i int) data.Example {
	return data.Example{Prompt: s.inputs[i][:2], References: s.references[i], NewTokens: 4}
}

func (s *texts) Batch(indices []int) data.Batch {
	pack := func(list [][]int32) (*linalg.Tensor, []int32) {
		var ids, starts []int32
		for _, i := range indices {
			starts = append(starts, int32(len(ids)))
			ids = append(ids, list[i]...)
		}
		return linalg.FromI32(ids, len(ids)), starts
	}
	var b data.Batch
	b.Inputs, b.Starts = pack(s.inputs)
	switch {
	case s.task == data.SequenceToSequence:
		b.Labels, b.LabelStarts = pack(s.targets)
	case s.task == data.CausalLM:
		b.Labels = b.Inputs
	case s.classes == 1:
		b.Labels = linalg.New(linalg.F32, len(indices))
		for row, i := range indices {
			b.Labels.F32()[row] = float32(i) / 7
		}
	default:
		b.Labels = linalg.New(linalg.I32, len(indices))
		for row, i := range indices {
			b.Labels.I32()[row] = int32(s.Label(i) % s.classes)
		}
	}
	return b
}

var categories = []string{"ada", "bob", "cyd"}

// of returns the examples of a category.
func (s *texts) of(label int) []int {
	var indices []int
	for i := range s.Len() {
		if s.Label(i) == label {
			indices = append(indices, i)
		}
	}
	return indices
}

// loss is the model's on some examples, by the model alone.
func loss(t *testing.T, b *model.Base, ds data.Dataset, indices []int, mode model.Mode, own []adapter.Adapter) float64 {
	t.Helper()
	x := ds.Batch(indices)
	r := must[model.Result](t)(b.Evaluate(&model.Batch{
		Inputs: x.Inputs, Starts: x.Starts, Labels: x.Labels, LabelStarts: x.LabelStarts,
		Owners: []model.Owner{{Participant: "p", Hi: len(indices), Adapters: own, Scale: 1}},
	}, mode))
	return r.Loss[0]
}

func near(t *testing.T, what string, got evaluate.Number, want float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= 1e-5*max(1, math.Abs(want))) {
		t.Errorf("%s is %g, want %g", what, float64(got), want)
	}
}

func all(ds data.Dataset) []int {
	var list []int
	for i := range ds.Len() {
		list = append(list, i)
	}
	return list
}

func deltas(t *testing.T, b *model.Base, weight float32, lists ...[]adapter.Adapter) []model.Delta {
	t.Helper()
	sum := make([]model.Delta, len(b.Sites()))
	for _, list := range lists {
		for i, a := range list {
			w, _, err := a.Delta(b.Device())
			if err != nil {
				t.Fatal(err)
			}
			if sum[i].Weight == nil {
				sum[i].Weight = linalg.New(linalg.F32, w.Shape()...)
			}
			for j, v := range w.F32() {
				sum[i].Weight.F32()[j] += weight * v
			}
		}
	}
	return sum
}

// format is a set with another format, and without prompts.
type format struct {
	data.Dataset
	f data.Format
}

func (f format) Format() data.Format { return f.f }
