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

// transposeLoop is the meaning of [Transpose], in blocks both of whose forms stay in cache.
func transposeLoop(t []float32, ldt int, x []float32, ldx, m, n int) {
	const side = 16
	for left := 0; left < n; left += side {
		for top := 0; top < m; top += side {
			for j := left; j < min(left+side, n); j++ {
				to := t[j*ldt:][:m]
				for i := top; i < min(top+side, m); i++ {
					to[i] = x[i*ldx+j]
				}
			}
		}
	}
}
