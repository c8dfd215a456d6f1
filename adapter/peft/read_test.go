package peft_test

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/peft"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// folders are those that testdata/make.py wrote with PEFT, and how many layers each adapts.
var folders = map[string]int{
	"gpt2": 2, "gpt2-cls": 4, "gpt2-embeddings": 4, "roberta": 4, "roberta-biases": 2, "roberta-lora-bias": 2, "bart": 8,
	"bart-lookahead": 2, "llama-all-linear": 14, "llama-embedding": 4, "llama-layers": 2, "cnn": 3,
}

// base reads the layers of a folder's base model.
func base(t testing.TB, folder string) []adapter.Site {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", folder, "base.json"))
	if err != nil {
		t.Fatal(err)
	}
	var layers []struct {
		Name, Kind                string
		In, Out, Channels, Kernel int
		Bias, Head                bool
	}
	if err := json.Unmarshal(data, &layers); err != nil {
		t.Fatal(err)
	}
	var sites []adapter.Site
	for i, l := range layers {
		sites = append(sites, adapter.Site{
			Name: l.Name, Kind: adapter.SiteKind(l.Kind), In: l.In, Out: l.Out, Bias: l.Bias, Head: l.Head, Group: i,
			Conv: linalg.Conv{Height: 6, Width: 6, Channels: l.Channels, Kernel: l.Kernel, Stride: 1, Padding: l.Kernel / 2},
		})
	}
	return sites
}

// tensors reads a safetensors file.
func tensors(t testing.TB, path string) map[string]*linalg.Tensor {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*linalg.Tensor{}
	for _, name := range f.Names() {
		blob, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		if all[name], err = blob.Tensor(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// near wants ‖got − want‖ ≤ limit·‖want‖.
func near(t *testing.T, what string, got, want *linalg.Tensor, limit float64) {
	t.Helper()
	if got == nil || want == nil || got.Len() != want.Len() {
		t.Fatalf("%s: %v, expected %v", what, got, want)
	}
	diff, norm := 0.0, 0.0
	for i, v := range want.F32() {
		d := float64(got.F32()[i]) - float64(v)
		diff, norm = diff+d*d, norm+float64(v)*float64(v)
	}
	if !(math.Sqrt(diff) <= limit*math.Sqrt(norm)) {
		t.Errorf("%s differs by %.2g, relatively", what, math.Sqrt(diff/norm))
	}
}

// TestReadsWhatPEFTWrote holds ΔW of every layer against PEFT's get_delta_weight.
func TestReadsWhatPEFTWrote(t *testing.T) {
	for folder, count := range folders {
		t.Run(folder, func(t *testing.T) {
			sites := base(t, folder)
			c, err := peft.Read(filepath.Join("testdata", folder), sites)
			if err != nil {
				t.Fatal(err)
			}
			want := tensors(t, filepath.Join("testdata", folder, "delta.safetensors"))
			if len(c.Sites) != count || len(c.Adapters) != count {
				t.Fatalf("%d sites and %d adapters, expected %d", len(c.Sites), len(c.Adapters), count)
			}
			for i, site := range c.Sites {
				weight, bias, err := c.Adapters[i].Delta(linalg.NewCPU())
				if err != nil {
					t.Fatal(err)
				}
				near(t, site.Name, weight, want[site.Name], 1e-6)
				if bias != nil {
					near(t, site.Name+".bias", bias, want[site.Name+".bias"], 1e-6)
				}
				delete(want, site.Name)
				delete(want, site.Name+".bias")
			}
			for name, full := range c.Full {
				if expected := want["full:"+name]; expected != nil {
					near(t, name, full, expected, 0)
				} else if folder != "llama-embedding" { // where PEFT saves the tables themselves
					t.Errorf("%s was not trained", name)
				}
				delete(want, "full:"+name)
			}
			if len(want) > 0 {
				t.Errorf("PEFT has %v as well", slices.Sorted(maps.Keys(want)))
			}
			if !slices.IsSortedFunc(c.Sites, func(a, b adapter.Site) int { return a.Group - b.Group }) {
				t.Error("the sites are not in the model's order")
			}
		})
	}
}

func TestReadSaysWhatItIs(t *testing.T) {
	for folder, task := range map[string]string{"gpt2": "causal-lm", "roberta": "seq-cls", "bart": "seq2seq-lm", "cnn": ""} {
		c, err := peft.Read(filepath.Join("testdata", folder), base(t, folder))
		if err != nil {
			t.Fatal(err)
		}
		if c.Task != task || c.Conv1D != (folder == "gpt2") {
			t.Errorf("%s: task %q, conv1d %t", folder, c.Task, c.Conv1D)
		}
		if task == "seq-cls" && len(c.Full) != 4 {
			t.Errorf("%d full tensors of a head of two layers", len(c.Full))
		}
	}
	c, err := peft.Read(filepath.Join("testdata", "llama-all-linear"), base(t, "llama-all-linear"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]adapter.Spec{ // r by rank_pattern, α/√r by alpha_pattern
		"model.layers.0.self_attn.q_proj": {Kind: adapter.LowRank, Rank: 1, Scale: 5},
		"model.layers.0.self_attn.v_proj": {Kind: adapter.LowRank, Rank: 3, Scale: 11.5 / math.Sqrt(3)},
		"model.layers.1.mlp.up_proj":      {Kind: adapter.LowRank, Rank: 2, Scale: 5 / math.Sqrt(2)},
	}
	for i, site := range c.Sites {
		if w, ok := want[site.Name]; ok && (c.Adapters[i].Spec().Rank != w.Rank || c.Adapters[i].Spec().Scale != w.Scale) {
			t.Errorf("%s: %+v, expected %+v", site.Name, c.Adapters[i].Spec(), w)
		}
	}
}

// copyOf copies a folder, so that a test may change it.
func copyOf(t testing.TB, folder string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{peft.ConfigName, peft.WeightsName} {
		data, err := os.ReadFile(filepath.Join("testdata", folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// configure changes fields of a folder's configuration; nil removes one.
func configure(t testing.TB, dir string, changes map[string]any) {
	t.Helper()
	path := filepath.Join(dir, peft.ConfigName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	maps.Copy(fields, changes)
	if data, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// rename writes a folder's weights with other names; an empty one leaves the tensor out.
func rename(t testing.TB, dir string, name func(string) string) {
	t.Helper()
	path := filepath.Join(dir, peft.WeightsName)
	var blobs []linalg.Blob
	for key, tensor := range tensors(t, path) {
		if to := name(key); to != "" {
			blobs = append(blobs, tensor.Blob(to))
		}
	}
	slices.SortFunc(blobs, func(a, b linalg.Blob) int { return strings.Compare(a.Name, b.Name) })
	if err := safetensors.WriteFile(path, blobs, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
}

// TestReadConfigurations reads one adapter under other configurations that mean the same.
func TestReadConfigurations(t *testing.T) {
	for name, changes := range map[string]map[string]any{
		"full names":          {"target_modules": []string{"transformer.h.0.attn.c_attn", "transformer.h.1.attn.c_attn"}},
		"a regex":             {"target_modules": `transformer\.h\.\d+\.attn\.c_attn`},
		"lookbehind":          {"target_modules": `.*(?<=attn\.)c_attn`},
		"layers as a number":  {"layers_to_transform": []int{0, 1}, "layers_pattern": "h"},
		"layers, any pattern": {"layers_to_transform": []int{1, 0}},
		"all but some":        {"target_modules": "All-Linear", "exclude_modules": `.*(c_proj|c_fc)`},
		"a target too many":   {"target_modules": []string{"c_attn", "q_proj"}},
		"unknown and empty":   {"use_something": false, "something_config": map[string]any{}},
		"runtime":             {"runtime_config": map[string]any{"ephemeral_gpu_offload": true}, "peft_version": nil},
		"patterns":            {"r": 9, "rank_pattern": map[string]int{"attn.c_attn": 4}, "alpha_pattern": map[string]float64{"^transformer.*": 8}, "lora_alpha": 1},
		"initialisation":      {"init_lora_weights": "gaussian"},
	} {
		t.Run(name, func(t *testing.T) {
			sites := base(t, "gpt2")
			plain, err := peft.Read(filepath.Join("testdata", "gpt2"), sites)
			if err != nil {
				t.Fatal(err)
			}
			dir := copyOf(t, "gpt2")
			configure(t, dir, changes)
			c, err := peft.Read(dir, sites)
			if err != nil {
				t.Fatal(err)
			}
			if adapter.Digest(c.Sites, c.Adapters) != adapter.Digest(plain.Sites, plain.Adapters) || c.Adapters[0].Spec().Scale != 2 {
				t.Error("it reads as another adapter")
			}
		})
	}
}

// TestReadNames reads names as older releases and other adapters' names make them.
func TestReadNames(t *testing.T) {
	for _, folder := range []string{"roberta", "gpt2-embeddings"} {
		sites := base(t, folder)
		plain, err := peft.Read(filepath.Join("testdata", folder), sites)
		if err != nil {
			t.Fatal(err)
		}
		dir := copyOf(t, folder)
		rename(t, dir, func(key string) string {
			key = strings.Replace(key, ".lora_A.", ".lora_A.mine.", 1)
			key = strings.Replace(key, ".lora_B.", ".lora_B.mine.", 1)
			if strings.Contains(key, ".lora_embedding_") {
				key += ".mine"
			}
			return strings.Replace(key, ".classifier.", ".classifier.modules_to_save.mine.", 1)
		})
		c, err := peft.Read(dir, sites)
		if err != nil {
			t.Fatal(err)
		}
		if adapter.Digest(c.Sites, c.Adapters) != adapter.Digest(plain.Sites, plain.Adapters) {
			t.Errorf("%s reads as another adapter", folder)
		}
		if !slices.Equal(slices.Sorted(maps.Keys(c.Full)), slices.Sorted(maps.Keys(plain.Full))) {
			t.Errorf("full tensors %v", slices.Sorted(maps.Keys(c.Full)))
		}
	}
}

// TestZeroAndNegativeScales go into the second factor: a specification has none.
func TestZeroAndNegativeScales(t *testing.T) {
	sites := base(t, "gpt2")
	plain, err := peft.Read(filepath.Join("testdata", "gpt2"), sites)
	if err != nil {
		t.Fatal(err)
	}
	for _, alpha := range []float32{0, -8} {
		dir := copyOf(t, "gpt2")
		configure(t, dir, map[string]any{"lora_alpha": alpha})
		c, err := peft.Read(dir, sites)
		if err != nil {
			t.Fatal(err)
		}
		got, _, _ := c.Adapters[0].Delta(linalg.NewCPU())
		want, _, _ := plain.Adapters[0].Delta(linalg.NewCPU())
		linalg.NewCPU().Scale(want, alpha/8)
		near(t, "ΔW", got, want, 1e-6)
	}
}
