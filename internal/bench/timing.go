package bench

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Repeats say how often something is measured.
type Repeats struct {
	Warmup int // runs before the first that counts
	Count  int // runs that count
}

// Validate says what is wrong with the numbers.
func (r Repeats) Validate() error {
	if r.Count < 1 || r.Warmup < 0 {
		return fmt.Errorf("%d repeats after %d to warm up: at least 1 is needed", r.Count, r.Warmup)
	}
	return nil
}

// Times are the seconds of repeats, in their order.
type Times []float64

// Best returns the shortest time.
func (t Times) Best() float64 { return slices.Min(t) }

// Median returns the middle one, of an even number of times the mean of the two.
func (t Times) Median() float64 {
	s := slices.Sorted(slices.Values(t))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// inTurn runs every measurement once in each repeat, one after another, so that what
// disturbs the machine disturbs all of them alike, and returns the times of each.
func inTurn(r Repeats, runs ...func() error) ([]Times, error) {
	times := make([]Times, len(runs))
	for repeat := range r.Warmup + r.Count {
		for i, run := range runs {
			begin := time.Now()
			if err := run(); err != nil {
				return nil, err
			}
			if repeat >= r.Warmup {
				times[i] = append(times[i], time.Since(begin).Seconds())
			}
		}
	}
	if len(runs) == 0 {
		return nil, errors.New("there is nothing to measure")
	}
	return times, nil
}
