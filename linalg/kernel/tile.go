package kernel

// A tile is the part of a product that stays in registers: rows × cols elements of c, all
// within one panel of b.
type tile struct {
	c, init    *float32 // of the tile's first element; init is not nil
	ldc, ldi   int      // elements from row to row
	a          *float32 // of the tile's first row
	rs, cs     int      // a's strides
	b          *float32 // of the tile's first column in its panel
	k          int
	rows, cols int
}
