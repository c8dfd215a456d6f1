package kernels_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

func TestGather(t *testing.T) {
	const n, m = 9, 6
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, table := range []linalg.DType{linalg.F32, linalg.BF16, linalg.F16} {
			for _, c := range []int{1, 33, 100, 769, 1032} {
				x, rows := r.numbers(table, m*c, 1), r.integers(n, m)
				y, want := poisoned(dtype, n*c), make([]float64, n*c)
				reference.Gather(want, x.wide(), ints(rows), c)
				rows[2], rows[5] = m, -1 // which there are not
				for i := range c {
					want[2*c+i], want[5*c+i] = math.NaN(), math.NaN()
				}
				b.launch(name("cola_gather", dtype, table), cells, 64, y, x, rows, int64(n), int32(m), int32(c))
				b.check(fmt.Sprintf("Gather of %v, %d columns", table, c), y, want, nil, 0)
			}
		}
	})
}

func TestGatherBackward(t *testing.T) {
	b, r := newBench(t), newSource()
	for _, dxType := range []linalg.DType{linalg.F32, linalg.BF16} {
		for _, gType := range []linalg.DType{linalg.F32, linalg.BF16} {
			for _, c := range []struct{ n, m, cols, threads int }{{1, 1, 1, 256}, {40, 3, 17, 32}, {70, 9, 100, 64}, {20, 30, 769, 128}} {
				g, rows, dx := r.numbers(gType, c.n*c.cols, 1), r.integers(c.n, c.m), r.numbers(dxType, c.m*c.cols, 1)
				want, size := dx.wide(), absolute(dx.wide())
				reference.GatherBackward(want, g.wide(), ints(rows), c.cols)
				reference.GatherBackward(size, absolute(g.wide()), ints(rows), c.cols)
				rows, g = append(rows, int32(c.m), -1), hold(gType, append(g.wide(), repeated(2*c.cols, math.NaN())...))
				pieces := (c.cols + 4*c.threads - 1) / (4 * c.threads)
				b.launch(name("cola_gather_backward", dxType, gType), [2]int{c.n + 2, pieces}, c.threads, dx, g, rows, int32(c.n+2), int32(c.m), int32(c.cols))
				b.check(fmt.Sprintf("GatherBackward %v += %v %+v", dxType, gType, c), dx, want, size, float64(c.n+2)*unit)
			}
		}
	}
}

func TestCopyColumns(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, c := range []struct{ n, dst, src, to, from, width int }{
			{1, 1, 1, 0, 0, 1}, {5, 7, 4, 3, 0, 4}, {5, 4, 7, 0, 3, 4}, {33, 9, 12, 2, 5, 3}, {3, 5, 5, 5, 5, 0}, {20, 128, 384, 0, 256, 128}, {9, 384, 128, 130, 0, 128}, {5, 37, 64, 32, 16, 4},
		} {
			for _, accumulate := range []bool{false, true} {
				src, dst := r.numbers(dtype, c.n*c.src, 1), r.numbers(dtype, c.n*c.dst, 1)
				want := dst.wide()
				reference.CopyColumns(want, src.wide(), c.n, c.dst, c.src, c.to, c.from, c.width, accumulate)
				b.launch(name("cola_copy_columns", dtype), cells, 64, dst, src, int64(c.n), int32(c.dst), int32(c.src), int32(c.to), int32(c.from), int32(c.width), flag(accumulate))
				b.check(fmt.Sprintf("CopyColumns %+v accumulate %v", c, accumulate), dst, want, absolute(want), unit)
			}
		}
	})
}

func TestBias(t *testing.T) {
	forTypes(t, func(b bench, dtype linalg.DType) {
		r := newSource()
		for _, shape := range shapes {
			n, c := shape[0], shape[1]
			y, bias := r.numbers(dtype, n*c, 1), r.numbers(linalg.F32, c, 1)
			want := y.wide()
			reference.AddBias(want, bias.wide(), n)
			b.launch(name("cola_add_bias", dtype), cells, 64, y, bias, int64(n), int32(c))
			b.check(fmt.Sprintf("AddBias %v", shape), y, want, repeated(n*c, 2), unit)
		}
		for _, shape := range [][2]int{{0, 3}, {1, 1}, {9, 33}, {130, 67}} {
			n, c := shape[0], shape[1]
			g := r.numbers(dtype, max(n, 1)*c, 1)
			for _, accumulate := range []bool{false, true} {
				sum, want := poisoned(linalg.F32, c), make([]float64, c)
				if accumulate {
					sum = r.numbers(linalg.F32, c, 1)
					want = sum.wide()
				}
				reference.AddBiasBackward(want, g.wide(), n, accumulate)
				b.launch(name("cola_add_bias_backward", dtype), [2]int{(c + 31) / 32, 1}, 512, sum, g, int64(n), int32(c), flag(accumulate))
				b.check(fmt.Sprintf("AddBiasBackward %v", shape), sum, want, repeated(c, float64(n+1)), float64(n+2)*unit)
			}
		}
	})
}
