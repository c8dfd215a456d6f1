package cuda

import "github.com/gradientlearning/cola/linalg"

// CrossEntropy computes the loss of each row and, where dlogits is not nil, its gradient. A
// row whose label is no class gets NaN.
func (d *Device) CrossEntropy(loss, dlogits, logits, labels, scale *linalg.Tensor) {
	n, classes := logits.Rows(), logits.Cols()
	mustBeHidden("CrossEntropy", logits, dlogits)
	mustBe("CrossEntropy", linalg.F32, loss)
	mustBe("CrossEntropy", linalg.I32, labels)
	mustEqual("CrossEntropy", loss.Len(), n)
	mustEqual("CrossEntropy", labels.Len(), n)
	if dlogits == nil {
		scale = nil
	} else {
		mustBe("CrossEntropy", linalg.F32, scale)
		mustEqual("CrossEntropy", dlogits.Len(), logits.Len())
		mustEqual("CrossEntropy", scale.Len(), n)
	}
	d.overRows(named("cola_cross_entropy", logits), n, classes, loss, dlogits, logits, labels, scale, int64(n), int32(classes))
}

// SquaredError computes each row's loss and, where dpred is not nil, its gradient.
func (d *Device) SquaredError(loss, dpred, pred, target, scale *linalg.Tensor) {
	n := loss.Len()
	mustBeHidden("SquaredError", pred, dpred)
	mustBe("SquaredError", linalg.F32, loss, target)
	mustEqual("SquaredError", n, pred.Len())
	mustEqual("SquaredError", target.Len(), pred.Len())
	if dpred == nil {
		scale = nil
	} else {
		mustBe("SquaredError", linalg.F32, scale)
		mustEqual("SquaredError", dpred.Len(), pred.Len())
		mustEqual("SquaredError", scale.Len(), pred.Len())
	}
	d.overElements(named("cola_squared_error", pred), n, 1, loss, dpred, pred, target, scale, int64(n))
}

// Argmax sets index to the first of each row's largest elements.
func (d *Device) Argmax(index, x *linalg.Tensor) {
	mustBeHidden("Argmax", x)
	mustBe("Argmax", linalg.I32, index)
	mustEqual("Argmax", index.Len(), x.Rows())
	if x.Cols() == 0 {
		panic("linalg.Argmax: rows of no elements have no largest")
	}
	d.overRows(named("cola_argmax", x), x.Rows(), x.Cols(), index, x, int64(x.Rows()), int32(x.Cols()))
}
