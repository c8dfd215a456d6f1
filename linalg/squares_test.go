package linalg_test

import (
	"math"
	"runtime"
	"testing"

	"github.com/gradientlearning/cola/linalg"
)

// TestSquareSum holds sums of squares against float64, of numbers whose squares are no
// float32s, too.
func TestSquareSum(t *testing.T) {
	for _, scale := range []float32{1, 1e-30, 1e-25, 1e25, 0} {
		for _, n := range []int{0, 1, 511, 513, 1<<14 + 1, 100_000} {
			x := random(5, n).F32()
			want := 0.0
			for i := range x {
				x[i] *= scale
				want += float64(x[i]) * float64(x[i])
			}
			got := linalg.SquareSum(x)
			if bound := linalg.Bound(x); scale <= 1 && bound*bound < 0.999*want && want > 1e-30 {
				t.Errorf("%d numbers of %g are bounded by %g, and their squares add up to %g", n, scale, bound, want)
			}
			if math.Abs(got-want) > 1e-12*want {
				t.Errorf("%d numbers of %g: %g, want %g", n, scale, got, want)
			}
			threads := runtime.GOMAXPROCS(1)
			if alone := linalg.SquareSum(x); alone != got {
				t.Errorf("%d numbers of %g: %g on one thread, %g on %d", n, scale, alone, got, threads)
			}
			runtime.GOMAXPROCS(threads)
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		x := random(6, 40_000).F32()
		x[39_000] = float32(bad)
		for _, got := range []float64{linalg.SquareSum(x), linalg.Bound(x)} {
			if got-got == 0 {
				t.Errorf("squares of %g among others are %g", bad, got)
			}
		}
	}
}
