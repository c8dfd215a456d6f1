package kernel

// MultiplyRow computes c = a·b for one row a (k) and b (k, n), which is not packed: row p of b
// begins at b[p·ldb]. Its bits are those that [Multiply] gives from the packed b.
func MultiplyRow(c, a, b []float32, ldb, n, k int) {
	done := 0
	if level != Generic && k > 0 {
		_, _, _ = c[:n], a[:k], b[:(k-1)*ldb+n]
		for wide := rowWidth(level); done+wide <= n; done += wide {
			rowColumns(level, &c[done], &a[0], &b[done], ldb, k)
		}
	}
	for j := done; j < n; j++ {
		sum := float32(0)
		for p := range k {
			sum = fma(a[p], b[p*ldb+j], sum)
		}
		c[j] = sum
	}
}
