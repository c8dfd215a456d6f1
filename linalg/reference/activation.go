package reference

import (
	"math"

	"github.com/gradientlearning/cola/linalg"
)

// Activate computes y[i] = f(x[i]), with σ(x) = 1/(1 + exp(−x)):
//
//	GELU       x·(1 + erf(x/√2))/2
//	GELUTanh   x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2
//	SiLU       x·σ(x)
//	Tanh       tanh(x)
//	QuickGELU  x·σ(1.702·x)
func Activate(y, x []float64, f linalg.Activation) {
	for i, v := range x {
		switch f {
		case linalg.GELU:
			y[i] = v * (1 + math.Erf(v/math.Sqrt2)) / 2
		case linalg.GELUTanh:
			y[i] = v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))) / 2
		case linalg.SiLU:
			y[i] = v * sigmoid(v)
		case linalg.Tanh:
			y[i] = math.Tanh(v)
		case linalg.QuickGELU:
			y[i] = v * sigmoid(1.702*v)
		}
	}
}

// ActivateBackward computes dx[i] = g[i]·f′(x[i]):
//
//	GELU       (1 + erf(x/√2))/2 + x·exp(−x²/2)/√(2π)
//	GELUTanh   (1 + t)/2 + x·(1 − t²)·√(2/π)·(1 + 3·0.044715·x²)/2, t the tanh
//	SiLU       σ(x) + x·σ(x)·σ(−x)
//	Tanh       1 − tanh²(x)
//	QuickGELU  σ(ax) + ax·σ(ax)·σ(−ax), a = 1.702
func ActivateBackward(dx, g, x []float64, f linalg.Activation) {
	for i, v := range x {
		slope := 0.0
		switch f {
		case linalg.GELU:
			slope = (1+math.Erf(v/math.Sqrt2))/2 + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi)
		case linalg.GELUTanh:
			a := math.Sqrt(2 / math.Pi)
			t := math.Tanh(a * (v + 0.044715*v*v*v))
			slope = (1+t)/2 + v*(1-t*t)*a*(1+3*0.044715*v*v)/2
		case linalg.SiLU:
			slope = swishSlope(v)
		case linalg.Tanh:
			slope = 1 - math.Tanh(v)*math.Tanh(v)
		case linalg.QuickGELU:
			slope = swishSlope(1.702 * v)
		}
		dx[i] = g[i] * slope
	}
}

// SwiGLU computes y[i] = gate[i]·σ(gate[i])·up[i].
func SwiGLU(y, gate, up []float64) {
	for i, v := range gate {
		y[i] = v * sigmoid(v) * up[i]
	}
}

// SwiGLUBackward computes dgate[i] = g[i]·up[i]·silu′(gate[i]) and
// dup[i] = g[i]·silu(gate[i]).
func SwiGLUBackward(dgate, dup, g, gate, up []float64) {
	for i, v := range gate {
		dgate[i] = g[i] * up[i] * swishSlope(v)
		dup[i] = g[i] * v * sigmoid(v)
	}
}

func sigmoid(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

// swishSlope is the derivative of v·σ(v).
func swishSlope(v float64) float64 { return sigmoid(v) + v*sigmoid(v)*sigmoid(-v) }
