package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/row"
)

// curve is a function of every element of a row, g times its derivative, and the function and its
// derivative, which may be x.
type curve struct {
	value         func(y, x []float32)
	slope         func(dx, g, x []float32)
	valueAndSlope func(y, slope, x []float32)
}

const quickGELU = 1.702

// curves by activation.
var curves = [...]curve{
	GELU:      {row.GELU, row.GELUBackward, row.GELUAndSlope},
	GELUTanh:  {row.GELUTanh, row.GELUTanhBackward, row.GELUTanhAndSlope},
	SiLU:      swish(1),
	Tanh:      {row.Tanh, row.TanhBackward, row.TanhAndSlope},
	QuickGELU: swish(quickGELU),
}

// swish is x·σ(a·x).
func swish(a float32) curve {
	return curve{
		func(y, x []float32) { row.Swish(y, x, a) },
		func(dx, g, x []float32) { row.SwishBackward(dx, g, x, a) },
		func(y, slope, x []float32) { row.SwishAndSlope(y, slope, x, a) },
	}
}

func (f Activation) curve() curve {
	if f < 0 || int(f) >= len(curves) {
		panic(fmt.Sprintf("linalg: activation %d", f))
	}
	return curves[f]
}

// curveGrain is the least number of places of a curve that are worth a thread.
const curveGrain = 1 << 13

// Activate computes y = f(x).
func (cpu) Activate(y, x *Tensor, f Activation) {
	ys, xs, value := y.F32(), x.F32(), f.curve().value
	mustEqual("Activate", len(ys), len(xs))
	parallel(len(xs), curveGrain, func(lo, hi int) { value(ys[lo:hi], xs[lo:hi]) })
}

// ActivateBackward computes dx = g·f′(x).
func (cpu) ActivateBackward(dx, g, x *Tensor, f Activation) {
	ds, gs, xs, slope := dx.F32(), g.F32(), x.F32(), f.curve().slope
	mustEqual("ActivateBackward", len(ds), len(xs))
	mustEqual("ActivateBackward", len(gs), len(xs))
	parallel(len(xs), curveGrain, func(lo, hi int) { slope(ds[lo:hi], gs[lo:hi], xs[lo:hi]) })
}

// SwiGLU computes y = silu(gate)·up.
func (cpu) SwiGLU(y, gate, up *Tensor) {
	ys, as, us := y.F32(), gate.F32(), up.F32()
	mustEqual("SwiGLU", len(ys), len(as))
	mustEqual("SwiGLU", len(us), len(as))
	parallel(len(as), curveGrain, func(lo, hi int) { row.SwiGLU(ys[lo:hi], as[lo:hi], us[lo:hi]) })
}

// SwiGLUBackward computes dgate = g·up·silu′(gate) and dup = g·silu(gate).
func (cpu) SwiGLUBackward(dgate, dup, g, gate, up *Tensor) {
	das, dus, gs, as, us := dgate.F32(), dup.F32(), g.F32(), gate.F32(), up.F32()
	for _, l := range [][]float32{das, dus, gs, us} {
		mustEqual("SwiGLUBackward", len(l), len(as))
	}
	parallel(len(as), curveGrain, func(lo, hi int) {
		row.SwiGLUBackward(das[lo:hi], dus[lo:hi], gs[lo:hi], as[lo:hi], us[lo:hi])
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
				low, high := from[h:h+d/2], from[h+d/2:h+d]
				row.Rotate(to[h:h+d/2], to[h+d/2:h+d], low, high, cos, sin, sign)
			}
		}
	})
}
