//go:build !linux

package linalg

// inLargePages returns x: only Linux is asked for large pages.
func inLargePages[T any](x []T) []T { return x }
