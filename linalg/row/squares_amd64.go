package row

import "github.com/gradientlearning/cola/linalg/kernel"

// squares adds the squares of n elements, whole vectors, to their parts; false: there is no
// kernel for it.
func squares(sums *[lanes]float64, x *float32, n int) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		squaresAVX512(sums, x, n)
	case kernel.AVX2:
		squaresAVX2(sums, x, n)
	default:
		return false
	}
	return true
}

//go:noescape
func squaresAVX512(sums *[lanes]float64, x *float32, n int)

//go:noescape
func squaresAVX2(sums *[lanes]float64, x *float32, n int)
