package linalg

import "github.com/gradientlearning/cola/linalg/kernel"

// fewColumns are so few that the other factor is better read as it lies than packed.
const fewColumns = 16

// sumOuter computes c (m, n) (=|+=) a·b for an a that is transposed and a b that is not, as a
// sum of products of their rows, of which those of one are short: the gradients of low-rank
// adapters. Every element is the same chain of sums.
func sumOuter(c []float32, a, b factor, accumulate bool) {
	m, n, k := a.rows, b.cols, b.rows
	if m > n {
		strips(m, n*k, func(lo, hi int) { sumOuterTall(c, a, b, lo, hi, accumulate) })
		return
	}
	sumOuterWide(c, a.data, b.data, m, n, k, accumulate)
}

// A product of few rows with a matrix of many elements reads that as it lies: packed, each
// would be used too seldom.
const (
	outerRows     = 128 // at most
	outerElements = 1 << 18
)

// multiplyOuter computes c (m, n) (=|+=) a·b for a b that is large and is read as it lies, and once.
func multiplyOuter(c []float32, a, b factor, accumulate bool) {
	m, n, k := a.rows, b.cols, b.rows
	memory := floats.borrow(m * k)
	defer memory.giveBack()
	transpose(memory.data, a.data, m, k)
	sumOuterWide(c, memory.data, b.data, m, n, k, accumulate)
}

// sumOuterWide computes c (m, n) (=|+=) aᵀ·b for a (k, m) and b (k, n).
func sumOuterWide(c, a, b []float32, m, n, k int, accumulate bool) {
	strips(n, m*k, func(lo, hi int) {
		if !accumulate {
			for i := range m {
				clear(c[i*n+lo : i*n+hi])
			}
		}
		kernel.AddOuter(c[lo:], n, a, m, b[lo:], n, m, hi-lo, k)
	})
}

// stripColumns are those of a strip, which threads share out: of a multiple are what the fastest
// kernel is for.
const stripColumns = 48

// strips shares n columns, each of so many multiplications, out to threads.
func strips(n, work int, do func(lo, hi int)) {
	parallel((n+stripColumns-1)/stripColumns, max(1, pieceWork/(stripColumns*max(1, work))), func(lo, hi int) {
		do(lo*stripColumns, min(hi*stripColumns, n))
	})
}

// sumOuterTall computes the rows lo to hi-1 of a c of few columns, as columns of its transpose.
func sumOuterTall(c []float32, a, b factor, lo, hi int, accumulate bool) {
	n, rows := b.cols, hi-lo
	memory := floats.borrow(rows * n)
	defer memory.giveBack()
	t, part := memory.data, c[lo*n:hi*n]
	if accumulate {
		kernel.Transpose(t, rows, part, n, rows, n)
	} else {
		clear(t)
	}
	kernel.AddOuter(t, rows, b.data, n, a.data[lo:], a.rows, n, rows, b.rows)
	kernel.Transpose(part, n, t, rows, n, rows)
}
