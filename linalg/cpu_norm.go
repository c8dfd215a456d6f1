package linalg

import "math"

// Statistics and sums over a row are taken in float64, in column order.

// LayerNorm computes y = (x − μ)·r·weight + bias on every row.
func (cpu) LayerNorm(y, stats, x, weight, bias *Tensor, eps float32) {
	n, c := x.Rows(), x.Cols()
	w, shift := weight.F32(), []float32(nil)
	mustEqual("LayerNorm", y.Len(), n*c)
	mustEqual("LayerNorm", stats.Len(), 2*n)
	mustEqual("LayerNorm", len(w), c)
	if bias != nil {
		shift = bias.F32()
		mustEqual("LayerNorm", len(shift), c)
	}
	parallel(n, rowGrain(c), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row, out := rowOf(x, i), rowOf(y, i)
			mean, r := moments(row, eps)
			stats.F32()[2*i], stats.F32()[2*i+1] = mean, r
			for j, v := range row {
				z := float32(float32((v-mean)*r) * w[j])
				if shift != nil {
					z += shift[j]
				}
				out[j] = z
			}
		}
	})
}

// moments returns a row's mean and 1/√(variance + eps).
func moments(row []float32, eps float32) (mean, r float32) {
	sum := 0.0
	for _, v := range row {
		sum += float64(v)
	}
	mu := sum / float64(len(row))
	square := 0.0
	for _, v := range row {
		d := float64(v) - mu
		square += float64(d * d)
	}
	return float32(mu), float32(1 / math.Sqrt(square/float64(len(row))+float64(eps)))
}

// LayerNormBackward computes dx (=|+=) r·(h − mean(h) − x̂·mean(h·x̂)) with h = g·weight.
func (cpu) LayerNormBackward(dx, g, x, stats, weight *Tensor, accumulate bool) {
	n, c := x.Rows(), x.Cols()
	w := weight.F32()
	mustEqual("LayerNormBackward", dx.Len(), n*c)
	mustEqual("LayerNormBackward", g.Len(), n*c)
	mustEqual("LayerNormBackward", stats.Len(), 2*n)
	mustEqual("LayerNormBackward", len(w), c)
	parallel(n, rowGrain(c), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			mean, r := stats.F32()[2*i], stats.F32()[2*i+1]
			normBackward(rowOf(dx, i), rowOf(g, i), rowOf(x, i), w, mean, r, true, accumulate)
		}
	})
}

// normBackward is the backward step of a row of either norm: of RMSNorm the mean is 0 and
// h is not centred.
func normBackward(dx, g, x, w []float32, mean, r float32, centred, accumulate bool) {
	sum, dot := 0.0, 0.0
	for j, v := range g {
		h, z := v*w[j], (x[j]-mean)*r
		sum += float64(h)
		dot += float64(h) * float64(z)
	}
	middle, slope := float32(0), float32(dot/float64(len(g)))
	if centred {
		middle = float32(sum / float64(len(g)))
	}
	for j, v := range g {
		h, z := float32(v*w[j]), float32((x[j]-mean)*r)
		d := float32(r * (h - middle - float32(z*slope)))
		if accumulate {
			d += dx[j]
		}
		dx[j] = d
	}
}

// RMSNorm computes y = x·r·weight on every row.
func (cpu) RMSNorm(y, stats, x, weight *Tensor, eps float32) {
	n, c := x.Rows(), x.Cols()
	w := weight.F32()
	mustEqual("RMSNorm", y.Len(), n*c)
	mustEqual("RMSNorm", stats.Len(), n)
	mustEqual("RMSNorm", len(w), c)
	parallel(n, rowGrain(c), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row, out, square := rowOf(x, i), rowOf(y, i), 0.0
			for _, v := range row {
				square += float64(v) * float64(v)
			}
			r := float32(1 / math.Sqrt(square/float64(c)+float64(eps)))
			stats.F32()[i] = r
			for j, v := range row {
				out[j] = float32(v*r) * w[j]
			}
		}
	})
}

// RMSNormBackward computes dx (=|+=) r·(h − x̂·mean(h·x̂)) with h = g·weight.
func (cpu) RMSNormBackward(dx, g, x, stats, weight *Tensor, accumulate bool) {
	n, c := x.Rows(), x.Cols()
	w := weight.F32()
	mustEqual("RMSNormBackward", dx.Len(), n*c)
	mustEqual("RMSNormBackward", g.Len(), n*c)
	mustEqual("RMSNormBackward", stats.Len(), n)
	mustEqual("RMSNormBackward", len(w), c)
	parallel(n, rowGrain(c), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			normBackward(rowOf(dx, i), rowOf(g, i), rowOf(x, i), w, 0, stats.F32()[i], false, accumulate)
		}
	})
}
