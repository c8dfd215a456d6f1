package linalg_test

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// TestMatMulBands holds products in bands against MatMul, and sums of their squares against
// SquareSum, bit by bit.
func TestMatMulBands(t *testing.T) {
	dev := linalg.NewCPU()
	bands := dev.(linalg.Bands)
	for _, s := range [][3]int{{1, 1, 1}, {3, 300, 512}, {70, 257, 768}, {900, 130, 64}, {2, 40_000, 1}} {
		k, m, n := s[0], s[1], s[2]
		a, b := random(1, k, m), random(2, k, n)
		for name, init := range map[string]*linalg.Tensor{"zero": nil, "numbers": random(3, m, n)} {
			want := linalg.New(linalg.F32, m, n)
			if init != nil {
				copy(want.F32(), init.F32())
			}
			dev.MatMul(want, a, b, linalg.MatMul{TransA: true, Accumulate: true})
			for _, threads := range []int{1, 3} {
				before := runtime.GOMAXPROCS(threads)
				got, squares, unit := make([]float32, m*n), linalg.NewSquares(m*n), linalg.SquareRows(n)
				later := []*linalg.Tensor{random(4, m, n), random(5, m, n)}
				var mu sync.Mutex
				rows := 0
				bands.MatMulBands(init, a, b, unit, later, func(lo, hi int, c []float32) {
					squares.Add(lo*n, c)
					mu.Lock()
					defer mu.Unlock()
					rows += hi - lo
					copy(got[lo*n:hi*n], c)
					if lo%unit != 0 || hi != m && hi%unit != 0 || len(c) != (hi-lo)*n {
						t.Errorf("%v: a band of rows %d to %d, %d elements", s, lo, hi, len(c))
					}
				})
				runtime.GOMAXPROCS(before)
				if rows != m || !slices.Equal(got, want.F32()) {
					t.Errorf("%v from %s on %d threads: the bands are not the product", s, name, threads)
				}
				if sum, all := squares.Sum(), linalg.SquareSum(got); math.Float64bits(sum) != math.Float64bits(all) {
					t.Errorf("%v: squares of bands are %g, of all %g", s, sum, all)
				}
			}
		}
	}
	mustPanic(t, "MatMulBands", func() { bands.MatMulBands(nil, random(1, 2, 3), random(1, 3, 4), 1, nil, nil) }, "linalg.MatMulBands")
}
