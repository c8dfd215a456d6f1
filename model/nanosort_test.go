package model_test

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
	"github.com/gradientlearning/cola/model"
)

// stored is a tensor in JSON: base64 of f32, little-endian.
type stored struct {
	Shape []int
	Data  string
}

func (s stored) tensor(t *testing.T, shape ...int) *linalg.Tensor {
	t.Helper()
	x := linalg.New(linalg.F32, shape...)
	linalg.SetBytes(x, must[[]byte](t)(base64.StdEncoding.DecodeString(s.Data)))
	return x
}

// nanoSort is minGPT's gpt-nano, trained to sort, as a folder in Hugging Face layout.
// Its Linear weights are (out, in), and GPT-2's Conv1D are not.
func nanoSort(t *testing.T) string {
	t.Helper()
	content := must[[]byte](t)(os.ReadFile(shared(t, "weights", "gpt-nano-sort", "gpt-nano-sort-model.json")))
	var file map[string]json.RawMessage
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	var blobs []linalg.Blob
	for name, raw := range file {
		var s stored
		if name == "config" || strings.HasSuffix(name, ".attn.bias") { // the causal mask
			continue
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		x := s.tensor(t, s.Shape...)
		if len(s.Shape) == 2 && strings.Contains(name, ".c_") {
			turned := linalg.New(linalg.F32, s.Shape[1], s.Shape[0])
			for i := range s.Shape[0] {
				for j := range s.Shape[1] {
					turned.F32()[j*s.Shape[0]+i] = x.F32()[i*s.Shape[1]+j]
				}
			}
			x = turned
		}
		blobs = append(blobs, x.Blob(name))
	}
	dir := folder(t, `{"model_type":"gpt2","vocab_size":3,"n_positions":11,"n_embd":48,"n_layer":3,"n_head":3,"tie_word_embeddings":false}`)
	if err := safetensors.WriteFile(filepath.Join(dir, "model.safetensors"), blobs, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Activations and logits are those that PyTorch stored.
func TestNanoSort(t *testing.T) {
	b := newBase(t, model.Config{Path: nanoSort(t), Targets: []string{model.AllLinear, "lm_head"}})
	var want map[string]stored
	content := must[[]byte](t)(os.ReadFile(shared(t, "weights", "gpt-nano-sort", "gpt-nano-sort-t0-partials.json")))
	if err := json.Unmarshal(content, &want); err != nil {
		t.Fatal(err)
	}
	const texts, length = 3, 11
	batch := &model.Batch{Inputs: linalg.New(linalg.I32, texts*length), Owners: []model.Owner{{Participant: "ada", Hi: texts, Scale: 1}}}
	for i, id := range want["idx"].tensor(t, texts*length).F32() {
		batch.Inputs.I32()[i] = int32(id)
	}
	batch.Labels = batch.Inputs
	for e := range texts {
		batch.Starts = append(batch.Starts, int32(e*length))
	}
	_, s := pass(t, b, batch, model.Unmerged)
	got := map[string]*linalg.Tensor{"lm_head": logits(t, b, batch, model.Unmerged)}
	for i, site := range b.Sites() {
		if name, ok := map[string]string{
			"transformer.h.0.attn.c_attn": "ln1", "transformer.h.0.attn.c_proj": "y", "transformer.h.0.mlp.c_fc": "ln2",
			"transformer.h.0.mlp.c_proj": "gelu", "lm_head": "ln_f",
		}[site.Name]; ok {
			got[name] = s.x[i]
		}
	}
	if len(got) != 6 {
		t.Fatalf("%d activations were compared, want 6", len(got))
	}
	for name, x := range got {
		for i, w := range want[name].tensor(t, x.Shape()...).F32() {
			if e := math.Abs(float64(x.F32()[i] - w)); !(e <= 1e-5) {
				t.Fatalf("%s: element %d is %g, PyTorch has %g", name, i, x.F32()[i], w)
			}
		}
	}
}

// It sorts.
func TestNanoSortGenerates(t *testing.T) {
	b := newBase(t, model.Config{Path: nanoSort(t)})
	g := must[model.Generation](t)(b.Generation())
	g.MaxNew = 5
	lists := [][]int32{{2, 0, 1, 0, 2, 1}, {0, 0, 2, 1, 0, 1}, {1, 1, 1, 2, 0, 0}}
	for e, got := range generate(t, b, prompts(lists...), g) {
		want := slices.Sorted(slices.Values(lists[e]))
		if !slices.Equal(got.IDs, want[:5]) {
			t.Errorf("%v is sorted to %v", lists[e], got.IDs)
		}
	}
}
