package adapter

import (
	"fmt"
	"math"
)

// ScheduleConfig moves the learning rate over the optimizer steps of a job.
type ScheduleConfig struct {
	// Name is constant, linear (to 0 at the end) or cosine (half a wave, to 0 at the end).
	Name string
	// Warmup is the share of all steps in which the rate rises from 0.
	Warmup float64
}

// DefaultSchedule returns a constant rate.
func DefaultSchedule() ScheduleConfig { return ScheduleConfig{Name: "constant"} }

// Validate says what is wrong with the schedule.
func (s ScheduleConfig) Validate() error {
	if s.Name != "constant" && s.Name != "linear" && s.Name != "cosine" {
		return fmt.Errorf("name = %q: use constant, linear or cosine", s.Name)
	}
	if !(s.Warmup >= 0 && s.Warmup < 1) {
		return fmt.Errorf("warmup = %g: it is a share of the steps, at least 0 and below 1", s.Warmup)
	}
	return nil
}

// Factor returns what the learning rate is multiplied with at a step, counted in
// optimizer steps from 0, of total. With w = ⌈warmup·total⌉ warm-up steps:
//
//	step < w:  step/w            (so that the first step of a warm-up is 0)
//	constant:  1
//	linear:    (total − step)/(total − w)
//	cosine:    ½·(1 + cos(π·(step − w)/(total − w)))
//
// as in transformers' get_linear_schedule_with_warmup and its siblings, but that a cosine
// stays 0 after its end, where theirs rises again.
func (s ScheduleConfig) Factor(step, total int) float64 {
	warmup := int(math.Ceil(s.Warmup * float64(total)))
	if step < warmup {
		return float64(step) / float64(warmup)
	}
	rest := float64(max(1, total-warmup))
	switch s.Name {
	case "linear":
		return max(0, float64(total-step)/rest)
	case "cosine":
		return max(0, 0.5*(1+math.Cos(math.Pi*min(1, float64(step-warmup)/rest))))
	}
	return 1
}
