package kernel

// Transpose writes x (m, n) to t as (n, m): t[j·ldt + i] = x[i·ldx + j].
func Transpose(t []float32, ldt int, x []float32, ldx, m, n int) {
	if m == 0 || n == 0 {
		return
	}
	_, _ = t[(n-1)*ldt+m-1], x[(m-1)*ldx+n-1]
	wide := transposeWidth(level)
	if wide == 0 {
		transposeLoop(t, ldt, x, ldx, m, n)
		return
	}
	rows, quads := 0, n/4
	if quads > 0 {
		for ; rows+wide <= m; rows += wide {
			transposeQuads(level, &t[rows], ldt, &x[rows*ldx], ldx, quads)
		}
		if cols := 4 * quads; cols < n {
			transposeLoop(t[cols*ldt:], ldt, x[cols:], ldx, rows, n-cols)
		}
	}
	if rows < m {
		transposeLoop(t[rows:], ldt, x[rows*ldx:], ldx, m-rows, n)
	}
}

// transposeLoop is the meaning of [Transpose]: four rows of x are written side by side.
func transposeLoop(t []float32, ldt int, x []float32, ldx, m, n int) {
	i := 0
	for ; i+4 <= m; i += 4 {
		x0, x1, x2, x3 := x[i*ldx:][:n], x[(i+1)*ldx:][:n], x[(i+2)*ldx:][:n], x[(i+3)*ldx:][:n]
		for j := range x0 {
			*(*[4]float32)(t[j*ldt+i:]) = [4]float32{x0[j], x1[j], x2[j], x3[j]}
		}
	}
	for ; i < m; i++ {
		for j, v := range x[i*ldx:][:n] {
			t[j*ldt+i] = v
		}
	}
}
