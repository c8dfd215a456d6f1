package dryrun_test

import (
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/dryrun"
)

var _ linalg.Device = (*dryrun.Device)(nil)

// block runs one of every operation of a language model and of an image model, and returns
// the tensors that it made.
func block(dev linalg.Device) []*linalg.Tensor {
	const n, width, heads, vocabulary = 6, 8, 2, 11
	f := func(shape ...int) *linalg.Tensor { return dev.New(linalg.F32, shape...) }
	var made []*linalg.Tensor
	keep := func(t *linalg.Tensor) *linalg.Tensor {
		made = append(made, t)
		return t
	}
	table, ids := keep(dev.New(linalg.BF16, vocabulary, width)), keep(dev.New(linalg.I32, n))
	dev.Upload(table, linalg.New(linalg.BF16, vocabulary, width))
	x, y, stats, scales := keep(f(n, width)), keep(f(n, width)), keep(f(n, 2)), keep(f(n))
	weight, angles := keep(f(width)), keep(f(n, width/heads))
	dev.Gather(x, table, ids)
	dev.LayerNorm(y, stats, x, weight, nil, 1e-5)
	dev.LayerNormBackward(x, y, x, stats, weight, true)
	dev.RMSNorm(y, scales, x, weight, 1e-5)
	dev.RMSNormBackward(x, y, x, scales, weight, true)
	dev.RoPE(y, y, ids, angles, false)
	a := linalg.Attention{Heads: heads, KVHeads: heads, Dim: width / heads, Scale: 1, Spans: []linalg.Span{{QueryHi: n, KeyHi: n}}}
	lse := keep(f(n, heads))
	dev.Attention(y, lse, x, x, x, a)
	dev.AttentionBackward(f(n, width), f(n, width), f(n, width), y, y, lse, x, x, x, a)
	w := dev.Pack(f(width, width), linalg.F32Products)
	w.Set(f(width, width))
	dev.Linear(y, x, w, linalg.Epilogue{Bias: weight})
	dev.LinearBackward(x, y, w, linalg.Backward{Accumulate: true})
	dev.AddBias(y, weight)
	dev.AddBiasBackward(weight, y, true)
	dev.Activate(y, y, linalg.GELU)
	dev.ActivateBackward(y, y, x, linalg.GELU)
	dev.SwiGLU(y, x, x)
	dev.SwiGLUBackward(f(n, width), f(n, width), y, x, x)
	dev.ReLU(y, x)
	dev.ReLUBackward(y, y, x)
	dev.MatMul(y, x, f(width, width), linalg.MatMul{})
	dev.Copy(y, x)
	dev.CopyColumns(y, x, 0, 0, 2, false)
	dev.Axpy(y, 1, x)
	dev.Scale(y, 2)
	half := keep(dev.Rows(y, 1, 4))
	dev.Zero(half)
	loss, pred := keep(f(n)), keep(f(n, 1))
	dev.CrossEntropy(loss, nil, y, ids, nil)
	dev.SquaredError(loss, nil, pred, loss, nil)
	dev.Argmax(ids, y)
	dev.GatherBackward(f(vocabulary, width), y, ids)
	images(dev, keep)
	dev.Download(linalg.New(linalg.F32, n), loss)
	return made
}

func images(dev linalg.Device, keep func(*linalg.Tensor) *linalg.Tensor) {
	const n = 2
	conv := linalg.Conv{Height: 4, Width: 4, Channels: 3, Kernel: 3, Stride: 1, Padding: 1}
	image := keep(dev.New(linalg.F32, n, 4, 4, 3))
	columns := keep(dev.New(linalg.F32, n*conv.Positions(), conv.Columns()))
	dev.Unfold(columns, image, conv)
	dev.UnfoldBackward(image, columns, conv, true)
	pooled, at, mean := keep(dev.New(linalg.F32, n, 2, 2, 3)), keep(dev.New(linalg.I32, n, 2, 2, 3)), keep(dev.New(linalg.F32, n, 3))
	dev.MaxPool(pooled, at, image, 2)
	dev.MaxPoolBackward(image, pooled, at)
	dev.MeanPool(mean, image)
	dev.MeanPoolBackward(image, mean)
}

func TestShapesAreTheCPUs(t *testing.T) {
	dry, cpu := block(dryrun.New()), block(linalg.NewCPU())
	if len(dry) != len(cpu) {
		t.Fatalf("%d tensors, the CPU makes %d", len(dry), len(cpu))
	}
	for i, want := range cpu {
		if got := dry[i]; got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
			t.Errorf("tensor %d is %v %v, the CPU's %v %v", i, got.DType(), got.Shape(), want.DType(), want.Shape())
		}
	}
}

func TestTensorsHaveNoNumbers(t *testing.T) {
	dev := dryrun.New()
	x := dev.New(linalg.F32, 1<<20, 1<<20) // four terabytes
	if got := dev.Live(); got != 4<<40 {
		t.Errorf("%d bytes live, want %d", got, int64(4)<<40)
	}
	if x.Memory().Device() != dev.Name() || dev.Name() != "dry run" {
		t.Errorf("the device is %q, its memory %q", dev.Name(), x.Memory().Device())
	}
	defer func() {
		if recover() == nil {
			t.Error("the tensor shows numbers")
		}
	}()
	x.F32()
}

// drop makes tensors that nothing reaches afterwards.
//
//go:noinline
func drop(dev linalg.Device, sizes ...int) {
	made := make([]*linalg.Tensor, len(sizes))
	for i, n := range sizes {
		made[i] = dev.New(linalg.F32, n)
	}
	runtime.KeepAlive(made)
}

func expect(t *testing.T, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d bytes, want %d", what, got, want)
	}
}

func TestLiveAndPeak(t *testing.T) {
	dev := dryrun.New()
	kept := dev.New(linalg.BF16, 5, 10)
	expect(t, "one tensor", dev.Live(), 100)
	drop(dev, 25, 50) // 300 bytes more
	expect(t, "the peak", dev.Peak(), 400)
	expect(t, "what lives", dev.Live(), 100)
	for range 20 { // one after the other: never two at once
		drop(dev, 75)
	}
	expect(t, "the peak after tensors in turn", dev.Peak(), 400)
	drop(dev, 76)
	expect(t, "the peak after a larger one", dev.Peak(), 404)
	expect(t, "what lives in the end", dev.Live(), 100)
	runtime.KeepAlive(kept)
}

func TestReset(t *testing.T) {
	dev := dryrun.New()
	kept := dev.New(linalg.I32, 10)
	drop(dev, 1000)
	dev.Reset()
	expect(t, "the peak after Reset", dev.Peak(), 40)
	drop(dev, 10)
	expect(t, "the new peak", dev.Peak(), 80)
	expect(t, "what lives", dev.Live(), 40)
	runtime.KeepAlive(kept)
}

// lower makes a tensor and returns a view of a view of it.
//
//go:noinline
func lower(dev linalg.Device) *linalg.Tensor {
	return dev.Rows(dev.Rows(dev.New(linalg.F32, 10, 5), 2, 10), 4, 8)
}

// A view takes nothing, and keeps all of what it shows a part of.
func TestViews(t *testing.T) {
	dev := dryrun.New()
	view := lower(dev)
	if !slices.Equal(view.Shape(), []int{4, 5}) || view.DType() != linalg.F32 {
		t.Errorf("the view is %v %v", view.DType(), view.Shape())
	}
	expect(t, "a tensor that only a view reaches", dev.Live(), 200)
	expect(t, "its peak", dev.Peak(), 200)
	runtime.KeepAlive(view)
	expect(t, "a tensor that nothing reaches", dev.Live(), 0)
}

func TestPacked(t *testing.T) {
	dev := dryrun.New()
	w := dev.New(linalg.BF16, 3, 5)
	p := dev.Pack(w, linalg.F32Products)
	if out, in := p.Shape(); out != 3 || in != 5 {
		t.Errorf("the packed matrix is (%d, %d)", out, in)
	}
	expect(t, "the matrix as the CPU packs it", p.Bytes(), linalg.NewCPU().Pack(linalg.New(linalg.BF16, 3, 5), linalg.F32Products).Bytes())
	expect(t, "all packed", dev.Packed(), 1024)
	dev.PackedBytes = func(out, in int, _ linalg.Precision) int64 { return 4 * int64(out) * int64(in) }
	expect(t, "one copy", dev.Pack(w, linalg.F32Products).Bytes(), 60)
	expect(t, "all packed", dev.Packed(), 1084)
	expect(t, "what lives beside them", dev.Live(), 30)
	runtime.KeepAlive(w)
}

func TestConcurrentUse(t *testing.T) {
	dev := dryrun.New()
	kept := make([]*linalg.Tensor, 8)
	var wg sync.WaitGroup
	for i := range kept {
		wg.Go(func() {
			kept[i] = dev.New(linalg.F32, 25)
			drop(dev, 5)
			dev.Pack(dev.New(linalg.F32, 2, 5), linalg.F32Products)
		})
	}
	wg.Wait()
	expect(t, "what lives", dev.Live(), 800)
	expect(t, "all packed", dev.Packed(), 8*linalg.PackedBytes(2, 5, linalg.F32Products))
	if peak := dev.Peak(); peak < 800 || peak > 8*(100+20+40) {
		t.Errorf("the peak is %d bytes", peak)
	}
	runtime.KeepAlive(kept)
}
