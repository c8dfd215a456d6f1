package linalg_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/linalgtest"
)

func TestCPUConformance(t *testing.T) { linalgtest.Conformance(t, linalg.NewCPU()) }

// What a caller does wrong is said in the caller's goroutine, by the operation's name.
func TestCPUMisuse(t *testing.T) {
	dev := linalg.NewCPU()
	f := func(shape ...int) *linalg.Tensor { return linalg.New(linalg.F32, shape...) }
	ints := func(shape ...int) *linalg.Tensor { return linalg.New(linalg.I32, shape...) }
	far := linalg.NewOnDevice(linalg.F32, deviceMemory{}, 2, 3)
	conv := linalg.Conv{Height: 4, Width: 4, Channels: 2, Kernel: 3, Stride: 1, Padding: 1}
	low := linalg.Conv{Height: 2, Width: 4, Channels: 2, Kernel: 3, Stride: 1}
	packed := dev.Pack(f(4, 3), linalg.F32Products)
	badLabels := linalg.FromI32([]int32{0, 3}, 2)
	for _, c := range []struct {
		op   string
		do   func()
		says string
	}{
		{"Upload", func() { dev.Upload(f(2, 3), f(3, 2)) }, "[2 3]"},
		{"Upload", func() { dev.Upload(f(2), ints(2)) }, "i32"},
		{"Download", func() { dev.Download(f(2, 3), far) }, "gpu 3"},
		{"Zero", func() { dev.Zero(far) }, "gpu 3"},
		{"Axpy", func() { dev.Axpy(f(2), 1, f(3)) }, "3"},
		{"AddBias", func() { dev.AddBias(f(2, 3), f(2)) }, "2"},
		{"AddBiasBackward", func() { dev.AddBiasBackward(f(2), f(2, 3), false) }, "2"},
		{"ReLU", func() { dev.ReLU(f(2), f(3)) }, "3"},
		{"ReLUBackward", func() { dev.ReLUBackward(f(2), f(2), f(3)) }, "3"},
		{"MatMul", func() { dev.MatMul(f(2, 2), f(2, 3), f(2, 2), linalg.MatMul{}) }, "[2 3]"},
		{"MatMul", func() { dev.MatMul(f(2, 2), f(2, 3), f(3, 2), linalg.MatMul{TransB: true}) }, "TransB:true"},
		{"Linear", func() { dev.Linear(f(2, 4), f(2, 4), packed, linalg.Epilogue{}) }, "(4, 3)"},
		{"LinearBackward", func() { dev.LinearBackward(f(2, 3), f(3, 4), packed, linalg.Backward{}) }, "[3 4]"},
		{"Packed.Set", func() { packed.Set(f(3, 4)) }, "[3 4]"},
		{"Unfold", func() { dev.Unfold(f(16, 17), f(1, 4, 4, 2), conv) }, "[16 17]"},
		{"UnfoldBackward", func() { dev.UnfoldBackward(f(2, 4, 4, 2), f(16, 18), conv, false) }, "[16 18]"},
		{"Unfold", func() { dev.Unfold(f(0, 18), f(1, 2, 4, 2), low) }, "geometry"},
		{"MaxPool", func() { dev.MaxPool(f(1, 2, 2, 1), ints(4), f(1, 4, 4, 2), 2) }, "[1 4 4 2]"},
		{"MaxPool", func() { dev.MaxPool(f(1, 2, 2, 2), ints(8), f(1, 32), 2) }, "height"},
		{"MaxPoolBackward", func() { dev.MaxPoolBackward(f(1, 4), f(1, 1), linalg.FromI32([]int32{4}, 1)) }, "argmax 4"},
		{"MeanPool", func() { dev.MeanPool(f(1, 3), f(1, 4, 4, 2)) }, "3"},
		{"MeanPoolBackward", func() { dev.MeanPoolBackward(f(1, 4, 4, 2), f(2, 2)) }, "2"},
		{"CrossEntropy", func() { dev.CrossEntropy(f(2), nil, f(2, 3), badLabels, nil) }, "label 3 of row 1"},
		{"CrossEntropy", func() { dev.CrossEntropy(f(2), f(2, 2), f(2, 3), ints(2), f(2)) }, "elements"},
		{"CrossEntropy", func() { dev.CrossEntropy(f(2), f(2, 3), f(2, 3), ints(2), f(1)) }, "elements"},
	} {
		mustPanic(t, c.op, c.do, "linalg."+c.op, c.says)
	}
}

func TestCPUName(t *testing.T) {
	if got := linalg.NewCPU().Name(); !strings.HasPrefix(got, "cpu (") {
		t.Errorf("the device's name is %q", got)
	}
}

// Nothing is passed over: a model whose weights are not finite shows it in every row.
func TestCPUProductOfNotFinite(t *testing.T) {
	dev := linalg.NewCPU()
	inf := float32(math.Inf(1))
	w := linalg.FromF32([]float32{inf, 1}, 1, 2)
	x, y := linalg.FromF32([]float32{0, 1, 1, 1}, 2, 2), linalg.New(linalg.F32, 2, 1)
	dev.Linear(y, x, dev.Pack(w, linalg.F32Products), linalg.Epilogue{})
	if got := y.F32(); got[0] == got[0] || got[1] != inf {
		t.Errorf("(0·∞+1, ∞+1) is %v", got)
	}
}
