package telemetry

import (
	"runtime/metrics"
	"time"
)

// WatchMemory samples the memory that the process holds from the system; the returned
// function stops and returns the peak.
func WatchMemory() func() int64 {
	quit, peak := make(chan struct{}), make(chan int64)
	go func() {
		t := time.NewTicker(20 * time.Millisecond)
		defer t.Stop()
		highest := heldMemory()
		for {
			select {
			case <-t.C:
				highest = max(highest, heldMemory())
			case <-quit:
				peak <- max(highest, heldMemory())
				return
			}
		}
	}()
	return func() int64 { close(quit); return <-peak }
}

// heldMemory is what the Go runtime has mapped and not given back.
func heldMemory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
