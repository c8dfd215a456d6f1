package kernels_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// curves are the activations, by their names in curve.h.
var curves = []struct {
	name string
	f    linalg.Activation
}{
	{"gelu", linalg.GELU}, {"gelu_tanh", linalg.GELUTanh}, {"silu", linalg.SiLU}, {"hyperbolic_tangent", linalg.Tanh}, {"quick_gelu", linalg.QuickGELU},
}

// bounds are about the origin, over all of the curves, and where every exponential overflows.
var bounds = []float64{1, 8, 1e4}

func TestActivate(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, curve := range curves {
			for _, n := range []int{7, 769} {
				for _, bound := range bounds {
					values := r.numbers(dtype, n, bound).wide()
					copy(values, []float64{0, math.NaN(), math.Copysign(0, -1)})
					x, g := hold(dtype, values), r.numbers(dtype, n, 1)
					y, dx, want := poisoned(dtype, n), poisoned(dtype, n), make([]float64, n)
					ySize, dSize := make([]float64, n), make([]float64, n)
					for i, v := range x.wide() {
						ySize[i], dSize[i] = 1+math.Abs(v), 1+min(math.Abs(v), 8) // the curves are straight from 8 on
					}
					what := fmt.Sprintf("%s to %v", curve.name, bound)
					reference.Activate(want, x.wide(), curve.f)
					b.launch(name("cola_"+curve.name, dtype), elements, 256, y, x, int64(n))
					b.check(what, y, want, ySize, function)
					reference.ActivateBackward(want, g.wide(), x.wide(), curve.f)
					b.launch(name("cola_"+curve.name+"_backward", dtype), elements, 256, dx, g, x, int64(n))
					b.check(what+" backward", dx, want, dSize, function)
				}
			}
		}
	})
}

// TestSlopesAtInfinity wants limits where the formulas have ∞·0.
func TestSlopesAtInfinity(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		x, ones := hold(dtype, []float64{math.Inf(1), math.Inf(-1)}), hold(dtype, repeated(2, 1))
		for _, curve := range curves {
			dx, want := poisoned(dtype, 2), []float64{1, 0}
			if curve.f == linalg.Tanh {
				want[0] = 0
			}
			b.launch(name("cola_"+curve.name+"_backward", dtype), elements, 256, dx, ones, x, int64(2))
			b.check(curve.name, dx, want, repeated(2, 1), 1e-30)
		}
		dgate, dup := poisoned(dtype, 2), poisoned(dtype, 2)
		b.launch(name("cola_swiglu_backward", dtype), elements, 256, dgate, dup, ones, x, ones, int64(2))
		b.check("SwiGLUBackward of the gate", dgate, []float64{1, 0}, repeated(2, 1), 1e-30)
	})
}

func TestSwiGLU(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, n := range []int{7, 769} {
			for _, bound := range bounds {
				gate, up, g := r.numbers(dtype, n, bound), r.numbers(dtype, n, 1), r.numbers(dtype, n, 1)
				y, dgate, dup := poisoned(dtype, n), poisoned(dtype, n), poisoned(dtype, n)
				want, gateWant, upWant := make([]float64, n), make([]float64, n), make([]float64, n)
				reference.SwiGLU(want, gate.wide(), up.wide())
				reference.SwiGLUBackward(gateWant, upWant, g.wide(), gate.wide(), up.wide())
				size, slope := make([]float64, n), make([]float64, n)
				for i, v := range gate.wide() {
					size[i], slope[i] = 1+math.Abs(v), 1+min(math.Abs(v), 8)
				}
				b.launch(name("cola_swiglu", dtype), elements, 256, y, gate, up, int64(n))
				b.check("SwiGLU", y, want, size, function)
				b.launch(name("cola_swiglu_backward", dtype), elements, 256, dgate, dup, g, gate, up, int64(n))
				b.check("SwiGLUBackward of the gate", dgate, gateWant, slope, function)
				b.check("SwiGLUBackward of up", dup, upWant, size, function)
			}
		}
	})
}

// TestFinish composes what the kernel does in one pass of its parts.
func TestFinish(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, shape := range shapes {
			n, c := shape[0], shape[1]
			for parts := range 8 {
				y := r.numbers(dtype, n*c, 2)
				want := y.wide()
				var bias, before, residual numbers
				if parts&1 != 0 {
					bias = r.numbers(linalg.F32, c, 1)
					reference.AddBias(want, bias.wide(), n)
				}
				curve, argument := curves[parts%len(curves)], want
				kernel := "cola_finish_identity"
				if parts&2 != 0 {
					kernel, before = "cola_finish_"+curve.name, poisoned(dtype, n*c)
					want = make([]float64, n*c)
				}
				if parts&4 != 0 {
					residual = r.numbers(dtype, n*c, 1)
				}
				b.launch(name(kernel, dtype), cells, 256, y, bias, before, residual, int64(n), int32(c))
				what := fmt.Sprintf("finish %v, parts %b", shape, parts)
				if before.arg() != nil {
					b.check(what+" before", before, argument, absolute(argument), 2*unit)
					reference.Activate(want, before.wide(), curve.f)
				}
				if residual.arg() != nil {
					reference.Axpy(want, 1, residual.wide())
				}
				b.check(what, y, want, repeated(n*c, 4), function)
			}
		}
	})
}

func TestRoPE(t *testing.T) {
	const places = 50
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, c := range []struct{ n, heads, dim int }{{1, 1, 2}, {7, 3, 6}, {9, 2, 64}, {3, 5, 128}, {2, 33, 24}} {
			table, positions := r.numbers(linalg.F32, places*c.dim, 1), r.integers(c.n, places)
			cols := c.heads * c.dim
			for _, sign := range []float32{1, -1} {
				x, want := r.numbers(dtype, c.n*cols, 1), make([]float64, c.n*cols)
				reference.RoPE(want, x.wide(), ints(positions), table.wide(), c.heads, c.dim, sign < 0)
				y := poisoned(dtype, c.n*cols)
				for _, to := range []numbers{y, x} { // in place at last
					b.launch(name("cola_rope", dtype), cells, 64, to, x, positions, table, int64(c.n), int32(cols), int32(c.dim), int32(places), sign)
					b.check(fmt.Sprintf("RoPE %+v", c), to, want, repeated(c.n*cols, 2), 3*unit)
				}
			}
		}
		x := r.numbers(dtype, 16, 1)
		outside := []int32{places, -1, math.MaxInt32, math.MinInt32}
		b.launch(name("cola_rope", dtype), cells, 64, x, x, outside, r.numbers(linalg.F32, places*4, 1), int64(4), int32(4), int32(4), int32(places), float32(1))
		b.check("positions that are not in the table", x, repeated(16, math.NaN()), nil, 0)
	})
}
