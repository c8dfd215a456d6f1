//go:build !amd64 && !arm64

package kernel

func widen(dst []float32, src []uint16, terms int) { widenLoop(dst, src, terms) }
