package kernel_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// TestMultiplyRow holds rows of products with a b that is not packed against the loop, for b
// inside of a larger matrix.
func TestMultiplyRow(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{1, 31, 32, 33, 63, 64, 65, 96, 130} {
			for _, k := range []int{0, 1, 2, 7, 100} {
				p := newProblem(17, 1, n, k, k == 100)
				for _, ldb := range []int{n, n + 5} {
					b := make([]float32, k*ldb)
					for i := range k {
						copy(b[i*ldb:], p.b[i*n:][:n])
					}
					c := make([]float32, n)
					kernel.MultiplyRow(c, p.a, b[:max(0, (k-1)*ldb+n)], ldb, n, k)
					for j, got := range c {
						if want := p.want[fromNothing][j]; math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
							t.Fatalf("n %d, k %d, ldb %d: element %d is %v, want %v", n, k, ldb, j, got, want)
						}
					}
				}
			}
		}
	})
}
