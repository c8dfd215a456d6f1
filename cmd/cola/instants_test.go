package main

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	kills    = flag.Int("kills", 6, "processes to kill in a run of TestKilledAtAnyInstant")
	killSeed = flag.Uint64("killseed", 0, "seed of the instants to kill at; 0: a new one each time")
)

// instants draws when and whom to kill. Its seed is logged, so that a run can be
// repeated as closely as processes allow.
type instants struct{ r *rand.Rand }

func newInstants(t *testing.T) *instants {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-killseed %d", seed)
	return &instants{r: rand.New(rand.NewPCG(seed, 0))}
}

// sleep waits for up to a fifth of a second: a small round takes some milliseconds.
func (i *instants) sleep() { time.Sleep(time.Duration(i.r.Int64N(int64(200 * time.Millisecond)))) }

// victim draws one of n.
func (i *instants) victim(n int) int { return i.r.IntN(n) }
