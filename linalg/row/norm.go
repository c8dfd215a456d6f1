package row

// Deviations returns Σ (x − mean)².
func Deviations(x []float32, mean float32) float32 {
	r, n := row{}, whole(len(x))
	if n > 0 {
		r.rows[0], r.scalars[0], r.count = &x[0], mean, n
		r.deviations()
	}
	for i := n; i < len(x); i++ {
		d := x[i] - mean
		r.parts[0][i%lanes] += float32(d * d)
	}
	return r.parts[0].fold()
}

// Normalise computes y = (x − mean)·r·w + b.
func Normalise(y, x, w, b []float32, mean, root float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0], &w[0], &b[0]}, scalars: [7]float32{mean, root}, count: n}
		r.normalise()
	}
	for i := n; i < len(y); i++ {
		y[i] = float32(float32((x[i]-mean)*root)*w[i]) + b[i]
	}
}

// RootNormalise computes y = x·r·w.
func RootNormalise(y, x, w []float32, root float32) {
	n := whole(len(y))
	if n > 0 {
		r := &row{rows: [6]*float32{&y[0], &x[0], &w[0]}, scalars: [7]float32{root}, count: n}
		r.rootNormalise()
	}
	for i := n; i < len(y); i++ {
		y[i] = float32(x[i]*root) * w[i]
	}
}

// NormSums returns, with h = g·w and x̂ = (x − mean)·r, Σ h and Σ h·x̂.
func NormSums(g, x, w []float32, mean, root float32) (sum, dot float32) {
	r, n := row{}, whole(len(g))
	if n > 0 {
		r.rows[0], r.rows[1], r.rows[2], r.scalars[0], r.scalars[1], r.count = &g[0], &x[0], &w[0], mean, root, n
		r.normSums()
	}
	for i := n; i < len(g); i++ {
		h := float32(g[i] * w[i])
		r.parts[0][i%lanes] += h
		r.parts[1][i%lanes] += float32(h * float32((x[i]-mean)*root))
	}
	return r.parts[0].fold(), r.parts[1].fold()
}

// NormSlopes computes, with h and x̂ as [NormSums] has them, dx = r·(h − middle − x̂·slope).
func NormSlopes(dx, g, x, w []float32, mean, root, middle, slope float32) {
	n := whole(len(dx))
	if n > 0 {
		r := &row{rows: [6]*float32{&dx[0], &g[0], &x[0], &w[0]}, scalars: [7]float32{mean, root, middle, slope}, count: n}
		r.normSlopes()
	}
	for i := n; i < len(dx); i++ {
		h, z := float32(g[i]*w[i]), float32((x[i]-mean)*root)
		dx[i] = float32(h-middle-float32(z*slope)) * root
	}
}
