package adapter_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// sameState wants the bits of a state that was taken before.
func sameState(t *testing.T, what string, f *adapter.Fitter, before map[string]linalg.Blob) {
	t.Helper()
	for _, b := range f.State() {
		if string(b.Data) != string(before[b.Name].Data) {
			t.Errorf("%s: %s was changed", what, b.Name)
		}
	}
}

// TestDivergedStepsAreTakenBack: steps that diverge only after a while, and a step whose
// gradient is fine but whose result is not, leave parameters, moments and count as they
// were.
func TestDivergedStepsAreTakenBack(t *testing.T) {
	for what, c := range map[string]struct {
		solver adapter.SolverConfig
		rate   float64
	}{
		"a late step":   {adapter.SolverConfig{Name: "steps", Steps: 400}, 1},
		"a result":      {adapter.DefaultSolver(), math.MaxFloat32},
		"a closed form": {adapter.SolverConfig{Name: "ridge", Ridge: 1e-6}, math.MaxFloat64},
	} {
		f := newFitter(t, linearSite, specs["linear, bias"], optimizers["momentum"], c.solver)
		train(t, f, 1, 2)
		before := stateOf(f)
		x, g := tuples(adapter.Rand(2, "", ""), 20)
		f.Add(x, g, 1)
		if _, err := f.Fit(c.rate); err == nil {
			t.Errorf("%s that is not finite was fitted", what)
		}
		sameState(t, what, f, before)
	}
}

// TestOptimizerStateStaysFinite: moments can overflow where the parameters do not.
func TestOptimizerStateStaysFinite(t *testing.T) {
	f := newFitter(t, linearSite, specs["linear"], optimizers["adam"], adapter.DefaultSolver())
	before := stateOf(f)
	x, g := tuples(adapter.Rand(3, "", ""), 4)
	for i := range g.F32() {
		g.F32()[i] *= 1e25 // whose square is not a float32
	}
	f.Add(x, g, 1)
	if _, err := f.Fit(0.1); !errors.Is(err, adapter.ErrDiverged) {
		t.Errorf("a mean square that is not finite: %v", err)
	}
	sameState(t, "an overflow", f, before)
}

// TestRestoreForgetsTuples: tuples belong to the parameters they were taken with.
func TestRestoreForgetsTuples(t *testing.T) {
	for _, solver := range []adapter.SolverConfig{adapter.DefaultSolver(), {Name: "steps", Steps: 2}} {
		f := newFitter(t, linearSite, specs["linear"], optimizers["sgd"], solver)
		state := stateOf(f)
		x, g := tuples(adapter.Rand(4, "", ""), 4)
		f.Add(x, g, 1)
		if err := f.Restore(state); err != nil {
			t.Fatal(err)
		}
		f.Add(linalg.New(linalg.F32, 1, linearSite.In), linalg.New(linalg.F32, 1, linearSite.Out), 1)
		report, err := f.Fit(0.1)
		if err != nil || report.GradientNorm != 0 {
			t.Errorf("%s: gradient norm %g after Restore, %v", solver.Name, report.GradientNorm, err)
		}
	}
}

// TestNewRefusesSizes: widths that are each in bounds, with a product that is not, reach
// a participant over the network and must not reach the allocator.
func TestNewRefusesSizes(t *testing.T) {
	wide := adapter.Site{Name: "wide", Kind: adapter.SiteLinear, In: 1 << 30, Out: 4}
	for _, c := range []struct {
		site adapter.Site
		spec adapter.Spec
	}{
		{wide, adapter.Spec{Kind: adapter.LowRank, Rank: 1 << 20}},
		{wide, adapter.Spec{Kind: adapter.MLP, Hidden: []int{1 << 20, 1 << 20}}},
		{linearSite, adapter.Spec{Kind: adapter.MLP, Hidden: []int{1 << 20, 1 << 20}}},
		{adapter.Site{Name: "wide", In: 1 << 30, Out: 1 << 30}, adapter.Spec{Kind: adapter.Linear}},
		{adapter.Site{Name: "wide", In: 1 << 30, Out: 1 << 30, Head: true}, adapter.Spec{}},
		{adapter.Site{Name: "wide", In: 0, Out: 4}, adapter.Spec{Kind: adapter.Linear}},
		{adapter.Site{Name: "wide", In: 4, Out: math.MaxInt}, adapter.Spec{Kind: adapter.Linear}},
	} {
		if _, err := adapter.New(c.site, c.spec, adapter.Rand(1, "", "")); err == nil || !strings.Contains(err.Error(), c.site.Name) {
			t.Errorf("%+v at %d × %d: %v", c.spec, c.site.Out, c.site.In, err)
		}
	}
}

// TestCosineStaysDown looks behind the end, where a cosine would rise again.
func TestCosineStaysDown(t *testing.T) {
	for _, step := range []int{4, 6, 8, 100} {
		if got := (adapter.ScheduleConfig{Name: "cosine"}).Factor(step, 4); got != 0 {
			t.Errorf("step %d of 4: %g", step, got)
		}
	}
}

// TestSpoiltParametersAreNotFitted: whoever changes an adapter changes it behind its optimizer's
// back, and moments that were restored may be near what a float32 holds. A step that these make
// diverge is taken back, as one is that its own numbers do.
func TestSpoiltParametersAreNotFitted(t *testing.T) {
	for name, o := range optimizers {
		for _, value := range []float64{math.NaN(), math.Inf(1), math.MaxFloat32} {
			f := newFitter(t, linearSite, specs["linear"], o, adapter.DefaultSolver())
			train(t, f, 1, 2)
			f.Adapter().Params()[0].Value.F32()[3] = float32(value)
			before := stateOf(f)
			x, g := tuples(adapter.Rand(4, "", ""), 20)
			f.Add(x, g, 1)
			_, err := f.Fit(0.1)
			if value == math.MaxFloat32 && err == nil {
				continue // it still is one
			}
			if !errors.Is(err, adapter.ErrDiverged) {
				t.Errorf("%s with a parameter of %g: %v", name, value, err)
			}
			sameState(t, name, f, before)
		}
	}
	f := newFitter(t, linearSite, specs["linear"], optimizers["momentum"], adapter.DefaultSolver())
	train(t, f, 1, 2)
	blobs := stateOf(f)
	for name, b := range blobs {
		if strings.HasSuffix(name, ".momentum") {
			for i := 0; i < len(b.Data); i += 4 {
				copy(b.Data[i:], []byte{0xff, 0xff, 0x7f, 0x7f}) // the largest float32
			}
		}
	}
	if err := f.Restore(blobs); err != nil {
		t.Fatal(err)
	}
	before := stateOf(f)
	x, g := tuples(adapter.Rand(5, "", ""), 20)
	f.Add(x, g, 1)
	if _, err := f.Fit(100); !errors.Is(err, adapter.ErrDiverged) {
		t.Errorf("a step along the largest momentum: %v", err)
	}
	sameState(t, "the largest momentum", f, before)
}
