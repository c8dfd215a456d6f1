package linalg

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg/row"
)

// Score is Argmax of logits to largest (n), of I32, and their CrossEntropy. The CPU computes both
// while a row is in cache: all logits of a large vocabulary are not.
func Score(dev Device, loss, largest, dlogits, logits, labels, scale *Tensor) {
	if _, host := dev.(cpu); host {
		crossEntropy(loss, largest, dlogits, logits, labels, scale)
		return
	}
	dev.Argmax(largest, logits)
	dev.CrossEntropy(loss, dlogits, logits, labels, scale)
}

// CrossEntropy computes the loss of each row and, where dlogits is not nil, its gradient:
//
//	loss[i]    = log Σ_j exp(z_ij) − z_il,  l = labels[i]
//	dlogits[i] = scale[i]·(softmax(z_i) − onehot(l))
//
// Both are 0 where l is [Ignored]. The maximum is taken out of the exponents.
func (cpu) CrossEntropy(loss, dlogits, logits, labels, scale *Tensor) {
	crossEntropy(loss, nil, dlogits, logits, labels, scale)
}

func crossEntropy(loss, largest, dlogits, logits, labels, scale *Tensor) {
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
	var places []int32
	if largest != nil {
		places = largest.I32()
		mustEqual("Argmax", len(places), n)
	}
	parallel(n, rowGrain(classes), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			z, label := rowOf(logits, i), int(ids[i])
			var top float32
			if places != nil || label != Ignored {
				top = row.Max(z)
			}
			if places != nil {
				places[i] = largestOf(z, top)
			}
			if label == Ignored {
				ls[i] = 0
				if dlogits != nil {
					clear(rowOf(dlogits, i))
				}
				continue
			}
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
