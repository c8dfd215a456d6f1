package kernel

// MultiplyFetching is [Multiply], which asks for the elements of later while it multiplies: the
// caller goes over them next, and they may come from memory meanwhile. They change nothing else.
// Of a [Meeting] as much as a tile is asked for at once; this asks for a line with every few
// terms, which is faster where as much comes from memory as is computed, and has to lie in one piece.
func MultiplyFetching(c []float32, ldc int, init []float32, ldi int, a Operand, b []float32, m, n, k int, later ...[]float32) {
	if m == 0 || n == 0 || k == 0 || k > Depth || level == Generic || a.RowStride != 1 && a.ColStride != 1 {
		Multiply(c, ldc, init, ldi, a, b, m, n, k)
		return
	}
	_, _, _ = c[(m-1)*ldc+n-1], a.Data[(m-1)*a.RowStride+(k-1)*a.ColStride], b[PackedLen(k, n)-1]
	if init != nil {
		_ = init[(m-1)*ldi+n-1]
	}
	f := fetching{later: later}
	most, wide := tileShape(level)
	bands := (m + most - 1) / most // of nearly the same height
	t := tile{ldc: ldc, ldi: ldi, rs: a.RowStride, cs: a.ColStride, k: k}
	for j := 0; j < n; j += Panel {
		panel := b[j*k:][:k*Panel]
		for band := range bands {
			lo, hi := band*m/bands, (band+1)*m/bands
			t.rows, t.a = hi-lo, &a.Data[lo*t.rs]
			for col := 0; col < min(Panel, n-j); col += wide {
				t.cols, t.b, t.c = min(wide, n-j-col), &panel[col], &c[lo*ldc+j+col]
				t.init, t.ldi = &zeros[0], 0
				if init != nil {
					t.init, t.ldi = &init[lo*ldi+j+col], ldi
				}
				if t.next = f.next(k); t.next == nil { // then a part of the next panel, as all products do
					t.next = &b[min((j+Panel)*k+band*k/bands*Panel, len(b)-1)]
				}
				t.run(level)
			}
		}
	}
}

// fetching goes over rows that are asked for, a stretch with every tile.
type fetching struct {
	later [][]float32
	at    int // in the first of them
}

// next returns where the stretch begins that a tile of k terms asks for; nil: there is no more.
func (f *fetching) next(k int) *float32 {
	for len(f.later) > 0 {
		if row := f.later[0]; f.at < len(row) {
			p := &row[f.at]
			f.at += tileFetches * k
			return p
		}
		f.later, f.at = f.later[1:], 0
	}
	return nil
}

// tileFetches is how many elements a tile asks for with every term.
const tileFetches = 4
