package linalg

import (
	"math"

	"github.com/gradientlearning/cola/linalg/row"
)

// LayerNorm computes y = (x − μ)·r·weight + bias on every row.
func (cpu) LayerNorm(y, stats, x, weight, bias *Tensor, eps float32) {
	n, c := x.Rows(), x.Cols()
	w := weight.F32()
	mustEqual("LayerNorm", y.Len(), n*c)
	mustEqual("LayerNorm", stats.Len(), 2*n)
	mustEqual("LayerNorm", len(w), c)
	var shift []float32
	if bias != nil {
		shift = bias.F32()
		mustEqual("LayerNorm", len(shift), c)
	} else {
		shift = make([]float32, c)
	}
	parallel(n, rowGrain(c), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			in := rowOf(x, i)
			mean := row.Sum(in) / float32(c)
			r := inverseRoot(in, mean, eps)
			stats.F32()[2*i], stats.F32()[2*i+1] = mean, r
			row.Normalise(rowOf(y, i), in, w, shift, mean, r)
		}
	})
}

// inverseRoot returns 1/√(mean((x − mu)²) + eps).
func inverseRoot(x []float32, mu, eps float32) float32 {
	variance := float64(row.Deviations(x, mu)) / float64(len(x))
	return float32(1 / math.Sqrt(variance+float64(eps)))
}

// LayerNormBackward computes dx (=|+=) r·(h − mean(h) − x̂·mean(h·x̂)) with h = g·weight.
func (cpu) LayerNormBackward(dx, g, x, stats, weight *Tensor, accumulate bool) {
	mustEqual("LayerNormBackward", stats.Len(), 2*x.Rows())
	normBackward("LayerNormBackward", dx, g, x, weight, accumulate, true, func(i int) (mean, r float32) {
		return stats.F32()[2*i], stats.F32()[2*i+1]
	})
}

// normBackward is the backward step of either norm: of RMSNorm the mean is 0 and h is not
// centred. stats are a row's mean and factor.
func normBackward(op string, dx, g, x, weight *Tensor, accumulate, centred bool, stats func(i int) (mean, r float32)) {
	n, c := x.Rows(), x.Cols()
	w := weight.F32()
	mustEqual(op, dx.Len(), n*c)
	mustEqual(op, g.Len(), n*c)
	mustEqual(op, len(w), c)
	parallel(n, rowGrain(c), func(lo, hi int) {
		var memory []float32
		if accumulate {
			borrowed := floats.borrow(c)
			defer borrowed.giveBack()
			memory = borrowed.data
		}
		for i := lo; i < hi; i++ {
			mean, r := stats(i)
			gs, xs, d := rowOf(g, i), rowOf(x, i), rowOf(dx, i)
			sum, dot := row.NormSums(gs, xs, w, mean, r)
			middle := float32(0)
			if centred {
				middle = sum / float32(c)
			}
			if !accumulate {
				row.NormSlopes(d, gs, xs, w, mean, r, middle, dot/float32(c))
				continue
			}
			row.NormSlopes(memory, gs, xs, w, mean, r, middle, dot/float32(c))
			row.Add(d, memory)
		}
	})
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
			r := inverseRoot(rowOf(x, i), 0, eps)
			stats.F32()[i] = r
			row.RootNormalise(rowOf(y, i), rowOf(x, i), w, r)
		}
	})
}

// RMSNormBackward computes dx (=|+=) r·(h − x̂·mean(h·x̂)) with h = g·weight.
func (cpu) RMSNormBackward(dx, g, x, stats, weight *Tensor, accumulate bool) {
	mustEqual("RMSNormBackward", stats.Len(), x.Rows())
	normBackward("RMSNormBackward", dx, g, x, weight, accumulate, false, func(i int) (mean, r float32) {
		return 0, stats.F32()[i]
	})
}
