package kernel

import "unsafe"

// A product is cut so that what it goes over again stays in the processor's second cache: a
// block of a, which all panels of b are multiplied by, and beside it as much of a panel as the
// block is deep. Chains of sums go on where the block before left them, in c.
const (
	// Depth is the number of terms up to which a product goes over the rows of a once.
	Depth         = 3072
	blockElements = 56 * Depth // of a: 0.7 MB
	blockRows     = 224        // at most
)

// The rows of a tile compete for one set of the first cache where their stride is a multiple of
// what its sets go around, 4 KiB. What was fetched of them is gone before all of it was used, if
// they are more than the set has places, of which b takes some.
const (
	sameSet = 4096 / 4
	fewRows = 8
)

// zeros is the row that sums start from where there is no other.
var zeros [Panel]float32

// multiplyBlocked is [Multiply] by tiles, for k > 0: without terms a may be shorter than its rows
// are apart, and pointers to them would point to what is not a's.
func multiplyBlocked(g block) {
	most, _ := tileShape(level)
	depth := evenly(g.k, Depth, 16)
	if g.k > Depth {
		depth = panelDepth
	}
	rows := evenly(g.m, min(blockRows, blockElements/depth/most*most), most)
	for p := 0; p < g.k; p += depth {
		for i := 0; i < g.m; i += rows {
			g.multiply(i, min(rows, g.m-i), p, min(depth, g.k-p))
		}
		g.init, g.ldi = g.c, g.ldc
	}
}

// evenly returns how long the parts of n are, if they are to be at most that long, nearly equal,
// and multiples of unit.
func evenly(n, most, unit int) int {
	parts := max(1, (n+most-1)/most)
	return ((n+parts-1)/parts + unit - 1) / unit * unit
}

// block is a product that is being computed.
type block struct {
	c, init  []float32
	ldc, ldi int
	a        Operand
	b        []float32
	m, n, k  int
	all      int // rows of b: k of them are multiplied
	meets    []Meeting
	later    *fetching // what is asked for before more of b is; nil: nothing
}

// tiled reports whether tiles can compute a product of which there is anything, and panics where
// c, init or a ends before its last element.
func (g block) tiled() bool {
	if g.k == 0 || level == Generic || g.a.RowStride != 1 && g.a.ColStride != 1 {
		return false
	}
	_ = g.c[(g.m-1)*g.ldc+g.n-1]
	if g.init != nil {
		_ = g.init[(g.m-1)*g.ldi+g.n-1]
	}
	_ = g.a.Data[(g.m-1)*g.a.RowStride+(g.k-1)*g.a.ColStride]
	return true
}

// multiply adds the products of depth terms from p on to the rows from row on.
func (g block) multiply(row, rows, p, depth int) {
	most, wide := tileShape(level)
	if g.a.ColStride == 1 && g.a.RowStride%sameSet == 0 {
		most = min(most, fewRows)
	}
	bands := (rows + most - 1) / most // of nearly the same height
	t := tile{ldc: g.ldc, ldi: g.ldi, rs: g.a.RowStride, cs: g.a.ColStride, k: depth}
	left := unsafe.Add(unsafe.Pointer(unsafe.SliceData(g.a.Data)), 4*(row*t.rs+p*t.cs))
	right := unsafe.SliceData(g.b)
	for j := 0; j < g.n; j += Panel {
		panel := unsafe.Add(unsafe.Pointer(right), 4*(j*g.all+p*Panel))
		next := g.after(j, p, depth)
		for band := range bands {
			lo, hi := row+band*rows/bands, row+(band+1)*rows/bands
			t.rows = hi - lo
			t.next = &g.b[min(next+band*depth/bands*Panel, len(g.b)-1)]
			t.a = (*float32)(unsafe.Add(left, 4*(lo-row)*t.rs))
			for col := 0; col < min(Panel, g.n-j); col += wide {
				t.cols = min(wide, g.n-j-col)
				t.b = (*float32)(unsafe.Add(panel, 4*col))
				t.c = &g.c[lo*g.ldc+j+col]
				t.init, t.soon = &zeros[0], g.soon(j+col, row, hi, row+rows)
				if g.init != nil {
					t.init = &g.init[lo*g.ldi+j+col]
				} else {
					t.ldi = 0
				}
				if p+depth >= g.k {
					g.meet(&t, lo, j+col)
				}
				if row := g.later.next(depth); row != nil {
					t.next = row
				}
				t.run(level)
			}
		}
	}
}

// meet sets what is fetched for the tile at a row and a column.
func (g block) meet(t *tile, row, col int) {
	if len(g.meets) > 0 {
		t.meet, t.ldm = g.meets[0].at(row, col), g.meets[0].Stride
	}
	if len(g.meets) > 1 {
		t.with, t.ldw = g.meets[1].at(row, col), g.meets[1].Stride
	}
}

func (m Meeting) at(row, col int) *float32 { return &m.Data[row*m.Stride+col] }

// after returns where in b those terms begin that are multiplied after depth of the panel of
// column j, from term p on. All bands go over one panel, so that each has time to fetch a part
// of the next: what comes from memory only when it is needed is waited for. Behind the last
// panel lies what the next product of the same matrix begins with.
func (g block) after(j, p, depth int) int {
	switch {
	case j+Panel < g.n:
		return (j+Panel)*g.all + p*Panel
	case p+depth < g.k:
		return (p + depth) * Panel
	}
	return (j + Panel) * g.all
}

// soon returns where in c the tile lies that follows the one of a column and of the rows before
// next: in the same columns, or behind the last row in those of the next panel.
func (g block) soon(col, first, next, end int) *float32 {
	if next == end {
		next, col = first, col+Panel
	}
	if at := next*g.ldc + col; at < len(g.c) {
		return &g.c[at]
	}
	return nil
}
