package cuda_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/linalg"
)

// operands makes the operands of an operation on one device, in the type that hidden
// representations have there. All devices get the same numbers, which are exact in bfloat16.
type operands struct {
	linalg.Device
	hidden linalg.DType
	random *rand.Rand
}

func newOperands(dev linalg.Device, hidden linalg.DType) operands {
	return operands{dev, hidden, rand.New(rand.NewPCG(5, 6))}
}

func (o operands) in(dtype linalg.DType, shape ...int) *linalg.Tensor {
	host := linalg.New(linalg.F32, shape...)
	for i := range host.F32() {
		host.F32()[i] = 4*o.random.Float32() - 2
	}
	return put(o, host.Convert(linalg.BF16).Convert(linalg.F32).Convert(dtype))
}

// x returns hidden representations, and w parameters.
func (o operands) x(shape ...int) *linalg.Tensor { return o.in(o.hidden, shape...) }
func (o operands) w(shape ...int) *linalg.Tensor { return o.in(linalg.F32, shape...) }

func (o operands) ints(bound int, shape ...int) *linalg.Tensor {
	host := linalg.New(linalg.I32, shape...)
	for i := range host.I32() {
		host.I32()[i] = int32(o.random.IntN(bound))
	}
	return put(o, host)
}

// n and c are the rows and columns of most operands.
const n, c = 7, 40

// operations are those of rows and elements, each with what it writes.
var operations = []struct {
	name string
	run  func(o operands) []*linalg.Tensor
}{
	{"Copy", func(o operands) []*linalg.Tensor {
		y := o.x(n, c)
		o.Copy(y, o.x(n, c))
		return []*linalg.Tensor{y}
	}},
	{"Axpy", func(o operands) []*linalg.Tensor {
		y := o.x(n, c)
		o.Axpy(y, 0.5, o.x(n, c))
		return []*linalg.Tensor{y}
	}},
	{"Axpy of F32", func(o operands) []*linalg.Tensor {
		y := o.x(n, c)
		o.Axpy(y, -0.5, o.w(n, c))
		return []*linalg.Tensor{y}
	}},
	{"Add", func(o operands) []*linalg.Tensor {
		y := o.x(n, c)
		o.Add(y, o.x(n, c), o.x(n, c))
		return []*linalg.Tensor{y}
	}},
	{"Add of views", func(o operands) []*linalg.Tensor { // whose addresses are no multiples of 16
		y := o.x(100)
		o.Add(o.Rows(y, 1, 99), o.Rows(o.x(100), 2, 100), o.Rows(o.x(100), 0, 98))
		return []*linalg.Tensor{y}
	}},
	{"Scale", func(o operands) []*linalg.Tensor {
		y := o.x(n, c)
		o.Scale(y, 0.3)
		return []*linalg.Tensor{y}
	}},
	{"ReLU", func(o operands) []*linalg.Tensor {
		y, dx := o.x(n, c), o.x(n, c)
		o.ReLU(y, o.x(n, c))
		o.ReLUBackward(dx, o.x(n, c), y)
		return []*linalg.Tensor{y, dx}
	}},
	{"AddBias", func(o operands) []*linalg.Tensor {
		y, db := o.x(n, c), o.w(c)
		o.AddBias(y, o.w(c))
		o.AddBiasBackward(db, o.x(n, c), true)
		return []*linalg.Tensor{y, db}
	}},
	{"Unfold", func(o operands) []*linalg.Tensor {
		conv := linalg.Conv{Height: 5, Width: 4, Channels: 3, Kernel: 3, Stride: 2, Padding: 1}
		x, cols := o.x(n, 5, 4, 3), o.x(n*conv.Positions(), conv.Columns())
		dx := o.x(n, 5, 4, 3)
		o.UnfoldBackward(dx, cols, conv, true)
		o.Unfold(cols, x, conv)
		return []*linalg.Tensor{cols, dx}
	}},
	{"MaxPool", func(o operands) []*linalg.Tensor {
		y, at, dx := o.x(n, 2, 2, 3), o.ints(1, n, 2, 2, 3), o.x(n, 5, 4, 3)
		o.MaxPool(y, at, o.x(n, 5, 4, 3), 2)
		o.MaxPoolBackward(dx, o.x(n, 2, 2, 3), at)
		return []*linalg.Tensor{y, at, dx}
	}},
	{"MeanPool", func(o operands) []*linalg.Tensor {
		y, dx := o.x(n, 3), o.x(n, 5, 4, 3)
		o.MeanPool(y, o.x(n, 5, 4, 3))
		o.MeanPoolBackward(dx, o.x(n, 3))
		return []*linalg.Tensor{y, dx}
	}},
	{"CrossEntropy", func(o operands) []*linalg.Tensor {
		loss, d, z, labels := o.w(n), o.x(n, c), o.x(n, c), o.ints(c, n)
		o.CrossEntropy(loss, d, z, labels, o.w(n))
		return []*linalg.Tensor{loss, d}
	}},
	{"SquaredError", func(o operands) []*linalg.Tensor {
		loss, d := o.w(n), o.x(n, 1)
		o.SquaredError(loss, d, o.x(n, 1), o.w(n), o.w(n))
		return []*linalg.Tensor{loss, d}
	}},
	{"Argmax", func(o operands) []*linalg.Tensor {
		at := o.ints(1, n)
		o.Argmax(at, o.x(n, c))
		return []*linalg.Tensor{at}
	}},
	{"CopyColumns", func(o operands) []*linalg.Tensor {
		y := o.x(n, c)
		o.CopyColumns(y, o.x(n, 2*c), 8, 16, 16, true)
		return []*linalg.Tensor{y}
	}},
	{"Gather", func(o operands) []*linalg.Tensor {
		y, dx, rows := o.x(2*n, c), o.x(n, c), o.ints(n, 2*n)
		o.Gather(y, o.in(linalg.F16, n, c), rows)
		o.GatherBackward(dx, o.w(2*n, c), rows)
		return []*linalg.Tensor{y, dx}
	}},
	{"LayerNorm", func(o operands) []*linalg.Tensor {
		y, dx, stats, x, w := o.x(n, c), o.x(n, c), o.w(n, 2), o.x(n, c), o.w(c)
		o.LayerNorm(y, stats, x, w, o.w(c), 1e-5)
		o.LayerNormBackward(dx, o.x(n, c), x, stats, w, true)
		return []*linalg.Tensor{y, stats, dx}
	}},
	{"RMSNorm", func(o operands) []*linalg.Tensor {
		y, dx, stats, x, w := o.x(n, c), o.x(n, c), o.w(n), o.x(n, c), o.w(c)
		o.RMSNorm(y, stats, x, w, 1e-5)
		o.RMSNormBackward(dx, o.x(n, c), x, stats, w, false)
		return []*linalg.Tensor{y, stats, dx}
	}},
	{"Activate", func(o operands) (all []*linalg.Tensor) {
		for f := linalg.GELU; f <= linalg.QuickGELU; f++ {
			y, dx, x := o.x(n, c), o.x(n, c), o.x(n, c)
			o.Activate(y, x, f)
			o.ActivateBackward(dx, o.x(n, c), x, f)
			all = append(all, y, dx)
		}
		return all
	}},
	{"SwiGLU", func(o operands) []*linalg.Tensor {
		y, dgate, dup, gate, up := o.x(n, c), o.x(n, c), o.x(n, c), o.x(n, c), o.x(n, c)
		o.SwiGLU(y, gate, up)
		o.SwiGLUBackward(dgate, dup, o.x(n, c), gate, up)
		return []*linalg.Tensor{y, dgate, dup}
	}},
	{"RoPE", func(o operands) []*linalg.Tensor {
		y := o.x(n, c)
		o.RoPE(y, y, o.ints(9, n), o.w(9, c/2), true)
		return []*linalg.Tensor{y}
	}},
}

// TestOperations holds the operations against the CPU's, with hidden representations of either
// type: in bfloat16 results are rounded once, at the end.
func TestOperations(t *testing.T) {
	useGPU(t)
	gpu := newDevice(t, cuda.Options{})
	for _, op := range operations {
		for _, hidden := range []linalg.DType{linalg.F32, linalg.BF16} {
			t.Run(fmt.Sprintf("%s of %v", op.name, hidden), func(t *testing.T) {
				want := op.run(newOperands(linalg.NewCPU(), linalg.F32))
				for i, got := range op.run(newOperands(gpu, hidden)) {
					host := linalg.New(got.DType(), got.Shape()...)
					gpu.Download(host, got)
					compare(t, i, host, want[i])
				}
			})
		}
	}
	if err := gpu.Err(); err != nil {
		t.Error(err)
	}
}

// compare wants the same numbers, or in bfloat16 the nearest of those.
func compare(t *testing.T, result int, got, want *linalg.Tensor) {
	t.Helper()
	if got.DType() == linalg.I32 {
		for i, v := range got.I32() {
			if v != want.I32()[i] {
				t.Fatalf("result %d: element %d is %d, want %d", result, i, v, want.I32()[i])
			}
		}
		return
	}
	last := 0.0 // half of the last place of the type
	if got.DType() == linalg.BF16 {
		last = 0x1p-8
	}
	for i, v := range got.Convert(linalg.F32).F32() {
		w := float64(want.F32()[i])
		if off := math.Abs(float64(v) - w); !(off <= 2e-5+last*math.Abs(w)) {
			t.Fatalf("result %d: element %d is %v, want %v", result, i, v, w)
		}
	}
}

// TestShapes makes sure that what does not fit panics before a kernel sees it.
func TestShapes(t *testing.T) {
	useGPU(t)
	o := newOperands(newDevice(t, cuda.Options{}), linalg.F32)
	x, w, ids, half := o.x(n, c), o.w(c), o.ints(n, n), o.in(linalg.BF16, n, c)
	long, image := o.x(n, c+1), o.x(n, 4, 4, 3)
	conv := linalg.Conv{Height: 4, Width: 4, Channels: 3, Kernel: 3, Stride: 1}
	for name, run := range map[string]func(){
		"Copy":                func() { o.Copy(x, half) },
		"Axpy":                func() { o.Axpy(x, 1, long) },
		"Axpy of ints":        func() { o.Axpy(x, 1, ids) },
		"Add":                 func() { o.Add(x, x, half) },
		"Add of others":       func() { o.Add(x, x, long) },
		"ReLU":                func() { o.ReLU(x, long) },
		"ReLUBackward":        func() { o.ReLUBackward(x, x, long) },
		"AddBias":             func() { o.AddBias(long, w) },
		"AddBias of BF16":     func() { o.AddBias(x, o.in(linalg.BF16, c)) },
		"AddBiasBackward":     func() { o.AddBiasBackward(w, long, false) },
		"Unfold":              func() { o.Unfold(x, image, conv) },
		"Unfold by nothing":   func() { o.Unfold(x, image, linalg.Conv{}) },
		"MaxPool":             func() { o.MaxPool(x, ids, image, 2) },
		"MaxPool of a matrix": func() { o.MaxPool(x, ids, x, 2) },
		"MaxPoolBackward":     func() { o.MaxPoolBackward(image, x, ids) },
		"MeanPool":            func() { o.MeanPool(x, image) },
		"MeanPoolBackward":    func() { o.MeanPoolBackward(image, x) },
		"CrossEntropy":        func() { o.CrossEntropy(w, nil, x, ids, nil) },
		"CrossEntropy labels": func() { o.CrossEntropy(o.w(n), nil, x, o.w(n), nil) },
		"SquaredError":        func() { o.SquaredError(w, nil, x, w, nil) },
		"Argmax":              func() { o.Argmax(o.ints(1, n+1), x) },
		"Argmax of nothing":   func() { o.Argmax(ids, o.x(n, 0)) },
		"CopyColumns":         func() { o.CopyColumns(x, x, 1, 0, c, false) },
		"Gather":              func() { o.Gather(long, x, ids) },
		"GatherBackward":      func() { o.GatherBackward(x, long, ids) },
		"LayerNorm":           func() { o.LayerNorm(x, o.w(n, 2), x, o.w(c+1), nil, 1) },
		"LayerNorm bias":      func() { o.LayerNorm(x, o.w(n, 2), x, w, o.w(c+1), 1) },
		"RMSNorm":             func() { o.RMSNorm(x, o.w(n, 2), x, w, 1) },
		"RMSNormBackward":     func() { o.RMSNormBackward(x, long, x, o.w(n), w, false) },
		"Activate":            func() { o.Activate(x, long, linalg.GELU) },
		"an activation":       func() { o.Activate(x, x, linalg.QuickGELU+1) },
		"ActivateBackward":    func() { o.ActivateBackward(x, long, x, linalg.GELU) },
		"SwiGLU":              func() { o.SwiGLU(x, x, long) },
		"SwiGLUBackward":      func() { o.SwiGLUBackward(x, x, x, x, long) },
		"RoPE":                func() { o.RoPE(x, x, ids, o.w(9, 3), false) },
		"RoPE positions":      func() { o.RoPE(x, x, o.ints(1, n+1), o.w(9, c), false) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it did not panic")
				}
			}()
			run()
		})
	}
}
