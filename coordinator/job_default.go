package coordinator

import "github.com/gradientlearning/cola/adapter"

// DefaultJob is the job that `cola simulate` runs: MNIST, an MLP from random weights,
// linear adapters, eight participants who work together.
func DefaultJob() Job {
	return Job{
		Name:          "mnist",
		Seed:          1,
		Rounds:        200,
		Participants:  8,
		Collaboration: Collaborative,
		Interval:      1,
		Batch:         32,
		Loss:          "participant",
		MergeWeights:  "uniform",
		Model:         ModelConfig{Type: "mlp", Input: []int{28, 28, 1}, Classes: 10, Precision: "f32"},
		Adapter:       AdapterConfig{Kind: adapter.Linear, Rank: 8, Scale: 1, Bias: true},
		Solver:        SolverConfig{Name: "gradient", Steps: 1, Ridge: 1},
		Optimizer: OptimizerConfig{
			Name: "sgd", LearningRate: 0.05, Momentum: 0.9, Nesterov: true,
			Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 5e-4,
		},
		Schedule: ScheduleConfig{Name: "cosine"},
		Wire:     WireConfig{X: "f32", G: "f32", Compress: true, Broadcast: "commit"},
		Eval:     EvalConfig{Data: "mnist:test", Every: 25, Examples: 1000, Rules: "default", Keep: "last"},
	}
}

// DefaultTextJob is what a job with a model of text begins with: the paper's settings for
// language models, low-rank adapters and AdamW.
func DefaultTextJob() Job {
	j := DefaultJob()
	j.Name = "text"
	j.Model, j.Eval.Data, j.Eval.Examples = ModelConfig{Precision: "f32"}, "", 0
	j.Adapter.Kind = adapter.LowRank
	j.Optimizer.Name, j.Optimizer.LearningRate = "adamw", 3e-4
	j.Schedule = ScheduleConfig{Name: "linear", Warmup: 0.05}
	return j
}

// DefaultJobFor returns the default job with another adapter and solver, and with the
// optimizer settings that suit them: what is stable for a linear adapter is not for one
// whose gradient is a product, and the closed forms take a step in function space, where
// the loss's mean over the batch makes gradients small. docs/solvers.md has the figures.
func DefaultJobFor(kind adapter.Kind, solver string) Job {
	j := DefaultJob()
	j.Adapter.Kind, j.Solver.Name = kind, solver
	switch {
	case solver == "ridge":
		j.Optimizer.LearningRate, j.Solver.Ridge = 300, 100
	case solver == "reduced-rank":
		j.Optimizer.LearningRate, j.Solver.Ridge = 100, 10
	case solver == "steps" || kind != adapter.Linear:
		j.Optimizer.ClipNorm = 1
	}
	return j
}
