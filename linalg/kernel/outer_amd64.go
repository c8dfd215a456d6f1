package kernel

// outerShape returns how many rows and columns a level's kernel adds to at once.
func outerShape(l Level) (rows, cols int) {
	switch l {
	case AVX512:
		return 8, 48
	case AVX2:
		return 4, 16
	}
	return 0, 0
}

// outer adds to a tile, whose b is not packed and whose a lies column after column.
func (t *tile) outer(l Level) {
	if l == AVX512 {
		outerAVX512(t)
	} else {
		outerAVX2(t)
	}
}

//go:noescape
func outerAVX512(t *tile)

//go:noescape
func outerAVX2(t *tile)
