package reference

import (
	"math"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// CrossEntropy computes, with l = labels[i],
//
//	loss[i]      = log Σ_j exp(z[i,j]) − z[i,l]
//	dlogits[i,j] = scale[i] · (exp(z[i,j]) / Σ exp(z[i,·]) − [j = l])
//
// with the row's maximum taken out of every exponent; both are 0 where l is
// [linalg.Ignored]. dlogits may be nil.
func CrossEntropy(loss, dlogits, z []float64, labels []int, scale []float64, n, classes int) {
	for i := range n {
		row := z[i*classes : (i+1)*classes]
		if labels[i] == linalg.Ignored {
			loss[i] = 0
			if dlogits != nil {
				clear(dlogits[i*classes : (i+1)*classes])
			}
			continue
		}
		top, sum := slices.Max(row), 0.0
		for _, v := range row {
			sum += math.Exp(v - top)
		}
		loss[i] = math.Log(sum) + (top - row[labels[i]])
		if dlogits == nil {
			continue
		}
		for j, v := range row {
			p := math.Exp(v-top) / sum
			if j == labels[i] {
				p--
			}
			dlogits[i*classes+j] = scale[i] * p
		}
	}
}

// SquaredError computes loss[i] = (pred[i] − target[i])² and, where dpred is not nil,
// dpred[i] = 2·scale[i]·(pred[i] − target[i]).
func SquaredError(loss, dpred, pred, target, scale []float64) {
	for i, p := range pred {
		loss[i] = (p - target[i]) * (p - target[i])
		if dpred != nil {
			dpred[i] = 2 * scale[i] * (p - target[i])
		}
	}
}
