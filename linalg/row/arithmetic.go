package row

// Axpy computes y += α·x.
func Axpy(y []float32, alpha float32, x []float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0]}, scalars: [7]float32{alpha}, count: n}
		r.axpy()
	}
	for i := n; i < len(y); i++ {
		y[i] += float32(x[i] * alpha)
	}
}

// Scale computes y = α·y.
func Scale(y []float32, alpha float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0]}, scalars: [7]float32{alpha}, count: n}
		r.scale()
	}
	for i := n; i < len(y); i++ {
		y[i] *= alpha
	}
}

// Add computes y += x.
func Add(y, x []float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0]}, count: n}
		r.add()
	}
	for i := n; i < len(y); i++ {
		y[i] += x[i]
	}
}

// AddPositive computes y += x + 0: it does not matter whether a zero of x has a sign.
func AddPositive(y, x []float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0]}, count: n}
		r.addPositive()
	}
	for i := n; i < len(y); i++ {
		y[i] += x[i] + 0
	}
}

// Plus computes y = a + b.
func Plus(y, a, b []float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &a[0], &b[0]}, count: n}
		r.plus()
	}
	for i := n; i < len(y); i++ {
		y[i] = a[i] + b[i]
	}
}

// Times computes y = a∘b.
func Times(y, a, b []float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &a[0], &b[0]}, count: n}
		r.times()
	}
	for i := n; i < len(y); i++ {
		y[i] = a[i] * b[i]
	}
}

// Dot returns Σ x∘y.
func Dot(x, y []float32) float32 {
	r, n := row{}, whole(len(x))
	if n > 0 {
		r.rows[0], r.rows[1], r.count = &x[0], &y[0], n
		r.dot()
	}
	for i := n; i < len(x); i++ {
		r.parts[0][i%lanes] += float32(x[i] * y[i])
	}
	return r.parts[0].fold()
}

// Sum returns Σ x.
func Sum(x []float32) float32 {
	r, n := row{}, whole(len(x))
	if n > 0 {
		r.rows[0], r.count = &x[0], n
		r.sum()
	}
	for i := n; i < len(x); i++ {
		r.parts[0][i%lanes] += x[i]
	}
	return r.parts[0].fold()
}

// ReLU computes y = max(x, 0). What is no number stays so. y may be x.
func ReLU(y, x []float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0]}, count: n}
		r.relu()
	}
	for i := n; i < len(y); i++ {
		y[i] = larger(0, x[i])
	}
}

// ReLUBackward computes dx = g where y > 0, and else 0. dx may be g.
func ReLUBackward(dx, g, y []float32) {
	n := whole(len(dx))
	if n > 0 {
		r := &row{rows: [6]*float32{&dx[0], &g[0], &y[0]}, count: n}
		r.reluSlope()
	}
	for i := n; i < len(dx); i++ {
		if y[i] > 0 {
			dx[i] = g[i]
		} else {
			dx[i] = 0
		}
	}
}

// Rotate turns the pairs (x0, x1) by angles, of which cos and sin are given, or back where sign
// is −1: y0 = x0·cos − x1·s and y1 = x1·cos + x0·s with s = sign·sin. y0 and y1 may be x0 and x1.
func Rotate(y0, y1, x0, x1, cos, sin []float32, sign float32) {
	n := whole(len(cos))
	if n > 0 {
		r := &row{rows: [6]*float32{&y0[0], &y1[0], &x0[0], &x1[0], &cos[0], &sin[0]}, scalars: [7]float32{sign}, count: n}
		r.rotate()
	}
	for i := n; i < len(cos); i++ {
		a, b, c, s := x0[i], x1[i], cos[i], sin[i]*sign
		y0[i], y1[i] = float32(a*c)-float32(b*s), float32(b*c)+float32(a*s)
	}
}
