package reference_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

func TestNorms(t *testing.T) {
	// Row (1, 3): mean 2, variance 1; with eps 3, r is 1/2 and x̂ is (−1/2, 1/2). Row (7, 7) has
	// no variance: r is 1/√3.
	x, weight := []float64{1, 3, 7, 7}, []float64{2, 4}
	y, stats := make([]float64, 4), make([]float64, 4)
	reference.LayerNorm(y, stats, x, weight, []float64{10, 20}, 2, 3)
	expect(t, "LayerNorm", y, 9, 22, 10, 20)
	expect(t, "its statistics", stats, 2, 0.5, 7, 1/math.Sqrt(3))
	reference.LayerNorm(y, stats, x, weight, nil, 2, 3)
	expect(t, "LayerNorm without a bias", y, -1, 2, 0, 0)

	// h = (2, 8) has mean 5, h·x̂ = (−1, 4) has 3/2: dx = ½·((2, 8) − 5 − (−½, ½)·3/2).
	dx := []float64{nan, nan}
	reference.LayerNormBackward(dx, []float64{1, 2}, x[:2], stats, weight, 1, false)
	expect(t, "LayerNormBackward", dx, -9./8, 9./8)
	reference.LayerNormBackward(dx, []float64{1, 2}, x[:2], stats, weight, 1, true)
	expect(t, "LayerNormBackward accumulated", dx, -9./4, 9./4)

	// Row (1, 7): mean of squares 25; with eps 75, r is 1/10.
	x, stats = []float64{1, 7}, []float64{nan}
	reference.RMSNorm(y[:2], stats, x, weight, 1, 75)
	expect(t, "RMSNorm", y[:2], 0.2, 2.8)
	expect(t, "its statistics", stats, 0.1)
	// h = (2, 4), h·x̂ = (0.2, 2.8) has mean 1.5: dx = 0.1·((2, 4) − (0.1, 0.7)·1.5).
	reference.RMSNormBackward(dx, []float64{1, 1}, x, stats, weight, 1, false)
	expect(t, "RMSNormBackward", dx, 0.185, 0.295)
	reference.RMSNormBackward(dx, []float64{1, 1}, x, stats, weight, 1, true)
	expect(t, "RMSNormBackward accumulated", dx, 0.37, 0.59)
}

func TestActivations(t *testing.T) {
	// At 1, by PyTorch: gelu, gelu(approximate="tanh"), silu, tanh and x·sigmoid(1.702·x).
	for f, want := range map[linalg.Activation]float64{
		linalg.GELU: 0.841344746068543, linalg.GELUTanh: 0.841191990608277, linalg.SiLU: 0.731058578630005,
		linalg.Tanh: 0.761594155955765, linalg.QuickGELU: 0.845795765932821,
	} {
		y := make([]float64, 4)
		reference.Activate(y, []float64{1, 0, nan, 40}, f)
		last := 40.0
		if f == linalg.Tanh {
			last = 1
		}
		expect(t, "Activate", y, want, 0, nan, last)
	}
	// silu(log 3) = ¾·log 3.
	y := make([]float64, 1)
	reference.SwiGLU(y, []float64{math.Log(3)}, []float64{-2})
	expect(t, "SwiGLU", y, -1.5*math.Log(3))
}

func TestRoPE(t *testing.T) {
	// Two heads of two pairs: position 1 turns the first pair by 90° and the second by 180°.
	table := []float64{1, 1, 0, 0, 0, -1, 1, 0}
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	y, back := make([]float64, 8), make([]float64, 8)
	reference.RoPE(y, x, []int{1}, table, 2, 4, false)
	expect(t, "RoPE", y, -3, -2, 1, -4, -7, -6, 5, -8)
	reference.RoPE(back, y, []int{1}, table, 2, 4, true)
	expect(t, "RoPE turned back", back, x...)
	reference.RoPE(back, x, []int{0}, table, 2, 4, true)
	expect(t, "RoPE at position 0", back, x...)
}

func TestRows(t *testing.T) {
	dst := []float64{1, 2, 3, 4, 5, 6}
	src := []float64{10, 20, 30, 40}
	reference.CopyColumns(dst, src, 2, 3, 2, 2, 1, 1, false)
	expect(t, "CopyColumns", dst, 1, 2, 20, 4, 5, 40)
	reference.CopyColumns(dst, src, 2, 3, 2, 0, 0, 2, true)
	expect(t, "CopyColumns accumulated", dst, 11, 22, 20, 34, 45, 40)

	y := make([]float64, 6)
	reference.Gather(y, src, []int{1, 0, 1}, 2)
	expect(t, "Gather", y, 30, 40, 10, 20, 30, 40)
	reference.GatherBackward(src, []float64{1, 2, 3, 4, 5, 6}, []int{1, 0, 1}, 2)
	expect(t, "GatherBackward", src, 13, 24, 36, 48)

	index := []int{9, 9, 9}
	reference.Argmax(index, []float64{1, 5, 5, -3, -2, -9, -inf, -inf, -inf}, 3)
	if !slices.Equal(index, []int{1, 1, 0}) {
		t.Errorf("Argmax: %v", index)
	}
}

func TestTextLosses(t *testing.T) {
	loss, d := []float64{nan, nan}, []float64{nan, nan, nan, nan}
	reference.CrossEntropy(loss, d, []float64{nan, 1, 2, 2}, []int{linalg.Ignored, 1}, []float64{1, 1}, 2, 2)
	expect(t, "loss", loss, 0, math.Ln2)
	expect(t, "dlogits", d, 0, 0, 0.5, -0.5)
	loss[0] = nan
	reference.CrossEntropy(loss, nil, []float64{nan, 1, 2, 2}, []int{linalg.Ignored, 1}, nil, 2, 2)
	expect(t, "loss alone", loss, 0, math.Ln2)

	reference.SquaredError(loss, d[:2], []float64{1, 5}, []float64{3, 4}, []float64{2, -1})
	expect(t, "squared error", loss, 4, 1)
	expect(t, "its gradient", d[:2], -8, -2)
	reference.SquaredError(loss, nil, []float64{1, 5}, []float64{5, 5}, nil)
	expect(t, "squared error alone", loss, 16, 0)
}

func TestAttention(t *testing.T) {
	// Two heads of one number that share one head of keys, and scores that are logarithms: with
	// keys log 1, log 3, log 4 and a query of 2·scale = 1 the weights are 1/8, 3/8, 4/8. The
	// second head's query is 0, which weighs all keys alike.
	a := linalg.Attention{Heads: 2, KVHeads: 1, Dim: 1, Scale: 0.5, Spans: []linalg.Span{{QueryLo: 1, QueryHi: 2, KeyLo: 2, KeyHi: 5}}}
	q := []float64{9, 9, 2, 0, 9, 9}
	k := []float64{9, 9, 0, math.Log(3), math.Log(4)}
	v := []float64{9, 9, 8, 16, 24}
	y, lse := slices.Repeat([]float64{-1}, 6), slices.Repeat([]float64{-2}, 6)
	reference.Attention(y, lse, q, k, v, a)
	expect(t, "Attention", y, -1, -1, 19, 16, -1, -1)
	expect(t, "its sums", lse, -2, -2, math.Log(8), math.Log(3), -2, -2)

	// Causal, three queries on two keys: none, the first, both. The scores are all 0.
	a = linalg.Attention{Heads: 1, KVHeads: 1, Dim: 2, Scale: 1, Causal: true, Spans: []linalg.Span{{QueryHi: 3, KeyHi: 2}}}
	y, lse = slices.Repeat([]float64{nan}, 6), make([]float64, 3)
	reference.Attention(y, lse, make([]float64, 6), []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}, a)
	expect(t, "causal Attention", y, 0, 0, 1, 2, 2, 3)
	expect(t, "its sums", lse, -inf, 0, math.Ln2)
}

// differ compares got, the gradient of Σ g·forward(x), with central differences.
func differ(t *testing.T, what string, got, x, g []float64, forward func(y []float64)) {
	t.Helper()
	const step = 1e-5
	y := make([]float64, len(g))
	at := func(i int, v float64) (sum float64) {
		old := x[i]
		x[i] = v
		forward(y)
		x[i] = old
		for j, w := range g {
			sum += w * y[j]
		}
		return sum
	}
	for i, v := range x {
		want := (at(i, v+step) - at(i, v-step)) / (2 * step)
		if !(math.Abs(got[i]-want) <= 1e-8) {
			t.Errorf("%s: gradient %d is %v, differences give %v", what, i, got[i], want)
		}
	}
}

// wave returns n numbers from −1 to 1.
func wave(n int, phase float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.Sin(1.7*float64(i)*float64(i) + phase)
	}
	return out
}

func TestNormGradients(t *testing.T) {
	const n, c, eps = 3, 5, 0.1
	x, g, weight, bias, stats := wave(n*c, 0), wave(n*c, 1), wave(c, 2), wave(c, 3), make([]float64, 2*n)
	y, dx := make([]float64, n*c), make([]float64, n*c)
	reference.LayerNorm(y, stats, x, weight, bias, n, eps)
	reference.LayerNormBackward(dx, g, x, stats, weight, n, false)
	differ(t, "LayerNorm", dx, x, g, func(y []float64) { reference.LayerNorm(y, stats, x, weight, bias, n, eps) })
	reference.RMSNorm(y, stats, x, weight, n, eps)
	reference.RMSNormBackward(dx, g, x, stats, weight, n, false)
	differ(t, "RMSNorm", dx, x, g, func(y []float64) { reference.RMSNorm(y, stats, x, weight, n, eps) })
}

func TestActivationGradients(t *testing.T) {
	x, g, d, up, dup := wave(20, 0), wave(20, 1), make([]float64, 20), wave(20, 2), make([]float64, 20)
	for i := range x {
		x[i] *= 5
	}
	for f := linalg.GELU; f <= linalg.QuickGELU; f++ {
		reference.ActivateBackward(d, g, x, f)
		differ(t, "Activate", d, x, g, func(y []float64) { reference.Activate(y, x, f) })
	}
	reference.SwiGLUBackward(d, dup, g, x, up)
	differ(t, "SwiGLU gate", d, x, g, func(y []float64) { reference.SwiGLU(y, x, up) })
	differ(t, "SwiGLU up", dup, up, g, func(y []float64) { reference.SwiGLU(y, x, up) })
}

func TestAttentionGradients(t *testing.T) {
	for _, causal := range []bool{false, true} {
		a := linalg.Attention{Heads: 4, KVHeads: 2, Dim: 3, Scale: 0.75, Causal: causal, Spans: []linalg.Span{{QueryHi: 3, KeyLo: 1, KeyHi: 6}, {QueryLo: 3, QueryHi: 7, KeyLo: 6, KeyHi: 8}}}
		const n, m = 7, 8
		q, k, v, g := wave(n*12, 0), wave(m*6, 1), wave(m*6, 2), wave(n*12, 3)
		dq, dk, dv, lse := make([]float64, len(q)), make([]float64, len(k)), make([]float64, len(v)), make([]float64, n*4)
		reference.AttentionBackward(dq, dk, dv, g, q, k, v, a)
		forward := func(y []float64) { reference.Attention(y, lse, q, k, v, a) }
		differ(t, "queries", dq, q, g, forward)
		differ(t, "keys", dk, k, g, forward)
		differ(t, "values", dv, v, g, forward)

		before := slices.Clone(dq)
		reference.AttentionBackward(dq, dk, dv, g, q, k, v, a)
		for i := range before {
			before[i] *= 2
		}
		expect(t, "AttentionBackward added to what is there", dq, before...)
	}
}
