package dryrun

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"weak"

	"github.com/gradientlearning/cola/linalg"
)

// Device counts the memory of tensors that have none. It is safe for concurrent use.
type Device struct {
	nothing

	// PackedBytes is what the device that is planned for keeps of a frozen matrix (out, in) to
	// multiply with.
	PackedBytes func(out, in int, precision linalg.Precision) int64

	// HiddenType is the planned device's [linalg.Device.Hidden].
	HiddenType func(precision linalg.Precision) linalg.DType

	// Pooled says of which tensors the planned device keeps the memory for the next ones.
	Pooled func(dtype linalg.DType, elements int) bool

	pool    linalg.Pool[struct{}]
	mu      sync.Mutex
	living  []weak.Pointer[memory]
	counted int64 // bytes of living when dead ones were last taken out, and of all made since
	packed  int64
	peak    int64
}

// New returns the device; matrices and values count as on the CPU.
func New() *Device {
	return &Device{
		PackedBytes: linalg.PackedBytes, HiddenType: linalg.NewCPU().Hidden,
		Pooled: func(dtype linalg.DType, elements int) bool {
			return dtype == linalg.F32 && elements >= linalg.LeastBlock
		},
		pool: linalg.Pool[struct{}]{
			Make: func(int) (nothing struct{}, ok bool) { return nothing, true },
			Part: func(nothing struct{}, _, _ int) struct{} { return nothing },
		},
	}
}

// KeepWhole says that the planned device's pool cuts no block. It comes before the first tensor.
func (d *Device) KeepWhole() { d.pool.Part = nil }

// memory is what stands behind a tensor and all its views. The pointer keeps it out of the
// blocks in which Go puts small values together, which live and die as one.
type memory struct {
	bytes int64
	of    *Device
	block *linalg.Block[struct{}] // of the pool; nil: none
}

// Device names the device.
func (*memory) Device() string { return "dry run" }

// Reset begins a new count: what lives stays counted, and the peak is what is held now.
func (d *Device) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	d.peak = d.held()
}

// Live returns the bytes of all tensors that can be reached.
func (d *Device) Live() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	return d.counted
}

// Peak returns the most bytes that lived at once since Reset, and those that waited in the
// device's pool then.
func (d *Device) Peak() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.peak
}

// Packed returns the bytes of all packed matrices, which are not among Live and Peak.
func (d *Device) Packed() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.packed
}

// held is what lives and what waits in the pool.
func (d *Device) held() int64 { return d.counted + 4*int64(d.pool.Idle()) }

// sweep takes what nothing reaches out of the count.
func (d *Device) sweep() {
	runtime.GC()
	d.counted = 0
	d.living = slices.DeleteFunc(d.living, func(p weak.Pointer[memory]) bool {
		m := p.Value()
		if m != nil {
			d.counted += m.bytes
		}
		return m == nil
	})
}

// Name says what the device is.
func (*Device) Name() string { return "dry run" }

// New counts a tensor. Only where the count passes the peak it matters what of it still
// lives.
func (d *Device) New(dtype linalg.DType, shape ...int) *linalg.Tensor {
	n := linalg.Elements(shape)
	m := &memory{bytes: int64(n) * int64(dtype.Size()), of: d}
	if n > 0 && d.Pooled(dtype, n) {
		m.block = d.pool.Get(int((m.bytes + 3) / 4))
		m.bytes = int64(m.block.Len) * 4
	}
	t := linalg.NewOnDevice(dtype, m, shape...)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.living = append(d.living, weak.Make(m))
	d.counted += m.bytes
	if d.held() > d.peak {
		d.sweep()
		d.peak = max(d.peak, d.held())
	}
	runtime.KeepAlive(t)
	return t
}

// Empty counts a tensor as New does.
func (d *Device) Empty(dtype linalg.DType, shape ...int) *linalg.Tensor {
	return d.New(dtype, shape...)
}

// Free takes a tensor out of the count.
func (d *Device) Free(t *linalg.Tensor) {
	m, ok := t.Memory().(*memory)
	if !ok || m.of != d {
		panic("dryrun.Free: the tensor is another device's")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.bytes < 0 {
		panic("dryrun.Free: the tensor was freed before")
	}
	d.counted -= m.bytes
	m.bytes = -1
	if m.block != nil {
		d.pool.Put(m.block)
	}
	d.living = slices.DeleteFunc(d.living, func(p weak.Pointer[memory]) bool { return p.Value() == m })
}

// Fetch has nothing to bring.
func (*Device) Fetch(*linalg.Tensor, linalg.DType) func() (*linalg.Tensor, error) {
	return func() (*linalg.Tensor, error) { return nil, errors.New("a dry run has no numbers") }
}

// Hidden is what the planned device keeps values in.
func (d *Device) Hidden(precision linalg.Precision) linalg.DType { return d.HiddenType(precision) }

// Rows returns a view.
func (*Device) Rows(t *linalg.Tensor, lo, hi int) *linalg.Tensor {
	shape := slices.Clone(t.Shape())
	shape[0] = hi - lo
	return linalg.NewOnDevice(t.DType(), t.Memory(), shape...)
}

// Pack counts a frozen matrix.
func (d *Device) Pack(w *linalg.Tensor, precision linalg.Precision) linalg.Packed {
	p := packed{out: w.Rows(), in: w.Cols()}
	p.bytes = d.PackedBytes(p.out, p.in, precision)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.packed += p.bytes
	return p
}

// packed is a frozen matrix without numbers.
type packed struct {
	out, in int
	bytes   int64
}

func (p packed) Shape() (out, in int) { return p.out, p.in }
func (p packed) Set(*linalg.Tensor)   {}
func (p packed) Bytes() int64         { return p.bytes }
