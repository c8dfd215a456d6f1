package row

import "math"

// GELU computes y = x·Φ(x), with the normal distribution's Φ.
func GELU(y, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0]}, count: n}
		r.gelu()
	}
	for i := n; i < len(x); i++ {
		y[i], _ = gelu(x[i])
	}
}

// GELUBackward computes dx = g·(Φ(x) + x·φ(x)).
func GELUBackward(dx, g, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&dx[0], &g[0], &x[0]}, count: n}
		r.geluSlope()
	}
	for i := n; i < len(x); i++ {
		_, slope := gelu(x[i])
		dx[i] = g[i] * slope
	}
}

// GELUAndSlope computes GELU's y, and the slope that GELUBackward multiplies g by. slope may be x.
func GELUAndSlope(y, slope, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &slope[0], &x[0]}, count: n}
		r.geluBoth()
	}
	for i := n; i < len(x); i++ {
		y[i], slope[i] = gelu(x[i])
	}
}

// gelu returns x·Φ(x) and its derivative.
func gelu(x float32) (y, slope float32) {
	z, e, tail := normalTail(x)
	slope = tail - float32(z*float32(e*0.3989422804014327))
	if z > 10 {
		slope = 0 // as in sigmoid
	}
	if !(x < 0) {
		slope = 1 - slope
	}
	return larger(0, x) - float32(z*tail), slope
}

// normalTail returns z = min(|x|, 14), exp(−z²/2) and Φ(−z), which is that times a minimax
// fraction, to 5e-9. Φ(−14) rounds to 0.
func normalTail(x float32) (z, e, tail float32) {
	z = smaller(14, size(x))
	e = exp(float32(z*z) * -0.5)
	p := float32(z*0.0040201861) + 0.039984141
	p = float32(z*p) + 0.18130666
	p = float32(z*p) + 0.43568618
	p = float32(z*p) + 0.5
	q := float32(z*0.010076969) + 0.10023276
	q = float32(z*q) + 0.46438009
	q = float32(z*q) + 1.1944838
	q = float32(z*q) + 1.6692573
	q = float32(z*q) + 1
	return z, e, float32(e*p) / q
}

// size returns |x|.
func size(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// sigmoid returns σ = 1/(1 + e) and σ·(1 − σ): of x if e is e⁻ˣ. What is below 1e-22 is 0: it
// is no use, and processors are slow at what comes of it.
func sigmoid(e float32) (s, slope float32) {
	if e < 1e22 {
		s = 1 / (e + 1)
	}
	e = smaller(1e30, e) // no infinity meets a 0
	return s, float32(float32(e*s) * s)
}

// The tanh form of GELU is a sigmoid, too: (1 + tanh(u))/2 = σ(2u), with −2u = x·(a + b·x²).
const geluA, geluB = -2 * 0.7978845608028654, geluA * 0.044715 // −2·√(2/π)

// GELUTanh computes y = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
func GELUTanh(y, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0]}, count: n}
		r.geluTanh()
	}
	for i := n; i < len(x); i++ {
		y[i], _ = geluTanh(x[i])
	}
}

// GELUTanhBackward computes dx = g times the slope of GELU's tanh form.
func GELUTanhBackward(dx, g, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&dx[0], &g[0], &x[0]}, count: n}
		r.geluTanhSlope()
	}
	for i := n; i < len(x); i++ {
		_, slope := geluTanh(x[i])
		dx[i] = g[i] * slope
	}
}

// GELUTanhAndSlope computes both, as GELUAndSlope does.
func GELUTanhAndSlope(y, slope, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &slope[0], &x[0]}, count: n}
		r.geluTanhBoth()
	}
	for i := n; i < len(x); i++ {
		y[i], slope[i] = geluTanh(x[i])
	}
}

// geluTanh returns GELU's tanh form and its derivative, which is 0 or 1 where |x| is above 9.9.
func geluTanh(x float32) (y, slope float32) {
	e := exp(cubic(x, geluA, geluB))
	s, slope := sigmoid(e)
	inner := cubic(smaller(9.9, larger(-9.9, x)), geluA, 3*geluB)
	return x / (e + 1), s - float32(inner*slope)
}

// cubic returns x·(a + b·x²).
func cubic(x, a, b float32) float32 { return float32(x * (float32(float32(x*x)*b) + a)) }

// Swish computes y = x·σ(a·x): SiLU for a = 1.
func Swish(y, x []float32, a float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0]}, scalars: [7]float32{-a}, count: n}
		r.swish()
	}
	for i := n; i < len(x); i++ {
		y[i], _ = swish(x[i], -a)
	}
}

// SwishBackward computes dx = g·σ(a·x)·(1 + a·x·(1 − σ(a·x))).
func SwishBackward(dx, g, x []float32, a float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&dx[0], &g[0], &x[0]}, scalars: [7]float32{-a}, count: n}
		r.swishSlope()
	}
	for i := n; i < len(x); i++ {
		_, slope := swish(x[i], -a)
		dx[i] = g[i] * slope
	}
}

// SwishAndSlope computes both, as GELUAndSlope does.
func SwishAndSlope(y, slope, x []float32, a float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &slope[0], &x[0]}, scalars: [7]float32{-a}, count: n}
		r.swishBoth()
	}
	for i := n; i < len(x); i++ {
		y[i], slope[i] = swish(x[i], -a)
	}
}

// swish returns x·σ(−minus·x) and its derivative, which is 0 or 1 where |minus·x| is above 86.
func swish(x, minus float32) (y, slope float32) {
	u := float32(x * minus)
	e := exp(u)
	s, slope := sigmoid(e)
	return x / (e + 1), s - float32(smaller(86, larger(-86, u))*slope)
}

// Tanh computes y = tanh(x).
func Tanh(y, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0]}, count: n}
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
		r := &row{rows: [6]*float32{&dx[0], &g[0], &x[0]}, count: n}
		r.tanhSlope()
	}
	for i := n; i < len(x); i++ {
		dx[i] = g[i] * tanhSlope(x[i])
	}
}

// TanhAndSlope computes both, as GELUAndSlope does.
func TanhAndSlope(y, slope, x []float32) {
	n := whole(len(x))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &slope[0], &x[0]}, count: n}
		r.tanhBoth()
	}
	for i := n; i < len(x); i++ {
		y[i], slope[i] = tanh(x[i]), tanhSlope(x[i])
	}
}

// tanhSlope returns 1 − tanh²(x).
func tanhSlope(x float32) float32 {
	_, slope := sigmoid(exp(size(x) * -2))
	return float32(slope * 4)
}

// tanh is a minimax polynomial near 0, to 4e-9, where the difference elsewhere has few digits
// left.
func tanh(x float32) float32 {
	square := float32(x * x)
	if square < 0.390625 {
		p := float32(-0.0057170451*square) + 0.020650587
		p = float32(p*square) + -0.053743498
		p = float32(p*square) + 0.13331491
		p = float32(p*square) + -0.33333284
		return float32(float32(p*square)*x) + x
	}
	return 1 - 2/(exp(x+x)+1)
}

// SwiGLU computes y = gate·σ(gate)·up.
func SwiGLU(y, gate, up []float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &gate[0], &up[0]}, count: n}
		r.swiglu()
	}
	for i := n; i < len(y); i++ {
		y[i] = float32(gate[i]/(exp(-gate[i])+1)) * up[i]
	}
}

// SwiGLUBackward computes dgate = g·up·slope(gate) and dup = g·gate·σ(gate).
func SwiGLUBackward(dgate, dup, g, gate, up []float32) {
	n := whole(len(g))
	if n > 0 {
		r := &row{rows: [6]*float32{&dgate[0], &dup[0], &g[0], &gate[0], &up[0]}, count: n}
		r.swigluSlopes()
	}
	for i := n; i < len(g); i++ {
		x, d := larger(-86, gate[i]), g[i]
		u := -smaller(86, x)
		s, slope := sigmoid(exp(u))
		dgate[i], dup[i] = float32(d*up[i])*(s-float32(u*slope)), d*float32(x*s)
	}
}
