package safetensors

import "syscall"

// release drops pages of a mapped file, which begin at b. What shares the last one with
// another tensor is read again, as the rest is.
func release(b []byte) {
	if len(b) > 0 {
		syscall.Madvise(b, syscall.MADV_DONTNEED) //nolint:errcheck // then they stay, until the system wants them
	}
}
