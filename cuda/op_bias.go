package cuda

import "github.com/gradientlearning/cola/linalg"

// AddBias computes y += bias on every row.
func (d *Device) AddBias(y, bias *linalg.Tensor) {
	mustBeHidden("AddBias", y)
	mustBe("AddBias", linalg.F32, bias)
	mustEqual("AddBias", y.Cols(), bias.Len())
	d.overCells(named("cola_add_bias", y), y.Rows(), y.Cols(), pack(y), y, bias, int64(y.Rows()), int32(y.Cols()))
}

// AddBiasBackward computes dbias (=|+=) Σ over rows of g.
func (d *Device) AddBiasBackward(dbias, g *linalg.Tensor, accumulate bool) {
	mustBeHidden("AddBiasBackward", g)
	mustBe("AddBiasBackward", linalg.F32, dbias)
	mustEqual("AddBiasBackward", g.Cols(), dbias.Len())
	const columns, threads = 32, 32 * 16 // of a block; BIAS_WARPS
	d.launch(named("cola_add_bias_backward", g), grid1(g.Cols(), columns), [3]int{threads, 1, 1}, 0,
		dbias, g, int64(g.Rows()), int32(g.Cols()), flag(accumulate))
}

// finish computes f(y + bias) + residual of a product y, as [linalg.Epilogue] says, for
// Linear where the product's library does not.
func (d *Device) finish(y *linalg.Tensor, e linalg.Epilogue) {
	mustBeHidden("Linear", y, e.Saved, e.Residual)
	mustBe("Linear", linalg.F32, e.Bias)
	if e.Bias != nil {
		mustEqual("Linear", e.Bias.Len(), y.Cols())
	}
	for _, t := range []*linalg.Tensor{e.Saved, e.Residual} {
		if t != nil {
			mustEqual("Linear", t.Len(), y.Len())
		}
	}
	if e.Bias == nil && e.Saved == nil && e.Residual == nil {
		return
	}
	f := "identity"
	if e.Saved != nil {
		f = curve(e.Activation)
	}
	d.overCells(named("cola_finish_"+f, y), y.Rows(), y.Cols(), pack(y),
		y, e.Bias, e.Saved, e.Residual, int64(y.Rows()), int32(y.Cols()))
}
