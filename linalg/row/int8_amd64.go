package row

import "github.com/gradientlearning/cola/linalg/kernel"

// int8Largest finds the bits of the largest magnitude of each of some blocks. It reports whether
// there is a kernel at the level in use.
func int8Largest(largest *uint32, x *float32, blocks int) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		int8LargestAVX512(largest, x, blocks)
	case kernel.AVX2:
		int8LargestAVX2(largest, x, blocks)
	default:
		return false
	}
	return true
}

//go:noescape
func int8LargestAVX512(largest *uint32, x *float32, blocks int)

//go:noescape
func int8LargestAVX2(largest *uint32, x *float32, blocks int)

// int8Round rounds the elements of some blocks, where int8Largest has found their largest.
func int8Round(q *int8, x, divisors *float32, blocks int, counter uint32, k roundingKey) {
	if kernel.Current() == kernel.AVX512 {
		int8RoundAVX512(q, x, divisors, blocks, counter, k.first, k.second)
		return
	}
	int8RoundAVX2(q, x, divisors, blocks, counter, k.first, k.second)
}

//go:noescape
func int8RoundAVX512(q *int8, x, divisors *float32, blocks int, counter, first, second uint32)

//go:noescape
func int8RoundAVX2(q *int8, x, divisors *float32, blocks int, counter, first, second uint32)

// int8Values multiplies the elements of some blocks by their scales. It reports whether there is
// a kernel at the level in use.
func int8Values(dst *float32, q *int8, scales *float32, blocks int) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		int8ValuesAVX512(dst, q, scales, blocks)
	case kernel.AVX2:
		int8ValuesAVX2(dst, q, scales, blocks)
	default:
		return false
	}
	return true
}

//go:noescape
func int8ValuesAVX512(dst *float32, q *int8, scales *float32, blocks int)

//go:noescape
func int8ValuesAVX2(dst *float32, q *int8, scales *float32, blocks int)
