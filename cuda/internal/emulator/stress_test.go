package emulator

import (
	"runtime"
	"sync"
	"testing"
)

// Many goroutines run kernels, which take turns inside the library, while the collector and
// the scheduler of Go send their signals into stacks that are not Go's.
func TestStress(t *testing.T) {
	library := buildTestdata(t, false)
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	done := make(chan struct{})
	var collecting, running sync.WaitGroup
	collecting.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	})
	for i := range 4 {
		running.Go(func() {
			for round := range rounds {
				x, y := numbers(1000), make([]float32, 3)
				if err := Run(library, "sums_f32", grid(1), grid(1024), 0, Random(uint64(i*rounds+round)), y, x, int64(1000)); err != nil {
					t.Error(err)
					return
				}
				checkSums(t, y, x)
				z := make([]float32, 128)
				if err := Run(library, "divergent_shuffle", grid(1), grid(128), 0, Ascending, z, z); err == nil {
					t.Error("no report")
				}
			}
		})
	}
	running.Wait()
	close(done)
	collecting.Wait()
}
