//go:build unix

package safetensors

import (
	"os"
	"syscall"
)

// mapFile maps a file for reading.
func mapFile(f *os.File) ([]byte, error) {
	stat, err := f.Stat()
	if err != nil || stat.Size() == 0 {
		return nil, err
	}
	return syscall.Mmap(int(f.Fd()), 0, int(stat.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
}
