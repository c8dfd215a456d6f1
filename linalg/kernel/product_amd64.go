package kernel

// columnMasks is 16 ones and 16 zeros, as masks of AVX2: what begins 16−n elements behind the
// first has n ones first.
var columnMasks = func() (m [32]int32) { //nolint:unused // the assembly uses it
	for i := range 16 {
		m[i] = -1
	}
	return m
}()

// tileShape returns the largest tile of a level.
func tileShape(l Level) (rows, cols int) {
	if l == AVX512 {
		return 14, 32
	}
	return 6, 16
}

// run computes a tile.
func (t *tile) run(l Level) {
	if l == AVX512 {
		tileAVX512(t)
	} else {
		tileAVX2(t)
	}
}

//go:noescape
func tileAVX512(t *tile)

//go:noescape
func tileAVX2(t *tile)

//go:noescape
func fmasAVX512(n int)

//go:noescape
func fmasAVX2(n int)

// fmas does n rounds of fused multiply-adds, and returns how many of a float32 are in one.
func fmas(l Level, n int) int {
	if l == AVX512 {
		fmasAVX512(n)
		return 24 * 16
	}
	fmasAVX2(n)
	return 12 * 8
}
