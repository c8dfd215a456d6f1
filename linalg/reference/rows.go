package reference

// CopyColumns computes dst[i, to+j] (=|+=) src[i, from+j] for j < width; the matrices are n
// rows of dstCols and srcCols columns.
func CopyColumns(dst, src []float64, n, dstCols, srcCols, to, from, width int, accumulate bool) {
	for i := range n {
		for j := range width {
			set(dst, i*dstCols+to+j, src[i*srcCols+from+j], accumulate)
		}
	}
}

// Gather computes y[i, j] = x[rows[i], j] for c columns.
func Gather(y, x []float64, rows []int, c int) {
	for i, r := range rows {
		for j := range c {
			y[i*c+j] = x[r*c+j]
		}
	}
}

// GatherBackward computes dx[rows[i], j] += g[i, j] for c columns.
func GatherBackward(dx, g []float64, rows []int, c int) {
	for i, r := range rows {
		for j := range c {
			dx[r*c+j] += g[i*c+j]
		}
	}
}

// Argmax sets index[i] to the first j at which x[i, j] is largest.
func Argmax(index []int, x []float64, c int) {
	for i := range index {
		index[i] = 0
		for j := range c {
			if x[i*c+j] > x[i*c+index[i]] {
				index[i] = j
			}
		}
	}
}
