package reference

// MatMul computes c[i,j] (=|+=) alpha · Σ_l op(a)[i,l]·op(b)[l,j] for op(a) (m, k) and
// op(b) (k, n).
func MatMul(c, a, b []float64, m, n, k int, transA, transB bool, alpha float64, accumulate bool) {
	for i := range m {
		for j := range n {
			sum := 0.0
			for l := range k {
				x, y := i*k+l, l*n+j
				if transA {
					x = l*m + i
				}
				if transB {
					y = j*k + l
				}
				sum += a[x] * b[y]
			}
			if !accumulate {
				c[i*n+j] = 0
			}
			c[i*n+j] += alpha * sum
		}
	}
}

// Linear computes y[i,o] = Σ_j x[i,j]·W[o,j] + bias[o]; bias may be nil.
func Linear(y, x, w, bias []float64, n, in, out int) {
	MatMul(y, x, w, n, out, in, false, true, 1, false)
	if bias != nil {
		AddBias(y, bias, n)
	}
}

// LinearBackward computes dx[i,j] (=|+=) Σ_o g[i,o]·W[o,j].
func LinearBackward(dx, g, w []float64, n, in, out int, accumulate bool) {
	MatMul(dx, g, w, n, in, out, false, false, 1, accumulate)
}

// AddBias computes y[i,o] += bias[o].
func AddBias(y, bias []float64, n int) {
	for i := range n {
		for o, b := range bias {
			y[i*len(bias)+o] += b
		}
	}
}

// AddBiasBackward computes dbias[o] (=|+=) Σ_i g[i,o].
func AddBiasBackward(dbias, g []float64, n int, accumulate bool) {
	for o := range dbias {
		if !accumulate {
			dbias[o] = 0
		}
		for i := range n {
			dbias[o] += g[i*len(dbias)+o]
		}
	}
}
