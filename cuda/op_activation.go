package cuda

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// curves are the names that kernels/curve.h has for the activations.
var curves = [...]string{
	linalg.GELU: "gelu", linalg.GELUTanh: "gelu_tanh", linalg.SiLU: "silu", linalg.Tanh: "hyperbolic_tangent", linalg.QuickGELU: "quick_gelu",
}

func curve(f linalg.Activation) string {
	if f < 0 || int(f) >= len(curves) {
		panic(fmt.Sprintf("linalg: activation %d", f))
	}
	return curves[f]
}

// Activate computes y = f(x).
func (d *Device) Activate(y, x *linalg.Tensor, f linalg.Activation) {
	mustBeHidden("Activate", y, x)
	mustEqual("Activate", y.Len(), x.Len())
	d.overElements(named("cola_"+curve(f), y), y.Len(), pack(y), y, x, int64(y.Len()))
}

// ActivateBackward computes dx = g·f′(x).
func (d *Device) ActivateBackward(dx, g, x *linalg.Tensor, f linalg.Activation) {
	mustBeHidden("ActivateBackward", dx, g, x)
	mustEqual("ActivateBackward", dx.Len(), x.Len())
	mustEqual("ActivateBackward", g.Len(), x.Len())
	d.overElements(named("cola_"+curve(f)+"_backward", dx), dx.Len(), pack(dx), dx, g, x, int64(dx.Len()))
}

// SwiGLU computes y = silu(gate)·up.
func (d *Device) SwiGLU(y, gate, up *linalg.Tensor) {
	mustBeHidden("SwiGLU", y, gate, up)
	mustEqual("SwiGLU", y.Len(), gate.Len())
	mustEqual("SwiGLU", up.Len(), gate.Len())
	d.overElements(named("cola_swiglu", y), y.Len(), pack(y), y, gate, up, int64(y.Len()))
}

// SwiGLUBackward computes dgate = g·up·silu′(gate) and dup = g·silu(gate).
func (d *Device) SwiGLUBackward(dgate, dup, g, gate, up *linalg.Tensor) {
	mustBeHidden("SwiGLUBackward", gate, dgate, dup, g, up)
	for _, t := range []*linalg.Tensor{dgate, dup, g, up} {
		mustEqual("SwiGLUBackward", t.Len(), gate.Len())
	}
	d.overElements(named("cola_swiglu_backward", gate), gate.Len(), pack(gate), dgate, dup, g, gate, up, int64(gate.Len()))
}
