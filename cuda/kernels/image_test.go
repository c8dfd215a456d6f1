package kernels_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// images is a grid in which threads have more than one element, and blocks more than one image.
var images = [2]int{2, 2}

func TestUnfold(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, conv := range []linalg.Conv{
			{Height: 5, Width: 7, Channels: 3, Kernel: 3, Stride: 1, Padding: 1},
			{Height: 4, Width: 4, Channels: 1, Kernel: 1, Stride: 1},
			{Height: 1, Width: 1, Channels: 5, Kernel: 3, Stride: 1, Padding: 1},
			{Height: 7, Width: 6, Channels: 2, Kernel: 3, Stride: 2, Padding: 1},
			{Height: 6, Width: 5, Channels: 4, Kernel: 2, Stride: 3},
			{Height: 3, Width: 3, Channels: 2, Kernel: 2, Stride: 1, Padding: 2},
		} {
			const n = 3
			oh, ow := conv.Output()
			x := r.numbers(dtype, n*conv.Height*conv.Width*conv.Channels, 1)
			size := n * conv.Positions() * conv.Columns()
			cols, want := poisoned(dtype, size), make([]float64, size)
			reference.Unfold(want, x.wide(), n, conv)
			geometry := []any{int32(n), int32(conv.Height), int32(conv.Width), int32(conv.Channels), int32(conv.Kernel), int32(conv.Stride), int32(conv.Padding), int32(oh), int32(ow)}
			b.launch(name("cola_unfold", dtype), images, 64, append([]any{cols, x}, geometry...)...)
			b.check(fmt.Sprintf("Unfold %+v", conv), cols, want, nil, 0)

			g := r.numbers(dtype, size, 1)
			for _, accumulate := range []bool{false, true} {
				dx, want := poisoned(dtype, len(x.wide())), make([]float64, len(x.wide()))
				if accumulate {
					dx = x.clone()
					want = dx.wide()
				}
				reference.UnfoldBackward(want, g.wide(), n, conv, accumulate)
				b.launch(name("cola_unfold_backward", dtype), images, 64, append(append([]any{dx, g}, geometry...), flag(accumulate))...)
				b.check(fmt.Sprintf("UnfoldBackward %+v", conv), dx, want, repeated(len(want), 10), 12*unit)
			}
		}
	})
}

func TestMaxPool(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, c := range []struct{ n, h, w, c, size int }{{1, 4, 4, 1, 2}, {2, 5, 7, 3, 2}, {3, 6, 6, 5, 3}, {1, 3, 3, 2, 1}, {2, 7, 4, 33, 2}} {
			in, out := c.n*c.h*c.w*c.c, c.n*(c.h/c.size)*(c.w/c.size)*c.c
			values := r.numbers(dtype, in, 2).wide()
			for i := range values {
				values[i] = math.Round(values[i]) // many are equal
			}
			values[4], values[7], values[9] = math.NaN(), math.Inf(1), math.Inf(-1)
			x, y, argmax := hold(dtype, values), poisoned(dtype, out), make([]int32, out)
			yw, at := make([]float64, out), make([]int, out)
			reference.MaxPool(yw, at, x.wide(), c.n, c.h, c.w, c.c, c.size)
			b.launch(name("cola_max_pool", dtype), images, 64, y, argmax, x, int32(c.n), int32(c.h), int32(c.w), int32(c.c), int32(c.size))
			what := fmt.Sprintf("MaxPool %+v", c)
			b.check(what, y, yw, nil, 0)
			b.checkInts(what, argmax, at)

			g, dx, want := r.numbers(dtype, out, 1), hold(dtype, make([]float64, in)), make([]float64, in)
			reference.MaxPoolBackward(want, g.wide(), at, c.n)
			b.launch(name("cola_max_pool_backward", dtype), images, 64, dx, g, argmax, int32(c.n), int32(in/c.n), int32(out/c.n))
			b.check("MaxPoolBackward of "+what, dx, want, nil, 0)
		}
	})
}

func TestMeanPool(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, c := range []struct{ n, positions, c int }{{1, 1, 1}, {2, 15, 7}, {3, 196, 33}} {
			x, y, want := r.numbers(dtype, c.n*c.positions*c.c, 1), poisoned(dtype, c.n*c.c), make([]float64, c.n*c.c)
			reference.MeanPool(want, x.wide(), c.n, c.positions, c.c)
			b.launch(name("cola_mean_pool", dtype), images, 64, y, x, int32(c.n), int32(c.positions), int32(c.c))
			b.check("MeanPool", y, want, repeated(len(want), 1), float64(c.positions+2)*unit)

			g, dx, dw := r.numbers(dtype, c.n*c.c, 1), poisoned(dtype, len(x.wide())), make([]float64, len(x.wide()))
			reference.MeanPoolBackward(dw, g.wide(), c.n, c.positions, c.c)
			b.launch(name("cola_mean_pool_backward", dtype), images, 64, dx, g, int32(c.n), int32(c.positions), int32(c.c))
			b.check("MeanPoolBackward", dx, dw, absolute(dw), 3*unit)
		}
	})
}
