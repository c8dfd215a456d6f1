package kernel

// multiplyNarrow is [Multiply] for a b of no more columns than narrowShape says and for rows of a
// that lie one behind the other, neither of which is there in vain: m, n and k are not 0.
func multiplyNarrow(c []float32, ldc int, init []float32, ldi int, a, b []float32, m, n, k int) {
	most, _ := narrowShape(level)
	bands := (m + most - 1) / most // of nearly the same height
	t := tile{ldc: ldc, ldi: ldi, rs: k, cs: 1, b: &b[0], k: k, cols: n}
	for band := range bands {
		lo, hi := band*m/bands, (band+1)*m/bands
		t.rows, t.a, t.c = hi-lo, &a[lo*k], &c[lo*ldc]
		t.init, t.ldi = &zeros[0], 0
		if init != nil {
			t.init, t.ldi = &init[lo*ldi], ldi
		}
		t.next = &a[min(hi*k, len(a)-1)]
		t.narrow(level)
	}
}
