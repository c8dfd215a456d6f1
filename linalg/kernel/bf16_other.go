//go:build !amd64

package kernel

// BF16 names what multiplies bfloat16 on this processor.
func BF16() string { return "none" }

func bf16Rounds([]uint16, []float32) bool { return false }

func multiplyNative([]float32, int, []float32, int, []uint16, []uint16, int, int, int) bool {
	return false
}
