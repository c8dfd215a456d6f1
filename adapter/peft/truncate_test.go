package peft_test

import (
	"errors"
	"math"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/adapter/peft"
	"github.com/gradientlearning/cola/linalg"
)

// TestTruncate holds what is said to be lost against what is.
func TestTruncate(t *testing.T) {
	for _, site := range []adapter.Site{
		{Name: "wide", Kind: adapter.SiteLinear, In: 7, Out: 4, Bias: true}, {Name: "tall", Kind: adapter.SiteLinear, In: 4, Out: 7},
		{Name: "tokens", Kind: adapter.SiteEmbedding, In: 9, Out: 5}, {Name: "head", Kind: adapter.SiteLinear, In: 6, Out: 3, Bias: true, Head: true},
	} {
		a := made(t, site, adapter.Spec{Kind: adapter.Linear, Bias: true})
		before := math.Inf(1)
		full := min(site.In, site.Out)
		for rank := 1; rank <= full+1; rank++ {
			low, err := peft.Truncate(site, a, rank)
			if err != nil {
				t.Fatal(err)
			}
			if s := low.Adapter.Spec(); s.Kind != adapter.LowRank || s.Rank != min(rank, full) {
				t.Errorf("%s: rank %d: %+v", site.Name, rank, s)
			}
			lost := relative(delta(t, low.Adapter), delta(t, a))
			if math.Abs(lost-low.Error) > 1e-6 || math.Abs(1-low.Energy-lost*lost) > 1e-5 || lost >= before {
				t.Errorf("%s: rank %d loses %g (before %g), and %g, energy %g are said", site.Name, rank, lost, before, low.Error, low.Energy)
			}
			if rank >= full && (lost != 0 || low.Energy != 1) {
				t.Errorf("%s: full rank loses %g", site.Name, lost)
			}
			if (low.Bias != nil) != site.Bias {
				t.Errorf("%s: bias %v", site.Name, low.Bias)
			}
			before = lost
			if before == 0 {
				before = 1e-30 // the exact one may come twice
			}
		}
		if exact, err := peft.Truncate(site, a, 0); err != nil || relative(delta(t, exact.Adapter), delta(t, a)) != 0 {
			t.Errorf("%s: rank 0: %v", site.Name, err)
		}
	}
}

// relative returns ‖got − want‖/‖want‖.
func relative(got, want *linalg.Tensor) float64 {
	diff, norm := 0.0, 0.0
	for i, v := range want.F32() {
		d := float64(got.F32()[i] - v)
		diff, norm = diff+d*d, norm+float64(v)*float64(v)
	}
	return math.Sqrt(diff / norm)
}

func TestTruncateOthers(t *testing.T) {
	site := adapter.Site{Name: "site", Kind: adapter.SiteLinear, In: 5, Out: 6}
	low := made(t, site, lowRank(3, 2))
	for _, rank := range []int{0, 3, 4} {
		if got, err := peft.Truncate(site, low, rank); err != nil || got.Adapter != low || got.Energy != 1 || got.Error != 0 {
			t.Errorf("rank %d of a low-rank adapter of rank 3: %+v, %v", rank, got, err)
		}
	}
	if got, err := peft.Truncate(site, low, 1); err != nil || got.Adapter.Spec().Rank != 1 || got.Error == 0 {
		t.Errorf("rank 1 of rank 3: %+v, %v", got, err)
	}
	if _, err := peft.Truncate(site, made(t, site, adapter.Spec{Kind: adapter.MLP, Hidden: []int{2}}), 1); !errors.Is(err, adapter.ErrNotMergeable) {
		t.Errorf("an MLP: %v", err)
	}
	if _, err := peft.Truncate(site, made(t, site, adapter.Spec{Kind: adapter.Linear}), -1); err == nil {
		t.Error("rank -1")
	}
	zero, err := adapter.New(site, adapter.Spec{Kind: adapter.Linear}, adapter.Rand(1, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := peft.Truncate(site, zero, 2); err != nil || got.Error != 0 || got.Energy != 1 {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
}
