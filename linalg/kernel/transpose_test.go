package kernel_test

import (
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// TestTranspose turns matrices inside of larger ones, and touches nothing beside them.
func TestTranspose(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, m := range []int{0, 1, 3, 7, 8, 9, 15, 16, 17, 33} {
			for _, n := range []int{0, 1, 3, 4, 5, 8, 16, 18, 35} {
				for _, pad := range []int{0, 3} {
					ldx, ldt := n+pad, m+2*pad
					x, turned := make([]float32, max(0, (m-1)*ldx+n)), make([]float32, max(0, (n-1)*ldt+m))
					for i := range x {
						x[i] = float32(i + 1)
					}
					kernel.Transpose(turned, ldt, x, ldx, m, n)
					for at, got := range turned {
						want := float32(0)
						if j, i := at/max(1, ldt), at%max(1, ldt); i < m {
							want = float32(i*ldx + j + 1)
						}
						if m > 0 && n > 0 && got != want {
							t.Fatalf("(%d, %d), pad %d: element %d is %v, want %v", m, n, pad, at, got, want)
						}
					}
				}
			}
		}
	})
}
