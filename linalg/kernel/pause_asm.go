//go:build amd64 || arm64

package kernel

// Pause tells the processor that the thread waits in a loop.
func Pause()
