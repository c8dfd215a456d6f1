package model

import (
	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
)

// linear is a fully connected layer, y = x·Wᵀ + b.
type linear struct {
	Weight *linalg.Tensor `tensor:"weight"` // (out, in), on the host; of a file that has Wᵀ that
	Bias   *linalg.Tensor `tensor:"bias"`   // (out), on the device; nil: none

	input      int  // layers with the same number get the same x
	head       bool // a classification head: a site whatever was asked for
	output     bool // the head of a language model: no site unless asked for by name
	transposed bool // checkpoints hold Wᵀ, as GPT-2's Conv1D does
	tied       bool // the weight is another's, and no parameter
	layer      *layer
}

// newLinear declares a layer whose input has a number that says whose it shares.
func newLinear(input, in, out int) *linear {
	l := newUnbiased(input, in, out)
	l.Bias = linalg.New(linalg.F32, out)
	return l
}

// newUnbiased declares a layer without bias.
func newUnbiased(input, in, out int) *linear {
	return &linear{Weight: declared(out, in), input: input}
}

// declared is the place of a weight: it has a shape, and no numbers before they are loaded
// or drawn.
func declared(shape ...int) *linalg.Tensor {
	return linalg.NewOnDevice(linalg.F32, nowhere{}, shape...)
}

// nowhere is the memory of what is not there yet.
type nowhere struct{}

// Device says that there is none.
func (nowhere) Device() string { return "declared" }

// conv2D is a convolution.
type conv2D struct {
	Weight *linalg.Tensor `tensor:"weight"` // (out, C, K, K), on the host
	Bias   *linalg.Tensor `tensor:"bias"`   // (out), on the device

	input    int
	geometry linalg.Conv
	layer    *layer
}

func newConv2D(input int, geometry linalg.Conv, out int) *conv2D {
	weight := declared(out, geometry.Channels, geometry.Kernel, geometry.Kernel)
	return &conv2D{Weight: weight, Bias: linalg.New(linalg.F32, out), input: input, geometry: geometry}
}

// embedding is a table of rows: y = table[ids].
type embedding struct {
	Weight *linalg.Tensor `tensor:"weight"` // (rows, width), on the host

	input int
	tied  bool // the table is another's, and no parameter
	layer *layer
}

func newEmbedding(input, rows, width int) *embedding {
	return &embedding{Weight: declared(rows, width), input: input}
}

// norm is what a LayerNorm or an RMSNorm scales and shifts with, on the device.
type norm struct {
	Weight *linalg.Tensor `tensor:"weight"` // (width)
	Bias   *linalg.Tensor `tensor:"bias"`   // (width); nil: none
	eps    float32
}

// newLayerNorm declares the scale and shift of a LayerNorm.
func newLayerNorm(width int, eps float64) *norm {
	return &norm{Weight: linalg.New(linalg.F32, width), Bias: linalg.New(linalg.F32, width), eps: float32(eps)}
}

// newRMSNorm declares the scale of an RMSNorm.
func newRMSNorm(width int, eps float64) *norm {
	return &norm{Weight: linalg.New(linalg.F32, width), eps: float32(eps)}
}

// layer is what stands behind a linear, conv2D or embedding on the device. The pristine
// W₀ stays on the host, or in its file; what passes multiply with is the working copy, W₀ or
// W₀ + ΔW̄.
type layer struct {
	held
	site        adapter.Site
	index       int             // among the sites; -1: it is none
	input       int             // layers with the same number get the same x
	output      bool            // the head of a language model
	weight      **linalg.Tensor // pristine, on the host
	bias        **linalg.Tensor // pristine, on the device; nil there: none
	packed      linalg.Packed   // the working copy of a linear or conv2d layer
	table       *linalg.Tensor  // the working copy of an embedding
	workingBias *linalg.Tensor  // b₀ itself, or b₀ + Δb̄
	merged      bool
	precision   linalg.Precision
}

// reset makes W₀ the working copy. Devices that compute in the host's memory share an
// embedding's table with the file that it is mapped from.
func (l *layer) reset(dev linalg.Device, s *scratch) {
	if l.site.Kind == adapter.SiteEmbedding {
		l.look(dev, place(dev, *l.weight))
		l.done()
		return
	}
	l.withPristine(s, inHostMemory(dev), func(w *linalg.Tensor) {
		withPlaced(dev, w, func(w *linalg.Tensor) {
			if l.packed == nil {
				l.packed = dev.Pack(w, l.precision)
			} else {
				l.packed.Set(w)
			}
		})
	})
}

// look makes table what an embedding looks up in.
func (l *layer) look(dev linalg.Device, table *linalg.Tensor) {
	if l.table != nil && l.table != *l.weight {
		dev.Free(l.table)
	}
	l.table = table
}

// restore makes the pristine parameters the working copy.
func (l *layer) restore(dev linalg.Device, s *scratch) {
	l.reset(dev, s)
	l.add(dev, *l.bias)
	l.merged = false
}

// add makes bias what is added to the layer's product.
func (l *layer) add(dev linalg.Device, bias *linalg.Tensor) {
	if l.workingBias != nil && l.workingBias != *l.bias {
		dev.Free(l.workingBias)
	}
	l.workingBias = bias
}

// merge makes W₀ + ΔW and b₀ + Δb the working copy; a delta that is nil is zero.
func (l *layer) merge(dev linalg.Device, s *scratch, weight, bias *linalg.Tensor) {
	if weight == nil {
		l.reset(dev, s)
	} else {
		l.withPristine(s, true, func(w0 *linalg.Tensor) {
			sum := plus(dev, w0, weight)
			if l.site.Kind == adapter.SiteEmbedding {
				l.look(dev, sum)
			} else {
				l.packed.Set(sum)
				dev.Free(sum)
			}
		})
	}
	l.merged = true
	if bias == nil {
		l.add(dev, *l.bias)
	} else {
		l.add(dev, plus(dev, *l.bias, bias))
	}
}

// plus returns base + delta on the device, in new memory.
func plus(dev linalg.Device, base, delta *linalg.Tensor) *linalg.Tensor {
	sum := dev.New(linalg.F32, base.Shape()...)
	for _, part := range []*linalg.Tensor{base, delta} {
		withPlaced(dev, part, func(t *linalg.Tensor) { dev.Axpy(sum, 1, t) })
	}
	return sum
}

// bytes is the device's memory that the working copy holds.
func (l *layer) bytes() int64 {
	var n int64
	if l.packed != nil {
		n += l.packed.Bytes()
	}
	if l.table != nil && l.table != *l.weight {
		n += bytesOf(l.table)
	}
	if l.workingBias != nil && l.workingBias != *l.bias {
		n += bytesOf(l.workingBias)
	}
	return n
}
