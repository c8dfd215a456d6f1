package linalg_test

import (
	"fmt"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

func BenchmarkMatMul(b *testing.B) {
	dev := linalg.NewCPU()
	for _, n := range []int{64, 256, 512} {
		for _, op := range []linalg.MatMul{{}, {TransA: true}, {TransB: true}} {
			b.Run(fmt.Sprintf("%d/TransA=%v/TransB=%v", n, op.TransA, op.TransB), func(b *testing.B) {
				x, y, z := random(1, n, n), random(2, n, n), dev.New(linalg.F32, n, n)
				for b.Loop() {
					dev.MatMul(z, x, y, op)
				}
				reportFlops(b, 2*n*n*n)
			})
		}
	}
}

// The layers of the image models, at 8 participants with 32 examples each.
func BenchmarkLinear(b *testing.B) {
	dev := linalg.NewCPU()
	for _, c := range []struct{ n, in, out int }{{256, 784, 10}, {256, 784, 128}, {256, 128, 256}, {256 * 49, 576, 128}} {
		w := dev.Pack(random(1, c.out, c.in), linalg.F32Products)
		x, y, bias := random(2, c.n, c.in), random(3, c.n, c.out), random(4, c.out)
		b.Run(fmt.Sprintf("%dx%dx%d", c.n, c.in, c.out), func(b *testing.B) {
			for b.Loop() {
				dev.Linear(y, x, w, linalg.Epilogue{Bias: bias})
			}
			reportFlops(b, 2*c.n*c.in*c.out)
		})
		b.Run(fmt.Sprintf("%dx%dx%d/backward", c.n, c.in, c.out), func(b *testing.B) {
			for b.Loop() {
				dev.LinearBackward(x, y, w, linalg.Backward{})
			}
			reportFlops(b, 2*c.n*c.in*c.out)
		})
	}
}

func BenchmarkUnfold(b *testing.B) {
	dev := linalg.NewCPU()
	for _, conv := range []linalg.Conv{
		{Height: 28, Width: 28, Channels: 1, Kernel: 3, Stride: 1, Padding: 1},
		{Height: 14, Width: 14, Channels: 64, Kernel: 3, Stride: 1, Padding: 1},
	} {
		const n = 32
		x := random(1, n, conv.Height, conv.Width, conv.Channels)
		cols := dev.New(linalg.F32, n*conv.Positions(), conv.Columns())
		name := fmt.Sprintf("%dx%dx%d", conv.Height, conv.Width, conv.Channels)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(4 * cols.Len()))
			for b.Loop() {
				dev.Unfold(cols, x, conv)
			}
		})
		b.Run(name+"/backward", func(b *testing.B) {
			b.SetBytes(int64(4 * cols.Len()))
			for b.Loop() {
				dev.UnfoldBackward(x, cols, conv, false)
			}
		})
	}
}

func BenchmarkMaxPool(b *testing.B) {
	dev := linalg.NewCPU()
	x, y := random(1, 32, 28, 28, 64), dev.New(linalg.F32, 32, 14, 14, 64)
	argmax := dev.New(linalg.I32, 32, 14, 14, 64)
	b.SetBytes(int64(4 * x.Len()))
	for b.Loop() {
		dev.MaxPool(y, argmax, x, 2)
	}
}

func reportFlops(b *testing.B, each int) {
	b.ReportMetric(float64(each)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
