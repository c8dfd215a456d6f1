package linalg

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// largeMemory is the number of bytes from which on memory is asked for in large pages.
const largeMemory = 1 << 20

// inLargePages returns x, which is new, after asking the system for large pages beneath it:
// weights and activations are gone over from end to end, and in pages of 4 KiB products wait
// for the places of pages, and the first touch of each one for the system. A system that does
// not listen changes nothing but speed.
func inLargePages[T any](x []T) []T {
	var element T
	all := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(element)))
	page := unix.Getpagesize()
	if skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(all)))) & (page - 1); len(all) >= largeMemory {
		unix.Madvise(all[skip:skip+(len(all)-skip)/page*page], unix.MADV_HUGEPAGE) //nolint:errcheck // see above
	}
	return x
}
