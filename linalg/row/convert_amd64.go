package row

import "github.com/gradientlearning/cola/linalg/kernel"

func widenBF16(dst *float32, x *uint16, n int) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		widenBF16AVX512(dst, x, n)
	case kernel.AVX2:
		widenBF16AVX2(dst, x, n)
	default:
		return false
	}
	return true
}

//go:noescape
func widenBF16AVX512(dst *float32, x *uint16, n int)

//go:noescape
func widenBF16AVX2(dst *float32, x *uint16, n int)

func narrowBF16(dst *uint16, x *float32, n int) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		narrowBF16AVX512(dst, x, n)
	case kernel.AVX2:
		narrowBF16AVX2(dst, x, n)
	default:
		return false
	}
	return true
}

//go:noescape
func narrowBF16AVX512(dst *uint16, x *float32, n int)

//go:noescape
func narrowBF16AVX2(dst *uint16, x *float32, n int)

func widenF16(dst *float32, x *uint16, n int) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		widenF16AVX512(dst, x, n)
	case kernel.AVX2:
		widenF16AVX2(dst, x, n)
	default:
		return false
	}
	return true
}

//go:noescape
func widenF16AVX512(dst *float32, x *uint16, n int)

//go:noescape
func widenF16AVX2(dst *float32, x *uint16, n int)

func narrowF16(dst *uint16, x *float32, n int) bool {
	switch kernel.Current() {
	case kernel.AVX512:
		narrowF16AVX512(dst, x, n)
	case kernel.AVX2:
		narrowF16AVX2(dst, x, n)
	default:
		return false
	}
	return true
}

//go:noescape
func narrowF16AVX512(dst *uint16, x *float32, n int)

//go:noescape
func narrowF16AVX2(dst *uint16, x *float32, n int)
