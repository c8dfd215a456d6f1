package kernel_test

import (
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// TestMultiplyFetching holds products that ask for other memory meanwhile against those that do
// not: for less of it than there are tiles, for more, and for none.
func TestMultiplyFetching(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, s := range [][3]int{{1, 1, 1}, {14, 32, 7}, {15, 33, 64}, {61, 100, 130}, {6, 16, kernel.Depth + 3}, {3, 5, 0}} {
			m, n, k := s[0], s[1], s[2]
			p := newProblem(29, m, n, k, k == 64)
			packed := make([]float32, kernel.PackedLen(k, n))
			kernel.Pack(packed, p.b, k, n, n, 1)
			a := make([]float32, k*m)
			for i := range m {
				for j := range k {
					a[j*m+i] = p.a[i*k+j]
				}
			}
			for name, init := range map[string][]float32{"zero": nil, "numbers": p.init} {
				want, got := make([]float32, m*n), make([]float32, m*n)
				kernel.Multiply(want, n, init, n, kernel.Rows(p.a, k), packed, m, n, k)
				for _, later := range [][][]float32{nil, {nil, make([]float32, 1)}, {make([]float32, 5000), nil, make([]float32, 3)}, {make([]float32, 1<<16)}} {
					kernel.MultiplyFetching(got, n, init, n, kernel.Columns(a, m), packed, m, n, k, later...)
					for i := range want {
						if !same(got[i], want[i]) {
							t.Fatalf("%v from %s: element %d is %v, want %v", s, name, i, got[i], want[i])
						}
					}
					clear(got)
				}
			}
		}
	})
}
