package linalg

import "errors"

// Device computes on tensors. It is narrow on purpose: matrix products, and the
// paired forward and backward operations that models are made of. A backward
// operation stands directly under its forward one.
//
// In the comments n is the number of rows, y and g are (n, out), x and dx are
// (n, in) and W is (out, in). "accumulate" means += where it is true and = where
// it is false. Destinations never alias sources unless the comment allows it.
//
// Every method keeps the package's promises: row independence and determinism.
// linalgtest holds the conformance suite that every device passes.
type Device interface {
	// Name says what the device is, for people: "cpu (2 threads)".
	Name() string

	// New returns a tensor of zeros in the device's memory.
	New(dtype DType, shape ...int) *Tensor
	// Empty returns a tensor whose elements are whatever the memory held.
	Empty(dtype DType, shape ...int) *Tensor
	// Free gives the memory of a tensor that New or Empty made back to the device, which may
	// use it for the next: neither the tensor nor any view of it may be used again. A tensor
	// that is not freed goes when nothing reaches it. Freeing twice panics. A host tensor that
	// Fetch brought may be freed, too, from any goroutine.
	Free(t *Tensor)
	// Upload copies a host tensor of the same dtype and shape to dst.
	Upload(dst, src *Tensor)
	// Download copies src to a host tensor of the same dtype and shape.
	Download(dst, src *Tensor)
	// Fetch begins to bring src to the host as another dtype (F32 or BF16 of a float tensor,
	// rounded to nearest even; its own of any) while the device goes on: src may be freed at
	// once, but is not written to. The function that it returns waits for what comes, from any
	// goroutine. That may be src's memory, and is not written to either.
	Fetch(src *Tensor, as DType) func() (*Tensor, error)
	// Hidden is the dtype in which a pass at this precision keeps what it computes: the Vars
	// of a tape and their gradients. The operations take it wherever they take F32 for
	// activations; parameters, statistics, losses and adapters are F32 on every device.
	Hidden(precision Precision) DType
	// Err returns what failed first on the device, nil if nothing did. After a failure
	// operations do nothing, and what was computed since is not to be used. Memory that ran
	// out is [ErrOutOfMemory], which is forgotten with this call: the caller may free, and try
	// something smaller.
	Err() error
	// Rows returns a view of rows lo to hi-1.
	Rows(t *Tensor, lo, hi int) *Tensor

	// Zero sets t to 0.
	Zero(t *Tensor)
	// Axpy computes y += alpha·x, element by element.
	Axpy(y *Tensor, alpha float32, x *Tensor)
	// Add computes y = a + b, element by element.
	Add(y, a, b *Tensor)
	// Scale computes y = alpha·y.
	Scale(y *Tensor, alpha float32)

	// MatMul computes c (=|+=) alpha · op(a) · op(b), where op transposes if asked.
	// Row i of c depends on row i of op(a) only, unless transA (then c is a sum
	// over the rows of a, added in row order).
	MatMul(c, a, b *Tensor, op MatMul)

	// Pack prepares a frozen matrix W (out, in) for Linear and LinearBackward.
	// W may be changed afterwards without effect on the packed copy.
	Pack(w *Tensor, precision Precision) Packed
	// Linear computes y = f(x·Wᵀ + bias) + residual, of which the epilogue says what there is.
	Linear(y, x *Tensor, w Packed, e Epilogue)
	// LinearBackward computes dx (=|+=) g·W, or dx = (g·W)∘f′, as b says.
	LinearBackward(dx, g *Tensor, w Packed, b Backward)

	// LowRank computes y += s·(x·Aᵀ)·Bᵀ on the rows of every part, each with its own A, B and
	// s, in one go. No two parts share rows; ranks may differ.
	LowRank(y, x *Tensor, parts []LowRank)
	// LowRankBackward computes dx += s·(g·B)·A on the rows of every part.
	LowRankBackward(dx, g *Tensor, parts []LowRank)

	// AddBias computes y += bias on every row.
	AddBias(y, bias *Tensor)
	// AddBiasBackward computes dbias (=|+=) Σ over rows of g, in row order.
	AddBiasBackward(dbias, g *Tensor, accumulate bool)

	// ReLU computes y = max(x, 0); y may be x. NaN stays NaN.
	ReLU(y, x *Tensor)
	// ReLUBackward computes dx = g where y > 0, else 0; dx may be g.
	ReLUBackward(dx, g, y *Tensor)

	// Unfold lays the patches of x (n, H, W, C) out as rows of
	// cols (n·Ho·Wo, C·K·K), column order (C, ky, kx) as PyTorch flattens a kernel.
	// A convolution is Unfold followed by Linear.
	Unfold(cols, x *Tensor, conv Conv)
	// UnfoldBackward (fold) adds every patch back to where it came from:
	// dx (=|+=) Unfoldᵀ(cols).
	UnfoldBackward(dx, cols *Tensor, conv Conv, accumulate bool)

	// MaxPool takes the maximum over non-overlapping size×size windows of
	// x (n, H, W, C), giving y (n, H/size, W/size, C) and in argmax (I32, y's shape)
	// the flat index in x's image of each maximum (the first of equals; rows and
	// columns left over are dropped).
	MaxPool(y, argmax, x *Tensor, size int)
	// MaxPoolBackward sets dx = 0 and adds g at the maxima.
	MaxPoolBackward(dx, g, argmax *Tensor)

	// MeanPool is the global average over positions: y (n, C) from x (n, H, W, C).
	MeanPool(y, x *Tensor)
	// MeanPoolBackward computes dx = g/(H·W) at every position.
	MeanPoolBackward(dx, g *Tensor)

	// CrossEntropy computes, for each row i of logits (n, classes) with label
	// l = labels[i], loss[i] = log Σ exp(logits[i]) − logits[i, l], and, where
	// dlogits is not nil, dlogits[i] = scale[i]·(softmax(logits[i]) − onehot(l)).
	// Both are 0 where l is Ignored.
	// loss is (n), scale (n); dlogits may be logits.
	CrossEntropy(loss, dlogits, logits, labels, scale *Tensor)

	TextDevice
}

// MatMul says how [Device.MatMul] multiplies. The zero value is c = a·b; Alpha 0 means 1.
type MatMul struct {
	TransA, TransB bool
	Alpha          float32
	Accumulate     bool
}

// Epilogue is what [Device.Linear] does with a product before it leaves it. The zero value
// leaves the product alone.
type Epilogue struct {
	// Bias (out) is added to every row; nil: none.
	Bias *Tensor
	// Activation is f, where Saved is not nil. Saved (n, out) gets what the way back through f
	// needs, in the device's own form, which its LinearBackward alone reads: f′ of f's argument,
	// or the argument.
	Activation Activation
	Saved      *Tensor
	// Residual (n, out) is added last; nil: none. It is not y.
	Residual *Tensor
}

// Backward is what [Device.LinearBackward] does with its product. The zero value sets dx to it.
type Backward struct {
	// Accumulate adds it to dx.
	Accumulate bool
	// Activation is f, where Saved is not nil: the layer's input was what f made of the product of
	// the layer before, which left Saved (n, in), and dx, which is set, becomes the gradient of
	// that product.
	Activation Activation
	Saved      *Tensor
}

// LowRank is a low-rank adapter on the rows Lo to Hi-1: A (r, in), B (out, r), and s.
type LowRank struct {
	Lo, Hi int
	A, B   *Tensor
	Scale  float32
}

// ErrOutOfMemory says that a device has not as much memory as was asked for.
var ErrOutOfMemory = errors.New("the device is out of memory")

// Packed is a frozen matrix in the form that a device multiplies fastest.
type Packed interface {
	// Shape returns the dimensions of W: (out, in).
	Shape() (out, in int)
	// Set replaces the matrix, in place, by w of the same shape.
	Set(w *Tensor)
	// Bytes returns the memory that the packed form holds.
	Bytes() int64
}

// Conv is the geometry of a two-dimensional convolution with a square kernel, over
// images in (height, width, channels) order.
type Conv struct {
	Height, Width, Channels int // of the input
	Kernel, Stride, Padding int
}

// Output returns the height and width of the result.
func (c Conv) Output() (h, w int) {
	return (c.Height+2*c.Padding-c.Kernel)/c.Stride + 1, (c.Width+2*c.Padding-c.Kernel)/c.Stride + 1
}

// Columns returns the width of an unfolded row: Channels·Kernel².
func (c Conv) Columns() int { return c.Channels * c.Kernel * c.Kernel }

// Positions returns the unfolded rows of one image: Ho·Wo.
func (c Conv) Positions() int { h, w := c.Output(); return h * w }
