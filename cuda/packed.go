package cuda

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// packed is a frozen matrix: one copy of it, in the type that products read it in. cuBLASLt
// multiplies with W and with its transpose at one speed.
type packed struct {
	d         *Device
	precision linalg.Precision
	whole     *linalg.Tensor // W, and below it rows of zeros
	w         *linalg.Tensor // of whole: (out, in)
}

// Pack copies W.
func (d *Device) Pack(w *linalg.Tensor, precision linalg.Precision) linalg.Packed {
	precision = d.possible(precision)
	out, in := w.Rows(), w.Cols()
	rows := paddedRows(out, precision)
	p := &packed{d: d, precision: precision}
	p.whole = linalg.NewOnDevice(packedType(precision), d.blocks.lend(int(PackedBytes(out, in, precision)), false), rows, in)
	p.w = d.Rows(p.whole, 0, out)
	d.Zero(d.Rows(p.whole, out, rows))
	p.Set(w)
	return p
}

// packedType is the type that a matrix is kept in.
func packedType(precision linalg.Precision) linalg.DType {
	if precision == linalg.F32Products {
		return linalg.F32
	}
	return linalg.BF16
}

// paddedRows is how many rows are kept of a matrix with so many, such as a head over a
// vocabulary. With rows of 16 bytes tensor cores are at their best: see [Device.linearPadded].
func paddedRows(out int, precision linalg.Precision) int {
	if precision != linalg.BF16Products {
		return out
	}
	const together = 8 // of bfloat16, in 16 bytes
	return (out + together - 1) / together * together
}

// PackedBytes returns what a packed matrix W (out, in) takes on every GPU.
func PackedBytes(out, in int, precision linalg.Precision) int64 {
	return int64(paddedRows(out, precision)) * int64(in) * int64(packedType(precision).Size())
}

// Shape returns (out, in).
func (p *packed) Shape() (out, in int) { return p.w.Rows(), p.w.Cols() }

// Set replaces the matrix.
func (p *packed) Set(w *linalg.Tensor) {
	if w.Rows() != p.w.Rows() || w.Cols() != p.w.Cols() {
		panic(fmt.Sprintf("linalg.Packed.Set: %v for (%d, %d)", w.Shape(), p.w.Rows(), p.w.Cols()))
	}
	if w.DType() != p.w.DType() {
		p.d.convert(p.w, w)
		return
	}
	to, from := p.d.pointer(p.w), p.d.pointer(w) // of two dimensions, or of a convolution's four
	p.d.do("Pack", func() error { return p.d.copy(to, from, bytesOf(w)) })
}

// Bytes returns what the copy takes.
func (p *packed) Bytes() int64 { return bytesOf(p.whole) }

// padded reports whether rows of x, which has type dtype, meet a matrix with rows of zeros.
func (p *packed) padded(dtype linalg.DType) bool {
	return dtype == linalg.BF16 && p.whole.Rows() > p.w.Rows()
}

// linearPadded computes y = x·Wᵀ by way of rows that begin at multiples of 16 bytes.
func (d *Device) linearPadded(y, x *linalg.Tensor, p *packed) {
	wide := d.Empty(linalg.BF16, y.Rows(), p.whole.Rows())
	d.matMul("Linear", wide, x, p.whole, linalg.MatMul{TransB: true})
	d.CopyColumns(y, wide, 0, 0, y.Cols(), false)
	d.Free(wide)
}

// linearBackwardPadded computes dx (=|+=) g·W by way of such rows of g, with zeros behind them.
func (d *Device) linearBackwardPadded(dx, g *linalg.Tensor, p *packed, accumulate bool) {
	wide := d.New(linalg.BF16, g.Rows(), p.whole.Rows())
	d.CopyColumns(wide, g, 0, 0, g.Cols(), false)
	d.matMul("LinearBackward", dx, wide, p.whole, linalg.MatMul{Accumulate: accumulate})
	d.Free(wide)
}
