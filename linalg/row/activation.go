package row

import "math"

// GELU computes y = x·Φ(x), with the normal distribution's Φ.
func GELU(y, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := row{rows: [5]*float32{&y[0], &x[0]}, vectors: n / lanes}
		r.gelu()
	}
	for i := n; i < len(x); i++ {
		y[i] = x[i] * normal(x[i])
	}
}

// GELUBackward computes dx = g·(Φ(x) + x·φ(x)).
func GELUBackward(dx, g, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := row{rows: [5]*float32{&dx[0], &g[0], &x[0]}, vectors: n / lanes}
		r.geluSlope()
	}
	for i := n; i < len(x); i++ {
		v := x[i]
		density := float32(exp(float32(v*v)*-0.5) * 0.3989422804014327)
		dx[i] = g[i] * (normal(v) + float32(v*density))
	}
}

// normal returns Φ(x), by the Chebyshev fit to the complementary error function of Numerical
// Recipes (Press et al., erfcc), whose relative error is below 1.2e-7.
func normal(x float32) float32 {
	size := float32(float32(math.Abs(float64(x))) * 0.7071067811865476)
	t := 1 / (float32(size*0.5) + 1)
	p := float32(float32(0.17087277)*t) + -0.82215223
	p = float32(p*t) + 1.48851587
	p = float32(p*t) + -1.13520398
	p = float32(p*t) + 0.27886807
	p = float32(p*t) + -0.18628806
	p = float32(p*t) + 0.09678418
	p = float32(p*t) + 0.37409196
	p = float32(p*t) + 1.00002368
	p = float32(p*t) + -1.26551223
	q := float32(float32(t*exp(p-float32(size*size))) * 0.5)
	if x > 0 {
		return 1 - q
	}
	return q
}

// The tanh form of GELU is a sigmoid, too: (1 + tanh(u))/2 = σ(2u), with 2u = x·(a + b·x²).
const geluA, geluB = 2 * 0.7978845608028654, geluA * 0.044715 // 2·√(2/π)

// GELUTanh computes y = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
func GELUTanh(y, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := row{rows: [5]*float32{&y[0], &x[0]}, vectors: n / lanes}
		r.geluTanh()
	}
	for i := n; i < len(x); i++ {
		s, _ := geluTanhSigmoid(x[i])
		y[i] = x[i] * s
	}
}

// GELUTanhBackward computes dx = g times the slope of GELU's tanh form.
func GELUTanhBackward(dx, g, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := row{rows: [5]*float32{&dx[0], &g[0], &x[0]}, vectors: n / lanes}
		r.geluTanhSlope()
	}
	for i := n; i < len(x); i++ {
		s, square := geluTanhSigmoid(x[i])
		inner := float32(square*(3*geluB)) + geluA
		dx[i] = g[i] * (s + float32(float32(float32(x[i]*s)*(1-s))*inner))
	}
}

func geluTanhSigmoid(x float32) (s, square float32) {
	square = float32(x * x)
	return sigmoidOf(-x * (float32(square*geluB) + geluA)), square
}

// Swish computes y = x·σ(a·x): SiLU for a = 1.
func Swish(y, x []float32, a float32) {
	n := whole(len(x))
	if n > 0 {
		r := row{rows: [5]*float32{&y[0], &x[0]}, scalars: [7]float32{-a}, vectors: n / lanes}
		r.swish()
	}
	for i := n; i < len(x); i++ {
		y[i] = x[i] * sigmoidOf(float32(x[i]*-a))
	}
}

// SwishBackward computes dx = g·σ(a·x)·(1 + a·x·(1 − σ(a·x))).
func SwishBackward(dx, g, x []float32, a float32) {
	n := whole(len(x))
	if n > 0 {
		r := row{rows: [5]*float32{&dx[0], &g[0], &x[0]}, scalars: [7]float32{-a, a}, vectors: n / lanes}
		r.swishSlope()
	}
	for i := n; i < len(x); i++ {
		dx[i] = g[i] * swishSlope(float32(x[i]*a), sigmoidOf(float32(x[i]*-a)))
	}
}

// swishSlope is the derivative of x·σ(x), from both.
func swishSlope(x, s float32) float32 { return s * (float32(x*(1-s)) + 1) }

// Tanh computes y = tanh(x).
func Tanh(y, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := row{rows: [5]*float32{&y[0], &x[0]}, vectors: n / lanes}
		r.tanh()
	}
	for i := n; i < len(x); i++ {
		y[i] = tanh(x[i])
	}
}

// TanhBackward computes dx = g·(1 − tanh²(x)).
func TanhBackward(dx, g, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := row{rows: [5]*float32{&dx[0], &g[0], &x[0]}, vectors: n / lanes}
		r.tanhSlope()
	}
	for i := n; i < len(x); i++ {
		t := tanh(x[i])
		dx[i] = g[i] * (1 - float32(t*t))
	}
}

// tanh is a polynomial near 0, where the difference elsewhere has few digits left. The
// coefficients are those of Cephes' tanhf.
func tanh(x float32) float32 {
	square := float32(x * x)
	if square < 0.390625 {
		p := float32(float32(-5.70498872745e-3)*square) + 2.06390887954e-2
		p = float32(p*square) + -5.37397155531e-2
		p = float32(p*square) + 1.33314422036e-1
		p = float32(p*square) + -3.33332819422e-1
		return float32(float32(p*square)*x) + x
	}
	return 1 - 2/(exp(x+x)+1)
}

// SwiGLU computes y = gate·σ(gate)·up.
func SwiGLU(y, gate, up []float32) {
	n := whole(len(y))
	if n > 0 {
		r := row{rows: [5]*float32{&y[0], &gate[0], &up[0]}, vectors: n / lanes}
		r.swiglu()
	}
	for i := n; i < len(y); i++ {
		y[i] = float32(gate[i]*sigmoidOf(-gate[i])) * up[i]
	}
}

// SwiGLUBackward computes dgate = g·up·slope(gate) and dup = g·gate·σ(gate).
func SwiGLUBackward(dgate, dup, g, gate, up []float32) {
	n := whole(len(g))
	if n > 0 {
		r := row{rows: [5]*float32{&dgate[0], &dup[0], &g[0], &gate[0], &up[0]}, vectors: n / lanes}
		r.swigluSlopes()
	}
	for i := n; i < len(g); i++ {
		x, d := gate[i], g[i]
		s := sigmoidOf(-x)
		dgate[i], dup[i] = float32(d*up[i])*swishSlope(x, s), d*float32(x*s)
	}
}
