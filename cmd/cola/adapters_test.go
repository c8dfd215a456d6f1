package main

import (
	"path/filepath"

	"github.com/gradientlearning/cola/adapter"
)

// writeAdapters makes adapters for the tiny GPT-2 in $MODELS/gpt2, one file a kind.
func writeAdapters(dir string) error {
	sites := []adapter.Site{
		{Name: "transformer.h.0.attn.c_attn", Kind: adapter.SiteLinear, In: 12, Out: 36, Bias: true},
		{Name: "transformer.h.1.attn.c_attn", Kind: adapter.SiteLinear, In: 12, Out: 36, Bias: true},
	}
	for name, spec := range map[string]adapter.Spec{
		"lora":   {Kind: adapter.LowRank, Rank: 2, Scale: 1},
		"linear": {Kind: adapter.Linear},
		"mlp":    {Kind: adapter.MLP, Hidden: []int{3}},
	} {
		var adapters []adapter.Adapter
		for _, s := range sites {
			r := adapter.Rand(1, name, s.Name)
			a, err := adapter.New(s, spec, r)
			if err != nil {
				return err
			}
			for _, p := range a.Params() {
				for i := range p.Value.F32() {
					p.Value.F32()[i] = float32(r.NormFloat64())
				}
			}
			adapters = append(adapters, a)
		}
		if err := adapter.WriteFile(filepath.Join(dir, name+".safetensors"), sites, adapters, nil); err != nil {
			return err
		}
	}
	return nil
}
