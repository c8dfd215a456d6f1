package adapter_test

import (
	_ "embed"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// What testdata/optimizers.py had PyTorch compute, in float64.
//
//go:embed testdata/optimizers.json
var pytorch []byte

type pytorchGolden struct {
	Weight    [][]float32
	Bias      []float32
	Gradients [][][]float32 // by step, out, in
	Cases     []struct {
		Title, Name                                        string
		Rate, Momentum, Decay, Beta1, Beta2, Epsilon, Clip float64
		Nesterov                                           bool
		After                                              []struct{ Weight, Bias []float64 }
	}
}

// TestOptimizersAgainstPyTorch takes the steps that PyTorch took, at its falling rates. A
// gradient G reaches the fitter as the tuple x = I, g = Gᵀ, whose gᵀx is G itself.
func TestOptimizersAgainstPyTorch(t *testing.T) {
	var golden pytorchGolden
	if err := json.Unmarshal(pytorch, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 10 {
		t.Fatalf("%d cases in testdata/optimizers.json", len(golden.Cases))
	}
	out, in := len(golden.Weight), len(golden.Weight[0])
	site := adapter.Site{Name: "layer", Kind: adapter.SiteLinear, In: in, Out: out, Bias: true}
	identity := linalg.New(linalg.F32, in, in)
	for i := range in {
		identity.F32()[i*in+i] = 1
	}
	for _, c := range golden.Cases {
		t.Run(c.Title, func(t *testing.T) {
			f := newFitter(t, site, adapter.Spec{Kind: adapter.Linear, Bias: true}, adapter.OptimizerConfig{
				Name: c.Name, LearningRate: c.Rate, Momentum: c.Momentum, Nesterov: c.Nesterov, WeightDecay: c.Decay,
				Beta1: c.Beta1, Beta2: c.Beta2, Epsilon: c.Epsilon, ClipNorm: c.Clip,
			}, adapter.DefaultSolver())
			params := f.Adapter().Params()
			copy(params[0].Value.F32(), slices.Concat(golden.Weight...))
			copy(params[1].Value.F32(), golden.Bias)
			for step, gradient := range golden.Gradients {
				g := linalg.New(linalg.F32, in, out)
				for i, row := range gradient {
					for j, v := range row {
						g.F32()[j*out+i] = v
					}
				}
				f.Add(identity, g, 1)
				if _, err := f.Fit(c.Rate / (1 + float64(step)/8)); err != nil {
					t.Fatal(err)
				}
				want := slices.Concat(c.After[step].Weight, c.After[step].Bias)
				for i, got := range slices.Concat(params[0].Value.F32(), params[1].Value.F32()) {
					if math.Abs(float64(got)-want[i]) > 1e-6 {
						t.Fatalf("step %d: parameter %d is %.9g, PyTorch has %.9g", step, i, got, want[i])
					}
				}
			}
		})
	}
}
