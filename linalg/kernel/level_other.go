//go:build !amd64 && !arm64

package kernel

// supported returns no level beyond Go's.
func supported() []Level { return nil }
