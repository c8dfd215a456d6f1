package model_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

// tiny are configurations of models of text, one or two of each type, quick to run.
var tiny = map[string]struct{ task, config string }{
	"gpt2":         {"causal-lm", `{"model_type":"gpt2","vocab_size":23,"n_positions":16,"n_embd":12,"n_layer":2,"n_head":3}`},
	"gpt2-seq-cls": {"seq-cls", `{"model_type":"gpt2","vocab_size":23,"n_positions":16,"n_embd":12,"n_layer":1,"n_head":2,"num_labels":3,"activation_function":"relu"}`},
	"llama":        {"causal-lm", `{"model_type":"llama","vocab_size":23,"max_position_embeddings":16,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":2,"num_attention_heads":6,"num_key_value_heads":2,"head_dim":4}`},
	"bert":         {"seq-cls", `{"model_type":"bert","vocab_size":23,"max_position_embeddings":16,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":2,"num_attention_heads":3,"num_labels":3}`},
	"bert-mlm":     {"masked-lm", `{"model_type":"bert","vocab_size":23,"max_position_embeddings":16,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":1,"num_attention_heads":3}`},
	"roberta":      {"seq-cls", `{"model_type":"roberta","vocab_size":23,"max_position_embeddings":18,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":2,"num_attention_heads":3,"num_labels":3,"pad_token_id":1}`},
	"regression":   {"seq-cls", `{"model_type":"roberta","vocab_size":23,"max_position_embeddings":18,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":1,"num_attention_heads":3,"num_labels":1}`},
	"bart":         {"seq2seq-lm", `{"model_type":"bart","vocab_size":23,"max_position_embeddings":16,"d_model":12,"encoder_layers":2,"decoder_layers":2,"encoder_attention_heads":3,"decoder_attention_heads":2,"encoder_ffn_dim":17,"decoder_ffn_dim":13,"scale_embedding":true}`},
}

// eachTiny runs a test on every tiny model.
func eachTiny(t *testing.T, test func(t *testing.T, c model.Config)) {
	t.Helper()
	for _, name := range sorted(tiny) {
		t.Run(name, func(t *testing.T) { test(t, tinyConfig(t, name)) })
	}
}

func sorted[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// tinyConfig declares a tiny model with random weights.
func tinyConfig(t testing.TB, name string) model.Config {
	t.Helper()
	return model.Config{Path: folder(t, tiny[name].config), Task: tiny[name].task, Random: true, Seed: 4}
}

// folder writes a config.json to a new folder.
func folder(t testing.TB, config string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// edited is a configuration with one field set to a value in JSON.
func edited(t testing.TB, config, field, value string) string {
	t.Helper()
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(config), &fields); err != nil {
		t.Fatal(err)
	}
	fields[field] = json.RawMessage(value)
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// saved writes a model's weights beside its config.json, larger than they are drawn, so
// that what a wrong layer does shows.
func saved(t testing.TB, c model.Config) model.Config {
	t.Helper()
	b := newBase(t, c)
	blobs := map[string]linalg.Blob{}
	for _, blob := range b.Blobs() {
		v := must[*linalg.Tensor](t)(blob.Tensor())
		r := adapter.Rand(3, "weights", blob.Name)
		for i := range v.F32() {
			v.F32()[i] += float32(0.2 * r.NormFloat64())
		}
		blobs[blob.Name] = v.Blob(blob.Name)
	}
	if err := b.Load(blobs); err != nil {
		t.Fatal(err)
	}
	if err := b.Save(filepath.Join(c.Path, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	c.Random = false
	return c
}

// newTexts makes a random batch of texts of 1 to 7 tokens; owner k has counts[k] of them.
func newTexts(b *model.Base, counts ...int) *model.Batch {
	c := b.Config()
	batch := &model.Batch{}
	var ids, labels, targets []int32
	n := 0
	for k, examples := range counts {
		batch.Owners = append(batch.Owners, model.Owner{Participant: names[k], Lo: n, Hi: n + examples, Scale: 1 / float32(examples+k)})
		for e := range examples {
			r := rand.New(rand.NewPCG(uint64(k), uint64(e)))
			batch.Starts = append(batch.Starts, int32(len(ids)))
			for range 2 + r.IntN(6) {
				id := int32(r.IntN(c.Vocabulary))
				ids = append(ids, id)
				if r.IntN(4) == 0 {
					id = model.Ignored
				}
				labels = append(labels, id)
			}
			if c.Task == "seq2seq-lm" {
				batch.LabelStarts = append(batch.LabelStarts, int32(len(targets)))
				for range 2 + r.IntN(4) {
					targets = append(targets, int32(r.IntN(c.Vocabulary)))
				}
			}
		}
		n += examples
	}
	batch.Inputs, batch.Labels = linalg.FromI32(ids, len(ids)), linalg.FromI32(labels, len(labels))
	switch {
	case c.Task == "seq2seq-lm":
		batch.Labels = linalg.FromI32(targets, len(targets))
	case c.Task == "seq-cls" && c.Classes == 1:
		batch.Labels = normal(rand.New(rand.NewPCG(1, 1)), 1, n)
	case c.Task == "seq-cls":
		batch.Labels = linalg.New(linalg.I32, n)
		for i := range n {
			batch.Labels.I32()[i] = int32(i % c.Classes)
		}
	}
	return batch
}

var names = []string{"ada", "bob", "cyd", "dot"}

// only is one owner's part of a batch of texts.
func only(batch *model.Batch, k int) *model.Batch {
	o := batch.Owners[k]
	part := func(t *linalg.Tensor, starts []int32) (*linalg.Tensor, []int32) {
		lo, hi := int(starts[o.Lo]), t.Rows()
		if o.Hi < len(starts) {
			hi = int(starts[o.Hi])
		}
		var own []int32
		for _, s := range starts[o.Lo:o.Hi] {
			own = append(own, s-int32(lo))
		}
		return t.RowRange(lo, hi), own
	}
	own := &model.Batch{}
	own.Inputs, own.Starts = part(batch.Inputs, batch.Starts)
	switch {
	case batch.LabelStarts != nil:
		own.Labels, own.LabelStarts = part(batch.Labels, batch.LabelStarts)
	case batch.Labels.Rows() == len(batch.Starts):
		own.Labels = batch.Labels.RowRange(o.Lo, o.Hi)
	default:
		own.Labels, _ = part(batch.Labels, batch.Starts)
	}
	o.Lo, o.Hi = 0, o.Hi-o.Lo
	own.Owners = []model.Owner{o}
	return own
}

// textAdapted gives every owner adapters of a kind of its own.
func textAdapted(t testing.TB, b *model.Base, batch *model.Batch) *model.Batch {
	t.Helper()
	for k := range batch.Owners {
		spec := kinds[k%len(kinds)]
		for _, s := range b.Sites() {
			if s.Kind == adapter.SiteEmbedding && spec.Kind == adapter.MLP {
				spec = kinds[0]
			}
		}
		batch.Owners[k].Adapters = newAdapters(t, b, names[k], spec)
	}
	return batch
}

// share is what one owner gets of a pass: its rows of x and g at every site.
func (s *tuples) share(k int) map[string]*linalg.Tensor {
	list := map[string]*linalg.Tensor{}
	for site, x := range s.x {
		list["x"+string(rune('a'+site))] = x.RowRange(s.rows[site][k].Lo, s.rows[site][k].Hi)
	}
	for site, g := range s.g {
		list["g"+string(rune('a'+site))] = g.RowRange(s.rows[site][k].Lo, s.rows[site][k].Hi)
	}
	return list
}
