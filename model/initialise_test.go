package model_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
)

func values(b *model.Base) map[string]*linalg.Tensor {
	m := map[string]*linalg.Tensor{}
	for _, p := range b.Parameters() {
		m[p.Name] = p.Value
	}
	return m
}

// Weights and biases are U(−1/√fan_in, 1/√fan_in), as PyTorch draws them.
func TestInitialValuesAreUniform(t *testing.T) {
	all := values(newBase(t, model.Config{Type: "cnn", Input: []int{8, 8, 3}, Classes: 50, Hidden: []int{40, 60}}))
	for layer, fanIn := range map[string]float64{"convs.0": 27, "convs.1": 360, "head": 60} {
		bound := 1 / math.Sqrt(fanIn)
		for _, name := range []string{layer + ".weight", layer + ".bias"} {
			var sum, squares, top float64
			for _, v := range all[name].F32() {
				u := float64(v) / bound
				sum, squares, top = sum+u, squares+u*u, max(top, math.Abs(u))
			}
			n := float64(all[name].Len())
			// Of U(−1, 1): mean 0 ± 0.58/√n, mean square 1/3 ± 0.3/√n. Five deviations.
			if top > 1+1e-6 || top < 0.85 || math.Abs(sum/n) > 2.9/math.Sqrt(n) || math.Abs(squares/n-1.0/3) > 1.5/math.Sqrt(n) {
				t.Errorf("%s: largest %g, mean %g, mean square %g of the bound", name, top, sum/n, squares/n)
			}
		}
	}
}

// A parameter's values depend on the seed and its name; not on other layers.
func TestInitialValuesDependOnSeedAndName(t *testing.T) {
	draw := func(seed uint64, hidden ...int) map[string]*linalg.Tensor {
		return values(newBase(t, model.Config{Type: "mlp", Input: []int{4, 4, 1}, Classes: 3, Hidden: hidden, Seed: seed}))
	}
	base, again, seeded, deeper := draw(1, 8, 8), draw(1, 8, 8), draw(2, 8, 8), draw(1, 8, 8, 8)
	for name, v := range base {
		if !sameBits(v, again[name]) {
			t.Errorf("%s differs between two models of one seed", name)
		}
		if sameBits(v, seeded[name]) {
			t.Errorf("%s does not depend on the seed", name)
		}
		if !sameBits(v, deeper[name]) {
			t.Errorf("%s depends on other layers", name)
		}
	}
	wider := values(newBase(t, model.Config{Type: "mlp", Input: []int{4, 4, 1}, Classes: 7, Hidden: []int{8, 8}, Seed: 1}))
	for _, name := range []string{"layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"} {
		if !sameBits(base[name], wider[name]) {
			t.Errorf("%s depends on the number of classes", name)
		}
	}
	if sameBits(deeper["layers.1.weight"], deeper["layers.2.weight"]) {
		t.Error("two layers have the same weights")
	}
}
