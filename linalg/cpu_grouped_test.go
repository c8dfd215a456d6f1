package linalg_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/kernel"
)

// sameBits wants the bits of another computation.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// everywhere runs a test at every level of the kernels, on one thread and on three.
func everywhere(t *testing.T, do func(t *testing.T)) {
	for _, level := range kernel.Levels() {
		for _, threads := range []int{1, 3} {
			t.Run(fmt.Sprint(level, " ", threads), func(t *testing.T) {
				restore, err := kernel.Use(level)
				if err != nil {
					t.Fatal(err)
				}
				defer restore()
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
				do(t)
			})
		}
	}
}

// TestEpilogueIsFusedWithoutATrace: what is done with a product piece by piece is what would be
// done with all of it, for products of several pieces each way and more terms than a block has; and
// so is the way back through it.
func TestEpilogueIsFusedWithoutATrace(t *testing.T) {
	const n, in, out = 231, 800, 301
	dev := linalg.NewCPU()
	x, w, bias, residual := random(1, n, in), random(2, out, in), random(3, out), random(4, n, out)
	behind, g := random(5, in, out), random(6, n, in)
	everywhere(t, func(t *testing.T) {
		for _, precision := range []linalg.Precision{linalg.F32Products, linalg.BF16Weights} {
			p := dev.Pack(w, precision)
			before, want, saved, y := linalg.New(linalg.F32, n, out), linalg.New(linalg.F32, n, out), linalg.New(linalg.F32, n, out), linalg.New(linalg.F32, n, out)
			dev.Linear(before, x, p, linalg.Epilogue{Bias: bias})
			dev.Linear(y, x, p, linalg.Epilogue{Bias: bias, Activation: linalg.GELUTanh, Saved: saved, Residual: residual})
			dev.Activate(want, before, linalg.GELUTanh)
			dev.Add(want, want, residual)
			sameBits(t, "y", y.F32(), want.F32())
			q := dev.Pack(behind, precision)
			dev.LinearBackward(want, g, q, linalg.Backward{})
			dev.ActivateBackward(want, want, before, linalg.GELUTanh)
			dev.LinearBackward(y, g, q, linalg.Backward{Activation: linalg.GELUTanh, Saved: saved})
			sameBits(t, "dx", y.F32(), want.F32())
		}
	})
}

// TestLowRankByItself: a row has the bits that it has where its adapter is the only one and has
// no other rows, whatever ranks the others have.
func TestLowRankByItself(t *testing.T) {
	const n, in, out = 300, 61, 47
	dev := linalg.NewCPU()
	x, g := random(1, n, in), random(2, n, out)
	var parts []linalg.LowRank
	for i, r := range []int{8, 1, 33, 4, 16} {
		lo := []int{0, 5, 6, 40, 180}[i]
		parts = append(parts, linalg.LowRank{
			Lo: lo, Hi: []int{5, 6, 40, 180, 299}[i], A: random(uint64(r), r, in), B: random(uint64(r+100), out, r), Scale: []float32{1, 0.3}[i%2],
		})
	}
	everywhere(t, func(t *testing.T) {
		y, dx := random(3, n, out), random(4, n, in)
		wantY, wantDx := y.Clone(), dx.Clone()
		slices.Reverse(parts)
		dev.LowRank(y, x, parts)
		dev.LowRankBackward(dx, g, parts)
		for _, p := range parts {
			for i := p.Lo; i < p.Hi; i++ {
				one := []linalg.LowRank{{Hi: 1, A: p.A, B: p.B, Scale: p.Scale}}
				dev.LowRank(wantY.RowRange(i, i+1), x.RowRange(i, i+1), one)
				dev.LowRankBackward(wantDx.RowRange(i, i+1), g.RowRange(i, i+1), one)
			}
		}
		sameBits(t, "y", y.F32(), wantY.F32())
		sameBits(t, "dx", dx.F32(), wantDx.F32())
	})
}

// TestThinProducts: the gradients of low-rank adapters, which have few rows or columns, are those
// rows and columns of larger products.
func TestThinProducts(t *testing.T) {
	const k, wide, all = 150, 333, 40
	dev := linalg.NewCPU()
	thin, x := random(1, k, all), random(2, k, wide)
	everywhere(t, func(t *testing.T) {
		want := random(3, all, wide)
		begin := want.Clone()
		dev.MatMul(want, thin, x, linalg.MatMul{TransA: true, Accumulate: true, Alpha: 0.7})
		for _, r := range []int{1, 7, 8, 9, 16} {
			few := linalg.New(linalg.F32, k, r)
			dev.CopyColumns(few, thin, 0, 0, r, false)
			got := begin.RowRange(0, r).Clone()
			dev.MatMul(got, few, x, linalg.MatMul{TransA: true, Accumulate: true, Alpha: 0.7})
			sameBits(t, fmt.Sprint("of rank ", r), got.F32(), want.F32()[:r*wide])

			flat, turned := linalg.New(linalg.F32, r, wide), linalg.New(linalg.F32, wide, r)
			dev.MatMul(flat, few, x, linalg.MatMul{TransA: true})
			dev.MatMul(turned, x, few, linalg.MatMul{TransA: true})
			for i := range wide {
				for j := range r {
					sameBits(t, "turned", turned.F32()[i*r+j:][:1], flat.F32()[j*wide+i:][:1])
				}
			}
		}
	})
}

// TestEach calls once for everything, on any device and on any number of threads.
func TestEach(t *testing.T) {
	for _, threads := range []int{1, 3} {
		before := runtime.GOMAXPROCS(threads)
		for _, dev := range []linalg.Device{linalg.NewCPU(), struct{ linalg.Device }{linalg.NewCPU()}} {
			for _, n := range []int{0, 1, 5, 100} {
				calls := make([]atomic.Int32, n)
				linalg.Each(dev, n, func(i int) { calls[i].Add(1) })
				for i := range calls {
					if got := calls[i].Load(); got != 1 {
						t.Errorf("%d of %d was called %d times", i, n, got)
					}
				}
			}
		}
		runtime.GOMAXPROCS(before)
	}
}
