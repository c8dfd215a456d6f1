package kernel

// narrowRows is how many rows the largest tile of few columns has.
const narrowRows = 14

// narrowWidth is [NarrowWidth] at a level.
func narrowWidth(l Level, n int) int {
	switch {
	case l != AVX512 || n > 16:
		return 0
	case n > 8:
		return 16
	}
	return 8
}

// narrow computes a tile whose b has rows of so many columns.
func (t *tile) narrow(width int) {
	if width == 8 {
		narrow8AVX512(t)
	} else {
		narrow16AVX512(t)
	}
}

// thinRows are those of a tile that thin computes, of thinColumns columns.
const thinRows, thinColumns = 16, 8

// thin adds to such a tile: c is (thinColumns, thinRows), and where the sums start from.
func (t *tile) thin() { thinAVX512(t) }

//go:noescape
func thinAVX512(t *tile)

//go:noescape
func narrow8AVX512(t *tile)

//go:noescape
func narrow16AVX512(t *tile)
