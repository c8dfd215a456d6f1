//go:build !amd64

package kernel

// transposeWidth says that no level has this kernel here.
func transposeWidth(Level) int { return 0 }

func transposeQuads(Level, *float32, int, *float32, int, int) {
	panic("kernel: no level has this kernel here")
}
