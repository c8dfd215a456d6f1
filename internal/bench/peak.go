package bench

import (
	"runtime"
	"sync"
	"time"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// peak measures what the processor does at most: fused multiply-adds that wait for nothing,
// on all of Go's threads at once.
type peak struct {
	rounds int       // of one burst on each thread
	rates  []float64 // flops a second, of each burst
}

// burst is how long a burst lasts at least: long enough to start all threads in, and short
// beside what is measured.
const burst = 20 * time.Millisecond

// newPeak finds out how many rounds a burst has.
func newPeak() *peak {
	p := &peak{rounds: 1 << 10}
	for {
		begin := time.Now()
		kernel.FMAs(p.rounds)
		if spent := time.Since(begin); spent >= burst {
			return p
		}
		p.rounds *= 2
	}
}

// measure runs one burst. The threads are timed together from the first's start to the
// last's end.
func (p *peak) measure() error {
	threads := runtime.GOMAXPROCS(0)
	flops := make([]float64, threads)
	var started, done sync.WaitGroup
	release := make(chan struct{})
	for i := range threads {
		started.Add(1)
		done.Go(func() {
			kernel.FMAs(p.rounds / 16) // awake, and at the clock that such work has
			started.Done()
			<-release
			flops[i] = kernel.FMAs(p.rounds)
		})
	}
	started.Wait()
	begin := time.Now()
	close(release)
	done.Wait()
	seconds, sum := time.Since(begin).Seconds(), 0.0
	for _, f := range flops {
		sum += f
	}
	p.rates = append(p.rates, sum/seconds)
	return nil
}

// median returns the flops a second of the bursts, the first of which warm up.
func (p *peak) median(r Repeats) float64 { return Times(p.rates[r.Warmup:]).Median() }

// best returns the most.
func (p *peak) best() float64 {
	most := 0.0
	for _, r := range p.rates {
		most = max(most, r)
	}
	return most
}
