package linalg

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gradientlearning/cola/linalg/kernel"
)

// parallel calls do on ranges that cover 0 to n-1, on several threads where the work is
// large: no range but the last is shorter than grain. What do writes for an index must not depend on the
// range it is in, and it must not panic: callers check shapes and labels before, where a
// panic still reaches its cause.
func parallel(n, grain int, do func(lo, hi int)) {
	threads, pieces := runtime.GOMAXPROCS(0), n/max(grain, 1)
	if threads < 2 || pieces < 2 || !crew.mu.TryLock() {
		do(0, n) // also where another operation has the threads: all have work then
		return
	}
	crew.run(min(threads, pieces), n, (n+pieces-1)/pieces, do)
	crew.mu.Unlock()
}

// Parallel calls do on ranges that cover 0 to n-1, elements of host tensors, on the threads of
// the CPU device. What do writes for an element must not depend on the range it is in.
func Parallel(n int, do func(lo, hi int)) { parallel(n, elementGrain, do) }

// Each calls do for 0 to n-1, for operations on dev that write to different places. Where dev
// is the CPU and there are enough of them, each is one thread's and several go on at a time:
// to start an operation's threads takes longer than a small one lasts.
func Each(dev Device, n int, do func(i int)) {
	threads := runtime.GOMAXPROCS(0)
	if _, host := dev.(cpu); !host || n < 2*threads {
		threads = 1
	}
	var next atomic.Int64
	parallel(threads, 1, func(int, int) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			do(i)
		}
	})
}

// patience is how long a thread looks for the next operation before it goes. To start it
// again takes longer than most operations do; to keep it takes a processor from others.
const patience = 50 * time.Microsecond

// crew are the threads that help whoever calls parallel.
var crew threads

// threads work on one operation at a time. They are goroutines that look for the next
// operation for a while, and then end.
type threads struct {
	mu    sync.Mutex // held by the operation
	do    func(lo, hi int)
	n     int
	least int          // of a range
	share int          // of what is left: a range is one of so many parts
	next  atomic.Int64 // of n, what nobody has taken
	// state counts operations in its high half, of which the lowest bit says that one is
	// open, and the threads that are in it in its low half.
	state atomic.Uint64
	here  atomic.Int32 // threads that work or look for work
}

const open, one = 1 << 32, 1

// run opens an operation, takes part in it, and returns when all of it is done.
func (t *threads) run(threads, n, least int, do func(lo, hi int)) {
	t.do, t.n, t.least, t.share = do, n, least, 2*threads
	t.next.Store(0)
	t.state.Add(open)
	for int(t.here.Load()) < threads-1 {
		t.here.Add(1)
		go t.help()
	}
	t.work()
	t.state.Add(open) // closed: nobody enters any more
	for spins := 0; t.state.Load()&(open-1) != 0; spins++ {
		kernel.Pause()
		if spins > 1000 {
			runtime.Gosched() // whoever works may wait for this processor
		}
	}
	t.do = nil
}

// work takes ranges until there are none: long ones first, which go over memory in one run, and
// short ones in the end, so that all threads end together even if one of them was held up.
func (t *threads) work() {
	for {
		lo := t.next.Load()
		rest := t.n - int(lo)
		if rest <= 0 {
			return
		}
		size := min(max(t.least, rest/t.share), rest)
		if t.next.CompareAndSwap(lo, lo+int64(size)) {
			t.do(int(lo), int(lo)+size)
		}
	}
}

// help enters each operation once, until there has been none for a while.
func (t *threads) help() {
	defer t.here.Add(-1)
	last, entered := time.Now(), uint64(0)
	for spins := 1; ; spins++ {
		if s := t.state.Load(); s&open != 0 && s/open != entered && t.state.CompareAndSwap(s, s+one) {
			t.work()
			t.state.Add(^uint64(0))
			last, entered = time.Now(), s/open
			continue
		}
		kernel.Pause()
		if spins%16 == 0 && time.Since(last) > patience {
			return
		}
	}
}
