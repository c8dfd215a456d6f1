package linalg_test

import (
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// Rows that are all zero go, of whichever sign and type, and the others move up.
func TestKeepRows(t *testing.T) {
	negative := linalg.F32FromBF16(0x8000)
	g := linalg.FromF32([]float32{0, 0, 1, 0, 0, negative, 0, 0, 0, 3}, 5, 2)
	other := linalg.FromF32([]float32{0, 0, 0, 0, 7}, 5, 1)
	for _, dtype := range []linalg.DType{linalg.F32, linalg.BF16} {
		ids := linalg.FromI32([]int32{10, 11, 12, 13, 14}, 5)
		tensors := []*linalg.Tensor{ids, g.Clone().Convert(dtype), other.Clone().Convert(dtype)}
		keep := linalg.NonZeroRows(tensors[1:])
		if !slices.Equal(keep, []int{1, 4}) {
			t.Fatalf("%v: rows %v carry a gradient", dtype, keep)
		}
		for i, all := range tensors {
			tensors[i] = linalg.KeepRows(all, keep)
		}
		if got := tensors[0].I32(); !slices.Equal(got, []int32{11, 14}) {
			t.Errorf("%v: ids %v", dtype, got)
		}
		if got := tensors[1].Convert(linalg.F32).F32(); !slices.Equal(got, []float32{1, 0, 0, 3}) {
			t.Errorf("%v: g %v", dtype, got)
		}
		if got := tensors[2].Convert(linalg.F32).F32(); !slices.Equal(got, []float32{0, 7}) {
			t.Errorf("%v: the other g %v", dtype, got)
		}
	}
}
