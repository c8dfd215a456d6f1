package sim_test

import (
	"context"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/sim"
)

// BenchmarkSolvers is the table of docs/solvers.md: accuracy on MNIST after 40 rounds of
// eight participants together, with the settings of DefaultJobFor.
func BenchmarkSolvers(b *testing.B) {
	train, err := data.Open("mnist")
	if err != nil {
		b.Skip("MNIST is not on this machine: ", err)
	}
	test, err := data.Open("mnist:test")
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range []struct {
		kind   adapter.Kind
		solver string
		steps  int
	}{
		{adapter.Linear, "gradient", 1}, {adapter.Linear, "steps", 4}, {adapter.Linear, "ridge", 1},
		{adapter.LowRank, "gradient", 1}, {adapter.LowRank, "steps", 4}, {adapter.LowRank, "reduced-rank", 1},
	} {
		b.Run(string(s.kind)+"/"+s.solver, func(b *testing.B) {
			job := coordinator.DefaultJobFor(s.kind, s.solver)
			job.Rounds, job.Eval.Every, job.Solver.Steps = 40, 0, s.steps
			for b.Loop() {
				r, err := sim.Run(context.Background(), sim.Config{
					Job: job, Train: train, Test: test, Collaborations: []coordinator.Collaboration{coordinator.Joint, coordinator.Collaborative},
				})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(100*r.Modes["joint"].AccuracyMean, "%joint")
				b.ReportMetric(100*r.Modes["collaborative"].AccuracyMean, "%collaborative")
				b.ReportMetric(1e3*r.Modes["collaborative"].Seconds/40, "ms/round")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
