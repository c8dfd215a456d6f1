package kernel

// A tile is the part of a product that stays in registers: rows × cols elements of c, all
// within one panel of b.
type tile struct {
	c, init    *float32            // of the tile's first element; init is not nil
	ldc, ldi   int                 // elements from row to row
	a          *float32            // of the tile's first row
	rs, cs     int                 // a's strides
	b          *float32            // of the tile's first column in its panel
	ldb        int                 // elements from row to row, where b is not packed
	next       *float32            // of b, what is multiplied later, and may be fetched meanwhile: it is never read
	pace       int                 // how many bytes of next are asked for with every two terms
	soon       *float32            // of c, where the next tile goes, which is fetched meanwhile, too; or nil
	meets      [mostMeets]*float32 // what this tile will meet, likewise; or nil
	ldms       [mostMeets]int      // their elements from row to row
	k          int
	rows, cols int
}
