package kernel

import "unsafe"

// neonRows and neonCols are the size of the largest tile: sixteen vectors of four sums.
const neonRows, neonCols = 8, 8

// tileShape returns the largest tile of a level.
func tileShape(Level) (rows, cols int) { return neonRows, neonCols }

// run computes a tile. One of fewer columns is computed beside c: b has zeros there, but what
// lies behind the end of c's and init's rows belongs to others.
func (t *tile) run(Level) {
	if t.cols == neonCols {
		tileNEON(t)
		return
	}
	var aside [neonRows * neonCols]float32
	whole := *t
	whole.c, whole.ldc = &aside[0], neonCols
	whole.init, whole.ldi = &aside[0], neonCols
	for i := range t.rows {
		copy(aside[i*neonCols:], row(t.init, i*t.ldi, t.cols))
	}
	tileNEON(&whole)
	for i := range t.rows {
		copy(row(t.c, i*t.ldc, t.cols), aside[i*neonCols:])
	}
}

// row returns the n elements that begin at elements behind p.
func row(p *float32, at, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p), 4*at)), n)
}

//go:noescape
func tileNEON(t *tile)

//go:noescape
func fmasNEON(n int)

// fmas does n rounds of fused multiply-adds, and returns how many of a float32 are in one.
func fmas(_ Level, n int) int {
	fmasNEON(n)
	return 24 * 4
}
