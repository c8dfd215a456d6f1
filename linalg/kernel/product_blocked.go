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

// nearElements is how many elements c has at most, with all between its rows, that the first cache
// holds beside what is multiplied. There is nothing to be asked for then, which costs a short tile a tenth.
const nearElements = 8 << 10

// mostPace is how many bytes of the next panel a tile asks for at most with a line and the line behind it.
// linePace asks for a line with every four terms.
const mostPace, linePace = 64, 32

// zeros is the row that sums start from where there is no other.
var zeros [Panel]float32

// multiplyBlocked is [Multiply] by tiles, for k > 0: without terms a may be shorter than its rows
// are apart, and pointers to them would point to what is not a's.
func multiplyBlocked(g *block) {
	most, _ := tileShape(level)
	depth, rows := g.k, g.m
	if g.k > Depth {
		depth = panelDepth
	}
	if g.m > most {
		rows = evenly(g.m, min(blockRows, blockElements/depth/most*most), most)
	}
	init, ldi := g.init, g.ldi
	for p := 0; p < g.k; p += depth {
		for i := 0; i < g.m; i += rows {
			g.multiply(init, ldi, i, min(rows, g.m-i), p, min(depth, g.k-p))
		}
		init, ldi = g.c, g.ldc
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
func (g *block) tiled() bool {
	if g.k == 0 || level == Generic || g.a.RowStride != 1 && g.a.ColStride != 1 {
		return false
	}
	_ = g.c[(g.m-1)*g.ldc+g.n-1]
	if g.init != nil {
		_ = g.init[(g.m-1)*g.ldi+g.n-1]
	}
	_ = g.a.Data[g.a.at(g.m-1, g.k-1)]
	return true
}

// multiply adds the products of depth terms from p on to what the rows from row on start from.
func (g *block) multiply(init []float32, ldi, row, rows, p, depth int) {
	most, wide := tileShape(level)
	if g.a.ColStride == 1 && g.a.RowStride%sameSet == 0 {
		most = min(most, fewRows)
	}
	bands := (rows + most - 1) / most // of nearly the same height: some are a row higher
	low, higher, share := rows/bands, rows%bands, depth*Panel/bands
	near := g.m*g.ldc <= nearElements
	pace := g.pace(depth, share, near)
	var t tile
	t.ldc, t.rs, t.cs, t.k = g.ldc, int(g.a.RowStride), int(g.a.ColStride), depth
	if init != nil {
		t.ldi = ldi
	}
	left := unsafe.Add(unsafe.Pointer(unsafe.SliceData(g.a.Data)), 4*(row*t.rs+p*t.cs))
	right := unsafe.SliceData(g.b)
	for j := 0; j < g.n; j += Panel {
		panel := unsafe.Add(unsafe.Pointer(right), 4*(j*g.all+p*Panel))
		next := g.after(j, p, depth)
		for band, lo := 0, row; band < bands; band++ {
			hi := lo + low
			if band < higher {
				hi++
			}
			t.rows = hi - lo
			ahead := &g.b[min(next+band*share, len(g.b)-1)]
			t.a = (*float32)(unsafe.Add(left, 4*(lo-row)*t.rs))
			for col := 0; col < min(Panel, g.n-j); col += wide {
				t.cols = min(wide, g.n-j-col)
				t.b = (*float32)(unsafe.Add(panel, 4*col))
				t.c = &g.c[lo*g.ldc+j+col]
				t.init = &zeros[0]
				if init != nil {
					t.init = &init[lo*ldi+j+col]
				}
				n := 0
				if soon := g.soon(j+col, row, hi, row+rows); soon != nil && !near {
					t.fetches[0], n = rowsOf(soon, g.ldc, t.rows), 1
				}
				if p+depth >= g.k {
					n = g.meet(&t, n, lo, j+col)
				}
				if row := g.later.next(depth); row != nil {
					ahead = row
				}
				t.fetches[n] = stretchFrom(ahead, pace)
				t.run(level)
			}
			lo = hi
		}
	}
}

// pace returns how many bytes a tile of depth terms asks for at a time, twice, of what comes later: its
// share of the next panel's elements, if there is time enough beside what else it asks for.
func (g *block) pace(depth, share int, near bool) int {
	times, rows := depth/4, len(g.meets)
	if g.later != nil {
		share = tileFetches * depth
	}
	if g.a.ColStride != 1 {
		times = depth
	}
	if !near {
		rows++
	}
	most, _ := tileShape(level)
	return min(mostPace, 2*share/max(1, times-rows*most))
}

// meet adds what the tile at a row and a column will meet to a list of n things that it fetches.
func (g *block) meet(t *tile, n, row, col int) int {
	for _, m := range g.meets[:min(len(g.meets), mostMeets)] {
		t.fetches[n] = rowsOf(&m.Data[row*m.Stride+col], m.Stride, t.rows)
		n++
	}
	return n
}

// after returns where in b those terms begin that are multiplied after depth of the panel of
// column j, from term p on. All bands go over one panel, so that each has time to fetch a part
// of the next: what comes from memory only when it is needed is waited for. Behind the last
// panel lies what the next product of the same matrix begins with.
func (g *block) after(j, p, depth int) int {
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
func (g *block) soon(col, first, next, end int) *float32 {
	if next == end {
		next, col = first, col+Panel
	}
	if at := next*g.ldc + col; at < len(g.c) {
		return &g.c[at]
	}
	return nil
}
