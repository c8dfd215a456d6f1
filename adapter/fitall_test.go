package adapter_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// TestFitAll holds sites that are fitted together against the same sites one after another: bits
// and reports, by every solver, with tuples that were settled and those that wait.
func TestFitAll(t *testing.T) {
	solvers := map[string]adapter.SolverConfig{}
	for _, name := range []string{"gradient", "steps", "ridge"} {
		s := adapter.DefaultSolver()
		s.Name = name
		solvers[name] = s
	}
	for _, name := range slices.Sorted(maps.Keys(solvers)) {
		var kinds []adapter.Spec
		for _, kind := range slices.Sorted(maps.Keys(specs)) {
			if name != "ridge" || specs[kind].Kind == adapter.Linear {
				kinds = append(kinds, specs[kind])
			}
		}
		fit := func(all func([]*adapter.Fitter) ([]adapter.FitReport, error)) (digests [][32]byte, reports []adapter.FitReport) {
			var sites []adapter.Site
			var fitters []*adapter.Fitter
			for i := range 9 {
				site := adapter.Site{Name: fmt.Sprintf("layers.%d", i), Kind: adapter.SiteLinear, In: 30 + i, Out: 21}
				sites = append(sites, site)
				fitters = append(fitters, newFitter(t, site, kinds[i%len(kinds)], adapter.DefaultOptimizer(), solvers[name]))
			}
			r := rand.New(rand.NewPCG(5, 8))
			for range 2 {
				for i, f := range fitters {
					for range 2 {
						x, g := linalg.New(linalg.F32, 40, sites[i].In), linalg.New(linalg.F32, 40, sites[i].Out)
						randomise(r, 1, x, g)
						f.Add(x, g, 0.5)
					}
					if i%2 == 0 {
						f.Settle()
					}
				}
				got, err := all(fitters)
				if err != nil {
					t.Fatal(err)
				}
				reports = append(reports, got...)
			}
			for i, f := range fitters {
				digests = append(digests, digest(f, sites[i]))
			}
			return digests, reports
		}
		want, wantReports := fit(func(fitters []*adapter.Fitter) (reports []adapter.FitReport, err error) {
			for _, f := range fitters {
				r, err := f.Fit(0.1)
				if err != nil {
					return nil, err
				}
				reports = append(reports, r)
			}
			return reports, nil
		})
		got, reports := fit(func(fitters []*adapter.Fitter) ([]adapter.FitReport, error) { return adapter.FitAll(fitters, 0.1) })
		if !slices.Equal(got, want) || !slices.Equal(reports, wantReports) {
			t.Errorf("solver %s: sites that are fitted together end elsewhere", name)
		}
	}
}

// TestFitAllNamesTheSite holds that the first site that fails is named, and stays as it was.
func TestFitAllNamesTheSite(t *testing.T) {
	var fitters []*adapter.Fitter
	site := adapter.Site{Kind: adapter.SiteLinear, In: 5, Out: 4}
	for i := range 8 {
		site.Name = fmt.Sprintf("layers.%d", i)
		f := newFitter(t, site, specs["low-rank"], adapter.DefaultOptimizer(), adapter.DefaultSolver())
		x, g := linalg.New(linalg.F32, 3, 5), linalg.New(linalg.F32, 3, 4)
		if i == 3 || i == 6 {
			g.F32()[2] = float32(math.NaN())
		}
		f.Add(x, g, 1)
		fitters = append(fitters, f)
	}
	site.Name = "layers.3"
	before := digest(fitters[3], site)
	_, err := adapter.FitAll(fitters, 0.1)
	if !errors.Is(err, adapter.ErrDiverged) || !strings.Contains(fmt.Sprint(err), "layers.3") {
		t.Errorf("the error is %v", err)
	}
	if digest(fitters[3], site) != before {
		t.Error("a fit that failed changed the adapter")
	}
}
