package kernel

// rowWidth returns how many columns rowColumns computes.
func rowWidth(Level) int { return 64 }

// rowColumns is [MultiplyRow] for so many columns.
func rowColumns(l Level, c, a, b *float32, ldb, k int) {
	if l == AVX512 {
		rowAVX512(c, a, b, ldb, k)
	} else {
		rowAVX2(c, a, b, ldb, k)
	}
}

//go:noescape
func rowAVX512(c, a, b *float32, ldb, k int)

//go:noescape
func rowAVX2(c, a, b *float32, ldb, k int)
