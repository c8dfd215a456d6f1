package linalg_test

import (
	"slices"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

func TestTensorViews(t *testing.T) {
	for _, dtype := range []linalg.DType{linalg.F32, linalg.I32, linalg.BF16, linalg.F16} {
		x := linalg.New(dtype, 4, 2, 3)
		if x.DType() != dtype || x.Len() != 24 || x.Rows() != 4 || x.Cols() != 6 || x.Dim(2) != 3 || x.Memory() != nil {
			t.Fatalf("%v: %v %v has %d elements, %d rows of %d", dtype, x.DType(), x.Shape(), x.Len(), x.Rows(), x.Cols())
		}
		copied := x.Clone()
		view := x.RowRange(1, 3).Reshape(12)
		set(view, 6, 5) // row 2 of x
		raw, zero := linalg.AppendBytes(nil, x), linalg.AppendBytes(nil, copied)
		at := (2*6 + 0) * dtype.Size()
		if raw[at] != 5 || zero[at] != 0 {
			t.Errorf("%v: writing through the view gave %d in the tensor and %d in its clone", dtype, raw[at], zero[at])
		}
	}
	if linalg.New(linalg.F32).Len() != 1 {
		t.Error("a scalar does not have one element")
	}
}

// set writes a small integer's bits to element i.
func set(t *linalg.Tensor, i int, v uint8) {
	switch t.DType() {
	case linalg.F32:
		b := linalg.Blob{DType: linalg.F32, Shape: []int{1}, Data: []byte{v, 0, 0, 0}}
		one, err := b.Tensor()
		if err != nil {
			panic(err)
		}
		t.F32()[i] = one.F32()[0]
	case linalg.I32:
		t.I32()[i] = int32(v)
	default:
		t.Bits()[i] = uint16(v)
	}
}

func TestTensorWraps(t *testing.T) {
	f, i := []float32{1, 2}, []int32{3, 4}
	a, b := linalg.FromF32(f, 2), linalg.FromI32(i, 1, 2)
	a.F32()[0], b.I32()[1] = 7, 8
	if !slices.Equal(f, []float32{7, 2}) || !slices.Equal(i, []int32{3, 8}) {
		t.Errorf("the wrapped slices are %v and %v: they were copied", f, i)
	}
}

// deviceMemory stands for the storage of a device that has its own.
type deviceMemory struct{}

func (deviceMemory) Device() string { return "gpu 3" }

func TestTensorMisuse(t *testing.T) {
	x := linalg.New(linalg.F32, 2, 3)
	i := linalg.New(linalg.I32, 2, 3)
	far := linalg.NewOnDevice(linalg.F32, deviceMemory{}, 2, 3)
	if far.Memory() != (deviceMemory{}) {
		t.Errorf("Memory is %v", far.Memory())
	}
	for name, do := range map[string]func(){
		"New":         func() { linalg.New(linalg.DType(0), 1) },
		"negative":    func() { linalg.New(linalg.F32, -1) },
		"FromF32":     func() { linalg.FromF32(make([]float32, 3), 2) },
		"FromI32":     func() { linalg.FromI32(make([]int32, 3), 2) },
		"F32":         func() { i.F32() },
		"F32 far":     func() { far.F32() },
		"I32":         func() { x.I32() },
		"Bits":        func() { x.Bits() },
		"reshape":     func() { x.Reshape(4) },
		"rows":        func() { x.RowRange(1, 3) },
		"rows 2 to 1": func() { x.RowRange(2, 1) },
		"rows far":    func() { far.RowRange(0, 1) },
	} {
		mustPanic(t, name, do, "linalg")
	}
}
