package adapter_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// optimizers are all of them, with every setting that changes the formula.
var optimizers = map[string]adapter.OptimizerConfig{
	"sgd":      {Name: "sgd", LearningRate: 0.1},
	"decay":    {Name: "sgd", LearningRate: 0.1, WeightDecay: 0.05},
	"momentum": {Name: "sgd", LearningRate: 0.1, Momentum: 0.9, WeightDecay: 0.05},
	"nesterov": {Name: "sgd", LearningRate: 0.1, Momentum: 0.9, Nesterov: true},
	"clip":     {Name: "sgd", LearningRate: 0.1, Momentum: 0.5, ClipNorm: 0.3},
	"adam":     {Name: "adam", LearningRate: 0.01, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 0.05},
	"adamw":    {Name: "adamw", LearningRate: 0.01, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-6, WeightDecay: 0.05, ClipNorm: 1},
}

func newFitter(t testing.TB, site adapter.Site, spec adapter.Spec, o adapter.OptimizerConfig, s adapter.SolverConfig) *adapter.Fitter {
	t.Helper()
	f, err := adapter.NewFitter(linalg.NewCPU(), site, newAdapter(t, site, spec), o, s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func digest(f *adapter.Fitter, site adapter.Site) [32]byte {
	return adapter.Digest([]adapter.Site{site}, []adapter.Adapter{f.Adapter()})
}

// tuples draws a batch's tuple.
func tuples(r *rand.Rand, n int) (x, g *linalg.Tensor) {
	x, g = linalg.New(linalg.F32, n, linearSite.In), linalg.New(linalg.F32, n, linearSite.Out)
	randomise(r, 1, x, g)
	return x, g
}

// TestOptimizers holds twenty steps against PyTorch's formulas in float64.
func TestOptimizers(t *testing.T) {
	for name, o := range optimizers {
		t.Run(name, func(t *testing.T) {
			f := newFitter(t, linearSite, specs["linear, bias"], o, adapter.DefaultSolver())
			r := rand.New(rand.NewPCG(1, 2))
			n := linearSite.In*linearSite.Out + linearSite.Out
			w, m, v := make([]float64, n), make([]float64, n), make([]float64, n)
			for step := 1; step <= 20; step++ {
				x, g := tuples(r, 4)
				f.Add(x, g, 1)
				rate := o.LearningRate / float64(step)
				report, err := f.Fit(rate)
				if err != nil {
					t.Fatal(err)
				}
				reference(o, step, rate, linearGradient(x, g), w, m, v)
				if report.GradientNorm <= 0 {
					t.Error("no gradient is reported")
				}
			}
			params := f.Adapter().Params()
			for i, got := range slices.Concat(params[0].Value.F32(), params[1].Value.F32()) {
				if math.Abs(float64(got)-w[i]) > 1e-5*(math.Abs(w[i])+0.1) {
					t.Fatalf("parameter %d is %g, in float64 %g", i, got, w[i])
				}
			}
		})
	}
}

// linearGradient is gᵀx, and then Σg, in float64.
func linearGradient(x, g *linalg.Tensor) []float64 {
	in, out := linearSite.In, linearSite.Out
	d := make([]float64, in*out+out)
	for k := range x.Rows() {
		for i := range out {
			gi := float64(g.F32()[k*out+i])
			for j := range in {
				d[i*in+j] += gi * float64(x.F32()[k*in+j])
			}
			d[in*out+i] += gi
		}
	}
	return d
}

// reference is one step by the formulas of torch.optim.
func reference(o adapter.OptimizerConfig, step int, rate float64, d, w, m, v []float64) {
	if o.ClipNorm > 0 {
		sum := 0.0
		for _, e := range d {
			sum += e * e
		}
		if c := o.ClipNorm / (math.Sqrt(sum) + 1e-6); c < 1 {
			for i := range d {
				d[i] *= c
			}
		}
	}
	for i := range w {
		if o.Name == "adamw" {
			w[i] *= 1 - rate*o.WeightDecay
		} else {
			d[i] += o.WeightDecay * w[i]
		}
		if o.Name == "sgd" {
			m[i] = o.Momentum*m[i] + d[i]
			if o.Nesterov {
				w[i] -= rate * (d[i] + o.Momentum*m[i])
			} else {
				w[i] -= rate * m[i]
			}
			continue
		}
		m[i] = o.Beta1*m[i] + (1-o.Beta1)*d[i]
		v[i] = o.Beta2*v[i] + (1-o.Beta2)*d[i]*d[i]
		t := float64(step)
		w[i] -= rate * (m[i] / (1 - math.Pow(o.Beta1, t))) / (math.Sqrt(v[i]/(1-math.Pow(o.Beta2, t))) + o.Epsilon)
	}
}

// TestStateContinues saves in the middle and goes on: the bits are those of no break.
func TestStateContinues(t *testing.T) {
	for name, o := range optimizers {
		for kind, spec := range specs {
			run := func(broken bool) [32]byte {
				f := newFitter(t, linearSite, spec, o, adapter.DefaultSolver())
				r := rand.New(rand.NewPCG(3, 4))
				for step := range 6 {
					x, g := tuples(r, 3)
					f.Add(x, g, 1)
					if _, err := f.Fit(o.LearningRate); err != nil {
						t.Fatal(err)
					}
					if broken && step == 2 {
						state := map[string]linalg.Blob{}
						for _, b := range f.State() {
							state[b.Name] = b
						}
						f = newFitter(t, linearSite, spec, o, adapter.DefaultSolver())
						if err := f.Restore(state); err != nil {
							t.Fatal(err)
						}
					}
				}
				return digest(f, linearSite)
			}
			if run(true) != run(false) {
				t.Errorf("%s, %s: a restored state does not go on as before", name, kind)
			}
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	f := newFitter(t, linearSite, specs["low-rank"], optimizers["adam"], adapter.DefaultSolver())
	before := digest(f, linearSite)
	if err := f.Restore(map[string]linalg.Blob{}); err == nil {
		t.Error("nothing is a state")
	}
	other := newFitter(t, linearSite, specs["low-rank"], optimizers["momentum"], adapter.DefaultSolver())
	state := map[string]linalg.Blob{}
	for _, b := range other.State() {
		state[b.Name] = b
	}
	if err := f.Restore(state); err == nil {
		t.Error("another optimizer's state is taken")
	}
	if digest(f, linearSite) != before {
		t.Error("a state that was refused changed the adapter")
	}
}

func TestOneStepIsTheGradient(t *testing.T) {
	for name, spec := range specs {
		a := newFitter(t, linearSite, spec, optimizers["nesterov"], adapter.DefaultSolver())
		b := newFitter(t, linearSite, spec, optimizers["nesterov"], adapter.SolverConfig{Name: "steps", Steps: 1})
		r := rand.New(rand.NewPCG(5, 6))
		for range 5 {
			x, g := tuples(r, 6)
			a.Add(x, g, 0.5)
			b.Add(x, g, 0.5)
			if _, err := a.Fit(0.1); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Fit(0.1); err != nil {
				t.Fatal(err)
			}
		}
		if digest(a, linearSite) != digest(b, linearSite) {
			t.Errorf("%s: one step against the target is not the gradient's, bit for bit", name)
		}
	}
}

// TestIntervalIsOneLargeBatch fits two batches together, each with half the weight.
func TestIntervalIsOneLargeBatch(t *testing.T) {
	for _, solver := range []adapter.SolverConfig{adapter.DefaultSolver(), {Name: "steps", Steps: 3}, {Name: "ridge", Ridge: 0.5}} {
		spec := specs["linear, bias"]
		parts, whole := newFitter(t, linearSite, spec, optimizers["sgd"], solver), newFitter(t, linearSite, spec, optimizers["sgd"], solver)
		r := rand.New(rand.NewPCG(7, 8))
		x, g := tuples(r, 8)
		parts.Add(x.RowRange(0, 4), g.RowRange(0, 4), 0.5)
		parts.Add(x.RowRange(4, 8), g.RowRange(4, 8), 0.5)
		whole.Add(x, g, 0.5)
		for _, f := range []*adapter.Fitter{parts, whole} {
			if _, err := f.Fit(0.05); err != nil {
				t.Fatal(err)
			}
		}
		a, b := parts.Adapter().Params()[0].Value.F32(), whole.Adapter().Params()[0].Value.F32()
		for i := range a {
			if math.Abs(float64(a[i]-b[i])) > 1e-6 {
				t.Fatalf("%s: element %d is %g in parts and %g at once", solver.Name, i, a[i], b[i])
			}
		}
	}
}

// TestSolversMinimise compares ℓ after each solver, η = 1: the closed forms end at the
// minimum of their family, and steps go down towards it.
func TestSolversMinimise(t *testing.T) {
	x, g := tuples(rand.New(rand.NewPCG(9, 10)), 30)
	after := func(kind string, s adapter.SolverConfig, rate float64) float64 {
		f := newFitter(t, linearSite, specs[kind], adapter.OptimizerConfig{Name: "sgd", LearningRate: 1}, s)
		f.Add(x, g, 1)
		report, err := f.Fit(rate)
		if err != nil {
			t.Fatalf("%s %s: %v", kind, s.Name, err)
		}
		if report.After > report.Before {
			t.Errorf("%s %s: ℓ rises from %g to %g", kind, s.Name, report.Before, report.After)
		}
		return report.After
	}
	few, many := after("linear, bias", adapter.SolverConfig{Name: "steps", Steps: 3}, 0.01), after("linear, bias", adapter.SolverConfig{Name: "steps", Steps: 300}, 0.01)
	exact := after("linear, bias", adapter.SolverConfig{Name: "ridge", Ridge: 0}, 1)
	if !(exact <= many && many < few) || many-exact > 1e-3*exact {
		t.Errorf("linear: ℓ %g after 3 steps, %g after 300, %g at the minimum", few, many, exact)
	}
	full := after("linear", adapter.SolverConfig{Name: "ridge", Ridge: 0}, 1)
	rank3 := after("low-rank", adapter.SolverConfig{Name: "reduced-rank", Ridge: 0}, 1)
	rank2 := after("low-rank scaled", adapter.SolverConfig{Name: "reduced-rank", Ridge: 0}, 1)
	if !(full < rank3 && rank3 < rank2) {
		t.Errorf("ℓ %g with the full matrix, %g with rank 3, %g with rank 2", full, rank3, rank2)
	}
}

func TestFitterRefuses(t *testing.T) {
	dev := linalg.NewCPU()
	for kind, solver := range map[string]string{"low-rank": "ridge", "mlp": "ridge", "linear": "reduced-rank"} {
		if _, err := adapter.NewFitter(dev, linearSite, newAdapter(t, linearSite, specs[kind]), optimizers["sgd"], adapter.SolverConfig{Name: solver}); err == nil {
			t.Errorf("%s solves for %s", solver, kind)
		}
	}
	if _, err := adapter.NewFitter(dev, linearSite, newAdapter(t, linearSite, specs["mlp"]), adapter.OptimizerConfig{}, adapter.DefaultSolver()); err == nil {
		t.Error("no optimizer is one")
	}
	for _, solver := range []adapter.SolverConfig{adapter.DefaultSolver(), {Name: "steps", Steps: 2}, {Name: "ridge", Ridge: 1}} {
		f := newFitter(t, linearSite, specs["linear"], optimizers["sgd"], solver)
		before := digest(f, linearSite)
		x, g := tuples(rand.New(rand.NewPCG(1, 1)), 3)
		g.F32()[4] = float32(math.NaN())
		f.Add(x, g, 1)
		if _, err := f.Fit(0.1); !errors.Is(err, adapter.ErrDiverged) {
			t.Errorf("%s: %v", solver.Name, err)
		}
		if digest(f, linearSite) != before {
			t.Errorf("%s: a gradient that is not finite changed the adapter", solver.Name)
		}
		huge := newFitter(t, linearSite, specs["linear"], optimizers["sgd"], adapter.DefaultSolver())
		x, g = tuples(rand.New(rand.NewPCG(1, 1)), 3)
		huge.Add(x, g, 1)
		if _, err := huge.Fit(math.MaxFloat64); !errors.Is(err, adapter.ErrDiverged) {
			t.Errorf("a step out of range: %v", err)
		}
	}
}

func TestResetForgets(t *testing.T) {
	for _, solver := range []adapter.SolverConfig{adapter.DefaultSolver(), {Name: "steps", Steps: 2}} {
		a, b := newFitter(t, linearSite, specs["linear"], optimizers["sgd"], solver), newFitter(t, linearSite, specs["linear"], optimizers["sgd"], solver)
		x, g := tuples(rand.New(rand.NewPCG(1, 1)), 3)
		other, gradient := tuples(rand.New(rand.NewPCG(2, 2)), 5)
		a.Add(other, gradient, 1)
		a.Reset()
		a.Add(x, g, 1)
		b.Add(x, g, 1)
		for _, f := range []*adapter.Fitter{a, b} {
			if _, err := f.Fit(0.01); err != nil {
				t.Fatal(err)
			}
		}
		if digest(a, linearSite) != digest(b, linearSite) {
			t.Errorf("%s: Reset leaves something", solver.Name)
		}
	}
}

// TestConvolution adds feature maps and compares with patches laid out by hand.
func TestConvolution(t *testing.T) {
	dev, r := linalg.NewCPU(), rand.New(rand.NewPCG(1, 1))
	x, g := linalg.New(linalg.F32, 2, 4, 5, 2), linalg.New(linalg.F32, 2, 4, 5, 4)
	randomise(r, 1, x, g)
	a := newFitter(t, convSite, specs["low-rank"], optimizers["adam"], adapter.DefaultSolver())
	a.Add(x, g, 1)
	flat := convSite
	flat.Kind = adapter.SiteLinear
	b := newFitter(t, flat, specs["low-rank"], optimizers["adam"], adapter.DefaultSolver())
	b.Add(convSite.Unfold(dev, x), g.Reshape(40, 4), 1)
	for _, f := range []*adapter.Fitter{a, b} {
		if _, err := f.Fit(0.1); err != nil {
			t.Fatal(err)
		}
	}
	if digest(a, convSite) != digest(b, convSite) || convSite.Positions() != 20 || linearSite.Positions() != 1 {
		t.Error("feature maps and patches are fitted differently")
	}
}

func BenchmarkFit(b *testing.B) {
	site := adapter.Site{Name: "layers.0", Kind: adapter.SiteLinear, In: 784, Out: 128, Bias: true}
	x, g := linalg.New(linalg.F32, 32, 784), linalg.New(linalg.F32, 32, 128)
	randomise(rand.New(rand.NewPCG(1, 1)), 1, x, g)
	for name, spec := range map[string]adapter.Spec{
		"low-rank": {Kind: adapter.LowRank, Rank: 8}, "linear": {Kind: adapter.Linear, Bias: true}, "mlp": {Kind: adapter.MLP, Hidden: []int{128, 256}},
	} {
		b.Run(name, func(b *testing.B) {
			f := newFitter(b, site, spec, adapter.DefaultOptimizer(), adapter.DefaultSolver())
			for b.Loop() {
				f.Add(x, g, 1)
				if _, err := f.Fit(1e-3); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
