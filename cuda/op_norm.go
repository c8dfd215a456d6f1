package cuda

import "github.com/gradientlearning/cola/linalg"

// LayerNorm computes y = (x − μ)·r·weight + bias on every row.
func (d *Device) LayerNorm(y, stats, x, weight, bias *linalg.Tensor, eps float32) {
	checkNorm("LayerNorm", x, stats, 2, weight, y)
	mustBe("LayerNorm", linalg.F32, bias)
	if bias != nil {
		mustEqual("LayerNorm", bias.Len(), x.Cols())
	}
	d.overRows(named("cola_layer_norm", x), x.Rows(), x.Cols(),
		y, stats, x, weight, bias, int64(x.Rows()), int32(x.Cols()), eps)
}

// LayerNormBackward computes dx (=|+=) r·(h − mean(h) − x̂·mean(h·x̂)) with h = g·weight.
func (d *Device) LayerNormBackward(dx, g, x, stats, weight *linalg.Tensor, accumulate bool) {
	checkNorm("LayerNormBackward", x, stats, 2, weight, dx, g)
	d.overRows(named("cola_layer_norm_backward", x), x.Rows(), x.Cols(),
		dx, g, x, stats, weight, int64(x.Rows()), int32(x.Cols()), flag(accumulate))
}

// RMSNorm computes y = x·r·weight on every row.
func (d *Device) RMSNorm(y, stats, x, weight *linalg.Tensor, eps float32) {
	checkNorm("RMSNorm", x, stats, 1, weight, y)
	d.overRows(named("cola_rms_norm", x), x.Rows(), x.Cols(),
		y, stats, x, weight, int64(x.Rows()), int32(x.Cols()), eps)
}

// RMSNormBackward computes dx (=|+=) r·(h − x̂·mean(h·x̂)) with h = g·weight.
func (d *Device) RMSNormBackward(dx, g, x, stats, weight *linalg.Tensor, accumulate bool) {
	checkNorm("RMSNormBackward", x, stats, 1, weight, dx, g)
	d.overRows(named("cola_rms_norm_backward", x), x.Rows(), x.Cols(),
		dx, g, x, stats, weight, int64(x.Rows()), int32(x.Cols()), flag(accumulate))
}

// checkNorm holds the operands of a norm against x (n, c): so many statistics a row, a weight
// for each column, and others that are as x is.
func checkNorm(op string, x, stats *linalg.Tensor, each int, weight *linalg.Tensor, others ...*linalg.Tensor) {
	mustBeHidden(op, x, others...)
	mustBe(op, linalg.F32, stats, weight)
	for _, t := range others {
		mustEqual(op, t.Len(), x.Len())
	}
	mustEqual(op, stats.Len(), each*x.Rows())
	mustEqual(op, weight.Len(), x.Cols())
}
