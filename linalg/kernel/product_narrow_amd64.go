package kernel

// narrowShape returns the largest tile of a level's kernel for products of few columns.
func narrowShape(l Level) (rows, cols int) {
	if l == AVX512 {
		return 14, 16
	}
	return 0, 0
}

// narrow computes a tile of such a product.
func (t *tile) narrow(Level) { narrowAVX512(t) }

//go:noescape
func narrowAVX512(t *tile)
