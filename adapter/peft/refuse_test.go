package peft_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/peft"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// TestReadRefusesConfigurations changes fields so that the adapter is another, or none.
func TestReadRefusesConfigurations(t *testing.T) {
	type fields = map[string]any
	for _, c := range []struct {
		want    string
		changes fields
	}{
		{"DoRA scales", fields{"use_dora": true}},
		{"quantised", fields{"use_qalora": true}},
		{"block-diagonal", fields{"use_bdlora": fields{"nblocks": 2}}},
		{"invocation", fields{"alora_invocation_tokens": []int{1}}},
		{"repeated", fields{"layer_replication": [][]int{{0, 1}}}},
		{"single rows", fields{"trainable_token_indices": []int{1}}},
		{"target_parameters", fields{"target_parameters": []string{"x"}}},
		{"peft_type = IA3", fields{"peft_type": "IA3"}},
		{"peft_type = ADALORA", fields{"peft_type": "ADALORA"}},
		{"peft_type is not there", fields{"peft_type": nil}},
		{"pissa", fields{"init_lora_weights": "pissa_niter_4"}},
		{"loftq", fields{"init_lora_weights": "LoftQ"}},
		{"use_tomorrow", fields{"use_tomorrow": true}},
		{"bias = \"some\"", fields{"bias": "some"}},
		{"r = 0", fields{"r": 0}},
		{"too large", fields{"lora_alpha": 1e300}},
		{"too large", fields{"alpha_pattern": fields{"c_attn": -1e300}}},
		{"no rank", fields{"rank_pattern": fields{"c_attn": 1.5}}},
		{"alpha_pattern", fields{"alpha_pattern": fields{"(?!c)_attn": 2}}},
		{"rank_pattern", fields{"rank_pattern": fields{"c{,2}_attn": 2}}},
		{"alpha_pattern: json", fields{"alpha_pattern": fields{"c_attn": "two"}}},
		{"target_modules is not there", fields{"target_modules": nil}},
		{"missing: adapter_config.json adapts more", fields{"target_modules": []string{"c_attn", "c_fc"}}},
		{"unexpected layers transformer.h.0.attn.c_attn, transformer.h.1", fields{"target_modules": "nothing"}},
		{"unexpected layer transformer.h.1", fields{"layers_to_transform": 0}},
		{"unexpected layers", fields{"layers_to_transform": []int{0, 1}, "layers_pattern": "blocks"}},
		{"unexpected layers", fields{"exclude_modules": ".*attn.*"}},
		{"unexpected layers", fields{"modules_to_save": []string{"transformer"}}},
		{"is [4 8], the configuration and the base model make it [5 8]", fields{"r": 5}},
		{"lora_B.bias", fields{"lora_bias": true}},
		{"cannot unmarshal", fields{"layers_to_transform": "one"}},
	} {
		dir := copyOf(t, "gpt2")
		configure(t, dir, c.changes)
		if _, err := peft.Read(dir, base(t, "gpt2")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.changes, err)
		}
	}
}

// TestReadRefusesTensors takes tensors away, adds some and names some otherwise.
func TestReadRefusesTensors(t *testing.T) {
	replace := func(old, with string) func(string) string {
		return func(key string) string { return strings.Replace(key, old, with, 1) }
	}
	without := func(part string) func(string) string {
		return func(key string) string {
			if strings.Contains(key, part) {
				return ""
			}
			return key
		}
	}
	for _, c := range []struct {
		folder, want string
		name         func(string) string
	}{
		{"gpt2", "transformer.h.1.attn.c_attn.lora_A missing", without("h.1.attn.c_attn.lora_A")},
		{"gpt2", "transformer.h.1.attn.c_attn.lora_B missing", without("h.1.attn.c_attn.lora_B")},
		{"gpt2", "lora_A missing", without("h.1.")},
		{"gpt2", "no layer transformer.h.7.attn.c_attn", replace("h.1.", "h.7.")},
		{"gpt2", "no layers transformer.h.", replace("c_attn", "c_some")},
		{"gpt2", "unexpected tensors base.", replace("base_model.model.", "base.")},
		{"gpt2", "unexpected tensors", replace("lora_A", "lora_E")},
		{"gpt2", "DoRA", replace("lora_A.weight", "lora_magnitude_vector")},
		{"gpt2", "first factor has no bias", replace("lora_A.weight", "lora_A.bias")},
		{"gpt2", "unexpected tensor base_model.model.transformer.h.1.ln.weight", replace("h.1.attn.c_attn.lora_A", "h.1.ln")},
		{"gpt2", "are the same of two adapters", func(key string) string {
			if strings.Contains(key, "h.1.") {
				key = strings.Replace(strings.Replace(key, "h.1.", "h.0.", 1), ".weight", ".other.weight", 1)
			}
			return key
		}},
		{"gpt2", "not of a layer of kind linear", func(key string) string {
			return strings.Replace(strings.Replace(key, ".lora_", ".lora_embedding_", 1), ".weight", "", 1)
		}},
		{"roberta", "classifier.dense.weight missing", without("classifier.dense.weight")},
		{"roberta", "classifier.out_proj.bias missing", without("classifier.out_proj.bias")},
		{"roberta-lora-bias", "lora_B.bias missing", without("layer.1.attention.self.value.lora_B.bias")},
		{"roberta-biases", "unexpected tensor", replace("layer.1.attention.self.query.base_layer.bias", "layer.1.attention.self.query.base_layer.other")},
		{"llama-embedding", "was its vocabulary resized", replace("embed_tokens.base_layer.weight", "embed_positions.weight")},
	} {
		dir := copyOf(t, c.folder)
		sites := base(t, c.folder)
		if strings.Contains(c.want, "resized") {
			for i := range sites {
				if sites[i].Name == "model.embed_tokens" {
					sites = append(sites, adapter.Site{Name: "model.embed_positions", Kind: adapter.SiteEmbedding, In: 2, Out: 2})
				}
			}
		}
		rename(t, dir, c.name)
		if _, err := peft.Read(dir, sites); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: %v", c.folder, c.want, err)
		}
	}
}

// TestReadRefusesNumbers puts what is no number, and what is no float, into a file.
func TestReadRefusesNumbers(t *testing.T) {
	for what, change := range map[string]func(*linalg.Blob){
		"element 3 is NaN": func(b *linalg.Blob) {
			t := linalg.New(linalg.F32, b.Shape...)
			t.F32()[3] = float32(math.NaN())
			*b = t.Blob(b.Name)
		},
		"holds integers": func(b *linalg.Blob) { *b = linalg.New(linalg.I32, b.Shape...).Blob(b.Name) },
	} {
		dir := copyOf(t, "gpt2")
		var blobs []linalg.Blob
		for name, tensor := range tensors(t, filepath.Join(dir, peft.WeightsName)) {
			blobs = append(blobs, tensor.Blob(name))
		}
		change(&blobs[0])
		if err := safetensors.WriteFile(filepath.Join(dir, peft.WeightsName), blobs, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := peft.Read(dir, base(t, "gpt2")); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestReadRefusesFolders(t *testing.T) {
	sites := base(t, "gpt2")
	if _, err := peft.Read(t.TempDir(), sites); err == nil {
		t.Error("an empty folder is read")
	}
	dir := copyOf(t, "gpt2")
	if err := os.Remove(filepath.Join(dir, peft.WeightsName)); err != nil {
		t.Fatal(err)
	}
	if _, err := peft.Read(dir, sites); err == nil || !strings.Contains(err.Error(), peft.WeightsName) {
		t.Errorf("no weights: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "adapter_model.bin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := peft.Read(dir, sites); err == nil || !strings.Contains(err.Error(), "pickle") {
		t.Errorf("a pickle: %v", err)
	}
	for what, config := range map[string][]byte{"invalid character": []byte("{]"), "no configuration": bytes.Repeat([]byte(" "), 17<<20)} {
		dir := copyOf(t, "gpt2")
		if err := os.WriteFile(filepath.Join(dir, peft.ConfigName), config, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := peft.Read(dir, sites); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := peft.Read(filepath.Join("testdata", "cnn"), sites); err == nil || !strings.Contains(err.Error(), "no layers convs.0, convs.1, out") {
		t.Errorf("another model's adapter: %v", err)
	}
}

// TestLoRABiasNeedsABias refuses one where the layer has none.
func TestLoRABiasNeedsABias(t *testing.T) {
	sites := base(t, "roberta-lora-bias")
	for i := range sites {
		sites[i].Bias = sites[i].Head
	}
	if _, err := peft.Read(filepath.Join("testdata", "roberta-lora-bias"), sites); err == nil || !strings.Contains(err.Error(), "without lora_bias") {
		t.Error(err)
	}
}

// TestHeadsWithFactors reads LoRA at a head, where cola has linear adapters only.
func TestHeadsWithFactors(t *testing.T) {
	sites := base(t, "cnn")
	plain, err := peft.Read(filepath.Join("testdata", "cnn"), sites)
	if err != nil {
		t.Fatal(err)
	}
	last := len(sites) - 1
	sites[last].Head = true
	c, err := peft.Read(filepath.Join("testdata", "cnn"), sites)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Adapters[last].Spec(); s.Kind != adapter.Linear {
		t.Errorf("a head has %+v", s)
	}
	near(t, "out", delta(t, c.Adapters[last]), delta(t, plain.Adapters[last]), 0)
}
