package model_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
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

// weightsOf are the blobs of a model's file.
func weightsOf(t testing.TB, c model.Config) []linalg.Blob {
	t.Helper()
	f := must[*safetensors.File](t)(safetensors.Open(filepath.Join(c.Path, "model.safetensors")))
	defer f.Close() //nolint:errcheck // it is read only
	var list []linalg.Blob
	for _, name := range f.Names() {
		list = append(list, must[linalg.Blob](t)(f.Tensor(name)))
	}
	return list
}

// write replaces a model's file.
func write(t testing.TB, c model.Config, file string, blobs []linalg.Blob) {
	t.Helper()
	if err := safetensors.WriteFile(filepath.Join(c.Path, file), blobs, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
}

// What is saved is loaded again, also under the body's own names, old spellings, beside
// other heads and buffers, and in shards.
func TestFolders(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, c model.Config, blobs []linalg.Blob) []linalg.Blob{
		"as it is": func(_ *testing.T, _ model.Config, blobs []linalg.Blob) []linalg.Blob { return blobs },
		"the body's own names": func(_ *testing.T, _ model.Config, blobs []linalg.Blob) []linalg.Blob {
			for i, b := range blobs {
				for _, prefix := range []string{"transformer.", "bert.", "roberta.", "model."} {
					blobs[i].Name = strings.TrimPrefix(blobs[i].Name, prefix)
				}
				_ = b
			}
			return blobs
		},
		"old spellings": func(_ *testing.T, _ model.Config, blobs []linalg.Blob) []linalg.Blob {
			for i := range blobs {
				blobs[i].Name = strings.Replace(blobs[i].Name, "LayerNorm.weight", "LayerNorm.gamma", 1)
				blobs[i].Name = strings.Replace(blobs[i].Name, "LayerNorm.bias", "LayerNorm.beta", 1)
			}
			return blobs
		},
		"other heads and buffers": func(_ *testing.T, _ model.Config, blobs []linalg.Blob) []linalg.Blob {
			for _, name := range []string{"qa_outputs.weight", "h.0.attn.bias", "embeddings.position_ids"} {
				blobs = append(blobs, linalg.New(linalg.F32, 3).Blob(name))
			}
			return blobs
		},
		"shards": func(t *testing.T, c model.Config, blobs []linalg.Blob) []linalg.Blob {
			index := map[string]string{}
			for i := range blobs {
				shard := fmt.Sprintf("model-%d.safetensors", i%2)
				index[blobs[i].Name] = shard
			}
			for i := range 2 {
				write(t, c, fmt.Sprintf("model-%d.safetensors", i), slices.DeleteFunc(slices.Clone(blobs), func(b linalg.Blob) bool {
					return index[b.Name] != fmt.Sprintf("model-%d.safetensors", i)
				}))
			}
			text := must[[]byte](t)(json.Marshal(map[string]any{"weight_map": index}))
			if err := os.WriteFile(filepath.Join(c.Path, "model.safetensors.index.json"), text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(c.Path, "model.safetensors")); err != nil {
				t.Fatal(err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachTiny(t, func(t *testing.T, c model.Config) {
				c = saved(t, c)
				want := newBase(t, c)
				batch := newTexts(want, 2)
				wantLogits := logits(t, want, batch, model.Unmerged)
				if blobs := change(t, c, weightsOf(t, c)); blobs != nil {
					write(t, c, "model.safetensors", blobs)
				}
				got := newBase(t, c)
				if !sameBits(logits(t, got, batch, model.Unmerged), wantLogits) {
					t.Error("the logits differ")
				}
				if left := len(got.Loaded().Left); (name == "other heads and buffers") != (left == 3) {
					t.Errorf("left: %v", got.Loaded().Left)
				}
			})
		})
	}
}

// Weights in half precision are what their numbers are in float32.
func TestHalfPrecision(t *testing.T) {
	for _, dtype := range []linalg.DType{linalg.BF16, linalg.F16} {
		eachTiny(t, func(t *testing.T, c model.Config) {
			c = saved(t, c)
			var half, full []linalg.Blob
			for _, blob := range weightsOf(t, c) {
				rounded := must[*linalg.Tensor](t)(blob.Tensor()).Convert(dtype)
				half, full = append(half, rounded.Blob(blob.Name)), append(full, rounded.Convert(linalg.F32).Blob(blob.Name))
			}
			write(t, c, "model.safetensors", half)
			got := newBase(t, c)
			batch := newTexts(got, 2)
			gotLogits := logits(t, got, batch, model.Unmerged)
			write(t, c, "model.safetensors", full)
			if !sameBits(gotLogits, logits(t, newBase(t, c), batch, model.Unmerged)) {
				t.Errorf("%v: the logits differ", dtype)
			}
		})
	}
}

// A body without its head gets one that is drawn, and says so.
func TestDrawnHead(t *testing.T) {
	c := saved(t, tinyConfig(t, "roberta"))
	write(t, c, "model.safetensors", slices.DeleteFunc(weightsOf(t, c), func(b linalg.Blob) bool { return strings.HasPrefix(b.Name, "classifier") }))
	got := newBase(t, c).Loaded().Drawn
	want := []string{"classifier.dense.weight", "classifier.dense.bias", "classifier.out_proj.weight", "classifier.out_proj.bias"}
	if !slices.Equal(got, want) {
		t.Errorf("drawn: %v, want %v", got, want)
	}
}

// What is wrong with a folder is said, with the names of what it is.
func TestBadFolders(t *testing.T) {
	remove := func(t *testing.T, c model.Config, name string) {
		t.Helper()
		write(t, c, "model.safetensors", slices.DeleteFunc(weightsOf(t, c), func(b linalg.Blob) bool { return b.Name == name }))
	}
	config := func(field, value string) func(*testing.T, model.Config) {
		return func(t *testing.T, c model.Config) {
			text := edited(t, tiny["gpt2"].config, field, value)
			if err := os.WriteFile(filepath.Join(c.Path, "config.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for want, change := range map[string]func(t *testing.T, c model.Config){
		"missing: transformer.wte.weight": func(t *testing.T, c model.Config) { remove(t, c, "transformer.wte.weight") },
		"unused: what.is.this": func(t *testing.T, c model.Config) {
			write(t, c, "model.safetensors", append(weightsOf(t, c), linalg.New(linalg.F32, 1).Blob("what.is.this")))
		},
		"mis-shaped: transformer.ln_f.bias [5] instead of [12]": func(t *testing.T, c model.Config) {
			remove(t, c, "transformer.ln_f.bias")
			write(t, c, "model.safetensors", append(weightsOf(t, c), linalg.New(linalg.F32, 5).Blob("transformer.ln_f.bias")))
		},
		"\"transformer.ln_f.bias\" holds a number that is not finite": func(t *testing.T, c model.Config) {
			remove(t, c, "transformer.ln_f.bias")
			v := linalg.New(linalg.F32, 12)
			v.F32()[3] = float32(math.NaN())
			write(t, c, "model.safetensors", append(weightsOf(t, c), v.Blob("transformer.ln_f.bias")))
		},
		"not a valid safetensors file": func(t *testing.T, c model.Config) {
			if err := os.Truncate(filepath.Join(c.Path, "model.safetensors"), 700); err != nil {
				t.Fatal(err)
			}
		},
		"holds neither model.safetensors nor": func(t *testing.T, c model.Config) {
			if err := os.Remove(filepath.Join(c.Path, "model.safetensors")); err != nil {
				t.Fatal(err)
			}
		},
		"lacks the shards b.safetensors, c.safetensors": func(t *testing.T, c model.Config) {
			if err := os.Rename(filepath.Join(c.Path, "model.safetensors"), filepath.Join(c.Path, "a.safetensors")); err != nil {
				t.Fatal(err)
			}
			index := `{"weight_map":{"transformer.wte.weight":"a.safetensors","x":"b.safetensors","y":"b.safetensors","z":"c.safetensors"}}`
			if err := os.WriteFile(filepath.Join(c.Path, "model.safetensors.index.json"), []byte(index), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"which is not a file of the folder": func(t *testing.T, c model.Config) {
			if err := os.Remove(filepath.Join(c.Path, "model.safetensors")); err != nil {
				t.Fatal(err)
			}
			index := `{"weight_map":{"x":"../b.safetensors"}}`
			if err := os.WriteFile(filepath.Join(c.Path, "model.safetensors.index.json"), []byte(index), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		`not implemented: rotary_dim = 4`:                  config("rotary_dim", "4"),
		`n_head = 5: it does not divide n_embd = 12`:       config("n_head", "5"),
		`activation "mish" is not implemented`:             config("activation_function", `"mish"`),
		`add_cross_attention = true: only false`:           config("add_cross_attention", "true"),
		`model_type = "t5" is not implemented`:             config("model_type", `"t5"`),
		`n_embd = "wide": a whole number from 1 is wanted`: config("n_embd", `"wide"`),
		"is not a JSON object": func(t *testing.T, c model.Config) {
			if err := os.WriteFile(filepath.Join(c.Path, "config.json"), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		c := saved(t, tinyConfig(t, "gpt2"))
		change(t, c)
		_, err := model.New(linalg.NewCPU(), c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Targets name sites; one that names none is an error that lists what there is.
func TestTargets(t *testing.T) {
	for _, c := range []struct {
		model   string
		targets []string
		want    string
	}{
		{"gpt2", nil, "transformer.h.0.attn.c_attn transformer.h.1.attn.c_attn"},
		{"gpt2", []string{"wte", "re:.*h\\.1\\.mlp\\..*"}, "transformer.wte transformer.h.1.mlp.c_fc transformer.h.1.mlp.c_proj"},
		{"gpt2", []string{"lm_head"}, "lm_head"},
		{"gpt2", []string{"attn.c_proj", "c_attn"}, "transformer.h.0.attn.c_attn transformer.h.0.attn.c_proj transformer.h.1.attn.c_attn transformer.h.1.attn.c_proj"},
		{"bert-mlm", nil, "bert.encoder.layer.0.attention.self.query bert.encoder.layer.0.attention.self.value"},
		{"regression", nil, "roberta.encoder.layer.0.attention.self.query roberta.encoder.layer.0.attention.self.value classifier.dense classifier.out_proj"},
	} {
		config := tinyConfig(t, c.model)
		config.Targets = c.targets
		var names []string
		for _, s := range newBase(t, config).Sites() {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s, %v: %s, want %s", c.model, c.targets, got, c.want)
		}
	}
	for target, want := range map[string]string{"q_proj": "it has wte, wpe, c_attn", "re:(": "missing closing"} {
		config := tinyConfig(t, "gpt2")
		config.Targets = []string{target}
		if _, err := model.New(linalg.NewCPU(), config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", target, err, want)
		}
	}
}

// The value projections of all cross attentions read the encoder's output: it is one group.
func TestCrossAttentionsShareTheirInput(t *testing.T) {
	b := newBase(t, tinyConfig(t, "bart"))
	groups := map[int][]string{}
	for _, s := range b.Sites() {
		groups[s.Group] = append(groups[s.Group], s.Name)
	}
	want := []string{"model.decoder.layers.0.encoder_attn.v_proj", "model.decoder.layers.1.encoder_attn.v_proj"}
	for _, g := range groups {
		if slices.Equal(g, want) {
			return
		}
	}
	t.Errorf("groups %v, want one of %v", groups, want)
}

// A llama2.c file is the model whose numbers it holds, its heads' rows in another order.
func TestLlama2c(t *testing.T) {
	const config = `{"model_type":"llama","vocab_size":11,"max_position_embeddings":8,"hidden_size":12,"intermediate_size":7,"num_hidden_layers":2,` +
		`"num_attention_heads":3,"num_key_value_heads":1,"rms_norm_eps":1e-5,"tie_word_embeddings":`
	for _, tied := range []bool{true, false} {
		c := saved(t, model.Config{Path: folder(t, fmt.Sprint(config, tied, "}")), Random: true})
		want := newBase(t, c)
		path := filepath.Join(t.TempDir(), "model.bin")
		content := llama2cFile(t, want, tied)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got := newBase(t, model.Config{Path: path})
		batch := newTexts(want, 3)
		if !sameBits(logits(t, got, batch, model.Unmerged), logits(t, want, batch, model.Unmerged)) {
			t.Errorf("tied %v: the logits differ", tied)
		}
		for _, n := range []int{0, 20, 27, len(content) - 4, len(content) + 1} {
			if err := os.WriteFile(path, append(content, 0)[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := model.New(linalg.NewCPU(), model.Config{Path: path}); err == nil {
				t.Errorf("%d of %d bytes were taken", n, len(content))
			}
		}
	}
}

// llama2cFile puts a model's parameters into the order of a llama2.c file.
func llama2cFile(t testing.TB, b *model.Base, tied bool) []byte {
	t.Helper()
	vocabulary := int32(11)
	if !tied {
		vocabulary = -vocabulary
	}
	content := must[[]byte](t)(binary.Append(nil, binary.LittleEndian, []int32{12, 7, 2, 3, 1, vocabulary, 8}))
	all := map[string]*linalg.Tensor{}
	for _, p := range b.Parameters() {
		all[p.Name] = p.Value
	}
	add := func(w *linalg.Tensor) { content = linalg.AppendBytes(content, w) }
	each := func(name string, order func(*linalg.Tensor) *linalg.Tensor) {
		for i := range 2 {
			add(order(all[fmt.Sprintf("model.layers.%d.%s.weight", i, name)]))
		}
	}
	same := func(w *linalg.Tensor) *linalg.Tensor { return w }
	pairs := func(w *linalg.Tensor) *linalg.Tensor { // rows 0 1 2 3 of a head become 0 2 1 3
		out := w.Clone()
		for i := 0; i < w.Rows(); i += 4 {
			copy(out.RowRange(i+1, i+2).F32(), w.RowRange(i+2, i+3).F32())
			copy(out.RowRange(i+2, i+3).F32(), w.RowRange(i+1, i+2).F32())
		}
		return out
	}
	add(all["model.embed_tokens.weight"])
	each("input_layernorm", same)
	each("self_attn.q_proj", pairs)
	each("self_attn.k_proj", pairs)
	each("self_attn.v_proj", same)
	each("self_attn.o_proj", same)
	each("post_attention_layernorm", same)
	each("mlp.gate_proj", same)
	each("mlp.down_proj", same)
	each("mlp.up_proj", same)
	add(all["model.norm.weight"])
	add(linalg.New(linalg.F32, 8*4)) // cosines and sines
	if !tied {
		add(all["lm_head.weight"])
	}
	return content
}
