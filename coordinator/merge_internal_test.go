package coordinator

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

var mergeSites = []adapter.Site{
	{Name: "a", Kind: adapter.SiteLinear, In: 3, Out: 4, Bias: true},
	{Name: "b", Kind: adapter.SiteLinear, In: 4, Out: 2},
}

// randomAdapters returns adapters of mixed kinds with random parameters.
func randomAdapters(t *testing.T, r *rand.Rand, kinds ...adapter.Kind) []adapter.Adapter {
	t.Helper()
	list := make([]adapter.Adapter, len(mergeSites))
	for i, s := range mergeSites {
		a, err := adapter.New(s, adapter.Spec{Kind: kinds[i%len(kinds)], Rank: 2, Scale: 1, Bias: true}, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range a.Params() {
			for j := range p.Value.F32() {
				p.Value.F32()[j] = float32(r.NormFloat64()) * 0.1
			}
		}
		list[i] = a
	}
	return list
}

func TestMergeIsTheWeightedMeanInAnyOrder(t *testing.T) {
	dev := linalg.NewCPU()
	r := rand.New(rand.NewPCG(1, 2))
	parties := [][]adapter.Adapter{
		randomAdapters(t, r, adapter.LowRank), randomAdapters(t, r, adapter.Linear), randomAdapters(t, r, adapter.Linear, adapter.LowRank),
	}
	weights := []float64{1, 2.5, 0.125}
	want := make([]float64, 4*3) // of site a's weight, in float64
	for k, p := range parties {
		d, _, err := p[0].Delta(dev)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range d.F32() {
			want[i] += weights[k] / 3.625 * float64(v)
		}
	}
	var first []float32
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		m := newMerger(mergeSites)
		for _, k := range order {
			if err := m.add(parties[k], weights[k]); err != nil {
				t.Fatal(err)
			}
		}
		got := m.deltas()
		if first == nil {
			first = got[0].Weight.F32()
		}
		for i, v := range got[0].Weight.F32() {
			if math.Abs(float64(v)-want[i]) > 1e-7 {
				t.Errorf("order %v, element %d: %g, in float64 %g", order, i, v, want[i])
			}
			if math.Float32bits(v) != math.Float32bits(first[i]) {
				t.Errorf("order %v changes the bits of element %d", order, i)
			}
		}
		if got[0].Bias == nil || got[1].Bias != nil {
			t.Error("site a has a bias, site b has none")
		}
	}
}

func TestMergeOfNobodyIsZero(t *testing.T) {
	m := newMerger(mergeSites)
	if err := m.add(randomAdapters(t, rand.New(rand.NewPCG(1, 2)), adapter.Linear), 1); err != nil {
		t.Fatal(err)
	}
	m.reset()
	for _, v := range m.deltas()[0].Weight.F32() {
		if v != 0 {
			t.Fatalf("%g is left", v)
		}
	}
}

func TestMergeRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, value := range map[string]float32{"large": 1 << 23, "infinite": float32(math.Inf(1)), "not a number": float32(math.NaN())} {
		parts := randomAdapters(t, r, adapter.Linear)
		parts[1].Params()[0].Value.F32()[3] = value
		if err := newMerger(mergeSites).add(parts, 1); !errors.Is(err, errOutOfRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	half := randomAdapters(t, r, adapter.Linear)
	half[0].Params()[0].Value.F32()[0] = 3 << 20
	m := newMerger(mergeSites)
	if err := m.add(half, 1); err != nil {
		t.Fatal(err)
	}
	if err := m.add(half, 1); !errors.Is(err, errOutOfRange) {
		t.Errorf("a sum that is out of range: %v", err)
	}
	mlp := make([]adapter.Adapter, len(mergeSites))
	for i, s := range mergeSites {
		var err error
		if mlp[i], err = adapter.New(s, adapter.Spec{Kind: adapter.MLP, Hidden: []int{3}}, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := newMerger(mergeSites).add(mlp, 1); !errors.Is(err, adapter.ErrNotMergeable) {
		t.Errorf("an MLP: %v", err)
	}
}
