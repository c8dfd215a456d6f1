package linalgtest

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

func TestCPUPasses(t *testing.T) { Conformance(t, linalg.NewCPU()) }

// Each device below breaks one promise: the suite must see it, in the check that is for it.

type ignoresAccumulate struct{ linalg.Device }

func (d ignoresAccumulate) MatMul(c, a, b *linalg.Tensor, op linalg.MatMul) {
	op.Accumulate = false
	d.Device.MatMul(c, a, b, op)
}

type readsDestination struct{ linalg.Device }

func (d readsDestination) MatMul(c, a, b *linalg.Tensor, op linalg.MatMul) {
	d.Scale(c, 0)
	op.Accumulate = true
	d.Device.MatMul(c, a, b, op)
}

// dependsOnRows is off by one unit in the last place in batches of more than 64 rows: what
// a kernel does that chooses its blocks by size.
type dependsOnRows struct{ linalg.Device }

func (d dependsOnRows) Linear(y, x *linalg.Tensor, w linalg.Packed, e linalg.Epilogue) {
	d.Device.Linear(y, x, w, e)
	if x.Rows() > 64 {
		y.F32()[0] = math.Nextafter32(y.F32()[0], 2)
	}
}

type dependsOnThreads struct{ linalg.Device }

func (d dependsOnThreads) AddBiasBackward(dbias, g *linalg.Tensor, accumulate bool) {
	d.Device.AddBiasBackward(dbias, g, accumulate)
	if runtime.GOMAXPROCS(0) > 2 && dbias.Len() > 0 {
		dbias.F32()[0] = math.Nextafter32(dbias.F32()[0], 2)
	}
}

type packsByReference struct{ linalg.Device }

func (d packsByReference) Pack(w *linalg.Tensor, p linalg.Precision) linalg.Packed {
	return livePacked{d.Device.Pack(w, p), w, d.Device}
}

func (d packsByReference) Linear(y, x *linalg.Tensor, w linalg.Packed, e linalg.Epilogue) {
	live := w.(livePacked)
	d.Device.Linear(y, x, d.Pack(live.w, linalg.F32Products).(livePacked).Packed, e)
}

func (d packsByReference) LinearBackward(dx, g *linalg.Tensor, w linalg.Packed, b linalg.Backward) {
	d.Device.LinearBackward(dx, g, w.(livePacked).Packed, b)
}

type livePacked struct {
	linalg.Packed
	w   *linalg.Tensor
	dev linalg.Device
}

type hidesNaN struct{ linalg.Device }

func (d hidesNaN) ReLU(y, x *linalg.Tensor) {
	for i, v := range x.F32() {
		y.F32()[i] = 0
		if v > 0 {
			y.F32()[i] = v
		}
	}
}

type usesOutputSign struct{ linalg.Device }

func (d usesOutputSign) ReLUBackward(dx, g, y *linalg.Tensor) {
	for i, v := range y.F32() {
		dx.F32()[i] = 0
		if v >= 0 {
			dx.F32()[i] = g.F32()[i]
		}
	}
}

type kernelFirst struct{ linalg.Device }

func (d kernelFirst) Unfold(cols, x *linalg.Tensor, conv linalg.Conv) {
	d.Device.Unfold(cols, x, conv)
	kk := conv.Kernel * conv.Kernel
	for i := range cols.Rows() {
		row := cols.RowRange(i, i+1).F32()
		old := append([]float32{}, row...)
		for c := range conv.Channels {
			for k := range kk {
				row[k*conv.Channels+c] = old[c*kk+k]
			}
		}
	}
}

type foldsOntoOld struct{ linalg.Device }

func (d foldsOntoOld) UnfoldBackward(dx, cols *linalg.Tensor, conv linalg.Conv, _ bool) {
	d.Device.UnfoldBackward(dx, cols, conv, true)
}

type lastOfEquals struct{ linalg.Device }

func (d lastOfEquals) MaxPool(y, argmax, x *linalg.Tensor, size int) {
	d.Device.MaxPool(y, argmax, x, size)
	w, c := x.Dim(2), x.Dim(3)
	for i := range y.Rows() {
		image := x.RowRange(i, i+1).F32()
		for o, at := range argmax.RowRange(i, i+1).I32() {
			if next := int(at) + c; size > 1 && (int(at)/c)%w%size == 0 && image[next] == image[at] {
				argmax.RowRange(i, i+1).I32()[o] = int32(next)
			}
		}
	}
}

type addsToOldImage struct{ linalg.Device }

func (d addsToOldImage) MaxPoolBackward(dx, g, argmax *linalg.Tensor) {
	old := dx.Clone()
	d.Device.MaxPoolBackward(dx, g, argmax)
	d.Axpy(dx, 1, old)
}

type meansOverAll struct{ linalg.Device }

func (d meansOverAll) MeanPoolBackward(dx, g *linalg.Tensor) {
	d.Device.MeanPoolBackward(dx, g)
	d.Scale(dx, float32(dx.Dim(1)))
}

// overflows takes exponentials as they are.
type overflows struct{ linalg.Device }

func (d overflows) CrossEntropy(loss, dlogits, logits, labels, scale *linalg.Tensor) {
	old := logits.Clone()
	d.Device.CrossEntropy(loss, dlogits, logits, labels, scale)
	for i := range loss.Len() {
		row, sum := old.RowRange(i, i+1).F32(), float32(0)
		for _, v := range row {
			sum += float32(math.Exp(float64(v)))
		}
		loss.F32()[i] = float32(math.Log(float64(sum))) - row[labels.I32()[i]]
	}
}

type swallowsInfinity struct{ linalg.Device }

func (d swallowsInfinity) CrossEntropy(loss, dlogits, logits, labels, scale *linalg.Tensor) {
	d.Device.CrossEntropy(loss, dlogits, logits, labels, scale)
	for i, v := range loss.F32() {
		if math.IsNaN(float64(v)) {
			loss.F32()[i] = 0
		}
	}
}

type offByAThousandth struct{ linalg.Device }

func (d offByAThousandth) LinearBackward(dx, g *linalg.Tensor, w linalg.Packed, b linalg.Backward) {
	d.Device.LinearBackward(dx, g, w, b)
	d.Axpy(dx, 1e-3, dx.Clone())
}

type losesRows struct{ linalg.Device }

func (d losesRows) Rows(t *linalg.Tensor, lo, hi int) *linalg.Tensor {
	return d.Device.Rows(t, lo, hi).Clone()
}

type halvesPrecision struct{ linalg.Device }

func (d halvesPrecision) Axpy(y *linalg.Tensor, alpha float32, x *linalg.Tensor) {
	d.Device.Axpy(y, alpha, x)
	d.Upload(y, y.Convert(linalg.BF16).Convert(linalg.F32))
}

type forgetsResidual struct{ linalg.Device }

func (d forgetsResidual) Linear(y, x *linalg.Tensor, w linalg.Packed, e linalg.Epilogue) {
	e.Residual = nil
	d.Device.Linear(y, x, w, e)
}

// activatesSaved leaves something else than its way back needs.
type activatesSaved struct{ linalg.Device }

func (d activatesSaved) Linear(y, x *linalg.Tensor, w linalg.Packed, e linalg.Epilogue) {
	d.Device.Linear(y, x, w, e)
	if e.Saved != nil {
		d.Activate(e.Saved, e.Saved, e.Activation)
	}
}

type forgetsSaved struct{ linalg.Device }

func (d forgetsSaved) LinearBackward(dx, g *linalg.Tensor, w linalg.Packed, b linalg.Backward) {
	b.Saved = nil
	d.Device.LinearBackward(dx, g, w, b)
}

type addsAlways struct{ linalg.Device }

func (d addsAlways) AttentionBackward(dq, dk, dv, g, y, lse, q, k, v *linalg.Tensor, a linalg.Attention) {
	a.Set = false
	d.Device.AttentionBackward(dq, dk, dv, g, y, lse, q, k, v, a)
}

// scaleOfTheFirst gives every part the first one's scale.
type scaleOfTheFirst struct{ linalg.Device }

func (d scaleOfTheFirst) LowRank(y, x *linalg.Tensor, parts []linalg.LowRank) {
	parts = slices.Clone(parts)
	for i := range parts {
		parts[i].Scale = parts[0].Scale
	}
	d.Device.LowRank(y, x, parts)
}

// fetchesLate copies when it is waited for.
type fetchesLate struct{ linalg.Device }

func (d fetchesLate) Fetch(src *linalg.Tensor, as linalg.DType) func() (*linalg.Tensor, error) {
	return func() (*linalg.Tensor, error) { return d.Device.Fetch(src, as)() }
}

// coarse keeps values in bfloat16, and multiplies with an error of a twentieth.
type coarse struct{ linalg.Device }

func (coarse) Hidden(p linalg.Precision) linalg.DType {
	if p == linalg.BF16Products {
		return linalg.BF16
	}
	return linalg.F32
}

func (d coarse) MatMul(c, a, b *linalg.Tensor, op linalg.MatMul) {
	wide := c.Convert(linalg.F32)
	d.Device.MatMul(wide, a.Convert(linalg.F32), b.Convert(linalg.F32), op)
	if c.DType() == linalg.BF16 {
		d.Scale(wide, 1.05)
		d.Upload(c, wide.Convert(linalg.BF16))
	}
}

func TestSuiteSeesBrokenDevices(t *testing.T) {
	cpu := linalg.NewCPU()
	for _, c := range []struct {
		check string
		dev   linalg.Device
		says  string
	}{
		{"MatMul", ignoresAccumulate{cpu}, "Accumulate:true"},
		{"MatMul", readsDestination{cpu}, "NaN"},
		{"RowIndependence", dependsOnRows{cpu}, "Linear: rows"},
		{"Threads", dependsOnThreads{cpu}, "GOMAXPROCS"},
		{"Packed", packsByReference{cpu}, "the source of Pack changed"},
		{"ReLU", hidesNaN{cpu}, "want NaN"},
		{"ReLU", usesOutputSign{cpu}, "ReLUBackward"},
		{"FiniteDifferences", usesOutputSign{cpu}, "ReLUBackward"},
		{"Unfold", kernelFirst{cpu}, "Unfold of"},
		{"Unfold", foldsOntoOld{cpu}, "NaN"},
		{"MaxPool", lastOfEquals{cpu}, "argmax"},
		{"MaxPool", addsToOldImage{cpu}, "MaxPoolBackward"},
		{"MeanPool", meansOverAll{cpu}, "MeanPoolBackward"},
		{"FiniteDifferences", meansOverAll{cpu}, "MeanPoolBackward"},
		{"CrossEntropy", overflows{cpu}, "Inf"},
		{"CrossEntropyExtremes", swallowsInfinity{cpu}, "want NaN"},
		{"Linear", offByAThousandth{cpu}, "LinearBackward"},
		{"FiniteDifferences", offByAThousandth{cpu}, "LinearBackward"},
		{"Transfer", losesRows{cpu}, "view"},
		{"Epilogue", forgetsResidual{cpu}, "residual true"},
		{"Epilogue", activatesSaved{cpu}, "LinearBackward"},
		{"Epilogue", forgetsSaved{cpu}, "LinearBackward"},
		{"Attention", addsAlways{cpu}, "that sets"},
		{"LowRank", scaleOfTheFirst{cpu}, "LowRank"},
		{"Fetch", fetchesLate{cpu}, "something else"},
		{"Hidden", coarse{cpu}, "in bf16: element"},
		{"Elementwise", halvesPrecision{cpu}, "Axpy"},
	} {
		i := slices.IndexFunc(checks, func(part check) bool { return part.name == c.check })
		err := checks[i].run(newSuite(c.dev, Float32()))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s on %T: error %v, want one that says %q", c.check, c.dev, err, c.says)
		}
	}
}
