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
	if l == AVX512 {
		packAVX512(dst, src, stride, quads)
	} else {
		packAVX2(dst, src, stride, quads)
	}
}

//go:noescape
func packAVX512(dst, src *float32, stride, quads int)

//go:noescape
func packAVX2(dst, src *float32, stride, quads int)
