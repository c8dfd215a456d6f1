package kernel

import "math"

// A tile is the part of a product that stays in registers: rows × cols elements of c, all
// within one panel of b.
type tile struct {
	c, init    *float32 // of the tile's first element; init is not nil
	ldc, ldi   int      // elements from row to row
	a          *float32 // of the tile's first row
	rs, cs     int      // a's strides
	b          *float32 // of the tile's first column in its panel
	ldb        int      // elements from row to row, where b is not packed
	next       *float32 // what is multiplied later, where no list says what is fetched meanwhile
	fetches    [mostFetches]fetch
	k          int
	rows, cols int
}

// fetch is what is asked for while a tile is multiplied, a line with every four of its terms, or with
// every one where columns of a lie in one piece. It is never read.
type fetch struct {
	at    *float32
	also  int // bytes from there to another line that is asked for at once
	step  int // bytes to the next
	times int
}

// mostFetches is how many are in a tile's list: where the next tile goes, what this one meets, and what
// is left is of the next panel.
const mostFetches = 2 + mostMeets

// ever is more often than a tile has terms.
const ever = math.MaxInt

// rowsOf asks for rows of as much as a tile is.
func rowsOf(at *float32, stride, rows int) fetch { return fetch{at, 64, 4 * stride, rows} }

// stretchFrom asks for what lies in one piece, as long as there are terms: so many bytes at a time, twice.
func stretchFrom(at *float32, pace int) fetch { return fetch{at, pace, 2 * pace, ever} }
