package adapter_test

import (
	"math"
	"testing"

	"github.com/gradientlearning/cola/adapter"
)

// TestSchedulesCountOptimizerSteps runs jobs of so many rounds with an interval of I:
// the steps are counted, not the rounds, so that warm-up and end are the same shares of
// every job, and a rest of fewer than I rounds is a step. The formulas are those of
// transformers' schedules, over all steps.
func TestSchedulesCountOptimizerSteps(t *testing.T) {
	for _, name := range []string{"constant", "linear", "cosine"} {
		for _, warmup := range []float64{0, 0.05, 0.3} {
			for _, interval := range []int{1, 4, 7} {
				const rounds = 100
				s := adapter.ScheduleConfig{Name: name, Warmup: warmup}
				total := (rounds + interval - 1) / interval
				w := int(math.Ceil(warmup * float64(total)))
				step, last := 0, 0.0
				for start := 0; start < rounds; start += interval {
					progress := float64(step-w) / float64(total-w)
					want := map[string]float64{
						"constant": 1, "linear": 1 - progress, "cosine": (1 + math.Cos(math.Pi*progress)) / 2,
					}[name]
					if step < w {
						want = float64(step) / float64(w)
					}
					last = s.Factor(step, total)
					if math.Abs(last-want) > 1e-12 {
						t.Errorf("%+v, interval %d, step %d of %d: %g, expected %g", s, interval, step, total, last, want)
					}
					step++
				}
				if step != total {
					t.Fatalf("%d steps of %d", step, total)
				}
				// The last step is one before the end: the smallest factor above zero.
				if name != "constant" && (last <= 0 || last > 2/float64(total-w) || s.Factor(total, total) > 1e-12) {
					t.Errorf("%+v, interval %d: the last of %d steps has %g, the end %g", s, interval, total, last, s.Factor(total, total))
				}
			}
		}
	}
}
