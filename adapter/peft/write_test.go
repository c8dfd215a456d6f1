package peft_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/peft"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// random fills tensors from a stream.
func random(r *rand.Rand, tensors ...*linalg.Tensor) {
	for _, t := range tensors {
		for i := range t.F32() {
			t.F32()[i] = float32(r.NormFloat64() / 2)
		}
	}
}

// made is an adapter of random parameters.
func made(t testing.TB, site adapter.Site, spec adapter.Spec) adapter.Adapter {
	t.Helper()
	a, err := adapter.New(site, spec, adapter.Rand(1, "ada", site.Name))
	if err != nil {
		t.Fatal(err)
	}
	r := adapter.Rand(2, "ada", site.Name)
	for _, p := range a.Params() {
		random(r, p.Value)
	}
	return a
}

// lowRank is the specification of most of these tests' adapters.
func lowRank(rank int, scale float64) adapter.Spec {
	return adapter.Spec{Kind: adapter.LowRank, Rank: rank, Scale: scale}
}

// written says what of a base model is adapted, and what its configuration then says.
var written = []struct {
	name, base, task string
	spec             func(s adapter.Site) (adapter.Spec, bool)
	fields           map[string]any // of the configuration
	biases           bool           // Full has those of the sites too
}{
	{
		"gpt2", "gpt2", "causal-lm",
		func(s adapter.Site) (adapter.Spec, bool) {
			return lowRank(8, 1), strings.HasSuffix(s.Name, "c_attn")
		},
		map[string]any{"r": 8., "lora_alpha": 8., "target_modules": []any{"c_attn"}, "fan_in_fan_out": true, "task_type": "CAUSAL_LM", "modules_to_save": nil},
		false,
	},
	{
		"gpt2-one-layer", "gpt2", "causal-lm",
		func(s adapter.Site) (adapter.Spec, bool) {
			return lowRank(2, 0.3), strings.HasPrefix(s.Name, "transformer.h.1.") || s.Name == "transformer.wte"
		},
		map[string]any{"lora_alpha": 0.6, "target_modules": []any{
			"transformer.h.1.attn.c_attn", "transformer.h.1.attn.c_proj", "transformer.h.1.mlp.c_fc", "transformer.h.1.mlp.c_proj", "wte",
		}},
		false,
	},
	{
		"roberta", "roberta", "seq-cls",
		func(s adapter.Site) (adapter.Spec, bool) {
			return lowRank(4, 0), strings.HasSuffix(s.Name, "query") || strings.HasSuffix(s.Name, "value")
		},
		map[string]any{
			"target_modules": []any{"query", "value"}, "modules_to_save": []any{"classifier", "score"}, "task_type": "SEQ_CLS", "bias": "lora_only",
		},
		true,
	},
	{
		"bart", "bart", "seq2seq-lm",
		func(s adapter.Site) (adapter.Spec, bool) {
			return lowRank(2, 4), strings.Contains(s.Name, "decoder") && strings.HasSuffix(s.Name, "attn.q_proj")
		},
		map[string]any{"target_modules": []any{
			"encoder_attn.q_proj", "model.decoder.layers.0.self_attn.q_proj", "model.decoder.layers.1.self_attn.q_proj",
		}, "lora_alpha": 8.},
		false,
	},
	{
		"llama", "llama-layers", "causal-lm",
		func(s adapter.Site) (adapter.Spec, bool) {
			if strings.HasSuffix(s.Name, "0.mlp.up_proj") {
				return lowRank(3, 2.5), true
			}
			return lowRank(2, 2), s.Kind == adapter.SiteLinear
		},
		map[string]any{
			"r": 2., "lora_alpha": 4., "rank_pattern": map[string]any{`^model\.layers\.0\.mlp\.up_proj`: 3.},
			"alpha_pattern": map[string]any{`^model\.layers\.0\.mlp\.up_proj`: 7.5},
		},
		false,
	},
	{
		"gpt2-cls", "gpt2-cls", "seq-cls",
		func(s adapter.Site) (adapter.Spec, bool) { return lowRank(2, 1), s.Kind == adapter.SiteEmbedding },
		map[string]any{"target_modules": []any{"wpe", "wte"}, "modules_to_save": []any{"classifier", "score"}},
		false,
	},
	{
		"cnn", "cnn", "",
		func(adapter.Site) (adapter.Spec, bool) { return lowRank(2, 3), true },
		map[string]any{"task_type": nil, "target_modules": []any{"convs.0", "convs.1", "out"}, "base_model_name_or_path": nil},
		false,
	},
}

// checkpoint makes what is written of a base model. The base model's own heads and biases
// are random.
func checkpoint(t testing.TB, i int) (*peft.Checkpoint, []adapter.Site) {
	t.Helper()
	w := written[i]
	sites := base(t, w.base)
	c := &peft.Checkpoint{Task: w.task, Conv1D: strings.HasPrefix(w.base, "gpt2")}
	if w.task != "" {
		c.Base = "models/" + w.base
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, site := range sites {
		weight, bias := linalg.New(linalg.F32, site.Out, site.In), linalg.New(linalg.F32, site.Out)
		random(r, weight, bias)
		if site.Head {
			if !site.Bias {
				bias = nil
			}
			if err := c.AddFull(site, made(t, site, adapter.Spec{}), weight, bias); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if spec, ok := w.spec(site); ok {
			c.Sites, c.Adapters = append(c.Sites, site), append(c.Adapters, made(t, site, spec))
			if w.biases {
				c.AddBias(site, bias, bias)
			}
		}
	}
	return c, sites
}

// TestWriteAndRead writes folders and reads them back: the same adapters to the bit. With
// COLA_PEFT_FOLDERS set they are left there, with ΔW beside them, for testdata/check.py to
// load them with PEFT.
func TestWriteAndRead(t *testing.T) {
	out := os.Getenv("COLA_PEFT_FOLDERS")
	if out == "" {
		out = t.TempDir()
	}
	for i, w := range written {
		t.Run(w.name, func(t *testing.T) {
			c, sites := checkpoint(t, i)
			folder := filepath.Join(out, w.name)
			if err := peft.Write(folder, c, sites); err != nil {
				t.Fatal(err)
			}
			back, err := peft.Read(folder, sites)
			if err != nil {
				t.Fatal(err)
			}
			if adapter.Digest(back.Sites, back.Adapters) != adapter.Digest(c.Sites, c.Adapters) {
				t.Error("other adapters come back")
			}
			for k, a := range c.Adapters {
				near(t, c.Sites[k].Name, delta(t, back.Adapters[k]), delta(t, a), 1e-7)
			}
			if back.Task != c.Task || back.Base != c.Base || back.Conv1D != c.Conv1D || len(back.Full) != len(c.Full) {
				t.Errorf("%+v came back of %+v", back, c)
			}
			for name, full := range c.Full {
				near(t, name, back.Full[name], full, 0)
			}
			wantFields(t, folder, w.fields)
			leaveDeltas(t, folder, w.base, c)
		})
	}
}

func delta(t testing.TB, a adapter.Adapter) *linalg.Tensor {
	t.Helper()
	w, _, err := a.Delta(linalg.NewCPU())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// wantFields looks at some fields of a folder's configuration.
func wantFields(t *testing.T, folder string, want map[string]any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, peft.ConfigName))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if diff := cmp.Diff(value, got[name]); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	if strings.Contains(string(data), ".0,") && !strings.Contains(string(data), `"lora_dropout": 0.0,`) {
		t.Error("a whole number is written with a point")
	}
	if !strings.HasPrefix(string(data), "{\n  \"alpha_pattern\": {") || strings.HasSuffix(string(data), "\n") {
		t.Errorf("it is not as PEFT writes it: %.40q", data)
	}
}

// leaveDeltas writes what check.py compares.
func leaveDeltas(t *testing.T, folder, base string, c *peft.Checkpoint) {
	t.Helper()
	var blobs []linalg.Blob
	for i, a := range c.Adapters {
		blobs = append(blobs, delta(t, a).Blob(c.Sites[i].Name))
	}
	for name, full := range c.Full {
		blobs = append(blobs, full.Blob("full:"+name))
	}
	if err := safetensors.WriteFile(filepath.Join(folder, "delta.safetensors"), blobs, map[string]string{"base": base}); err != nil {
		t.Fatal(err)
	}
}

// TestWriteIsDeterministic wants the same bytes twice, and each file whole.
func TestWriteIsDeterministic(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	c, sites := checkpoint(t, 2)
	for _, dir := range []string{a, a, b} { // twice over itself
		if err := peft.Write(dir, c, sites); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(a)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v: %v", entries, err)
	}
	for _, e := range entries {
		first, err := os.ReadFile(filepath.Join(a, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if second, err := os.ReadFile(filepath.Join(b, e.Name())); err != nil || string(first) != string(second) {
			t.Errorf("%s differs: %v", e.Name(), err)
		}
	}
}

// TestWriteWithoutTheModel names layers in full.
func TestWriteWithoutTheModel(t *testing.T) {
	c, _ := checkpoint(t, 0)
	dir := t.TempDir()
	if err := peft.Write(dir, c, nil); err != nil {
		t.Fatal(err)
	}
	wantFields(t, dir, map[string]any{"target_modules": []any{"transformer.h.0.attn.c_attn", "transformer.h.1.attn.c_attn"}})
	c, sites := checkpoint(t, 2)
	if err := peft.Write(dir, c, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := peft.Read(dir, sites); err != nil {
		t.Error(err)
	}
}

func TestWriteRefuses(t *testing.T) {
	sites := base(t, "roberta")
	var query, head adapter.Site
	for _, s := range sites {
		if strings.HasSuffix(s.Name, "0.attention.self.query") {
			query = s
		}
		if s.Name == "classifier.dense" {
			head = s
		}
	}
	low := made(t, query, lowRank(2, 1))
	full := linalg.New(linalg.F32, query.Out, query.In)
	for want, c := range map[string]*peft.Checkpoint{
		"is linear":              {Sites: []adapter.Site{query}, Adapters: []adapter.Adapter{made(t, query, adapter.Spec{Kind: adapter.Linear})}},
		"own format":             {Sites: []adapter.Site{query}, Adapters: []adapter.Adapter{made(t, query, adapter.Spec{Kind: adapter.MLP, Hidden: []int{2}})}},
		"classification head":    {Sites: []adapter.Site{head}, Adapters: []adapter.Adapter{made(t, head, adapter.Spec{})}},
		"nothing is adapted":     {},
		"1 sites have 0":         {Sites: []adapter.Site{query}},
		"classifier.dense.weigh": {Task: "seq-cls", Sites: []adapter.Site{query}, Adapters: []adapter.Adapter{low}},
		"both adapted":           {Sites: []adapter.Site{query}, Adapters: []adapter.Adapter{low}, Full: map[string]*linalg.Tensor{query.Name + ".weight": full}},
	} {
		dir := filepath.Join(t.TempDir(), "new")
		if err := peft.Write(dir, c, sites); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a folder was made", want)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := peft.Write(file, &peft.Checkpoint{Sites: []adapter.Site{query}, Adapters: []adapter.Adapter{low}}, sites); err == nil {
		t.Error("a folder was made where a file is")
	}
}

// TestFullTensors takes a head out and in.
func TestFullTensors(t *testing.T) {
	site := adapter.Site{Name: "classifier", Kind: adapter.SiteLinear, In: 3, Out: 2, Bias: true, Head: true}
	weight, bias := linalg.New(linalg.F32, 2, 3), linalg.New(linalg.F32, 2)
	r := rand.New(rand.NewPCG(5, 6))
	random(r, weight, bias)
	a := made(t, site, adapter.Spec{})
	c := &peft.Checkpoint{}
	if err := c.AddFull(site, a, weight, bias); err != nil {
		t.Fatal(err)
	}
	want := weight.Clone()
	linalg.NewCPU().Axpy(want, 1, a.Params()[0].Value)
	near(t, "weight", c.Full["classifier.weight"], want, 1e-7)
	back, err := c.Linear(site, weight, bias)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range back.Params() {
		near(t, p.Name, p.Value, a.Params()[i].Value, 1e-6)
	}
	other := adapter.Site{Name: "score", Kind: adapter.SiteLinear, In: 3, Out: 2, Head: true}
	if _, err := c.Linear(other, weight, nil); err == nil || !strings.Contains(err.Error(), `"score.weight"`) {
		t.Errorf("a head that is not there: %v", err)
	}
	for name, err := range map[string]error{
		"another shape": c.AddFull(site, a, linalg.New(linalg.F32, 3, 3), bias),
		"no bias":       c.AddFull(site, a, weight, nil),
		"an MLP":        c.AddFull(site, made(t, adapter.Site{Name: "x", In: 3, Out: 2}, adapter.Spec{Kind: adapter.MLP, Hidden: []int{2}}), weight, bias),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
