package adapter_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/kernel"
)

// bitsOfAllFits is the digest of all kinds of adapters after three fits by all optimizers: on
// every processor, and at every level of its kernels. The solvers in closed form are not
// among them: the library that decomposes their matrices adds up in another order elsewhere.
const bitsOfAllFits = "268322b8d0d458e4d4c7d88547d4b5eb96e2e726861d7f4851e8271e27dd4c94"

func TestFitBits(t *testing.T) {
	for _, level := range kernel.Levels() {
		t.Run(level.String(), func(t *testing.T) {
			restore, err := kernel.Use(level)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			all := sha256.New()
			for _, kind := range slices.Sorted(maps.Keys(specs)) {
				for _, name := range slices.Sorted(maps.Keys(optimizers)) {
					d := fittedDigest(t, specs[kind], optimizers[name])
					all.Write(d[:])
				}
			}
			if got := hex.EncodeToString(all.Sum(nil)); got != bitsOfAllFits {
				t.Errorf("the digest is %s, want %s", got, bitsOfAllFits)
			}
		})
	}
}

// fittedDigest fits an adapter to numbers that no function's rounding comes into.
func fittedDigest(t *testing.T, spec adapter.Spec, o adapter.OptimizerConfig) [32]byte {
	t.Helper()
	site := adapter.Site{Name: "layers.0", Kind: adapter.SiteLinear, In: 37, Out: 21, Bias: true}
	f := newFitter(t, site, spec, o, adapter.DefaultSolver())
	r := rand.New(rand.NewPCG(3, 14))
	for range 3 {
		x, g := linalg.New(linalg.F32, 19, site.In), linalg.New(linalg.F32, 19, site.Out)
		for _, values := range [][]float32{x.F32(), g.F32()} {
			for i := range values {
				values[i] = 2*r.Float32() - 1
			}
		}
		f.Add(x, g, 1)
		if _, err := f.Fit(o.LearningRate); err != nil {
			t.Fatal(err)
		}
	}
	return digest(f, site)
}
