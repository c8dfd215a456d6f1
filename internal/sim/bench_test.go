package sim_test

import (
	"context"
	"testing"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/sim"
)

func BenchmarkMNIST(b *testing.B) {
	train, err := data.Open("mnist")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []coordinator.Collaboration{coordinator.Alone, coordinator.Joint, coordinator.Collaborative} {
		b.Run(string(c), func(b *testing.B) {
			job := coordinator.DefaultJob()
			job.Rounds = 40
			for b.Loop() {
				if _, err := sim.Run(context.Background(), sim.Config{Job: job, Collaborations: []coordinator.Collaboration{c}, Train: train}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
