package linalg

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"

	"github.com/gradientlearning/cola/linalg/row"
)

// cpu is the device that every machine has. Tensors live in Go slices.
type cpu struct{ pool *Pool[[]float32] }

// NewCPU returns the CPU device.
func NewCPU() Device {
	return cpu{&Pool[[]float32]{
		Make: func(n int) ([]float32, bool) { return inLargePages(make([]float32, n)), true },
		Part: func(memory []float32, at, n int) []float32 { return memory[at : at+n : at+n] },
	}}
}

// Name says what the device is.
func (cpu) Name() string { return fmt.Sprintf("cpu (%d threads)", runtime.GOMAXPROCS(0)) }

// New returns a host tensor of zeros.
func (d cpu) New(dtype DType, shape ...int) *Tensor {
	t := d.Empty(dtype, shape...)
	if t.lease != nil {
		d.Zero(t)
	}
	return t
}

// LeastBlock is the number of elements from which on the CPU's tensors of F32 come from its
// pool.
const LeastBlock = 1 << 10

// poison, a setting for hunting defects, fills memory with NaN when it is lent and when it is
// given back: whoever reads what is not theirs shows it in the loss.
var poison = os.Getenv("COLA_POISON") == "1"

// Empty returns a host tensor of anything.
func (d cpu) Empty(dtype DType, shape ...int) *Tensor {
	n := Elements(shape)
	if dtype != F32 || n < LeastBlock {
		return New(dtype, shape...)
	}
	b := d.pool.Get(n)
	t := &Tensor{dtype: F32, shape: slices.Clone(shape), f32: b.Memory[:n], lease: d.lend(b)}
	t.poison()
	return t
}

// lease is a block that tensors have: one, and those that were made of it in another shape.
type lease struct {
	block *Block[[]float32]
	lost  runtime.Cleanup
}

// lend returns the lease of a block. When nobody has that any more, nobody will free it; views
// of the tensor may be there still.
func (d cpu) lend(b *Block[[]float32]) *lease {
	l := &lease{block: b}
	l.lost = runtime.AddCleanup(l, d.pool.Lose, b)
	return l
}

func (t *Tensor) poison() {
	if poison {
		for i := range t.f32 {
			t.f32[i] = float32(math.NaN())
		}
	}
}

// Free gives a tensor's memory back to the pool.
func (d cpu) Free(t *Tensor) {
	if t.lease == nil {
		return
	}
	if poison && !d.pool.Shared(t.lease.block) {
		t.poison()
	}
	t.lease.lost.Stop()
	d.pool.Put(t.lease.block)
}

// Upload copies src to dst.
func (cpu) Upload(dst, src *Tensor) { copyTensor("Upload", dst, src) }

// Download copies src to dst.
func (cpu) Download(dst, src *Tensor) { copyTensor("Download", dst, src) }

// Fetch returns src's own memory, of which it becomes one more holder; a copy of a view, or in
// another type.
func (d cpu) Fetch(src *Tensor, as DType) func() (*Tensor, error) {
	mustBeHost("Fetch", src)
	var t *Tensor
	switch {
	case as == src.dtype && src.lease != nil:
		d.pool.Share(src.lease.block)
		same := *src
		same.lease = d.lend(src.lease.block)
		t = &same
	case as == src.dtype:
		t = d.Empty(as, src.shape...)
		copyTensor("Fetch", t, src)
	default:
		t = src.Convert(as)
	}
	return func() (*Tensor, error) { return t, nil }
}

// Hidden is float32 at every precision.
func (cpu) Hidden(Precision) DType { return F32 }

// Err is nil: a CPU fails as a whole.
func (cpu) Err() error { return nil }

func copyTensor(op string, dst, src *Tensor) {
	mustBeHost(op, dst)
	mustBeHost(op, src)
	if dst.dtype != src.dtype || !slices.Equal(dst.shape, src.shape) {
		panic(fmt.Sprintf("linalg.%s: %v %v from %v %v", op, dst.dtype, dst.shape, src.dtype, src.shape))
	}
	parallel(len(dst.f32), copyGrain, func(lo, hi int) { copy(dst.f32[lo:hi], src.f32[lo:hi]) })
	copy(dst.i32, src.i32)
	copy(dst.u16, src.u16)
}

// Rows returns a view of rows lo to hi-1.
func (cpu) Rows(t *Tensor, lo, hi int) *Tensor { return t.RowRange(lo, hi) }

// Zero sets t to 0.
func (cpu) Zero(t *Tensor) {
	mustBeHost("Zero", t)
	parallel(len(t.f32), copyGrain, func(lo, hi int) { clear(t.f32[lo:hi]) })
	clear(t.i32)
	clear(t.u16)
}

// Axpy computes y += alpha·x.
func (cpu) Axpy(y *Tensor, alpha float32, x *Tensor) {
	ys, xs := y.F32(), x.F32()
	mustEqual("Axpy", len(ys), len(xs))
	parallel(len(ys), elementGrain, func(lo, hi int) {
		if alpha == 1 {
			row.Add(ys[lo:hi], xs[lo:hi])
		} else {
			row.Axpy(ys[lo:hi], alpha, xs[lo:hi])
		}
	})
}

// Add computes y = a + b.
func (cpu) Add(y, a, b *Tensor) {
	ys, as, bs := y.F32(), a.F32(), b.F32()
	mustEqual("Add", len(ys), len(as))
	mustEqual("Add", len(bs), len(as))
	parallel(len(ys), elementGrain, func(lo, hi int) { row.Plus(ys[lo:hi], as[lo:hi], bs[lo:hi]) })
}

// Scale computes y = alpha·y.
func (cpu) Scale(y *Tensor, alpha float32) {
	ys := y.F32()
	parallel(len(ys), elementGrain, func(lo, hi int) { row.Scale(ys[lo:hi], alpha) })
}

// AddBias computes y += bias on every row.
func (cpu) AddBias(y, bias *Tensor) {
	b := bias.F32()
	mustEqual("AddBias", y.Cols(), len(b))
	parallel(y.Rows(), rowGrain(len(b)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row.Add(rowOf(y, i), b)
		}
	})
}

// AddBiasBackward computes dbias (=|+=) Σ g over rows, in row order.
func (cpu) AddBiasBackward(dbias, g *Tensor, accumulate bool) {
	sum := dbias.F32()
	mustEqual("AddBiasBackward", g.Cols(), len(sum))
	if !accumulate {
		clear(sum)
	}
	for i := range g.Rows() { // in one goroutine: the order is the promise
		row.Add(sum, rowOf(g, i))
	}
}

// ReLU computes y = max(x, 0).
func (cpu) ReLU(y, x *Tensor) {
	ys, xs := y.F32(), x.F32()
	mustEqual("ReLU", len(ys), len(xs))
	parallel(len(ys), elementGrain, func(lo, hi int) { row.ReLU(ys[lo:hi], xs[lo:hi]) })
}

// ReLUBackward computes dx = g where y > 0, else 0.
func (cpu) ReLUBackward(dx, g, y *Tensor) {
	ds, gs, ys := dx.F32(), g.F32(), y.F32()
	mustEqual("ReLUBackward", len(ds), len(gs))
	mustEqual("ReLUBackward", len(ds), len(ys))
	parallel(len(ds), elementGrain, func(lo, hi int) { row.ReLUBackward(ds[lo:hi], gs[lo:hi], ys[lo:hi]) })
}

// rowOf returns the elements of row i.
func rowOf(t *Tensor, i int) []float32 {
	c := t.Cols()
	return t.F32()[i*c : (i+1)*c]
}

func mustBeHost(op string, t *Tensor) {
	if t.mem != nil {
		panic(fmt.Sprintf("linalg.%s: the tensor belongs to %s", op, t.mem.Device()))
	}
}

func mustEqual(op string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("linalg.%s: %d elements meet %d", op, got, want))
	}
}

// elementGrain is the least number of elements that are worth a thread.
const elementGrain = 1 << 15

// copyGrain is the least number of elements that are worth a thread to move.
const copyGrain = 1 << 17

// rowGrain is the least number of rows of so many columns that are worth a thread.
func rowGrain(cols int) int { return max(1, elementGrain/max(1, cols)) }
