package kernel

// packWidth returns how many columns a level transposes at once.
func packWidth(l Level) int {
	switch l {
	case AVX512:
		return 16
	case AVX2:
		return 8
	}
	return 0
}

// packQuads writes 4·quads rows of as many columns as packWidth says, which are stride
// elements apart in src, to rows of a panel.
func packQuads(l Level, dst, src *float32, stride, quads int) {
	transposeQuads(l, dst, Panel, src, stride, quads)
}

// transposeWidth returns how many columns transposeQuads turns into rows.
func transposeWidth(l Level) int { return packWidth(l) }

// transposeQuads does so with rows that are to elements apart.
func transposeQuads(l Level, dst *float32, to int, src *float32, stride, quads int) {
	if l == AVX512 {
		transposeAVX512(dst, to, src, stride, quads)
	} else {
		transposeAVX2(dst, to, src, stride, quads)
	}
}

//go:noescape
func transposeAVX512(dst *float32, to int, src *float32, stride, quads int)

//go:noescape
func transposeAVX2(dst *float32, to int, src *float32, stride, quads int)

// packPanel copies so many rows of a panel, which are stride elements apart in src, where a
// level has a kernel for that.
func packPanel(l Level, dst, src *float32, stride, rows int) bool {
	switch l {
	case AVX512:
		packRowsAVX512(dst, src, stride, rows)
	case AVX2:
		packRowsAVX2(dst, src, stride, rows)
	default:
		return false
	}
	return true
}

//go:noescape
func packRowsAVX512(dst, src *float32, stride, rows int)

//go:noescape
func packRowsAVX2(dst, src *float32, stride, rows int)
