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
	if !accumulate {
		clear(c)
	}
	strips(n, m*k, func(lo, hi int) {
		kernel.AddOuter(c[lo:], n, a.data, m, b.data[lo:], n, m, hi-lo, k)
	})
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
	strips(n, m*k, func(lo, hi int) {
		if !accumulate {
			for i := range m {
				clear(c[i*n+lo : i*n+hi])
			}
		}
		kernel.AddOuter(c[lo:], n, memory.data, m, b.data[lo:], n, m, hi-lo, k)
	})
}

// strips shares n columns, each of so many multiplications, out to threads.
func strips(n, work int, do func(lo, hi int)) {
	const columns = 48 // of a multiple are what the fastest kernel is for
	parallel((n+columns-1)/columns, max(1, pieceWork/(columns*max(1, work))), func(lo, hi int) {
		do(lo*columns, min(hi*columns, n))
	})
}

// sumOuterTall computes the rows lo to hi-1 of a c of few columns, as columns of its transpose.
func sumOuterTall(c []float32, a, b factor, lo, hi int, accumulate bool) {
	n, rows := b.cols, hi-lo
	memory := floats.borrow(rows * n)
	defer memory.giveBack()
	t, part := memory.data, c[lo*n:hi*n]
	if accumulate {
		toColumns(t, part, rows, n)
	} else {
		clear(t)
	}
	kernel.AddOuter(t, rows, b.data, n, a.data[lo:], a.rows, n, rows, b.rows)
	toRows(part, t, rows, n)
}

// toColumns writes x (rows, cols) to t as (cols, rows): four columns side by side.
func toColumns(t, x []float32, rows, cols int) {
	j := 0
	for ; j+4 <= cols; j += 4 {
		t0, t1, t2, t3 := t[j*rows:][:rows], t[(j+1)*rows:][:rows], t[(j+2)*rows:][:rows], t[(j+3)*rows:][:rows]
		for i := range t0 {
			four := (*[4]float32)(x[i*cols+j:])
			t0[i], t1[i], t2[i], t3[i] = four[0], four[1], four[2], four[3]
		}
	}
	for ; j < cols; j++ {
		for i := range rows {
			t[j*rows+i] = x[i*cols+j]
		}
	}
}

// toRows is the inverse of toColumns.
func toRows(x, t []float32, rows, cols int) {
	j := 0
	for ; j+4 <= cols; j += 4 {
		t0, t1, t2, t3 := t[j*rows:][:rows], t[(j+1)*rows:][:rows], t[(j+2)*rows:][:rows], t[(j+3)*rows:][:rows]
		for i := range t0 {
			*(*[4]float32)(x[i*cols+j:]) = [4]float32{t0[i], t1[i], t2[i], t3[i]}
		}
	}
	for ; j < cols; j++ {
		for i := range rows {
			x[i*cols+j] = t[j*rows+i]
		}
	}
}
