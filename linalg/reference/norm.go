package reference

import "math"

// LayerNorm computes, for each row i of x (n, c) with
//
//	μ = Σ_j x[i,j] / c,  r = 1/√(Σ_j (x[i,j] − μ)² / c + eps),
//
// y[i,j] = (x[i,j] − μ)·r·weight[j] + bias[j], and sets stats[i] = (μ, r). bias may be nil.
func LayerNorm(y, stats, x, weight, bias []float64, n int, eps float64) {
	c := len(weight)
	for i := range n {
		row := x[i*c : (i+1)*c]
		mean, variance := 0.0, 0.0
		for _, v := range row {
			mean += v / float64(c)
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(c)
		}
		r := 1 / math.Sqrt(variance+eps)
		stats[2*i], stats[2*i+1] = mean, r
		for j, v := range row {
			y[i*c+j] = (v - mean) * r * weight[j]
			if bias != nil {
				y[i*c+j] += bias[j]
			}
		}
	}
}

// LayerNormBackward computes, with x̂ = (x − μ)·r, h = g·weight and means over the row,
//
//	dx (=|+=) r·(h − mean(h) − x̂·mean(h·x̂)).
func LayerNormBackward(dx, g, x, stats, weight []float64, n int, accumulate bool) {
	c := len(weight)
	for i := range n {
		mean, r := stats[2*i], stats[2*i+1]
		meanH, meanHX := 0.0, 0.0
		for j, w := range weight {
			h := g[i*c+j] * w
			meanH += h / float64(c)
			meanHX += h * (x[i*c+j] - mean) * r / float64(c)
		}
		for j, w := range weight {
			d := r * (g[i*c+j]*w - meanH - (x[i*c+j]-mean)*r*meanHX)
			set(dx, i*c+j, d, accumulate)
		}
	}
}

// RMSNorm computes y[i,j] = x[i,j]·r·weight[j] with r = 1/√(Σ_j x[i,j]² / c + eps), and sets
// stats[i] = r.
func RMSNorm(y, stats, x, weight []float64, n int, eps float64) {
	c := len(weight)
	for i := range n {
		square := 0.0
		for _, v := range x[i*c : (i+1)*c] {
			square += v * v / float64(c)
		}
		stats[i] = 1 / math.Sqrt(square+eps)
		for j, w := range weight {
			y[i*c+j] = x[i*c+j] * stats[i] * w
		}
	}
}

// RMSNormBackward computes, with x̂ = x·r and h = g·weight,
//
//	dx (=|+=) r·(h − x̂·mean(h·x̂)).
func RMSNormBackward(dx, g, x, stats, weight []float64, n int, accumulate bool) {
	c := len(weight)
	for i := range n {
		r, mean := stats[i], 0.0
		for j, w := range weight {
			mean += g[i*c+j] * w * x[i*c+j] * r / float64(c)
		}
		for j, w := range weight {
			set(dx, i*c+j, r*(g[i*c+j]*w-x[i*c+j]*r*mean), accumulate)
		}
	}
}

// set computes d[i] (=|+=) v.
func set(d []float64, i int, v float64, accumulate bool) {
	if accumulate {
		v += d[i]
	}
	d[i] = v
}
