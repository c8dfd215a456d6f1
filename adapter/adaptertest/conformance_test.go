package adaptertest_test

import (
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/adaptertest"
	"github.com/gradientlearning/cola/linalg"
)

func TestConformance(t *testing.T) {
	site := adapter.Site{Name: "layer", Kind: adapter.SiteLinear, In: 4, Out: 3, Bias: true}
	table := adapter.Site{Name: "tokens", Kind: adapter.SiteEmbedding, In: 6, Out: 3}
	for _, spec := range []adapter.Spec{{Kind: adapter.LowRank, Rank: 2, Scale: 3}, {Kind: adapter.Linear}} {
		adaptertest.Conformance(t, linalg.NewCPU(), table, spec)
	}
	for _, spec := range []adapter.Spec{
		{Kind: adapter.LowRank, Rank: 2}, {Kind: adapter.LowRank, Rank: 2, Scale: 3}, {Kind: adapter.Linear, Bias: true}, {Kind: adapter.MLP, Hidden: []int{5}},
	} {
		adaptertest.Conformance(t, linalg.NewCPU(), site, spec)
	}
}
