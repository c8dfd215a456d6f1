package row

import "unsafe"

// Stream copies x to dst past the caches, where the processor can: for what is not read before
// much else was. Nothing of dst is fetched, and nothing that is in the caches makes room for it.
// Before another thread hears of it there must be a [Fence].
func Stream(dst, x []float32) {
	dst = dst[:len(x)]
	n := len(x) &^ 15
	if n == 0 || uintptr(unsafe.Pointer(&dst[0]))%lineBytes != 0 || !stream(&dst[0], &x[0], n) {
		n = 0
	}
	copy(dst[n:], x[n:])
}

// Fence ends what was streamed: it is in memory before what this thread writes next.
func Fence() { fence() }

// lineBytes is what the processor writes to memory at once.
const lineBytes = 64
