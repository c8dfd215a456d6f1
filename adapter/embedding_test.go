package adapter_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// TestEmbeddingInitialisation is PEFT's: A zero, B from N(0, 1).
func TestEmbeddingInitialisation(t *testing.T) {
	site := adapter.Site{Name: "tokens", Kind: adapter.SiteEmbedding, In: 50, Out: 400}
	params := newAdapter(t, site, adapter.Spec{Kind: adapter.LowRank, Rank: 8}).Params()
	if !slices.Equal(params[0].Value.Shape(), []int{8, 50}) || !slices.Equal(params[1].Value.Shape(), []int{400, 8}) {
		t.Fatalf("shapes %v and %v", params[0].Value.Shape(), params[1].Value.Shape())
	}
	for _, v := range params[0].Value.F32() {
		if v != 0 {
			t.Fatal("A is not zero")
		}
	}
	sum, squares, n := 0.0, 0.0, float64(params[1].Value.Len())
	for _, v := range params[1].Value.F32() {
		sum, squares = sum+float64(v), squares+float64(v)*float64(v)
	}
	if mean, deviation := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 0.1 || math.Abs(deviation-1) > 0.1 {
		t.Errorf("B has mean %.3f and deviation %.3f, expected 0 and 1", mean, deviation)
	}
}

func TestEmbeddingRefuses(t *testing.T) {
	_, err := adapter.New(tableSite, specs["mlp"], adapter.Rand(1, "", ""))
	if err == nil || !strings.Contains(err.Error(), `"tokens"`) || !strings.Contains(err.Error(), "low-rank or linear") {
		t.Errorf("an MLP: %v", err)
	}
	for name, spec := range map[string]adapter.Spec{"ridge": specs["linear"], "reduced-rank": specs["low-rank"]} {
		_, err := adapter.NewFitter(linalg.NewCPU(), tableSite, newAdapter(t, tableSite, spec), adapter.DefaultOptimizer(), adapter.SolverConfig{Name: name, Ridge: 1})
		if err == nil || !strings.Contains(err.Error(), `"tokens"`) || !strings.Contains(err.Error(), "gradient or steps") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEmbeddingFitsLikeOneHotRows holds an embedding's fit, over two tuples of which one
// repeats an id, against that of a linear site that is given the ids' one-hot rows.
func TestEmbeddingFitsLikeOneHotRows(t *testing.T) {
	dense := adapter.Site{Name: tableSite.Name, Kind: adapter.SiteLinear, In: tableSite.In, Out: tableSite.Out}
	for _, spec := range []string{"low-rank scaled", "linear"} {
		for _, solver := range []adapter.SolverConfig{adapter.DefaultSolver(), {Name: "steps", Steps: 3}} {
			t.Run(spec+", "+solver.Name, func(t *testing.T) {
				ids := newFitter(t, tableSite, specs[spec], optimizers["adamw"], solver)
				rows := newFitter(t, dense, specs[spec], optimizers["adamw"], solver)
				r := rand.New(rand.NewPCG(3, 4))
				for i, p := range ids.Adapter().Params() { // the same adapter on both
					randomise(r, 0.5, p.Value)
					assign(rows.Adapter().Params()[i].Value, p.Value)
				}
				for _, batch := range [][]int32{{3, 0, 3, 6}, {5}} {
					g := linalg.New(linalg.F32, len(batch), tableSite.Out)
					randomise(r, 1, g)
					ids.Add(linalg.FromI32(batch, len(batch)), g, 0.5)
					rows.Add(oneHot(batch, tableSite.In), g.Clone(), 0.5)
				}
				got, err := ids.Fit(0.01)
				if err != nil {
					t.Fatal(err)
				}
				want, err := rows.Fit(0.01)
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(got.GradientNorm-want.GradientNorm) > 1e-5*want.GradientNorm || math.Abs(got.After-want.After) > 1e-5*want.After {
					t.Errorf("report %+v, expected %+v", got, want)
				}
				for i, p := range ids.Adapter().Params() {
					fitted := linalg.New(linalg.F32, p.Value.Shape()...)
					assign(fitted, rows.Adapter().Params()[i].Value)
					for k, v := range p.Value.F32() {
						if math.Abs(float64(v-fitted.F32()[k])) > 1e-5 {
							t.Fatalf("%s[%d] = %g, expected %g", p.Name, k, v, fitted.F32()[k])
						}
					}
				}
			})
		}
	}
}

// TestEmbeddingRestores takes the state through a second fitter, and an empty fit.
func TestEmbeddingRestores(t *testing.T) {
	for _, spec := range []string{"low-rank", "linear"} {
		f := newFitter(t, tableSite, specs[spec], optimizers["adamw"], adapter.SolverConfig{Name: "steps", Steps: 2})
		g := linalg.New(linalg.F32, 2, tableSite.Out)
		randomise(rand.New(rand.NewPCG(5, 6)), 1, g)
		f.Add(linalg.FromI32([]int32{1, 4}, 2), g, 1)
		if _, err := f.Fit(0.1); err != nil {
			t.Fatal(err)
		}
		state := map[string]linalg.Blob{}
		for _, b := range f.State() {
			state[b.Name] = b
		}
		other := newFitter(t, tableSite, specs[spec], optimizers["adamw"], adapter.DefaultSolver())
		if err := other.Restore(state); err != nil {
			t.Fatal(err)
		}
		if digest(other, tableSite) != digest(f, tableSite) {
			t.Errorf("%s: the restored adapter differs", spec)
		}
		if _, err := newFitter(t, tableSite, specs[spec], optimizers["sgd"], adapter.SolverConfig{Name: "steps", Steps: 1}).Fit(0.1); err != nil {
			t.Errorf("%s: a fit without tuples: %v", spec, err)
		}
	}
}

// assign copies a parameter of one kind of site to the other's: a linear adapter's matrix
// lies transposed.
func assign(dst, src *linalg.Tensor) {
	if slices.Equal(dst.Shape(), src.Shape()) {
		copy(dst.F32(), src.F32())
		return
	}
	for i := range src.Rows() {
		for j := range src.Cols() {
			dst.F32()[j*src.Rows()+i] = src.F32()[i*src.Cols()+j]
		}
	}
}

func oneHot(ids []int32, n int) *linalg.Tensor {
	t := linalg.New(linalg.F32, len(ids), n)
	for i, id := range ids {
		t.F32()[i*n+int(id)] = 1
	}
	return t
}
