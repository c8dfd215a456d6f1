package main

import (
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// jobFlags change single keys of a job. What is not given keeps the job's value.
type jobFlags struct {
	Job          string   `placeholder:"FILE" help:"Job file (TOML); without one, MNIST with an MLP and linear adapters, or with --model-path a model of text and low-rank ones."`
	Seed         *uint64  `help:"Seed of weights, adapters and batches."`
	Rounds       *uint64  `help:"Number of rounds."`
	Participants *int     `help:"Number of participants."`
	Batch        *int     `help:"Examples that each participant gives a round."`
	Interval     *uint64  `help:"Rounds whose tuples are fitted together."`
	Model        *string  `help:"Base model: linear, mlp or cnn." placeholder:"TYPE"`
	ModelPath    *string  `help:"Base model of text: a folder in Hugging Face layout, a .bin file of llama2.c, or hub:ORG/NAME[@REVISION]." placeholder:"FOLDER"`
	Task         *string  `help:"Task of a model of text: seq-cls, causal-lm or seq2seq-lm; by default that of its type. Or dolly-mini: a small base model and instructions that come with cola, and their job." placeholder:"TASK"`
	Targets      []string `help:"Layers of a model of text that are adapted: last parts of names, all-linear, or re:PATTERN; by default the paper's." placeholder:"NAME"`
	Classes      *int     `help:"Classes of the base model; of text 0 as config.json has it, 1 a regression."`
	RandomInit   bool     `help:"Draw the weights of a model of text from the seed: for measurements."`
	Adapter      *string  `help:"Adapter: low-rank, linear or mlp." placeholder:"KIND"`
	Rank         *int     `help:"Rank of low-rank adapters."`
	Solver       *string  `help:"How the regression is solved: gradient, steps, ridge or reduced-rank." placeholder:"NAME"`
	Steps        *int     `help:"Optimizer steps a fit, with solver steps."`
	Ridge        *float64 `help:"Penalty λ of the closed-form solvers." placeholder:"LAMBDA"`
	Optimizer    *string  `help:"Optimizer: sgd, adam or adamw." placeholder:"NAME"`
	LearningRate *float64 `help:"Learning rate before the schedule." placeholder:"RATE"`
	Loss         *string  `help:"Normalise the loss by each participant's own predictions (participant) or by all (batch)." placeholder:"RULE"`
	WireX        *string  `name:"wire-x" help:"How captured inputs travel: f32, bf16 or int8." placeholder:"DTYPE"`
	WireG        *string  `name:"wire-g" help:"How gradients travel: f32, bf16 or int8." placeholder:"DTYPE"`
	Mode         []string `placeholder:"MODE" help:"Collaborations to run (alone, joint, collaborative) or how the pass treats adapters (detached, unmerged, merged); may be repeated."`
}

// job returns the job file's job, or the default one, with the flags applied, and the
// collaborations that --mode names.
func (f *jobFlags) job(env *cli.Env) (coordinator.Job, []coordinator.Collaboration, error) {
	job, err := f.start(env)
	if err != nil {
		return job, nil, err
	}
	set(&job.Seed, f.Seed)
	set(&job.Rounds, f.Rounds)
	set(&job.Participants, f.Participants)
	set(&job.Batch, f.Batch)
	set(&job.Interval, f.Interval)
	f.model(&job)
	if f.Job == "" && job.Model.Type == "cnn" {
		job.Eval.Examples, job.Eval.Final = 200, 1000 // a pass over all 10,000 takes longer than the job
	}
	set(&job.Adapter.Kind, (*adapter.Kind)(f.Adapter))
	set(&job.Adapter.Rank, f.Rank)
	set(&job.Solver.Name, f.Solver)
	set(&job.Solver.Steps, f.Steps)
	set(&job.Solver.Ridge, f.Ridge)
	set(&job.Optimizer.Name, f.Optimizer)
	set(&job.Optimizer.LearningRate, f.LearningRate)
	set(&job.Loss, f.Loss)
	set(&job.Wire.X, f.WireX)
	set(&job.Wire.G, f.WireG)
	collaborations, err := f.modes(&job)
	return job, collaborations, err
}

// start returns the job that single keys are changed of.
func (f *jobFlags) start(env *cli.Env) (coordinator.Job, error) {
	switch {
	case f.mini() && f.Job != "":
		return coordinator.Job{}, protocol.Faultf(protocol.CodeUsage, "leave one of them out", "--task %s brings its own job, and --job names another", *f.Task)
	case f.mini():
		return miniJob(env)
	case f.Job != "":
		return coordinator.ReadJob(f.Job)
	}
	return f.defaults(), nil
}

// model applies the flags about the base model.
func (f *jobFlags) model(job *coordinator.Job) {
	if f.Model != nil && *f.Model != job.Model.Type {
		job.Model.Type, job.Model.Hidden = *f.Model, nil
	}
	if f.ModelPath != nil && job.Model.Path == "" {
		job.Model = coordinator.ModelConfig{}
	}
	set(&job.Model.Path, f.ModelPath)
	if !f.mini() {
		set(&job.Model.Task, f.Task)
	}
	set(&job.Model.Classes, f.Classes)
	if len(f.Targets) > 0 {
		job.Model.Targets = f.Targets
	}
	job.Model.Random = job.Model.Random || f.RandomInit
}

// defaults returns the job without a job file: with settings that suit the adapter and
// the solver that are asked for.
func (f *jobFlags) defaults() coordinator.Job {
	if f.ModelPath != nil {
		return coordinator.DefaultTextJob()
	}
	job := coordinator.DefaultJob()
	set(&job.Adapter.Kind, (*adapter.Kind)(f.Adapter))
	set(&job.Solver.Name, f.Solver)
	return coordinator.DefaultJobFor(job.Adapter.Kind, job.Solver.Name)
}

// set replaces a value by a flag's, if it was given.
func set[T any](value *T, flag *T) {
	if flag != nil {
		*value = *flag
	}
}

// modes sorts what --mode names into collaborations and a mode of the pass.
func (f *jobFlags) modes(job *coordinator.Job) ([]coordinator.Collaboration, error) {
	var list []coordinator.Collaboration
	for _, word := range f.Mode {
		switch c, m := coordinator.Collaboration(word), model.Mode(word); {
		case c == coordinator.Alone || c == coordinator.Joint || c == coordinator.Collaborative:
			if !slices.Contains(list, c) {
				list = append(list, c)
			}
		case m == model.Detached || m == model.Unmerged || m == model.Merged:
			job.Mode = m
		default:
			return nil, &protocol.Fault{
				Code:  protocol.CodeUsage,
				Cause: fmt.Sprintf("--mode %q is not known", word),
				Fix:   "use alone, joint or collaborative; or detached, unmerged or merged",
			}
		}
	}
	return list, nil
}

// possible returns the collaborations that the job can be run in: all three, but for
// those that its adapters or a mode of the pass named by --mode rule out.
func (f *jobFlags) possible(job coordinator.Job) []coordinator.Collaboration {
	passMode := func(word string) bool { return model.Mode(word) == job.Mode }
	var list []coordinator.Collaboration
	for _, c := range []coordinator.Collaboration{coordinator.Alone, coordinator.Joint, coordinator.Collaborative} {
		candidate := sim.JobFor(job, c)
		if slices.ContainsFunc(f.Mode, passMode) {
			candidate.Mode = job.Mode
		}
		if candidate.Validate() == nil {
			list = append(list, c)
		}
	}
	if len(list) == 0 { // let the job's own say what is wrong
		list = append(list, job.Collaboration)
	}
	return list
}
