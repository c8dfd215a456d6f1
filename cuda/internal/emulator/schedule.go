package emulator

import "fmt"

// Schedule is the order in which blocks, warps and lanes take their turns. A GPU promises
// none, so a kernel whose results differ between schedules has a race.
type Schedule struct {
	order uint32 // of native/schedule.h
	seed  uint64
}

// One after another, each as far as it can go. Asynchronous copies are made at the last
// moment in Ascending and at the first in Descending.
var (
	Ascending  = Schedule{order: 0}
	Descending = Schedule{order: 1}
)

// Random picks who goes on, and when a copy is made, anew each time.
func Random(seed uint64) Schedule { return Schedule{order: 2, seed: seed} }

// Schedules are those that kernels are tested with.
func Schedules() []Schedule {
	return []Schedule{Ascending, Descending, Random(1), Random(2), Random(3)}
}

// String names the schedule in messages.
func (s Schedule) String() string {
	switch s {
	case Ascending:
		return "ascending"
	case Descending:
		return "descending"
	}
	return fmt.Sprintf("random (seed %d)", s.seed)
}
