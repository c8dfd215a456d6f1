package linalg

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/gradientlearning/cola/linalg/row"
)

// Int8Size returns the bytes of a float tensor as int8 in blocks: of each of its rows (see
// [Tensor.Cols]) a byte an element, and two for each 64 of them or the rest. It is exact where
// the tensor's own bytes fit an int.
func Int8Size(shape []int) int {
	rows, cols := int8Matrix(shape)
	return rows * (cols + 2*int8Blocks(cols))
}

// int8Matrix returns rows and columns; a scalar is one number in one row.
func int8Matrix(shape []int) (rows, cols int) {
	switch {
	case len(shape) == 0:
		return 1, 1
	case shape[0] == 0: // the other dimensions may be anything
		return 0, 0
	}
	return shape[0], Elements(shape[1:])
}

// int8Blocks is how many blocks a row of n elements has.
func int8Blocks(n int) int { return (n + row.Int8Block - 1) / row.Int8Block }

// Int8Bytes rounds a host tensor of F32 to int8 in blocks of 64: first the integers q of all rows,
// then the blocks' scales s, bfloat16, little-endian. An element arrives as q·s, which is the
// element in the mean over seeds; package row says how. Blocks do not reach over the ends of rows,
// so that what becomes of a row depends on the row, its place and the seed alone.
func Int8Bytes(t *Tensor, seed uint64) []byte {
	x := t.F32()
	data := make([]byte, Int8Size(t.shape))
	if len(data) == 0 {
		return data
	}
	rows, cols := int8Matrix(t.shape)
	scales := make([]uint16, rows*int8Blocks(cols))
	int8Rows(rows, cols, int8s(data[:len(x)]), scales, x, func(q []int8, scales []uint16, x []float32, first int) {
		row.QuantizeInt8(q, scales, x, seed, uint64(first))
	})
	for i, s := range scales {
		binary.LittleEndian.PutUint16(data[len(x)+2*i:], s)
	}
	return data
}

// SetInt8Bytes sets the elements of a host tensor of F32 from what [Int8Bytes] returns for its
// shape: q·s, exactly.
func SetInt8Bytes(t *Tensor, data []byte) {
	x := t.F32()
	if len(data) != Int8Size(t.shape) {
		panic(fmt.Sprintf("linalg.SetInt8Bytes: %d bytes for %v", len(data), t.shape))
	}
	if len(data) == 0 {
		return
	}
	rows, cols := int8Matrix(t.shape)
	scales := make([]uint16, rows*int8Blocks(cols))
	for i := range scales {
		scales[i] = binary.LittleEndian.Uint16(data[len(x)+2*i:])
	}
	int8Rows(rows, cols, int8s(data[:len(x)]), scales, x, func(q []int8, scales []uint16, x []float32, _ int) {
		row.DequantizeInt8(x, q, scales)
	})
}

// int8s looks at bytes as integers.
func int8s(b []byte) []int8 { return unsafe.Slice((*int8)(unsafe.Pointer(&b[0])), len(b)) }

// int8Rows calls do for pieces of which none has a block of two rows, on all threads. first is the
// index of a piece's first element.
func int8Rows(rows, cols int, q []int8, scales []uint16, x []float32, do func(q []int8, scales []uint16, x []float32, first int)) {
	blocks := int8Blocks(cols)
	parallel(rows, max(1, elementGrain/cols), func(lo, hi int) {
		step := 1
		if cols == blocks*row.Int8Block { // rows are whole blocks: they may go together
			step = hi - lo
		}
		for ; lo < hi; lo += step {
			first, end := lo*cols, (lo+step)*cols
			do(q[first:end], scales[lo*blocks:(lo+step)*blocks], x[first:end], first)
		}
	})
}
