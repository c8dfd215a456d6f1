package linalg

import (
	"fmt"
	"math"
)

// Activations are computed in float64 and rounded once.

// curve is a function and its derivative at a place.
type curve func(x float64) (y, slope float64)

// curves by activation.
var curves = [...]curve{GELU: gelu, GELUTanh: geluTanh, SiLU: silu, Tanh: tanh, QuickGELU: quickGELU}

func (f Activation) curve() curve {
	if f < 0 || int(f) >= len(curves) {
		panic(fmt.Sprintf("linalg: activation %d", f))
	}
	return curves[f]
}

func gelu(x float64) (y, slope float64) {
	normal := 0.5 * (1 + math.Erf(x/math.Sqrt2))
	return x * normal, normal + x*math.Exp(-0.5*x*x)/math.Sqrt(2*math.Pi)
}

func geluTanh(x float64) (y, slope float64) {
	const a, b = 0.7978845608028654, 0.044715 // √(2/π)
	t := math.Tanh(a * (x + b*x*x*x))
	return 0.5 * x * (1 + t), 0.5*(1+t) + 0.5*x*(1-t*t)*a*(1+3*b*x*x)
}

func silu(x float64) (y, slope float64) {
	s := 1 / (1 + math.Exp(-x))
	return x * s, s * (1 + x*(1-s))
}

func tanh(x float64) (y, slope float64) {
	t := math.Tanh(x)
	return t, 1 - t*t
}

func quickGELU(x float64) (y, slope float64) {
	const a = 1.702
	s := 1 / (1 + math.Exp(-a*x))
	return x * s, s * (1 + a*x*(1-s))
}

// curveGrain is the least number of places of a curve that are worth a goroutine.
const curveGrain = 1 << 12

// Activate computes y = f(x).
func (cpu) Activate(y, x *Tensor, f Activation) {
	ys, xs, at := y.F32(), x.F32(), f.curve()
	mustEqual("Activate", len(ys), len(xs))
	parallel(len(xs), curveGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			v, _ := at(float64(xs[i]))
			ys[i] = float32(v)
		}
	})
}

// ActivateBackward computes dx = g·f′(x).
func (cpu) ActivateBackward(dx, g, x *Tensor, f Activation) {
	ds, gs, xs, at := dx.F32(), g.F32(), x.F32(), f.curve()
	mustEqual("ActivateBackward", len(ds), len(xs))
	mustEqual("ActivateBackward", len(gs), len(xs))
	parallel(len(xs), curveGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			_, slope := at(float64(xs[i]))
			ds[i] = float32(float64(gs[i]) * slope)
		}
	})
}

// SwiGLU computes y = silu(gate)·up.
func (cpu) SwiGLU(y, gate, up *Tensor) {
	ys, as, us := y.F32(), gate.F32(), up.F32()
	mustEqual("SwiGLU", len(ys), len(as))
	mustEqual("SwiGLU", len(us), len(as))
	parallel(len(as), curveGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			v, _ := silu(float64(as[i]))
			ys[i] = float32(v * float64(us[i]))
		}
	})
}

// SwiGLUBackward computes dgate = g·up·silu′(gate) and dup = g·silu(gate).
func (cpu) SwiGLUBackward(dgate, dup, g, gate, up *Tensor) {
	das, dus, gs, as, us := dgate.F32(), dup.F32(), g.F32(), gate.F32(), up.F32()
	for _, l := range [][]float32{das, dus, gs, us} {
		mustEqual("SwiGLUBackward", len(l), len(as))
	}
	parallel(len(as), curveGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			v, slope := silu(float64(as[i]))
			das[i] = float32(float64(gs[i]) * float64(us[i]) * slope)
			dus[i] = float32(float64(gs[i]) * v)
		}
	})
}

// RoPE turns the pairs of each head by the angles of the row's position.
func (cpu) RoPE(y, x, positions, table *Tensor, inverse bool) {
	places, d := positions.I32(), table.Cols()
	mustEqual("RoPE", len(places), x.Rows())
	mustEqual("RoPE", y.Len(), x.Len())
	if d == 0 || d%2 != 0 || x.Cols()%d != 0 {
		panic(fmt.Sprintf("linalg.RoPE: heads of %d numbers in rows of %d", d, x.Cols()))
	}
	mustBeRows("RoPE", places, table.Rows())
	sign := float32(1)
	if inverse {
		sign = -1
	}
	parallel(len(places), rowGrain(x.Cols()), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			angles, from, to := rowOf(table, int(places[i])), rowOf(x, i), rowOf(y, i)
			cos, sin := angles[:d/2], angles[d/2:]
			for h := 0; h < len(from); h += d {
				for j, c := range cos {
					a, b, s := from[h+j], from[h+j+d/2], sign*sin[j]
					to[h+j] = float32(a*c) - float32(b*s)
					to[h+j+d/2] = float32(b*c) + float32(a*s)
				}
			}
		}
	})
}
