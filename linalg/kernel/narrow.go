package kernel

// NarrowWidth returns how many columns a b of n of them has where [MultiplyNarrow] takes it, as it
// lies in memory or packed by [PackNarrow]; 0: it takes none of so many.
func NarrowWidth(n int) int { return narrowWidth(level, n) }

// PackNarrow writes b (k, n), whose element (i, j) is b[i·rs + j·cs], as rows of as many columns as
// [NarrowWidth] says. Columns that n has not are 0. One of rs and cs is 1.
func PackNarrow(dst, b []float32, k, n, rs, cs int) {
	width := NarrowWidth(n)
	dst = dst[:k*width]
	if n < width {
		clear(dst)
	}
	if cs == 1 {
		for i := range k {
			copy(dst[i*width:][:n], b[i*rs:])
		}
		return
	}
	Transpose(dst, width, b, cs, n, k)
}

// MultiplyNarrow is [Multiply] for a b (k, n) of few columns, which lies as [NarrowWidth] says, and
// for rows of a that lie one behind the other. They are so long beside those of b that it is a that
// has to come in time: what follows the rows is asked for while they are multiplied.
func MultiplyNarrow(c []float32, ldc int, init []float32, ldi int, a, b []float32, m, n, k int) {
	if m == 0 || n == 0 {
		return
	}
	width := NarrowWidth(n)
	if k == 0 {
		multiplyLoop(c, ldc, init, ldi, Operand{}, nil, m, n, 0)
		return
	}
	_, _, _ = a[m*k-1], b[k*width-1], c[(m-1)*ldc+n-1]
	if init != nil {
		_ = init[(m-1)*ldi+n-1]
	}
	done := 0
	if width == thinColumns && k >= leastThin {
		for ; done+thinRows <= m; done += thinRows {
			var from []float32
			if init != nil {
				from = init[done*ldi:]
			}
			multiplyThin(c[done*ldc:], ldc, from, ldi, a[done*k:], b, n, k)
		}
	}
	if done == m {
		return
	}
	c, a, m = c[done*ldc:], a[done*k:], m-done
	if init != nil {
		init = init[done*ldi:]
	}
	bands := (m + narrowRows - 1) / narrowRows // of nearly the same height
	var t tile
	t.ldc, t.ldi, t.rs, t.cs, t.b, t.k, t.cols = ldc, ldi, k, 1, &b[0], k, n
	for band := range bands {
		lo, hi := band*m/bands, (band+1)*m/bands
		t.rows, t.a, t.c = hi-lo, &a[lo*k], &c[lo*ldc]
		t.init, t.ldi = &zeros[0], 0
		if init != nil {
			t.init, t.ldi = &init[lo*ldi], ldi
		}
		t.next = &a[min(hi*k, len(a)-1)]
		t.narrow(width)
	}
}

// leastThin is the number of terms from which on it pays to turn a around.
const leastThin = 64

// multiplyThin computes thinRows rows.
func multiplyThin(c []float32, ldc int, init []float32, ldi int, a, b []float32, n, k int) {
	var sums [thinColumns * thinRows]float32
	if init != nil {
		for i := range thinRows {
			for j, v := range init[i*ldi:][:n] {
				sums[j*thinRows+i] = v
			}
		}
	}
	var t tile
	t.c, t.a, t.rs, t.b, t.k, t.next = &sums[0], &a[0], k, &b[0], k, &a[min(thinRows*k, len(a)-1)]
	t.thin()
	for i := range thinRows {
		for j := range c[i*ldc:][:n] {
			c[i*ldc+j] = sums[j*thinRows+i]
		}
	}
}
