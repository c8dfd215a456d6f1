package row

import "github.com/gradientlearning/cola/linalg/kernel"

// stream copies n elements, a multiple of 16, to where a line of memory begins.
func stream(dst, x *float32, n int) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		streamAVX512(dst, x, n)
	case kernel.AVX2:
		streamAVX2(dst, x, n)
	default:
		return false
	}
	return true
}

func fence()

//go:noescape
func streamAVX512(dst, x *float32, n int)

//go:noescape
func streamAVX2(dst, x *float32, n int)
