package cuda

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// Unfold lays the patches of x out as rows of cols, column order (C, ky, kx).
func (d *Device) Unfold(cols, x *linalg.Tensor, conv linalg.Conv) {
	checkConv("Unfold", cols, x, conv)
	d.overImages(named("cola_unfold", x), x.Rows(), conv.Positions()*conv.Columns(),
		append([]any{cols, x, int32(x.Rows())}, geometry(conv)...)...)
}

// UnfoldBackward adds every patch back to where it came from, position after position.
func (d *Device) UnfoldBackward(dx, cols *linalg.Tensor, conv linalg.Conv, accumulate bool) {
	checkConv("UnfoldBackward", cols, dx, conv)
	args := append([]any{dx, cols, int32(dx.Rows())}, geometry(conv)...)
	d.overImages(named("cola_unfold_backward", dx), dx.Rows(), dx.Cols(), append(args, flag(accumulate))...)
}

func checkConv(op string, cols, x *linalg.Tensor, conv linalg.Conv) {
	mustBeHidden(op, x, cols)
	padded := min(conv.Height, conv.Width) + 2*conv.Padding
	if conv.Kernel < 1 || conv.Stride < 1 || conv.Padding < 0 || conv.Kernel > padded {
		panic(fmt.Sprintf("linalg.%s: no convolution has the geometry %+v", op, conv))
	}
	if x.Cols() != conv.Height*conv.Width*conv.Channels || cols.Rows() != x.Rows()*conv.Positions() || cols.Cols() != conv.Columns() {
		panic(fmt.Sprintf("linalg.%s: columns %v and images %v of %+v", op, cols.Shape(), x.Shape(), conv))
	}
}

// geometry is a convolution as kernels/image.cu takes it.
func geometry(c linalg.Conv) []any {
	h, w := c.Output()
	return []any{int32(c.Height), int32(c.Width), int32(c.Channels), int32(c.Kernel), int32(c.Stride), int32(c.Padding), int32(h), int32(w)}
}

// MaxPool takes the maximum over size×size windows.
func (d *Device) MaxPool(y, argmax, x *linalg.Tensor, size int) {
	mustBeHidden("MaxPool", x, y)
	mustBe("MaxPool", linalg.I32, argmax)
	h, w, c := imageShape("MaxPool", x)
	if y.Rows() != x.Rows() || y.Cols() != h/size*(w/size)*c || argmax.Len() != y.Len() {
		panic(fmt.Sprintf("linalg.MaxPool: %v from %v by %d", y.Shape(), x.Shape(), size))
	}
	d.overImages(named("cola_max_pool", x), x.Rows(), y.Cols(),
		y, argmax, x, int32(x.Rows()), int32(h), int32(w), int32(c), int32(size))
}

// MaxPoolBackward sets dx = 0 and adds g at the maxima. A maximum outside of the image is
// left out.
func (d *Device) MaxPoolBackward(dx, g, argmax *linalg.Tensor) {
	mustBeHidden("MaxPoolBackward", dx, g)
	mustBe("MaxPoolBackward", linalg.I32, argmax)
	mustEqual("MaxPoolBackward", argmax.Len(), g.Len())
	mustEqual("MaxPoolBackward", dx.Rows(), g.Rows())
	d.Zero(dx)
	d.overImages(named("cola_max_pool_backward", dx), dx.Rows(), g.Cols(),
		dx, g, argmax, int32(dx.Rows()), int32(dx.Cols()), int32(g.Cols()))
}

// MeanPool is the global average over positions.
func (d *Device) MeanPool(y, x *linalg.Tensor) {
	mustBeHidden("MeanPool", x, y)
	h, w, c := imageShape("MeanPool", x)
	mustEqual("MeanPool", y.Cols(), c)
	mustEqual("MeanPool", y.Rows(), x.Rows())
	d.overImages(named("cola_mean_pool", x), x.Rows(), c, y, x, int32(x.Rows()), int32(h*w), int32(c))
}

// MeanPoolBackward computes dx = g/(H·W) at every position.
func (d *Device) MeanPoolBackward(dx, g *linalg.Tensor) {
	mustBeHidden("MeanPoolBackward", dx, g)
	h, w, c := imageShape("MeanPoolBackward", dx)
	mustEqual("MeanPoolBackward", g.Cols(), c)
	mustEqual("MeanPoolBackward", g.Rows(), dx.Rows())
	d.overImages(named("cola_mean_pool_backward", dx), dx.Rows(), dx.Cols(), dx, g, int32(dx.Rows()), int32(h*w), int32(c))
}

func imageShape(op string, x *linalg.Tensor) (h, w, c int) {
	if len(x.Shape()) != 4 {
		panic(fmt.Sprintf("linalg.%s: %v is not (n, height, width, channels)", op, x.Shape()))
	}
	return x.Dim(1), x.Dim(2), x.Dim(3)
}
