// Package adaptertest holds the suite that every kind of adapter passes on every device:
// a new kind adds its formula to value and its specification to the callers' lists, a new
// device calls Conformance with itself.
package adaptertest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// bound is the largest relative difference between float32 on a device and central
// differences in float64.
const bound = 2e-4

// Conformance holds an adapter against its formula in float64 and its derivatives by
// central differences, and looks at accumulation, merging and the independence of rows.
func Conformance(t *testing.T, dev linalg.Device, site adapter.Site, spec adapter.Spec) {
	t.Helper()
	a, err := adapter.New(site, spec, adapter.Rand(1, "suite", site.Name))
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{t: t, dev: dev, site: site, a: a, r: rand.New(rand.NewPCG(1, 2))}
	t.Run("new adds nothing", s.newAddsNothing)
	for _, p := range a.Params() {
		s.fill(p.Value, 0.3)
	}
	t.Run("apply", s.apply)
	t.Run("gradient", s.gradient)
	t.Run("backward", s.backward)
	t.Run("delta", s.delta)
	t.Run("rows", s.rows)
}

type suite struct {
	t    *testing.T
	dev  linalg.Device
	site adapter.Site
	a    adapter.Adapter
	r    *rand.Rand
}

func (s *suite) fill(t *linalg.Tensor, scale float64) {
	for i := range t.F32() {
		t.F32()[i] = float32(s.r.NormFloat64() * scale)
	}
}

func (s *suite) random(rows, cols int) *linalg.Tensor {
	t := linalg.New(linalg.F32, rows, cols)
	s.fill(t, 1)
	return t
}

// input draws x: rows, or at an embedding ids.
func (s *suite) input(rows int) *linalg.Tensor {
	if s.site.Kind != adapter.SiteEmbedding {
		return s.random(rows, s.site.In)
	}
	ids := linalg.New(linalg.I32, rows)
	for i := range ids.I32() {
		ids.I32()[i] = s.r.Int32N(int32(s.site.In))
	}
	return ids
}

// rowsOf returns x in float64: its rows, or those that are one at the ids.
func (s *suite) rowsOf(x *linalg.Tensor) []float64 {
	if s.site.Kind != adapter.SiteEmbedding {
		return widen(x)
	}
	rows := make([]float64, x.Rows()*s.site.In)
	for i, id := range x.I32() {
		rows[i*s.site.In+int(id)] = 1
	}
	return rows
}

// params returns the parameters in float64.
func (s *suite) params() [][]float64 {
	var list [][]float64
	for _, p := range s.a.Params() {
		list = append(list, widen(p.Value))
	}
	return list
}

func widen(t *linalg.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i, v := range t.F32() {
		out[i] = float64(v)
	}
	return out
}

// value is g_w(x) in float64, by the formula.
func (s *suite) value(params [][]float64, x []float64, n int) []float64 {
	spec, in, out := s.a.Spec(), s.site.In, s.site.Out
	switch spec.Kind {
	case adapter.LowRank: // s·(x·Aᵀ)·Bᵀ
		scale := spec.Scale
		if scale == 0 {
			scale = 1
		}
		y := mulT(mulT(x, params[0], n, in, spec.Rank), params[1], n, spec.Rank, out)
		for i := range y {
			y[i] *= scale
		}
		return y
	case adapter.Linear: // x·ΔWᵀ + b
		w := params[0]
		if s.site.Kind == adapter.SiteEmbedding { // x·ΔW
			w = transpose(w, in, out)
		}
		y := mulT(x, w, n, in, out)
		if len(params) == 2 {
			addRows(y, params[1])
		}
		return y
	case adapter.MLP:
		width := in
		for l := 0; l < len(params); l += 2 {
			if l > 0 {
				for i, v := range x {
					x[i] = math.Max(v, 0)
				}
			}
			next := len(params[l+1])
			x = mulT(x, params[l], n, width, next)
			addRows(x, params[l+1])
			width = next
		}
		return x
	}
	panic(fmt.Sprintf("adaptertest: no formula for kind %q", spec.Kind))
}

// mulT is x (n, k) · wᵀ for w (m, k).
func mulT(x, w []float64, n, k, m int) []float64 {
	y := make([]float64, n*m)
	for i := range n {
		for j := range m {
			for l := range k {
				y[i*m+j] += x[i*k+l] * w[j*k+l]
			}
		}
	}
	return y
}

// transpose is wᵀ of w (n, m).
func transpose(w []float64, n, m int) []float64 {
	t := make([]float64, n*m)
	for i := range n {
		for j := range m {
			t[j*n+i] = w[i*m+j]
		}
	}
	return t
}

func addRows(y, b []float64) {
	for i := range y {
		y[i] += b[i%len(b)]
	}
}

// dot is Σ g_w(x)·g, whose derivatives are those that Gradient and Backward compute.
func (s *suite) dot(params [][]float64, x, g []float64, n int) float64 {
	sum := 0.0
	for i, v := range s.value(params, append([]float64(nil), x...), n) {
		sum += v * g[i]
	}
	return sum
}

func (s *suite) newAddsNothing(t *testing.T) {
	y := linalg.New(linalg.F32, 3, s.site.Out)
	s.a.Apply(s.dev, y, s.input(3))
	for _, v := range y.F32() {
		if v != 0 {
			t.Fatalf("a new adapter adds %g", v)
		}
	}
}

func (s *suite) apply(t *testing.T) {
	const n = 5
	x, y := s.input(n), s.random(n, s.site.Out)
	want := s.value(s.params(), s.rowsOf(x), n)
	for i, v := range widen(y) {
		want[i] += v // it is added
	}
	s.a.Apply(s.dev, y, x)
	compare(t, "g_w(x)", widen(y), want, 1e-5)
}

func (s *suite) gradient(t *testing.T) {
	const n = 4
	x, g := s.input(n), s.random(n, s.site.Out)
	var grads []*linalg.Tensor
	for _, p := range s.a.Params() {
		d := linalg.New(linalg.F32, p.Value.Shape()...)
		s.fill(d, 1)
		grads = append(grads, d)
	}
	var want [][]float64
	params := s.params()
	for k, d := range grads {
		want = append(want, widen(d)) // it is added
		for i := range params[k] {
			want[k][i] += difference(&params[k][i], func() float64 { return s.dot(params, s.rowsOf(x), widen(g), n) })
		}
	}
	s.a.Gradient(s.dev, grads, x, g)
	for k, p := range s.a.Params() {
		compare(t, "gradient of "+p.Name, widen(grads[k]), want[k], bound)
	}
}

func (s *suite) backward(t *testing.T) {
	const n = 3
	if s.site.Kind == adapter.SiteEmbedding { // ids have no gradient
		s.a.Backward(s.dev, nil, s.input(n), s.random(n, s.site.Out))
		return
	}
	x, g, dx := s.random(n, s.site.In), s.random(n, s.site.Out), s.random(n, s.site.In)
	want, at := widen(dx), widen(x)
	for i := range at {
		want[i] += difference(&at[i], func() float64 { return s.dot(s.params(), at, widen(g), n) })
	}
	s.a.Backward(s.dev, dx, x, g)
	compare(t, "gradient of x", widen(dx), want, bound)
}

// difference is the central difference of f in v.
func difference(v *float64, f func() float64) float64 {
	const h = 1e-5
	at := *v
	*v = at + h
	up := f()
	*v = at - h
	down := f()
	*v = at
	return (up - down) / (2 * h)
}

func (s *suite) delta(t *testing.T) {
	weight, bias, err := s.a.Delta(s.dev)
	if s.a.Spec().Kind == adapter.MLP {
		if !errors.Is(err, adapter.ErrNotMergeable) {
			t.Errorf("an MLP is merged: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	const n = 4
	x := s.input(n)
	y, merged := linalg.New(linalg.F32, n, s.site.Out), linalg.New(linalg.F32, n, s.site.Out)
	s.a.Apply(s.dev, y, x)
	if s.site.Kind == adapter.SiteEmbedding {
		s.dev.Gather(merged, weight, x)
	} else {
		s.dev.Linear(merged, x, s.dev.Pack(weight, linalg.F32Products), linalg.Epilogue{Bias: bias})
	}
	compare(t, "merged", widen(merged), widen(y), 1e-5)
}

// rows wants of each row the same bits alone and in company.
func (s *suite) rows(t *testing.T) {
	const n = 70
	x, g := s.input(n), s.random(n, s.site.Out)
	y, dx := linalg.New(linalg.F32, n, s.site.Out), linalg.New(linalg.F32, n, s.site.In)
	s.a.Apply(s.dev, y, x)
	s.a.Backward(s.dev, dx, x, g) // which is nothing for ids
	for _, i := range []int{0, 33, n - 1} {
		y1, dx1 := linalg.New(linalg.F32, 1, s.site.Out), linalg.New(linalg.F32, 1, s.site.In)
		s.a.Apply(s.dev, y1, x.RowRange(i, i+1))
		s.a.Backward(s.dev, dx1, x.RowRange(i, i+1), g.RowRange(i, i+1))
		same(t, fmt.Sprintf("output of row %d", i), y1, y.RowRange(i, i+1))
		same(t, fmt.Sprintf("gradient of x in row %d", i), dx1, dx.RowRange(i, i+1))
	}
}

func same(t *testing.T, what string, a, b *linalg.Tensor) {
	t.Helper()
	for i, v := range a.F32() {
		if math.Float32bits(v) != math.Float32bits(b.F32()[i]) {
			t.Fatalf("%s: element %d is %g alone and %g in company", what, i, v, b.F32()[i])
		}
	}
}

// compare wants ‖got − want‖ ≤ limit·‖want‖.
func compare(t *testing.T, what string, got, want []float64, limit float64) {
	t.Helper()
	diff, norm := 0.0, 0.0
	for i := range want {
		diff += (got[i] - want[i]) * (got[i] - want[i])
		norm += want[i] * want[i]
	}
	if !(math.Sqrt(diff) <= limit*math.Sqrt(norm)) {
		t.Errorf("%s differs by %.2g, relatively; at most %.2g is expected", what, math.Sqrt(diff/norm), limit)
	}
}
