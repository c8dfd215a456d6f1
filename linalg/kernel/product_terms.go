package kernel

// MultiplyTerms computes c = init + a·b as [Multiply] does, for rows of a packed matrix that
// others come before and after: b begins at the first of these k rows in the first panel, and
// its panels are of all rows. A product with a triangle of numbers leaves out what is zero. What c will
// meet is fetched meanwhile, too.
func MultiplyTerms(c []float32, ldc int, init []float32, ldi int, a Operand, b []float32, all, m, n, k int, meets ...Meeting) {
	if m == 0 || n == 0 {
		return
	}
	g := &block{c: c, init: init, ldc: ldc, ldi: ldi, a: a, b: b, m: m, n: n, k: k, all: all, meets: meets}
	if !g.tiled() {
		for j := 0; j < n; j += Panel {
			from := init
			if init != nil {
				from = init[j:]
			}
			multiplyLoop(c[j:], ldc, from, ldi, a, b[j*all:], m, min(Panel, n-j), k)
		}
		return
	}
	_ = b[(n-1)/Panel*Panel*all+k*Panel-1]
	multiplyBlocked(g)
}
