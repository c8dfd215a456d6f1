package linalg

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// cpu is the device that every machine has. Tensors live in Go slices.
type cpu struct{}

// NewCPU returns the CPU device.
func NewCPU() Device { return cpu{} }

// Name says what the device is.
func (cpu) Name() string { return fmt.Sprintf("cpu (%d threads)", runtime.GOMAXPROCS(0)) }

// New returns a host tensor of zeros.
func (cpu) New(dtype DType, shape ...int) *Tensor { return New(dtype, shape...) }

// Upload copies src to dst.
func (cpu) Upload(dst, src *Tensor) { copyTensor("Upload", dst, src) }

// Download copies src to dst.
func (cpu) Download(dst, src *Tensor) { copyTensor("Download", dst, src) }

func copyTensor(op string, dst, src *Tensor) {
	mustBeHost(op, dst)
	mustBeHost(op, src)
	if dst.dtype != src.dtype || !slices.Equal(dst.shape, src.shape) {
		panic(fmt.Sprintf("linalg.%s: %v %v from %v %v", op, dst.dtype, dst.shape, src.dtype, src.shape))
	}
	copy(dst.f32, src.f32)
	copy(dst.i32, src.i32)
	copy(dst.u16, src.u16)
}

// Rows returns a view of rows lo to hi-1.
func (cpu) Rows(t *Tensor, lo, hi int) *Tensor { return t.RowRange(lo, hi) }

// Zero sets t to 0.
func (cpu) Zero(t *Tensor) {
	mustBeHost("Zero", t)
	clear(t.f32)
	clear(t.i32)
	clear(t.u16)
}

// Axpy computes y += alpha·x.
func (cpu) Axpy(y *Tensor, alpha float32, x *Tensor) {
	ys, xs := y.F32(), x.F32()
	mustEqual("Axpy", len(ys), len(xs))
	parallel(len(ys), elementGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			ys[i] += float32(alpha * xs[i])
		}
	})
}

// Scale computes y = alpha·y.
func (cpu) Scale(y *Tensor, alpha float32) {
	ys := y.F32()
	parallel(len(ys), elementGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			ys[i] *= alpha
		}
	})
}

// AddBias computes y += bias on every row.
func (cpu) AddBias(y, bias *Tensor) {
	b := bias.F32()
	mustEqual("AddBias", y.Cols(), len(b))
	parallel(y.Rows(), rowGrain(len(b)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := rowOf(y, i)
			for j, v := range b {
				row[j] += v
			}
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
		for j, v := range rowOf(g, i) {
			sum[j] += v
		}
	}
}

// ReLU computes y = max(x, 0).
func (cpu) ReLU(y, x *Tensor) {
	ys, xs := y.F32(), x.F32()
	mustEqual("ReLU", len(ys), len(xs))
	parallel(len(ys), elementGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			v := xs[i]
			if v < 0 {
				v = 0
			}
			ys[i] = v
		}
	})
}

// ReLUBackward computes dx = g where y > 0, else 0.
func (cpu) ReLUBackward(dx, g, y *Tensor) {
	ds, gs, ys := dx.F32(), g.F32(), y.F32()
	mustEqual("ReLUBackward", len(ds), len(gs))
	mustEqual("ReLUBackward", len(ds), len(ys))
	parallel(len(ds), elementGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if ys[i] > 0 {
				ds[i] = gs[i]
			} else {
				ds[i] = 0
			}
		}
	})
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

// elementGrain is the least number of elements that are worth a goroutine.
const elementGrain = 1 << 15

// rowGrain is the least number of rows of so many columns that are worth a goroutine.
func rowGrain(cols int) int { return max(1, elementGrain/max(1, cols)) }

// parallel calls do on ranges that cover 0 to n-1, on several threads where the work is
// large. What do writes for an index must not depend on the range it is in, and it must not
// panic: callers check shapes and labels before, where a panic still reaches its cause.
func parallel(n, grain int, do func(lo, hi int)) {
	threads := min(runtime.GOMAXPROCS(0), n/grain)
	if threads < 2 {
		do(0, n)
		return
	}
	var wg sync.WaitGroup
	for t := range threads {
		wg.Go(func() { do(t*n/threads, (t+1)*n/threads) })
	}
	wg.Wait()
}
