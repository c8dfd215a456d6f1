package kernel

import "unsafe"

// A product is cut so that what it goes over again stays in the processor's second cache:
// Depth × Panel elements of b, and blockRows × Depth of a, which are 0.8 MB. Chains of sums go on
// where the block before left them, in c.
const (
	// Depth is the number of terms up to which a product goes over the rows of a once.
	Depth     = 768
	blockRows = 224
)

// zeros is the row that sums start from where there is no other.
var zeros [Panel]float32

// multiplyBlocked is [Multiply] by tiles.
func multiplyBlocked(c []float32, ldc int, init []float32, ldi int, a Operand, b []float32, m, n, k int) {
	for p := 0; p < k || p == 0; p += Depth {
		depth := min(Depth, k-p)
		for i := 0; i < m; i += blockRows {
			block{c, init, ldc, ldi, a, b, m, n, k}.multiply(i, min(blockRows, m-i), p, depth)
		}
		init, ldi = c, ldc
	}
}

// block is a product that is being computed.
type block struct {
	c, init  []float32
	ldc, ldi int
	a        Operand
	b        []float32
	m, n, k  int
}

// multiply adds the products of depth terms from p on to the rows from row on.
func (g block) multiply(row, rows, p, depth int) {
	most, wide := tileShape(level)
	bands := (rows + most - 1) / most // of nearly the same height
	t := tile{ldc: g.ldc, ldi: g.ldi, rs: g.a.RowStride, cs: g.a.ColStride, k: depth}
	left := unsafe.SliceData(g.a.Data)
	right := unsafe.SliceData(g.b)
	for j := 0; j < g.n; j += Panel {
		panel := unsafe.Add(unsafe.Pointer(right), 4*(j*g.k+p*Panel))
		next := g.after(j, p, depth)
		for band := range bands {
			lo, hi := row+band*rows/bands, row+(band+1)*rows/bands
			t.rows = hi - lo
			if depth > 0 {
				t.next = &g.b[min(next+band*depth/bands*Panel, len(g.b)-1)]
			}
			t.a = (*float32)(unsafe.Add(unsafe.Pointer(left), 4*(lo*t.rs+p*t.cs)))
			for col := 0; col < min(Panel, g.n-j); col += wide {
				t.cols = min(wide, g.n-j-col)
				t.b = (*float32)(unsafe.Add(panel, 4*col))
				t.c = &g.c[lo*g.ldc+j+col]
				t.init = &zeros[0]
				if g.init != nil {
					t.init, t.soon = &g.init[lo*g.ldi+j+col], g.soon(j+col, row, hi, row+rows)
				} else {
					t.ldi = 0
				}
				t.run(level)
			}
		}
	}
}

// after returns where in b those terms begin that are multiplied after depth of the panel of
// column j, from term p on. All bands go over one panel, so that each has time to fetch a part
// of the next: what comes from memory only when it is needed is waited for. Behind the last
// panel lies what the next product of the same matrix begins with.
func (g block) after(j, p, depth int) int {
	switch {
	case j+Panel < g.n:
		return (j+Panel)*g.k + p*Panel
	case p+depth < g.k:
		return (p + depth) * Panel
	}
	return (j + Panel) * g.k
}

// soon returns where in init the tile starts that follows the one of a column and of the rows
// before next: in the same columns, or behind the last row in those of the next panel.
func (g block) soon(col, first, next, end int) *float32 {
	if next == end {
		next, col = first, col+Panel
	}
	if at := next*g.ldi + col; g.ldi != 0 && at < len(g.init) {
		return &g.init[at]
	}
	return nil
}
