package oracle_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/internal/oracle"
)

// fixture is a small model with random parameters, one adapter a layer, and a batch at
// which the loss has a derivative.
type fixture struct {
	net      oracle.Network
	adapters []*oracle.Adapter
	batch    oracle.Batch
}

var models = map[string]struct {
	input  [3]int
	hidden []int
}{
	"linear": {[3]int{3, 2, 2}, nil},
	"mlp":    {[3]int{2, 3, 1}, []int{5, 4}},
	"cnn":    {[3]int{5, 4, 2}, []int{2, 3}}, // 5 rows: one is left over by the pool
}

var kinds = []oracle.Kind{oracle.LowRank, oracle.Linear, oracle.MLP}

func newFixture(t testing.TB, model string, kind oracle.Kind, seed uint64) fixture {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	m := models[model]
	net, err := oracle.Classifier(model, m.input, 3, m.hidden)
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{net: net}
	for _, layer := range net.Layers {
		fill(rng, layer.Weight)
		fill(rng, layer.Bias)
		f.adapters = append(f.adapters, newAdapter(rng, kind, layer.Weight.Rows, layer.Weight.Cols))
	}
	const rows = 3
	f.batch = oracle.Batch{Inputs: oracle.NewMatrix(rows, m.input[0]*m.input[1]*m.input[2]), Labels: []int{2, 0, 1}}
	for {
		for i := range f.batch.Inputs.Data {
			f.batch.Inputs.Data[i] = rng.NormFloat64()
		}
		if min(f.net.Kinks(f.adapters, f.batch), f.net.Kinks(nil, f.batch)) > 1e-3 {
			return f
		}
	}
}

func newAdapter(rng *rand.Rand, kind oracle.Kind, out, in int) *oracle.Adapter {
	a := &oracle.Adapter{Kind: kind, Scale: 1}
	switch kind {
	case oracle.LowRank:
		a.Scale = 1.5
		a.Params = []oracle.Matrix{oracle.NewMatrix(2, in), oracle.NewMatrix(out, 2)}
	case oracle.Linear:
		a.Params = []oracle.Matrix{oracle.NewMatrix(out, in), oracle.NewMatrix(1, out)}
	case oracle.MLP:
		a.Params = []oracle.Matrix{oracle.NewMatrix(6, in), oracle.NewMatrix(1, 6), oracle.NewMatrix(5, 6),
			oracle.NewMatrix(1, 5), oracle.NewMatrix(out, 5), oracle.NewMatrix(1, out)}
	}
	for _, p := range a.Params {
		fill(rng, p)
	}
	return a
}

func fill(rng *rand.Rand, m oracle.Matrix) {
	for i := range m.Data {
		m.Data[i] = rng.NormFloat64() / math.Sqrt(float64(m.Cols))
	}
}

// slope is the central difference of loss in every element of m.
func slope(m oracle.Matrix, loss func() float64) oracle.Matrix {
	const step = 1e-5
	d := oracle.NewMatrix(m.Rows, m.Cols)
	for i, v := range m.Data {
		m.Data[i] = v + step
		up := loss()
		m.Data[i] = v - step
		down := loss()
		m.Data[i] = v
		d.Data[i] = (up - down) / (2 * step)
	}
	return d
}

func atMost(t *testing.T, bound float64, what string, a, b []oracle.Matrix) {
	t.Helper()
	if d := oracle.Difference(a, b); d > bound {
		t.Errorf("%s: relative difference %.3g, want at most %.0e", what, d, bound)
	}
}

func forAll(t *testing.T, test func(t *testing.T, model string, kind oracle.Kind)) {
	for model := range models {
		for _, kind := range kinds {
			t.Run(model+"/"+string(kind), func(t *testing.T) { test(t, model, kind) })
		}
	}
}

func TestClassicalAgainstFiniteDifferences(t *testing.T) {
	forAll(t, func(t *testing.T, model string, kind oracle.Kind) {
		f := newFixture(t, model, kind, 7)
		loss := func() float64 { _, l := f.net.Tuples(f.adapters, f.batch, false); return l }
		got := f.net.Classical(f.adapters, f.batch)
		if d := math.Abs(got.Loss - loss()); d > 1e-14 {
			t.Errorf("the graph's loss and the loss by hand are %g apart", d)
		}
		for l, layer := range f.net.Layers {
			var slopes []oracle.Matrix
			for _, p := range f.adapters[l].Params {
				slopes = append(slopes, slope(p, loss))
			}
			at := fmt.Sprintf("layer %d", l)
			atMost(t, 1e-6, at+" adapter", slopes, got.Adapters[l])
			atMost(t, 1e-6, at+" weight", []oracle.Matrix{slope(layer.Weight, loss)}, got.Weight[l:l+1])
			atMost(t, 1e-6, at+" bias", []oracle.Matrix{slope(layer.Bias, loss)}, got.Bias[l:l+1])
		}
	})
}

func TestTuplesUnmerged(t *testing.T) {
	forAll(t, func(t *testing.T, model string, kind oracle.Kind) {
		f := newFixture(t, model, kind, 11)
		classical := f.net.Classical(f.adapters, f.batch)
		tuples, _ := f.net.Tuples(f.adapters, f.batch, false)
		for l, tuple := range tuples {
			at := fmt.Sprintf("layer %d ", l)
			atMost(t, 1e-13, at+"gradient learning", classical.Adapters[l], f.adapters[l].Gradient(tuple.X, tuple.G))
			atMost(t, 1e-9, at+"literal quadratic", classical.Adapters[l], f.adapters[l].Quadratic(tuple.X, tuple.G))
			atMost(t, 1e-13, at+"∂L/∂h", []oracle.Matrix{tuple.G}, classical.Hidden[l:l+1])
			atMost(t, 1e-13, at+"∂L/∂Δh", []oracle.Matrix{tuple.G}, classical.Auxiliary[l:l+1])
			atMost(t, 1e-13, at+"∂L/∂ĥ", []oracle.Matrix{tuple.G}, classical.Sum[l:l+1])
		}
	})
}

// Detached keeps the forward pass and cuts the adapters' way back: finite differences of a
// loss in which every adapter's output is frozen except for the site's own say so.
func TestTuplesDetached(t *testing.T) {
	forAll(t, func(t *testing.T, model string, kind oracle.Kind) {
		f := newFixture(t, model, kind, 13)
		classical := f.net.Classical(f.adapters, f.batch)
		tuples, _ := f.net.Tuples(f.adapters, f.batch, true)
		last := len(tuples) - 1
		for l, tuple := range tuples {
			d := oracle.Difference(classical.Adapters[l], f.adapters[l].Gradient(tuple.X, tuple.G))
			if l < last && d < 1e-4 || l == last && d > 1e-13 {
				t.Errorf("layer %d of %d: detached differs from classical by %.3g", l, last, d)
			}
		}
	})
}

func TestTuplesMerged(t *testing.T) {
	for model := range models {
		t.Run(model, func(t *testing.T) {
			f := newFixture(t, model, oracle.LowRank, 17)
			others := newFixture(t, model, oracle.Linear, 19)
			all := [][]*oracle.Adapter{f.adapters, others.adapters}
			merged, err := f.net.Merged(all)
			if err != nil {
				t.Fatal(err)
			}
			tuples, loss := merged.Tuples(nil, f.batch, false)
			for k, own := range all {
				deltas, err := oracle.Deltas(own)
				if err != nil {
					t.Fatal(err)
				}
				// The merged model with what this participant adds moved out of the
				// weights, where it cannot be differentiated, into its adapter.
				without := merged.Displaced(-1, deltas)
				classical := without.Classical(own, f.batch)
				if math.Abs(classical.Loss-loss) > 1e-13 {
					t.Errorf("participant %d: loss %v, want the merged model's %v", k, classical.Loss, loss)
				}
				objective := func() float64 { _, l := without.Tuples(own, f.batch, false); return l }
				for l, tuple := range tuples {
					at := fmt.Sprintf("participant %d layer %d", k, l)
					learned := own[l].Gradient(tuple.X, tuple.G)
					atMost(t, 1e-12, at, classical.Adapters[l], learned)
					for p, m := range own[l].Params {
						atMost(t, 1e-5, at+" finite differences", []oracle.Matrix{slope(m, objective)}, learned[p:p+1])
					}
				}
			}
		})
	}
}

func TestMergedRefusesMLP(t *testing.T) {
	f := newFixture(t, "mlp", oracle.MLP, 1)
	if _, err := f.net.Merged([][]*oracle.Adapter{f.adapters}); err == nil {
		t.Error("an MLP adapter was merged")
	}
}

// A convolution written as six loops says the same as patches times weights.
func TestConvolution(t *testing.T) {
	f := newFixture(t, "cnn", oracle.Linear, 23)
	tuples, _ := f.net.Tuples(nil, f.batch, false)
	layer := f.net.Layers[0]
	conv := *layer.Conv
	height, width := conv.Output()
	direct := oracle.NewMatrix(len(f.batch.Labels)*height*width, layer.Weight.Rows)
	for row := range direct.Rows {
		image, oy, ox := row/(height*width), row/width%height, row%width
		for o := range direct.Cols {
			sum := layer.Bias.Data[o]
			for c := range conv.Channels {
				for ky := range conv.Kernel {
					for kx := range conv.Kernel {
						y, x := oy+ky-conv.Padding, ox+kx-conv.Padding
						if y >= 0 && y < conv.Height && x >= 0 && x < conv.Width {
							pixel := f.batch.Inputs.Row(image)[(y*conv.Width+x)*conv.Channels+c]
							sum += pixel * layer.Weight.Row(o)[(c*conv.Kernel+ky)*conv.Kernel+kx]
						}
					}
				}
			}
			direct.Row(row)[o] = sum
		}
	}
	atMost(t, 1e-14, "convolution", []oracle.Matrix{direct}, []oracle.Matrix{tuples[0].H})
}

func TestKinks(t *testing.T) {
	f := newFixture(t, "mlp", oracle.Linear, 29)
	tuples, _ := f.net.Tuples(nil, f.batch, false)
	f.net.Layers[0].Bias.Data[3] -= tuples[0].H.Row(1)[3] - 1e-9 // h is now 1e-9 from the corner
	if d := f.net.Kinks(nil, f.batch); d > 1e-8 {
		t.Errorf("kink at %g, want about 1e-9", d)
	}
	linear := newFixture(t, "linear", oracle.Linear, 31)
	if d := linear.net.Kinks(nil, linear.batch); !math.IsInf(d, 1) {
		t.Errorf("a linear model has a kink at %g", d)
	}
}

func TestDifference(t *testing.T) {
	m := func(v ...float64) []oracle.Matrix {
		return []oracle.Matrix{{Rows: 1, Cols: len(v), Data: v}}
	}
	for name, c := range map[string]struct {
		a, b []oracle.Matrix
		want float64
	}{
		"same":        {m(3, 4), m(3, 4), 0},
		"a tenth":     {m(3, 4), m(3, 4.5), 0.1},
		"zeros":       {m(0), m(0), 0},
		"from zero":   {m(0), m(1), math.MaxFloat64},
		"not finite":  {m(1), m(math.NaN()), math.MaxFloat64},
		"other shape": {m(1, 2), m(1), math.MaxFloat64},
		"other count": {m(1), nil, math.MaxFloat64},
	} {
		if got := oracle.Difference(c.a, c.b); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%s: got %g, want %g", name, got, c.want)
		}
	}
}

func TestClassifier(t *testing.T) {
	if _, err := oracle.Classifier("transformer", [3]int{1, 1, 1}, 2, nil); err == nil {
		t.Error("an unknown model was declared")
	}
}
