package kernel_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// TestMultiplyTerms holds products with some rows of a packed matrix, whose others are NaN, against
// those of these rows alone, for an a either way round and sums that start from nothing and from c.
func TestMultiplyTerms(t *testing.T) {
	nan := float32(math.NaN())
	eachLevel(t, func(t *testing.T) {
		for _, s := range [][3]int{{1, 1, 1}, {14, 64, 0}, {14, 64, 40}, {13, 33, 5}, {29, 96, 130}, {3, 70, kernel.Depth + 9}} {
			m, n, k := s[0], s[1], s[2]
			p := newProblem(23, m, n, k, false)
			across := make([]float32, len(p.a))
			for i := range m {
				for j := range k {
					across[j*m+i] = p.a[i*k+j]
				}
			}
			for _, before := range []int{0, 3} {
				all := before + k + 2
				wide := make([]float32, all*n)
				for i := range wide {
					wide[i] = nan
				}
				copy(wide[before*n:], p.b)
				packed := make([]float32, kernel.PackedLen(all, n))
				kernel.Pack(packed, wide, all, n, n, 1)
				for _, a := range []kernel.Operand{kernel.Rows(p.a, k), kernel.Columns(across, m)} {
					c := make([]float32, m*n)
					kernel.MultiplyTerms(c, n, nil, 0, a, packed[before*kernel.Panel:], all, m, n, k)
					sameTerms(t, s, c, p.want[fromNothing])
					copy(c, p.init)
					kernel.MultiplyTerms(c, n, c, n, a, packed[before*kernel.Panel:], all, m, n, k)
					sameTerms(t, s, c, p.want[fromRows])
				}
			}
		}
	})
}

func sameTerms(t *testing.T, shape [3]int, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%v: element %d is %v, want %v", shape, i, got[i], want[i])
		}
	}
}
