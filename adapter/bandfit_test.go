package adapter_test

import (
	"errors"
	"maps"
	"math"
	"runtime"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// wholeGradients is a device that hands no product over in bands.
type wholeGradients struct{ linalg.Device }

// wideSite has several bands, and one that is not whole.
var wideSite = adapter.Site{Name: "wide", Kind: adapter.SiteLinear, In: 512, Out: 300, Bias: true}

// bothWays returns fitters of which the second forms the gradient as a whole.
func bothWays(t *testing.T, site adapter.Site, spec adapter.Spec, o adapter.OptimizerConfig) [2]*adapter.Fitter {
	t.Helper()
	var fitters [2]*adapter.Fitter
	for i, dev := range []linalg.Device{linalg.NewCPU(), wholeGradients{linalg.NewCPU()}} {
		f, err := adapter.NewFitter(dev, site, newAdapter(t, site, spec), o, adapter.DefaultSolver())
		if err != nil {
			t.Fatal(err)
		}
		fitters[i] = f
	}
	return fitters
}

// TestGradientsInBands: a step that goes with the gradient gives the bits, the norm and the
// errors of one that follows it, after several tuples too, whatever they hold.
func TestGradientsInBands(t *testing.T) {
	scales := map[string][]float64{ // of a fit's tuples
		"one tuple":      {1},
		"three tuples":   {1, 1e-3, 10},
		"no tuple":       {},
		"zero":           {0},
		"hardly any":     {1e-25},
		"large":          {1e9},
		"not finite":     {math.Inf(1)},
		"not a number":   {math.NaN()},
		"one of several": {1, math.NaN()},
	}
	order := []string{"one tuple", "three tuples", "zero", "not a number", "no tuple", "hardly any", "one of several", "one tuple", "large", "not finite", "one tuple"}
	all := maps.Clone(optimizers)
	all["default"] = adapter.DefaultOptimizer()
	for name, o := range all {
		for _, spec := range []adapter.Spec{specs["linear"], specs["linear, bias"]} {
			for _, threads := range []int{1, 3} {
				before := runtime.GOMAXPROCS(threads)
				fitters := bothWays(t, wideSite, spec, o)
				settled := bothWays(t, wideSite, spec, o)[0]
				r := adapter.Rand(7, name, "")
				for _, what := range order {
					weight := 1 / float32(max(1, len(scales[what])))
					state := stateOf(fitters[0])
					for _, scale := range scales[what] {
						x, g := linalg.New(linalg.F32, 40, wideSite.In), linalg.New(linalg.F32, 40, wideSite.Out)
						randomise(r, 1, x, g)
						for i := range g.F32() {
							g.F32()[i] *= float32(scale)
						}
						for _, f := range fitters {
							f.Add(x, g, weight)
						}
						settled.Add(x, g, weight)
						settled.Settle()
					}
					got, err := fitters[0].Fit(o.LearningRate)
					want, wantErr := fitters[1].Fit(o.LearningRate)
					if got != want || (err == nil) != (wantErr == nil) {
						t.Errorf("%s, %s: %+v, %v; as a whole %+v, %v", name, what, got, err, want, wantErr)
					}
					if what == "not finite" || what == "not a number" || what == "one of several" {
						if !errors.Is(err, adapter.ErrDiverged) {
							t.Errorf("%s, %s: %v", name, what, err)
						}
						sameState(t, name+", "+what, fitters[0], state)
					}
					sameState(t, name+", "+what+", as a whole", fitters[0], stateOf(fitters[1]))
					if report, err := settled.Fit(o.LearningRate); report != want || (err == nil) != (wantErr == nil) {
						t.Errorf("%s, %s, settled: %+v, %v", name, what, report, err)
					}
					sameState(t, name+", "+what+", settled", settled, stateOf(fitters[1]))
				}
				runtime.GOMAXPROCS(before)
			}
		}
	}
}

// TestTuplesThatWait: a tuple that goes with the step is forgotten by Reset and Restore, as
// gradients are, and a convolution's patches are made of it as of any.
func TestTuplesThatWait(t *testing.T) {
	for _, forget := range []func(f *adapter.Fitter){
		(*adapter.Fitter).Reset,
		func(f *adapter.Fitter) {
			if err := f.Restore(stateOf(f)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		f := bothWays(t, linearSite, specs["linear"], adapter.DefaultOptimizer())[0]
		x, g := tuples(adapter.Rand(1, "", ""), 4)
		for range 2 {
			f.Add(x, g, 1)
		}
		forget(f)
		if report, err := f.Fit(0.1); err != nil || report.GradientNorm != 0 {
			t.Errorf("what was forgotten has the gradient norm %g, %v", report.GradientNorm, err)
		}
	}
	conv := linalg.Conv{Height: 5, Width: 6, Channels: 3, Kernel: 3, Stride: 1, Padding: 1}
	site := adapter.Site{Name: "conv", Kind: adapter.SiteConv2D, In: conv.Columns(), Out: 7, Conv: conv}
	fitters := bothWays(t, site, specs["linear"], adapter.DefaultOptimizer())
	x, g := linalg.New(linalg.F32, 2, 5, 6, 3), linalg.New(linalg.F32, 2, 5, 6, 7)
	randomise(adapter.Rand(2, "", ""), 1, x, g)
	for _, f := range fitters {
		f.Add(x, g, 0.5)
		if _, err := f.Fit(0.1); err != nil {
			t.Fatal(err)
		}
	}
	sameState(t, "a convolution", fitters[0], stateOf(fitters[1]))
}
