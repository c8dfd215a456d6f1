package linalg_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// The path for machines whose memory is little-endian and the one for those whose memory
// is not must give the same bytes.
func TestBytesOnEveryMachine(t *testing.T) {
	x := random(1, 3, 5)
	x.F32()[7] = float32(math.Inf(-1))
	i := linalg.FromI32([]int32{1, -2, math.MinInt32, 0x01020304}, 2, 2)
	for _, src := range []*linalg.Tensor{x, x.Convert(linalg.BF16), x.Convert(linalg.F16), i, x.RowRange(1, 2), linalg.New(linalg.F32, 0, 3)} {
		native := bytes.Clone(linalg.Bytes(src))
		read := linalg.New(src.DType(), src.Shape()...)
		linalg.SetBytes(read, native)

		restore := linalg.Portable()
		portable := linalg.Bytes(src)
		again := linalg.New(src.DType(), src.Shape()...)
		linalg.SetBytes(again, native)
		restore()

		if !bytes.Equal(native, portable) || len(native) != src.Len()*src.DType().Size() {
			t.Errorf("%v: % x here, % x elsewhere", src.DType(), native, portable)
		}
		for _, back := range []*linalg.Tensor{read, again} {
			if !bytes.Equal(linalg.Bytes(back), native) {
				t.Errorf("%v: % x came back as % x", src.DType(), native, linalg.Bytes(back))
			}
		}
	}
}

func TestBytesMisuse(t *testing.T) {
	far := linalg.NewOnDevice(linalg.F32, deviceMemory{}, 2)
	mustPanic(t, "SetBytes", func() { linalg.SetBytes(linalg.New(linalg.BF16, 2), make([]byte, 3)) }, "3 bytes for bf16 [2]")
	mustPanic(t, "Bytes", func() { linalg.Bytes(far) }, "not on the host")
}
