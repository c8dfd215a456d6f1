package kernel

// A tile is the part of a product that stays in registers: rows × cols elements of c, all
// within one panel of b.
type tile struct {
	c, init    *float32 // of the tile's first element; init is not nil
	ldc, ldi   int      // elements from row to row
	a          *float32 // of the tile's first row
	rs, cs     int      // a's strides
	b          *float32 // of the tile's first column in its panel
	ldb        int      // elements from row to row, where b is not packed
	next       *float32 // of b, what is multiplied later, and may be fetched meanwhile: it is never read
	soon       *float32 // of c, where the next tile goes, which is fetched meanwhile, too; or nil
	meet, with *float32 // what this tile will meet, likewise; or nil
	ldm, ldw   int      // their elements from row to row
	k          int
	rows, cols int
}
