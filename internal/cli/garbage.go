package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The heap may outgrow what of it is in use by garbage percent, but by no more than mostGarbage
// bytes. Nearly all of it is numbers, which the collector does not look into: it costs little to
// run it often, and Go's own 100 would let the process take twice the memory that it needs. GOGC
// overrules both.
const (
	garbage     = 20
	mostGarbage = 64 << 20
	leastShare  = 2 // percent: the collector does not run more often than that
)

// limitGarbage has the collector run so from now on.
func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
		afterCollection(garbage)
	}
}

// afterCollection waits for a run of the collector, and then sets by how much the heap may
// outgrow what that left of it.
func afterCollection(share int) {
	runtime.SetFinalizer(new([16]byte), func(*[16]byte) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		next := garbageShare(live[0].Value.Uint64())
		if next != share {
			debug.SetGCPercent(next)
		}
		afterCollection(next)
	})
}

// garbageShare returns the percentage for a heap of which so many bytes are in use.
func garbageShare(live uint64) int {
	return int(max(leastShare, min(garbage, 100*mostGarbage/max(live, 1))))
}
