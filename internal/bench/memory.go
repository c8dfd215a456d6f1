package bench

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

// residentPeak returns the most memory that the process had resident since its start, or
// since [forgetPeak], as Linux counts it; elsewhere what Go has of the system.
func residentPeak() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return systemBytes()
	}
	defer f.Close() //nolint:errcheck // it was read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			if n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
				return n << 10
			}
		}
	}
	return systemBytes()
}

func systemBytes() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

// forgetPeak gives memory that nothing holds back to the system, and begins the count of the
// resident peak again where the system lets it.
func forgetPeak() {
	debug.FreeOSMemory()
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) //nolint:errcheck // then the peak is the process's
}

// heapWatch looks at Go's heap from time to time.
type heapWatch struct {
	stop chan struct{}
	done sync.WaitGroup
	peak uint64
}

// watchHeap begins to watch. Looking stops nothing.
func watchHeap() *heapWatch {
	w := &heapWatch{stop: make(chan struct{})}
	w.done.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			w.peak = max(w.peak, sample[0].Value.Uint64())
			select {
			case <-w.stop:
				return
			case <-tick.C:
			}
		}
	})
	return w
}

// end stops watching, and returns the most bytes that were seen.
func (w *heapWatch) end() int64 {
	close(w.stop)
	w.done.Wait()
	return int64(w.peak)
}

// allocations returns how many objects, and bytes, the program has allocated so far.
func allocations() (objects, bytes uint64) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs, m.TotalAlloc
}
