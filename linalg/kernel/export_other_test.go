//go:build !amd64

package kernel

// EachBF16 calls do with the only way to multiply bfloat16 that there is.
func EachBF16(do func()) { do() }
