package gguf_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/gguf"
	"github.com/gradientlearning/cola/linalg"
)

var (
	llama = gguf.Model{Architecture: "llama", Heads: 2, KVHeads: 1}
	gpt2  = gguf.Model{Architecture: "gpt2"}
)

// expected is a site and what its adapter adds.
type expected struct {
	Name, Kind string
	In, Out    int
	Delta      []float32
}

// golden reads what make.py says of a file.
func golden(t testing.TB, name string) (sites []adapter.Site, deltas [][]float32) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []expected
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		sites = append(sites, adapter.Site{Name: e.Name, Kind: adapter.SiteKind(e.Kind), In: e.In, Out: e.Out})
		deltas = append(deltas, e.Delta)
	}
	return sites, deltas
}

func delta(t testing.TB, a adapter.Adapter) []float32 {
	t.Helper()
	w, _, err := a.Delta(linalg.NewCPU())
	if err != nil {
		t.Fatal(err)
	}
	return w.F32()
}

// near wants ‖got − want‖ ≤ limit·‖want‖.
func near(t *testing.T, what string, got, want []float32, limit float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d elements, expected %d", what, len(got), len(want))
	}
	diff, norm := 0.0, 0.0
	for i, v := range want {
		d := float64(got[i] - v)
		diff, norm = diff+d*d, norm+float64(v)*float64(v)
	}
	if !(math.Sqrt(diff) <= limit*math.Sqrt(norm)) {
		t.Errorf("%s differs by %.2g, relatively", what, math.Sqrt(diff/norm))
	}
}

// TestReadsWhatTheGGUFPackageWrote holds ΔW against NumPy's.
func TestReadsWhatTheGGUFPackageWrote(t *testing.T) {
	for name, model := range map[string]gguf.Model{"llama": llama, "llama-f16": llama, "llama-q8": llama, "gpt2": gpt2, "gpt2-bf16": gpt2} {
		t.Run(name, func(t *testing.T) {
			sites, deltas := golden(t, name)
			more := append([]adapter.Site{{Name: "model.norm", Kind: adapter.SiteLinear, In: 1, Out: 1}}, sites...)
			adapted, adapters, err := gguf.ReadFile(filepath.Join("testdata", name+".gguf"), model, more)
			if err != nil {
				t.Fatal(err)
			}
			if len(adapted) != len(sites) {
				t.Fatalf("%d sites, expected %d", len(adapted), len(sites))
			}
			for i, site := range adapted {
				if site.Name != sites[i].Name {
					t.Fatalf("site %s, expected %s", site.Name, sites[i].Name)
				}
				near(t, site.Name, delta(t, adapters[i]), deltas[i], 1e-6)
			}
		})
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
		for i := range p.Value.F32() {
			p.Value.F32()[i] = float32(r.NormFloat64())
		}
	}
	return a
}

// written has every layer that llama.cpp adapts, with what it calls them
// and the heads by which it permutes.
var written = map[string]struct {
	model  gguf.Model
	sites  []adapter.Site
	names  []string
	heads  []int
	scales []float64
}{
	"llama": {
		gguf.Model{Architecture: "llama", Heads: 4, KVHeads: 2},
		[]adapter.Site{
			{Name: "model.embed_tokens", Kind: adapter.SiteEmbedding, In: 9, Out: 8},
			{Name: "model.layers.0.self_attn.q_proj", Kind: adapter.SiteLinear, In: 8, Out: 16},
			{Name: "model.layers.0.self_attn.k_proj", Kind: adapter.SiteLinear, In: 8, Out: 8},
			{Name: "model.layers.10.self_attn.v_proj", Kind: adapter.SiteLinear, In: 8, Out: 8},
			{Name: "model.layers.10.self_attn.o_proj", Kind: adapter.SiteLinear, In: 16, Out: 8},
			{Name: "model.layers.10.mlp.gate_proj", Kind: adapter.SiteLinear, In: 8, Out: 12},
			{Name: "model.layers.10.mlp.up_proj", Kind: adapter.SiteLinear, In: 8, Out: 12},
			{Name: "model.layers.10.mlp.down_proj", Kind: adapter.SiteLinear, In: 12, Out: 8},
			{Name: "lm_head", Kind: adapter.SiteLinear, In: 8, Out: 9},
		},
		[]string{
			"token_embd", "blk.0.attn_q", "blk.0.attn_k", "blk.10.attn_v", "blk.10.attn_output", "blk.10.ffn_gate", "blk.10.ffn_up",
			"blk.10.ffn_down", "output",
		},
		[]int{0, 4, 2, 0, 0, 0, 0, 0, 0},
		[]float64{2, 2, 2, 0.5, 2, 2, 0, 3, 2},
	},
	"gpt2": {
		gpt2,
		[]adapter.Site{
			{Name: "transformer.wte", Kind: adapter.SiteEmbedding, In: 9, Out: 4},
			{Name: "transformer.h.0.attn.c_attn", Kind: adapter.SiteLinear, In: 4, Out: 12},
			{Name: "transformer.h.0.attn.c_proj", Kind: adapter.SiteLinear, In: 4, Out: 4},
			{Name: "transformer.h.1.mlp.c_fc", Kind: adapter.SiteLinear, In: 4, Out: 16},
			{Name: "transformer.h.1.mlp.c_proj", Kind: adapter.SiteLinear, In: 16, Out: 4},
		},
		[]string{"token_embd", "blk.0.attn_qkv", "blk.0.attn_output", "blk.1.ffn_up", "blk.1.ffn_down"},
		[]int{0, 0, 0, 0, 0},
		[]float64{1, 1, 1, 1, 1},
	},
}

// TestWriteAndRead writes files and reads them back. With COLA_GGUF_FILES set they are left
// there, with what they add, for testdata/check.py.
func TestWriteAndRead(t *testing.T) {
	out := os.Getenv("COLA_GGUF_FILES")
	if out == "" {
		out = t.TempDir()
	}
	for name, w := range written {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(out, name+".gguf")
			var adapters []adapter.Adapter
			var lines []map[string]any
			for i, site := range w.sites {
				adapters = append(adapters, made(t, site, adapter.Spec{Kind: adapter.LowRank, Rank: 3, Scale: w.scales[i]}))
				lines = append(lines, map[string]any{
					"tensor": w.names[i] + ".weight", "heads": w.heads[i], "in": site.In, "out": site.Out, "delta": delta(t, adapters[i]),
				})
			}
			if err := gguf.WriteFile(path, w.model, w.sites, adapters); err != nil {
				t.Fatal(err)
			}
			back, read, err := gguf.ReadFile(path, w.model, w.sites)
			if err != nil {
				t.Fatal(err)
			}
			if len(back) != len(w.sites) {
				t.Fatalf("%d sites came back", len(back))
			}
			for i, site := range back {
				near(t, site.Name, delta(t, read[i]), delta(t, adapters[i]), 1e-6)
			}
			if name == "gpt2" && adapter.Digest(back, read) != adapter.Digest(w.sites, adapters) {
				t.Error("adapters of one scale come back with other parameters")
			}
			var again bytes.Buffer
			if err := gguf.Write(&again, w.model, w.sites, adapters); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(data, again.Bytes()) || len(data)%32 != 0 {
				t.Errorf("%d bytes differ from the %d of before: %v", again.Len(), len(data), err)
			}
			if data, err = json.Marshal(map[string]any{"sites": lines}); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+".json", data, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	query := written["llama"].sites[1]
	low := adapter.Spec{Kind: adapter.LowRank, Rank: 2}
	for _, c := range []struct {
		want  string
		model gguf.Model
		site  adapter.Site
		spec  adapter.Spec
	}{
		{"architecture", gguf.Model{Architecture: "bert"}, query, low},
		{"heads", gguf.Model{Architecture: "llama"}, query, low},
		{"no 3 heads", gguf.Model{Architecture: "llama", Heads: 3, KVHeads: 1}, query, low},
		{"no such layer", gpt2, query, low},
		{"no such layer", gpt2, adapter.Site{Name: "transformer.wpe", Kind: adapter.SiteEmbedding, In: 4, Out: 4}, low},
		{"no such layer", llama, adapter.Site{Name: "score", Kind: adapter.SiteLinear, In: 4, Out: 4, Head: true}, low},
		{"no such layer", llama, adapter.Site{Name: "model.embed_tokens", Kind: adapter.SiteLinear, In: 4, Out: 4}, low},
		{"no such layer", llama, adapter.Site{Name: "model.layers.0.mlp.router", Kind: adapter.SiteLinear, In: 4, Out: 4}, low},
		{"is linear", llama, query, adapter.Spec{Kind: adapter.Linear}},
		{"of kind mlp", llama, query, adapter.Spec{Kind: adapter.MLP, Hidden: []int{2}}},
		{"cannot say", llama, query, adapter.Spec{Kind: adapter.LowRank, Rank: 1, Scale: 1e-60}},
	} {
		a := made(t, c.site, c.spec)
		path := filepath.Join(t.TempDir(), "adapter.gguf")
		if err := gguf.WriteFile(path, c.model, []adapter.Site{c.site}, []adapter.Adapter{a}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
			t.Errorf("%s: %v was left: %v", c.want, entries, err)
		}
	}
	if err := gguf.WriteFile(filepath.Join(t.TempDir(), "no", "folder"), llama, nil, nil); err == nil {
		t.Error("a file was made in no folder")
	}
	if err := gguf.Write(new(bytes.Buffer), llama, nil, nil); err == nil {
		t.Error("a file without adapters was made")
	}
}

// TestReadRefuses changes a file byte by byte, so to speak.
func TestReadRefuses(t *testing.T) {
	sites, _ := golden(t, "llama")
	data, err := os.ReadFile("testdata/llama.gguf")
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, with string) func() []byte {
		if len(old) != len(with) || !bytes.Contains(data, []byte(old)) {
			t.Fatalf("%q is not replaced by %q", old, with)
		}
		return func() []byte { return bytes.Replace(data, []byte(old), []byte(with), 1) }
	}
	at := func(i int, b ...byte) func() []byte {
		return func() []byte { c := bytes.Clone(data); copy(c[i:], b); return c }
	}
	behind := func(text string, b ...byte) func() []byte { return at(bytes.Index(data, []byte(text))+len(text), b...) }
	for _, c := range []struct {
		want   string
		change func() []byte
	}{
		{"begin with GGUF", at(0, 'X')},
		{"version 2", at(4, 2)},
		{"tensors (65536", at(12, 1)},
		{"metadata (65536", at(20, 1)},
		{"a string of", at(30, 1)},
		{"ends behind", func() []byte { return data[:len(data)-64] }},
		{"are left", func() []byte { return data[:100] }},
		{"are due", func() []byte { return nil }},
		{"general.type", replace("adapter\x0c", "adaptor\x0c")},
		{"adapter.type", replace("lora\x12", "loha\x12")},
		{"is missing", replace("blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_c")},
		{"is there twice", replace("blk.0.attn_q.weight.lora_b", "blk.0.attn_q.weight.lora_a")},
		{"no weight of tensor \"blk.9", func() []byte { return bytes.ReplaceAll(data, []byte("blk.0.attn_q"), []byte("blk.9.attn_q")) }},
		{"of 3 dimensions", behind("token_embd.weight.lora_a", 3)},
		{"elements", behind("token_embd.weight.lora_a", 2, 0, 0, 0, 0)},
		{"larger than the file", behind("token_embd.weight.lora_a", 2, 0, 0, 0, 0, 0, 1)},
		{"do not fit", behind("token_embd.weight.lora_a", 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4)},
		{"of type 2", behind("token_embd.weight.lora_a", append([]byte{2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0}, 2)...)},
		{"lies at 7", behind("token_embd.weight.lora_a", append([]byte{2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 7)...)},
		{"adapter.lora.alpha is", behind("adapter.lora.alpha", 6, 0, 0, 0, 0, 0, 0xC0, 0x7F)},
		{"value of type 99", behind("general.tags", 99)},
		{"value of type 13", behind("general.tags", 9, 0, 0, 0, 13)},
	} {
		changed := c.change()
		if _, _, err := gguf.Read(bytes.NewReader(changed), int64(len(changed)), llama, sites); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
	if _, _, err := gguf.Read(bytes.NewReader(data), int64(len(data)), gpt2, sites); err == nil || !strings.Contains(err.Error(), "general.architecture") {
		t.Errorf("another architecture: %v", err)
	}
	if _, _, err := gguf.Read(bytes.NewReader(data), int64(len(data)), gguf.Model{}, sites); err == nil {
		t.Error("a model of no architecture")
	}
	if _, _, err := gguf.ReadFile("testdata/none.gguf", llama, sites); err == nil {
		t.Error("a file that is not there is read")
	}
	if _, _, err := gguf.ReadFile("testdata/gpt2.gguf", llama, sites); err == nil || !strings.Contains(err.Error(), "gpt2.gguf") {
		t.Errorf("the file is not named: %v", err)
	}
}

// TestAlpha reads an alpha of zero, which stands for a scale of one, and a negative one.
func TestAlpha(t *testing.T) {
	sites, deltas := golden(t, "gpt2") // alpha 4, rank 2
	data, err := os.ReadFile("testdata/gpt2.gguf")
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(data, []byte("adapter.lora.alpha")) + len("adapter.lora.alpha") + 4
	for _, c := range []struct{ alpha, scale float32 }{{0, 1}, {-2, -1}} {
		bits := math.Float32bits(c.alpha)
		copy(data[i:], []byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)})
		_, adapters, err := gguf.Read(bytes.NewReader(data), int64(len(data)), gpt2, sites)
		if err != nil {
			t.Fatal(err)
		}
		want := linalg.FromF32(slices.Clone(deltas[0]), len(deltas[0]))
		linalg.NewCPU().Scale(want, c.scale/2)
		near(t, "ΔW", delta(t, adapters[0]), want.F32(), 1e-6)
	}
}

// FuzzRead wants of any bytes an error or adapters that fit their sites. Its seeds are as
// small as they can be: the fuzzer makes what it finds smaller byte by byte.
func FuzzRead(f *testing.F) {
	sites := []adapter.Site{
		{Name: "model.layers.0.self_attn.k_proj", Kind: adapter.SiteLinear, In: 1, Out: 2}, {Name: "model.embed_tokens", Kind: adapter.SiteEmbedding, In: 3, Out: 1},
	}
	for _, site := range sites {
		var file bytes.Buffer
		a := made(f, site, adapter.Spec{Kind: adapter.LowRank, Rank: 1})
		if err := gguf.Write(&file, llama, []adapter.Site{site}, []adapter.Adapter{a}); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		adapted, adapters, err := gguf.Read(bytes.NewReader(data), int64(len(data)), llama, sites)
		if err != nil {
			return
		}
		for i, a := range adapters {
			rank := a.Spec().Rank
			if p := a.Params(); p[0].Value.Len() != rank*adapted[i].In || p[1].Value.Len() != rank*adapted[i].Out {
				t.Fatalf("site %s: factors %v and %v of rank %d", adapted[i].Name, p[0].Value.Shape(), p[1].Value.Shape(), rank)
			}
		}
	})
}
