package kernel_test

import (
	"fmt"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// TestAddOuter holds sums of outer products against the loop of products, for matrices inside
// of larger ones.
func TestAddOuter(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, m := range []int{1, 2, 3, 4, 5, 7, 8, 9, 16, 19} {
			for _, n := range []int{1, 8, 15, 16, 17, 31, 33, 47, 48, 49, 100} {
				for _, k := range []int{0, 1, 2, 63, 64, 65, 130} {
					p := newProblem(23, m, n, k, k == 65)
					for _, pad := range []int{0, 5} {
						p.checkOuter(t, pad)
					}
				}
			}
		}
	})
}

func (p *problem) checkOuter(t *testing.T, pad int) {
	t.Helper()
	m, n, k := p.m, p.n, p.k
	l := layout{pad: pad, shift: pad}
	a := make([]float32, k*m)
	for i := range m {
		for j := range k {
			a[j*m+i] = p.a[i*k+j]
		}
	}
	_, left, lda := l.embed(a, m, k, m, surround)
	_, right, ldb := l.embed(p.b, n, k, n, surround)
	all, c, ldc := l.embed(p.init, n, m, n, canary)
	if pad == 0 {
		kernel.AddOuter(c, ldc, left, lda, right, ldb, m, n, k)
	} else { // which asks for something else meanwhile, of which there is less
		kernel.AddOuterFetching(c, ldc, left, lda, right, ldb, m, n, k, p.b[:len(p.b)/2])
	}
	for i := range m {
		for j := range n {
			if got, want := c[i*ldc+j], p.want[fromItself][i*n+j]; !same(got, want) {
				t.Fatalf("m %d, n %d, k %d, pad %d: element (%d, %d) is %v, want %v", m, n, k, pad, i, j, got, want)
			}
			c[i*ldc+j] = canary
		}
	}
	for i, v := range all {
		if v != canary {
			t.Fatalf("m %d, n %d, k %d, pad %d: %v was written to place %d", m, n, k, pad, v, i)
		}
	}
}

func BenchmarkAddOuter(b *testing.B) {
	for _, s := range [][3]int{{8, 768, 512}, {8, 2304, 512}} {
		m, n, k := s[0], s[1], s[2]
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			c, x, y := make([]float32, m*n), make([]float32, k*m), make([]float32, k*n)
			b.SetBytes(int64(4 * k * n))
			for b.Loop() {
				kernel.AddOuter(c, n, x, m, y, n, m, n, k)
			}
		})
	}
}
