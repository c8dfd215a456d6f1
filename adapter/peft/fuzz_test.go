package peft_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/peft"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/safetensors"
)

// smallSites are what the fuzz targets adapt. Their seeds are as small as they can be: the
// fuzzer makes what it finds smaller byte by byte.
var smallSites = []adapter.Site{
	{Name: "a", Kind: adapter.SiteLinear, In: 2, Out: 1, Bias: true}, {Name: "h.1.e", Kind: adapter.SiteEmbedding, In: 3, Out: 2},
	{Name: "c", Kind: adapter.SiteConv2D, In: 1, Out: 2, Conv: linalg.Conv{Height: 2, Width: 2, Channels: 1, Kernel: 1, Stride: 1}},
	{Name: "score", Kind: adapter.SiteLinear, In: 1, Out: 1, Head: true},
}

// small returns a file of weights of one's elements.
func small(f *testing.F, shapes map[string][]int) []byte {
	f.Helper()
	var blobs []linalg.Blob
	for name, shape := range shapes {
		blobs = append(blobs, linalg.New(linalg.F32, shape...).Blob(name))
	}
	var file bytes.Buffer
	if err := safetensors.Write(&file, blobs, nil); err != nil {
		f.Fatal(err)
	}
	return file.Bytes()
}

// FuzzDecode wants of any configuration and any weights an error or adapters that fit
// their sites.
func FuzzDecode(f *testing.F) {
	const p = "base_model.model."
	a := small(f, map[string][]int{p + "a.lora_A.weight": {1, 2}, p + "a.lora_B.weight": {1, 1}})
	for _, config := range []string{
		`{"peft_type":"LORA","r":1,"target_modules":["a"]}`,
		`{"peft_type":"LORA","r":1,"target_modules":"a","use_rslora":true,"lora_alpha":0}`,
		`{"peft_type":"LORA","target_modules":"all-linear","rank_pattern":{"^a":1},"alpha_pattern":{"x|a":0.5}}`,
		`{"peft_type":"LORA","r":1,"target_modules":"(?!b)a","exclude_modules":["b"],"modules_to_save":["c"]}`,
	} {
		f.Add([]byte(config), a)
	}
	f.Add([]byte(`{"peft_type":"LORA","r":1,"target_modules":["e"],"layers_to_transform":1,"layers_pattern":"h"}`),
		small(f, map[string][]int{p + "h.1.e.lora_embedding_A": {1, 3}, p + "h.1.e.lora_embedding_B": {2, 1}}))
	f.Add([]byte(`{"peft_type":"LORA","r":1,"target_modules":["c"],"task_type":"SEQ_CLS"}`),
		small(f, map[string][]int{p + "c.lora_A.weight": {1, 1, 1, 1}, p + "c.lora_B.weight": {2, 1, 1, 1}, p + "score.weight": {1, 1}}))
	f.Add([]byte(`{"peft_type":"LORA","r":1,"target_modules":["a"],"lora_bias":true,"bias":"all"}`),
		small(f, map[string][]int{p + "a.lora_A.weight": {1, 2}, p + "a.lora_B.weight": {1, 1}, p + "a.lora_B.bias": {1}, p + "b.bias": {1}}))
	f.Fuzz(func(t *testing.T, config, weights []byte) {
		file, err := safetensors.Read(bytes.NewReader(weights), int64(len(weights)))
		if err != nil {
			return
		}
		c, err := peft.Decode(config, file, smallSites)
		if err != nil {
			return
		}
		for i, a := range c.Adapters {
			spec, p, site := a.Spec(), a.Params(), c.Sites[i]
			want := spec.Rank * site.In
			if spec.Kind == adapter.Linear {
				want = site.Out * site.In
			}
			if p[0].Value.Len() != want {
				t.Fatalf("site %s: %v of %+v", site.Name, p[0].Value.Shape(), spec)
			}
		}
	})
}

// FuzzDecodeCola wants of any configuration and any weights an error or the adapters.
func FuzzDecodeCola(f *testing.F) {
	for i, spec := range []adapter.Spec{lowRank(1, 1), {Kind: adapter.Linear}, {Kind: adapter.Linear, Bias: true}, {Kind: adapter.MLP, Hidden: []int{1}}} {
		site := smallSites[i%2*3] // a linear one, and a head
		if spec.Kind != adapter.Linear {
			site = smallSites[0]
		}
		dir := f.TempDir()
		c := &peft.Checkpoint{Sites: []adapter.Site{site}, Adapters: []adapter.Adapter{made(f, site, spec)}}
		if err := peft.WriteCola(dir, c); err != nil {
			f.Fatal(err)
		}
		config, err := os.ReadFile(filepath.Join(dir, peft.ColaConfigName))
		if err != nil {
			f.Fatal(err)
		}
		weights, err := os.ReadFile(filepath.Join(dir, peft.ColaWeightsName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.ReplaceAll(bytes.ReplaceAll(config, []byte(" "), nil), []byte("\n"), nil), weights)
	}
	f.Fuzz(func(t *testing.T, config, weights []byte) {
		file, err := safetensors.Read(bytes.NewReader(weights), int64(len(weights)))
		if err != nil {
			return
		}
		c, err := peft.DecodeCola(config, file, smallSites)
		if err == nil && len(c.Sites) != len(c.Adapters) {
			t.Fatalf("%d sites, %d adapters", len(c.Sites), len(c.Adapters))
		}
	})
}
