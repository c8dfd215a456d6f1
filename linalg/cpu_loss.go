package linalg

import (
	"fmt"
	"math"
)

// CrossEntropy computes the loss of each row and, where dlogits is not nil, its gradient:
//
//	loss[i]    = log Σ_j exp(z_ij) − z_il,  l = labels[i]
//	dlogits[i] = scale[i]·(softmax(z_i) − onehot(l))
//
// Both are 0 where l is [Ignored]. The maximum is taken out of the exponents, and the sum is taken in float64.
func (cpu) CrossEntropy(loss, dlogits, logits, labels, scale *Tensor) {
	n, classes := logits.Rows(), logits.Cols()
	mustEqual("CrossEntropy", loss.Len(), n)
	mustEqual("CrossEntropy", labels.Len(), n)
	ls, ids, factors := loss.F32(), labels.I32(), []float32(nil)
	for i, label := range ids {
		if label != Ignored && (label < 0 || int(label) >= classes) {
			panic(fmt.Sprintf("linalg.CrossEntropy: label %d of row %d, there are %d classes", label, i, classes))
		}
	}
	if dlogits != nil {
		mustEqual("CrossEntropy", dlogits.Len(), logits.Len())
		mustEqual("CrossEntropy", scale.Len(), n)
		factors = scale.F32()
	}
	parallel(n, rowGrain(classes), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			z, label := rowOf(logits, i), int(ids[i])
			if label == Ignored {
				ls[i] = 0
				if dlogits != nil {
					clear(rowOf(dlogits, i))
				}
				continue
			}
			top, sum := expSum(z)
			ls[i] = float32(math.Log(sum) + (top - float64(z[label])))
			if dlogits == nil {
				continue
			}
			d, s := rowOf(dlogits, i), float64(factors[i])
			for j, v := range z {
				p := math.Exp(float64(v)-top) / sum
				if j == label {
					p--
				}
				d[j] = float32(s * p)
			}
		}
	})
}

// expSum returns the maximum of z, NaN where z holds one, and Σ exp(z − maximum).
func expSum(z []float32) (top, sum float64) {
	top = math.Inf(-1)
	for _, v := range z {
		top = max(top, float64(v))
	}
	for _, v := range z {
		sum += math.Exp(float64(v) - top)
	}
	return top, sum
}
