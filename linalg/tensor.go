package linalg

import (
	"fmt"
	"slices"
)

// Tensor is a dense, row-major array. Host tensors keep their elements in a Go
// slice; a device that has memory of its own keeps them behind [Memory].
type Tensor struct {
	dtype DType
	shape []int
	f32   []float32
	i32   []int32
	u16   []uint16 // BF16 and F16, as bits
	mem   Memory
	lease *lease // of the CPU's pool, if all of a block is this tensor's; else nil
}

// Memory is a device's own storage behind a tensor. Only the device that made it
// knows what it is.
type Memory interface {
	// Device names the device that owns the storage.
	Device() string
}

// New returns a host tensor of zeros.
func New(dtype DType, shape ...int) *Tensor {
	t := &Tensor{dtype: dtype, shape: slices.Clone(shape)}
	n := Elements(shape)
	switch dtype {
	case F32:
		t.f32 = make([]float32, n)
	case I32:
		t.i32 = make([]int32, n)
	case BF16, F16:
		t.u16 = make([]uint16, n)
	default:
		panic(fmt.Sprintf("linalg.New: %v", dtype))
	}
	return t
}

// NewOnDevice wraps memory that a device made. Devices call it; nobody else.
func NewOnDevice(dtype DType, mem Memory, shape ...int) *Tensor {
	return &Tensor{dtype: dtype, shape: slices.Clone(shape), mem: mem}
}

// FromF32 wraps data, without copying it, as a host tensor.
func FromF32(data []float32, shape ...int) *Tensor {
	if len(data) != Elements(shape) {
		panic(fmt.Sprintf("linalg.FromF32: %d elements do not fill shape %v", len(data), shape))
	}
	return &Tensor{dtype: F32, shape: slices.Clone(shape), f32: data}
}

// FromI32 wraps data, without copying it, as a host tensor.
func FromI32(data []int32, shape ...int) *Tensor {
	if len(data) != Elements(shape) {
		panic(fmt.Sprintf("linalg.FromI32: %d elements do not fill shape %v", len(data), shape))
	}
	return &Tensor{dtype: I32, shape: slices.Clone(shape), i32: data}
}

// Elements returns the product of the dimensions: 1 for a scalar's empty shape.
func Elements(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 0 {
			panic(fmt.Sprintf("linalg: negative dimension in shape %v", shape))
		}
		n *= d
	}
	return n
}

// DType returns the storage type.
func (t *Tensor) DType() DType { return t.dtype }

// Shape returns the dimensions. The caller must not change it.
func (t *Tensor) Shape() []int { return t.shape }

// Dim returns dimension i.
func (t *Tensor) Dim(i int) int { return t.shape[i] }

// Len returns the number of elements.
func (t *Tensor) Len() int { return Elements(t.shape) }

// Rows returns the first dimension, and Cols the product of the others: every
// tensor is a matrix to the operations that work on rows.
func (t *Tensor) Rows() int { return t.shape[0] }

// Cols returns the number of elements in one row.
func (t *Tensor) Cols() int { return Elements(t.shape[1:]) }

// Memory returns the device memory behind t, nil for a host tensor.
func (t *Tensor) Memory() Memory { return t.mem }

// F32 returns the elements of a host tensor of dtype F32.
func (t *Tensor) F32() []float32 {
	if t.dtype != F32 || t.mem != nil {
		panic("linalg: F32 of a tensor that is not float32 on the host")
	}
	return t.f32
}

// I32 returns the elements of a host tensor of dtype I32.
func (t *Tensor) I32() []int32 {
	if t.dtype != I32 || t.mem != nil {
		panic("linalg: I32 of a tensor that is not int32 on the host")
	}
	return t.i32
}

// Bits returns the 16-bit patterns of a host tensor of dtype BF16 or F16.
func (t *Tensor) Bits() []uint16 {
	if t.dtype.Size() != 2 || t.mem != nil {
		panic("linalg: Bits of a tensor that is not 16-bit on the host")
	}
	return t.u16
}

// Reshape returns a view of a host tensor with another shape of as many elements.
func (t *Tensor) Reshape(shape ...int) *Tensor {
	if Elements(shape) != t.Len() {
		panic(fmt.Sprintf("linalg: cannot reshape %v to %v", t.shape, shape))
	}
	v := *t
	v.shape = slices.Clone(shape)
	return &v
}

// RowRange returns a view of rows lo to hi-1 of a host tensor.
func (t *Tensor) RowRange(lo, hi int) *Tensor {
	if lo < 0 || hi < lo || hi > t.shape[0] {
		panic(fmt.Sprintf("linalg: rows %d to %d of shape %v", lo, hi, t.shape))
	}
	c := t.Cols()
	v := &Tensor{dtype: t.dtype, shape: slices.Clone(t.shape)}
	v.shape[0] = hi - lo
	switch {
	case t.mem != nil:
		panic("linalg: RowRange of a tensor that is not on the host")
	case t.dtype == F32:
		v.f32 = t.f32[lo*c : hi*c]
	case t.dtype == I32:
		v.i32 = t.i32[lo*c : hi*c]
	default:
		v.u16 = t.u16[lo*c : hi*c]
	}
	return v
}

// Clone returns a copy of a host tensor.
func (t *Tensor) Clone() *Tensor {
	v := *t
	v.shape = slices.Clone(t.shape)
	v.f32, v.i32, v.u16 = slices.Clone(t.f32), slices.Clone(t.i32), slices.Clone(t.u16)
	v.lease = nil
	return &v
}
