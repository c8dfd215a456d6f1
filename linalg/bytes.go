package linalg

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// littleEndian says that elements lie in memory as they lie in files.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// AppendBytes appends the elements of a host tensor, little-endian.
func AppendBytes(dst []byte, t *Tensor) []byte {
	if littleEndian {
		return append(dst, t.memory()...)
	}
	switch t.dtype {
	case F32:
		for _, v := range t.F32() {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
	case I32:
		for _, v := range t.I32() {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
		}
	default:
		for _, v := range t.Bits() {
			dst = binary.LittleEndian.AppendUint16(dst, v)
		}
	}
	return dst
}

// Bytes returns the elements of a host tensor, little-endian: its own memory where that
// lies so, which must not be changed, else a copy.
func Bytes(t *Tensor) []byte {
	if littleEndian {
		return t.memory()
	}
	return AppendBytes(nil, t)
}

// SetBytes sets the elements of a host tensor from little-endian bytes, of exactly its
// length.
func SetBytes(t *Tensor, data []byte) {
	if len(data) != t.Len()*t.dtype.Size() {
		panic(fmt.Sprintf("linalg.SetBytes: %d bytes for %v %v", len(data), t.dtype, t.shape))
	}
	if littleEndian {
		copy(t.memory(), data)
		return
	}
	for i := range t.f32 {
		t.f32[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	for i := range t.i32 {
		t.i32[i] = int32(binary.LittleEndian.Uint32(data[4*i:]))
	}
	for i := range t.u16 {
		t.u16[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
}

// memory returns the bytes behind a host tensor.
func (t *Tensor) memory() []byte {
	switch {
	case t.mem != nil:
		panic("linalg: the elements of a tensor that is not on the host")
	case len(t.f32) > 0:
		return unsafe.Slice((*byte)(unsafe.Pointer(&t.f32[0])), 4*len(t.f32))
	case len(t.i32) > 0:
		return unsafe.Slice((*byte)(unsafe.Pointer(&t.i32[0])), 4*len(t.i32))
	case len(t.u16) > 0:
		return unsafe.Slice((*byte)(unsafe.Pointer(&t.u16[0])), 2*len(t.u16))
	}
	return nil
}

// view returns a tensor over bytes that are aligned and in the machine's order.
func view(dtype DType, data []byte, shape []int) (*Tensor, bool) {
	size := dtype.Size()
	if !littleEndian || len(data) == 0 || uintptr(unsafe.Pointer(&data[0]))%uintptr(size) != 0 {
		return nil, false
	}
	t := &Tensor{dtype: dtype, shape: slices.Clone(shape)}
	switch first, n := unsafe.Pointer(&data[0]), len(data)/size; dtype {
	case F32:
		t.f32 = unsafe.Slice((*float32)(first), n)
	case I32:
		t.i32 = unsafe.Slice((*int32)(first), n)
	default:
		t.u16 = unsafe.Slice((*uint16)(first), n)
	}
	return t, true
}
