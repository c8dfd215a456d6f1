package linalg

import (
	"fmt"
	"math"
)

// Activations are computed in float64 and rounded once.

// curve is a function, and its derivative.
type curve struct{ value, slope func(x float64) float64 }

// curves by activation.
var curves = [...]curve{
	GELU: {gelu, geluSlope}, GELUTanh: {geluTanh, geluTanhSlope}, SiLU: {silu, siluSlope}, Tanh: {math.Tanh, tanhSlope},
	QuickGELU: {quickGELU, quickGELUSlope},
}

func (f Activation) curve() curve {
	if f < 0 || int(f) >= len(curves) {
		panic(fmt.Sprintf("linalg: activation %d", f))
	}
	return curves[f]
}

func gelu(x float64) float64 { return x * 0.5 * (1 + math.Erf(x/math.Sqrt2)) }

func geluSlope(x float64) float64 {
	return 0.5*(1+math.Erf(x/math.Sqrt2)) + x*math.Exp(-0.5*x*x)/math.Sqrt(2*math.Pi)
}

// The constants of geluTanh.
const (
	geluA = 0.7978845608028654 // √(2/π)
	geluB = 0.044715
)

func geluTanh(x float64) float64 { return 0.5 * x * (1 + math.Tanh(geluA*(x+geluB*x*x*x))) }

func geluTanhSlope(x float64) float64 {
	t := math.Tanh(geluA * (x + geluB*x*x*x))
	return 0.5*(1+t) + 0.5*x*(1-t*t)*geluA*(1+3*geluB*x*x)
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func silu(x float64) float64 { return x * sigmoid(x) }

func siluSlope(x float64) float64 {
	s := sigmoid(x)
	return s * (1 + x*(1-s))
}

func tanhSlope(x float64) float64 {
	t := math.Tanh(x)
	return 1 - t*t
}

// quick is the constant of quickGELU.
const quick = 1.702

func quickGELU(x float64) float64 { return x * sigmoid(quick*x) }

func quickGELUSlope(x float64) float64 {
	s := sigmoid(quick * x)
	return s * (1 + quick*x*(1-s))
}

// curveGrain is the least number of places of a curve that are worth a goroutine.
const curveGrain = 1 << 12

// Activate computes y = f(x).
func (cpu) Activate(y, x *Tensor, f Activation) {
	ys, xs, at := y.F32(), x.F32(), f.curve().value
	mustEqual("Activate", len(ys), len(xs))
	parallel(len(xs), curveGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			ys[i] = float32(at(float64(xs[i])))
		}
	})
}

// ActivateBackward computes dx = g·f′(x).
func (cpu) ActivateBackward(dx, g, x *Tensor, f Activation) {
	ds, gs, xs, at := dx.F32(), g.F32(), x.F32(), f.curve().slope
	mustEqual("ActivateBackward", len(ds), len(xs))
	mustEqual("ActivateBackward", len(gs), len(xs))
	parallel(len(xs), curveGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			ds[i] = float32(float64(gs[i]) * at(float64(xs[i])))
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
			ys[i] = float32(silu(float64(as[i])) * float64(us[i]))
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
			x := float64(as[i])
			s := sigmoid(x)
			das[i] = float32(float64(gs[i]) * float64(us[i]) * (s * (1 + x*(1-s))))
			dus[i] = float32(float64(gs[i]) * (x * s))
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
