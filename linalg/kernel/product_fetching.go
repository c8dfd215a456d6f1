package kernel

// MultiplyFetching is [Multiply], which asks for the elements of later while it multiplies: the
// caller goes over them next, and they may come from memory meanwhile. They change nothing else.
// Of a [Meeting] as much as a tile is asked for at once; this asks for a line with every few
// terms, which is faster where as much comes from memory as is computed, and has to lie in one piece.
func MultiplyFetching(c []float32, ldc int, init []float32, ldi int, a Operand, b []float32, m, n, k int, later ...[]float32) {
	if m == 0 || n == 0 {
		return
	}
	g := &block{c: c, init: init, ldc: ldc, ldi: ldi, a: a, b: b, m: m, n: n, k: k, all: k, later: &fetching{later: later}}
	if !g.tiled() {
		multiplyLoop(c, ldc, init, ldi, a, b, m, n, k)
		return
	}
	_ = b[PackedLen(k, n)-1]
	multiplyBlocked(g)
}

// fetching goes over rows that are asked for, a stretch with every tile.
type fetching struct {
	later [][]float32
	at    int // in the first of them
}

// next returns where the stretch begins that a tile of k terms asks for; nil: there is no more.
func (f *fetching) next(k int) *float32 {
	if f == nil {
		return nil
	}
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
