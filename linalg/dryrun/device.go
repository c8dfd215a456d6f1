package dryrun

import (
	"runtime"
	"slices"
	"sync"
	"weak"

	"github.com/gradientlearning/cola/linalg"
)

// Device counts the memory of tensors that have none. It is safe for concurrent use.
type Device struct {
	nothing

	// PackedCopies is how many copies of a frozen matrix, in float32, the device that is
	// planned for keeps to multiply with; the CPU keeps two, W and Wᵀ.
	PackedCopies int

	mu      sync.Mutex
	living  []weak.Pointer[memory]
	counted int64 // bytes of living when dead ones were last taken out, and of all made since
	packed  int64
	peak    int64
}

// New returns the device; packed matrices count as on the CPU.
func New() *Device { return &Device{PackedCopies: 2} }

// memory is what stands behind a tensor and all its views. The pointer keeps it out of the
// blocks in which Go puts small values together, which live and die as one.
type memory struct {
	bytes int64
	of    *Device
}

// Device names the device.
func (*memory) Device() string { return "dry run" }

// Reset begins a new count: what lives stays counted, and the peak is what lives now.
func (d *Device) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	d.peak = d.counted
}

// Live returns the bytes of all tensors that can be reached.
func (d *Device) Live() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	return d.counted
}

// Peak returns the most bytes that lived at once since Reset.
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
	m := &memory{bytes: int64(linalg.Elements(shape)) * int64(dtype.Size()), of: d}
	t := linalg.NewOnDevice(dtype, m, shape...)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.living = append(d.living, weak.Make(m))
	d.counted += m.bytes
	if d.counted > d.peak {
		d.sweep()
		d.peak = max(d.peak, d.counted)
	}
	runtime.KeepAlive(t)
	return t
}

// Rows returns a view.
func (*Device) Rows(t *linalg.Tensor, lo, hi int) *linalg.Tensor {
	shape := slices.Clone(t.Shape())
	shape[0] = hi - lo
	return linalg.NewOnDevice(t.DType(), t.Memory(), shape...)
}

// Pack counts a frozen matrix.
func (d *Device) Pack(w *linalg.Tensor) linalg.Packed {
	p := packed{out: w.Rows(), in: w.Cols()}
	p.bytes = 4 * int64(d.PackedCopies) * int64(p.out) * int64(p.in)
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
