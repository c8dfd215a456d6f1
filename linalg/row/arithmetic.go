package row

// Axpy computes y += α·x.
func Axpy(y []float32, alpha float32, x []float32) {
	n := whole(len(y))
	if n > 0 {
		r := row{rows: [5]*float32{&y[0], &x[0]}, scalars: [7]float32{alpha}, vectors: n / lanes}
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
		r := row{rows: [5]*float32{&y[0]}, scalars: [7]float32{alpha}, vectors: n / lanes}
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
		r := row{rows: [5]*float32{&y[0], &x[0]}, vectors: n / lanes}
		r.add()
	}
	for i := n; i < len(y); i++ {
		y[i] += x[i]
	}
}

// Plus computes y = a + b.
func Plus(y, a, b []float32) {
	n := whole(len(y))
	if n > 0 {
		r := row{rows: [5]*float32{&y[0], &a[0], &b[0]}, vectors: n / lanes}
		r.plus()
	}
	for i := n; i < len(y); i++ {
		y[i] = a[i] + b[i]
	}
}

// Dot returns Σ x∘y.
func Dot(x, y []float32) float32 {
	r, n := row{}, whole(len(x))
	if n > 0 {
		r.rows, r.vectors = [5]*float32{&x[0], &y[0]}, n/lanes
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
		r.rows[0], r.vectors = &x[0], n/lanes
		r.sum()
	}
	for i := n; i < len(x); i++ {
		r.parts[0][i%lanes] += x[i]
	}
	return r.parts[0].fold()
}
