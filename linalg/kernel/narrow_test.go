package kernel_test

import (
	"fmt"
	"testing"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// TestMultiplyNarrow holds products of few columns against the loop of products: of tiles that turn
// rows around and of those that do not, with terms that fill no register, inside larger matrices.
func TestMultiplyNarrow(t *testing.T) {
	eachNarrow(t, func(t *testing.T, n int) {
		for _, m := range []int{1, 2, 13, 14, 15, 16, 17, 31, 32, 33, 50} {
			for _, k := range []int{0, 1, 7, 8, 17, 63, 64, 65, 71, 72, 130} {
				p := newProblem(31, m, n, k, k == 65)
				for start := range starts {
					p.checkNarrow(t, start, func(x []float32) []float32 { return x })
				}
			}
		}
	})
}

// eachNarrow runs a test at every level that has such products, for every number of columns.
func eachNarrow(t *testing.T, test func(t *testing.T, n int)) {
	eachLevel(t, func(t *testing.T) {
		for n := 1; kernel.NarrowWidth(n) > 0; n++ {
			test(t, n)
		}
	})
}

// checkNarrow compares a product whose matrices are where place puts them.
func (p *problem) checkNarrow(t *testing.T, start int, place func(x []float32) []float32) {
	t.Helper()
	m, n, k := p.m, p.n, p.k
	const pad = 3
	width := kernel.NarrowWidth(n)
	b := place(make([]float32, k*width))
	kernel.PackNarrow(b, p.b, k, n, n, 1)
	turned, again := make([]float32, k*n), make([]float32, k*width)
	for i := range k {
		for j := range n {
			turned[j*k+i] = p.b[i*n+j]
		}
	}
	kernel.PackNarrow(again, turned, k, n, 1, k)
	for i := range b {
		if !same(b[i], again[i]) {
			t.Fatalf("(%d, %d): element %d is packed as %v by rows, as %v by columns", k, n, i, b[i], again[i])
		}
	}
	ldc := n + pad
	c := place(make([]float32, (m-1)*ldc+n))
	for i := range c {
		c[i] = canary
	}
	var init []float32
	ldi := 0
	switch start {
	case fromItself:
		init, ldi = c, ldc
		for i := range m {
			copy(c[i*ldc:], p.init[i*n:(i+1)*n])
		}
	case fromRows:
		init, ldi = place(p.init), n
	case fromOneRow:
		init = place(p.init[:n])
	}
	kernel.MultiplyNarrow(c, ldc, init, ldi, place(p.a), b, m, n, k)
	for i, got := range c {
		want := float32(canary)
		if row, col := i/ldc, i%ldc; col < n {
			want = p.want[start][row*n+col]
		}
		if !same(got, want) {
			t.Fatalf("m %d, n %d, k %d, start %d: element %d is %v, want %v", m, n, k, start, i, got, want)
		}
	}
}

func BenchmarkMultiplyNarrow(b *testing.B) {
	for _, s := range [][3]int{{512, 8, 768}, {512, 8, 2304}, {512, 16, 2304}} {
		m, n, k := s[0], s[1], s[2]
		width := kernel.NarrowWidth(n)
		if width == 0 {
			b.Skip("no kernel for few columns at this level")
		}
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			c, x, y := make([]float32, m*n), make([]float32, m*k), make([]float32, k*width)
			b.SetBytes(int64(4 * m * k))
			for b.Loop() {
				kernel.MultiplyNarrow(c, n, nil, 0, x, y, m, n, k)
			}
		})
	}
}
