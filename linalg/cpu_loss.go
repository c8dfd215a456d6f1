package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/row"
)

// CrossEntropy computes the loss of each row and, where dlogits is not nil, its gradient:
//
//	loss[i]    = log Σ_j exp(z_ij) − z_il,  l = labels[i]
//	dlogits[i] = scale[i]·(softmax(z_i) − onehot(l))
//
// Both are 0 where l is [Ignored]. The maximum is taken out of the exponents.
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
			top := row.Max(z)
			if dlogits == nil {
				memory := floats.borrow(classes)
				ls[i] = lossOf(row.ExpSum(memory.data, z, top), top, z[label])
				memory.giveBack()
				continue
			}
			d, own := rowOf(dlogits, i), z[label]
			sum := row.ExpSum(d, z, top)
			ls[i] = lossOf(sum, top, own)
			row.Scale(d, factors[i]/sum)
			d[label] -= factors[i]
		}
	})
}

// lossOf returns log Σ exp(z) − z_l, from Σ exp(z − top).
func lossOf(sum, top, own float32) float32 {
	return float32(logarithm(sum) + (float64(top) - float64(own)))
}
