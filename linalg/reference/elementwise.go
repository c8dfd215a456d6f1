package reference

// Axpy computes y[i] += alpha·x[i].
func Axpy(y []float64, alpha float64, x []float64) {
	for i, v := range x {
		y[i] += alpha * v
	}
}

// Scale computes y[i] = alpha·y[i].
func Scale(y []float64, alpha float64) {
	for i := range y {
		y[i] *= alpha
	}
}

// ReLU computes y[i] = max(x[i], 0); NaN stays NaN.
func ReLU(y, x []float64) {
	for i, v := range x {
		y[i] = max(v, 0)
	}
}

// ReLUBackward computes dx[i] = g[i] where y[i] > 0, else 0.
func ReLUBackward(dx, g, y []float64) {
	for i := range dx {
		dx[i] = 0
		if y[i] > 0 {
			dx[i] = g[i]
		}
	}
}
