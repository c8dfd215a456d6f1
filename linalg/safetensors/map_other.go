//go:build !unix

package safetensors

import (
	"io"
	"os"
)

// mapFile reads a file: its pages are not shared with the system's cache here.
func mapFile(f *os.File) ([]byte, error) { return io.ReadAll(f) }
