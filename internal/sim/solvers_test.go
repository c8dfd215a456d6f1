package sim_test

import (
	"context"
	"testing"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/sim"
)

// BenchmarkSolvers is the table of docs/solvers.md: accuracy after few rounds, with the
// learning rate that is best for each solver of those tried.
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
		name   string
		change func(*coordinator.Job)
	}{
		{"linear/gradient", func(j *coordinator.Job) { j.Optimizer.LearningRate = 0.05 }},
		{"linear/steps=4", func(j *coordinator.Job) { j.Solver.Name, j.Solver.Steps, j.Optimizer.LearningRate = "steps", 4, 1e-3 }},
		{"linear/ridge=100", func(j *coordinator.Job) { j.Solver.Name, j.Solver.Ridge, j.Optimizer.LearningRate = "ridge", 100, 10 }},
		{"low-rank/gradient", func(j *coordinator.Job) { j.Adapter.Kind, j.Optimizer.LearningRate = adapter.LowRank, 0.1 }},
		{"low-rank/steps=4", func(j *coordinator.Job) {
			j.Adapter.Kind, j.Solver.Name, j.Solver.Steps, j.Optimizer.LearningRate = adapter.LowRank, "steps", 4, 1e-3
		}},
		{"low-rank/reduced-rank=100", func(j *coordinator.Job) {
			j.Adapter.Kind, j.Solver.Name, j.Solver.Ridge, j.Optimizer.LearningRate = adapter.LowRank, "reduced-rank", 100, 10
		}},
	} {
		b.Run(s.name, func(b *testing.B) {
			job := coordinator.DefaultJob()
			job.Rounds, job.Eval.Every = 40, 0
			s.change(&job)
			for b.Loop() {
				r, err := sim.Run(context.Background(), sim.Config{
					Job: job, Train: train, Test: test, Collaborations: []coordinator.Collaboration{coordinator.Collaborative},
				})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(100*r.Modes["collaborative"].AccuracyMean, "%accuracy")
				b.ReportMetric(r.Modes["collaborative"].Seconds, "s")
			}
		})
	}
}
