package kernel

// rowWidth returns how many columns rowColumns computes.
func rowWidth(Level) int { return 32 }

// rowColumns is [MultiplyRow] for so many columns.
func rowColumns(_ Level, c, a, b *float32, ldb, k int) { rowNEON(c, a, b, ldb, k) }

//go:noescape
func rowNEON(c, a, b *float32, ldb, k int)
