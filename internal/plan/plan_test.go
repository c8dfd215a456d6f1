package plan_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/plan"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// configs are models large enough for their tensors to outweigh what goes with them.
var configs = map[string]string{
	"gpt2":    `{"model_type":"gpt2","vocab_size":1024,"n_positions":128,"n_embd":128,"n_layer":2,"n_head":4}`,
	"llama":   `{"model_type":"llama","vocab_size":1024,"max_position_embeddings":128,"hidden_size":128,"intermediate_size":256,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2}`,
	"roberta": `{"model_type":"roberta","vocab_size":1024,"max_position_embeddings":130,"hidden_size":128,"intermediate_size":512,"num_hidden_layers":2,"num_attention_heads":4}`,
	"bart":    `{"model_type":"bart","vocab_size":1024,"max_position_embeddings":128,"d_model":128,"encoder_layers":2,"decoder_layers":2,"encoder_attention_heads":4,"decoder_attention_heads":4,"encoder_ffn_dim":512,"decoder_ffn_dim":512}`,
}

func folder(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(configs[name]), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// heap is a sink that holds nothing, and a device that looks at Go's heap whenever it makes a
// tensor.
type heap struct {
	linalg.Device
	watching bool
	peak     uint64
}

func (h *heap) look() {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // twice: what operations leave for the next to work in is not the pass's
	runtime.ReadMemStats(&stats)
	h.peak = max(h.peak, stats.HeapAlloc)
}

func (h *heap) New(dtype linalg.DType, shape ...int) *linalg.Tensor {
	t := h.Device.New(dtype, shape...)
	if h.watching {
		h.look()
	}
	return t
}

func (h *heap) Empty(dtype linalg.DType, shape ...int) *linalg.Tensor {
	t := h.Device.Empty(dtype, shape...)
	if h.watching {
		h.look()
	}
	return t
}

func (*heap) Input(int, *linalg.Tensor, []model.Rows)    {}
func (*heap) Gradient(int, *linalg.Tensor, []model.Rows) {}

// What is predicted is what Go's heap holds at the peak of a real pass, within 5 %, and
// what the weights take.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("the heap of other tests and the race detector would be counted")
	}
	for name, ways := range map[string][]int{"gpt2": {0}, "gpt2 of files": {0}, "llama": {1}, "llama of files": {1}, "bart": {0, 1, 2}, "bart of files": {1}} {
		for _, checkpoints := range ways {
			name, ofFiles := strings.CutSuffix(name, " of files")
			c := model.Config{Path: folder(t, name), Random: !ofFiles, Checkpoints: checkpoints}
			if ofFiles {
				draw(t, c)
			}
			loads := []plan.Load{{Participant: "p", Texts: []int{100, 30, 64, 120, 90}, Adapter: adapter.Spec{Kind: adapter.LowRank, Rank: 8}}}
			if name == "bart" {
				loads[0].Targets = []int{60, 100, 120, 10, 40}
			}
			want, err := plan.Predict(plan.Config{Model: c, Mode: model.Merged, Loads: loads, X: linalg.F32, G: linalg.F32})
			if err != nil {
				t.Fatal(err)
			}
			weights, activations := measure(t, c, loads[0])
			for what, pair := range map[string][2]int64{"weights": {weights, want.Weights}, "activations": {activations, want.Activations}} {
				if off := math.Abs(float64(pair[0])/float64(pair[1]) - 1); off > 0.05 {
					t.Errorf("%s, checkpoints %d: %s take %d bytes, %d were predicted: off by %.1f %%", name, checkpoints, what, pair[0], pair[1], 100*off)
				}
			}
			if (want.File != 0) != ofFiles || want.Adapters != 0 {
				t.Errorf("%s: %+v", name, want)
			}
		}
	}
}

// draw writes random weights beside a model's config.json.
func draw(t *testing.T, c model.Config) {
	t.Helper()
	f, err := os.Create(filepath.Join(c.Path, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(model.Draw(f, c, linalg.BF16), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// measure returns what a model's weights and a pass of it hold on the heap.
func measure(t *testing.T, c model.Config, load plan.Load) (weights, activations int64) {
	t.Helper()
	h := &heap{Device: linalg.NewCPU()}
	h.look()
	before := h.peak
	b, err := model.New(h, c)
	if err != nil {
		t.Fatal(err)
	}
	h.watching, h.peak = true, 0
	h.look()
	loaded := h.peak
	batch := &model.Batch{Owners: []model.Owner{{Participant: "p", Hi: len(load.Texts), Scale: 1}}}
	n := 0
	for i, length := range load.Texts {
		batch.Starts = append(batch.Starts, int32(n))
		n += length
		if len(load.Targets) > 0 {
			batch.LabelStarts = append(batch.LabelStarts, 0)
			if i > 0 {
				batch.LabelStarts[i] = batch.LabelStarts[i-1] + int32(load.Targets[i-1])
			}
		}
	}
	batch.Inputs, batch.Labels = linalg.New(linalg.I32, n), linalg.New(linalg.I32, n)
	switch {
	case len(load.Targets) > 0:
		total := 0
		for _, l := range load.Targets {
			total += l
		}
		batch.Labels = linalg.New(linalg.I32, total)
	case b.Config().Task == "seq-cls":
		batch.Labels = linalg.New(linalg.I32, len(load.Texts))
	}
	if _, err := b.Pass(batch, model.Merged, h); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(b)
	return int64(loaded - before), int64(h.peak - loaded)
}

// Bytes and counts of a small model, added up by hand.
func TestTraffic(t *testing.T) {
	c := model.Config{Path: folder(t, "llama"), Random: true}
	p, err := plan.Predict(plan.Config{
		Model: c, Mode: model.Unmerged, X: linalg.BF16, G: linalg.F32, DropZeroRows: true,
		Loads: []plan.Load{
			{Participant: "a", Texts: []int{50, 51}, Adapter: adapter.Spec{Kind: adapter.LowRank, Rank: 4}},
			{Participant: "b", Texts: []int{9}, Adapter: adapter.Spec{Kind: adapter.MLP, Hidden: []int{8, 6}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want int64) {
		t.Helper()
		if got < want || float64(got) > 1.03*float64(want)+2000 {
			t.Errorf("%s: %d bytes, want %d and what frames take", what, got, want)
		}
	}
	rows := int64(99) // of 101 tokens two predict nothing
	near("tuples", p.Participants[0].Tuples, 2*rows*(128*2+128*4+64*4))
	near("update", p.Participants[0].Update, 2*4*(4*(128+128)+4*(128+64)))
	near("batch", p.Participants[0].Batch, 2*101*4)
	mlp := func(out int64) int64 { return 128*8 + 8 + 8*6 + 6 + 6*out + out }
	near("update of an mlp", p.Participants[1].Update, 2*4*(mlp(128)+mlp(64))+6*4*80)
	if got, want := p.Adapters, int64(2*4*(4*(128+128)+4*(128+64)))+2*4*(mlp(128)+mlp(64)); got != want {
		t.Errorf("adapters: %d bytes, want %d", got, want)
	}
}

// A model far too large for this machine is planned.
func TestLargeModel(t *testing.T) {
	dir := t.TempDir()
	config := `{"model_type":"llama","vocab_size":32000,"max_position_embeddings":4096,"hidden_size":4096,"intermediate_size":11008,"num_hidden_layers":32,"num_attention_heads":32}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	texts := make([]int, 8)
	for i := range texts {
		texts[i] = 128
	}
	p, err := plan.Predict(plan.Config{
		Model: model.Config{Path: dir}, Mode: model.Merged, X: linalg.F32, G: linalg.F32,
		PackedBytes: func(out, in int, _ linalg.Precision) int64 { return 4 * int64(out) * int64(in) },
		Loads:       []plan.Load{{Participant: "p", Texts: texts, Adapter: adapter.Spec{Kind: adapter.Linear}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const parameters = 6_738_415_616 // cola's reference: 4 bytes each
	if off := math.Abs(float64(p.File)/(4*parameters) - 1); off > 0.01 {
		t.Errorf("the file takes %d bytes", p.File)
	}
	tuples := int64(1024 * 393_216 * 4) // 393,216 values a token with x of q and v sent once
	if got := p.Participants[0].Tuples; math.Abs(float64(got)/float64(tuples)-1) > 0.01 {
		t.Errorf("tuples take %d bytes, want %d", got, tuples)
	}
	t.Logf("%+v", *p)
}

func TestBadConfig(t *testing.T) {
	if _, err := plan.Predict(plan.Config{Model: model.Config{Path: t.TempDir()}}); err == nil {
		t.Error("a folder without config.json was planned")
	}
	c := plan.Config{Model: model.Config{Path: folder(t, "gpt2")}, Mode: model.Merged, Loads: []plan.Load{{Texts: []int{3}}}}
	if _, err := plan.Predict(c); err == nil {
		t.Error("a participant without a kind of adapter was planned")
	}
}
