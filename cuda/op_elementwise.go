package cuda

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// Zero sets t to 0.
func (d *Device) Zero(t *linalg.Tensor) {
	p := d.pointer(t)
	d.do("Zero", func() error { return d.fill(p, 0, bytesOf(t)) })
}

// Copy sets dst to src, of the same dtype and shape.
func (d *Device) Copy(dst, src *linalg.Tensor) {
	mustCopy("Copy", dst, src)
	to, from := d.pointer(dst), d.pointer(src)
	d.do("Copy", func() error { return d.copy(to, from, bytesOf(src)) })
}

func bytesOf(t *linalg.Tensor) int64 { return int64(t.Len()) * int64(t.DType().Size()) }

// convert computes y = x in y's type, F32 or BF16, rounding to nearest even. Types that are
// the same are for [Device.Copy].
func (d *Device) convert(y, x *linalg.Tensor) {
	if y.DType() == x.DType() || y.DType() == linalg.F16 || x.DType() == linalg.I32 || y.DType() == linalg.I32 {
		panic(fmt.Sprintf("linalg: %v is not converted to %v", x.DType(), y.DType()))
	}
	mustEqual("convert", y.Len(), x.Len())
	d.overElements(named("cola_convert", y, x), x.Len(), pack(y, x), y, x, int64(x.Len()))
}

// Axpy computes y += alpha·x, element by element. The types may differ.
func (d *Device) Axpy(y *linalg.Tensor, alpha float32, x *linalg.Tensor) {
	mustBeHidden("Axpy", y)
	mustBeHidden("Axpy", x)
	mustEqual("Axpy", y.Len(), x.Len())
	d.overElements(named("cola_axpy", y, x), y.Len(), pack(y, x), y, alpha, x, int64(y.Len()))
}

// Add computes y = a + b, element by element.
func (d *Device) Add(y, a, b *linalg.Tensor) {
	mustBeHidden("Add", y, a, b)
	mustEqual("Add", y.Len(), a.Len())
	mustEqual("Add", b.Len(), a.Len())
	d.overElements(named("cola_add", y), y.Len(), pack(y), y, a, b, int64(y.Len()))
}

// Scale computes y = alpha·y.
func (d *Device) Scale(y *linalg.Tensor, alpha float32) {
	mustBeHidden("Scale", y)
	d.overElements(named("cola_scale", y), y.Len(), pack(y), y, alpha, int64(y.Len()))
}

// ReLU computes y = max(x, 0).
func (d *Device) ReLU(y, x *linalg.Tensor) {
	mustBeHidden("ReLU", y, x)
	mustEqual("ReLU", y.Len(), x.Len())
	d.overElements(named("cola_relu", y), y.Len(), pack(y), y, x, int64(y.Len()))
}

// ReLUBackward computes dx = g where y > 0, else 0.
func (d *Device) ReLUBackward(dx, g, y *linalg.Tensor) {
	mustBeHidden("ReLUBackward", dx, g, y)
	mustEqual("ReLUBackward", dx.Len(), g.Len())
	mustEqual("ReLUBackward", dx.Len(), y.Len())
	d.overElements(named("cola_relu_backward", dx), dx.Len(), pack(dx), dx, g, y, int64(dx.Len()))
}
