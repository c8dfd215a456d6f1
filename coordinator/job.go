package coordinator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// Collaboration says whose updates reach whom.
type Collaboration string

// The collaborations.
const (
	Alone         Collaboration = "alone"         // each participant has its own adapter; nobody sees anybody
	Joint         Collaboration = "joint"         // one participant has all the data: the upper reference
	Collaborative Collaboration = "collaborative" // all updates are merged into one
)

// Job is all that a coordinator is asked to do. It is read from a TOML file by
// [ParseJob]; [DefaultJob] is the MNIST job that `cola simulate` runs.
type Job struct {
	// Name is for people; it also names the default state folder.
	Name string `toml:"name"`
	// Seed is where all randomness comes from: weights, adapters, batches.
	Seed uint64 `toml:"seed"`
	// Rounds is the number of rounds: one batch of every participant each.
	Rounds uint64 `toml:"rounds"`
	// Participants is the number of places. The job starts when all are taken.
	Participants int `toml:"participants"`
	// Quorum is the least number of participants a round closes with, after its
	// deadline; 0 means all of them.
	Quorum int `toml:"quorum"`
	// Deadline is how long a round waits for participants beyond the quorum; 0 waits
	// for ever, which is what makes a run reproducible to the bit.
	Deadline Duration `toml:"deadline"`
	// Collaboration is alone, joint or collaborative.
	Collaboration Collaboration `toml:"collaboration"`
	// Mode is detached, unmerged or merged; empty picks the collaboration's own.
	Mode model.Mode `toml:"mode"`
	// Interval I: the tuples of I rounds are fitted together. The last interval may be
	// shorter.
	Interval uint64 `toml:"interval"`
	// Batch is the number of rows that each participant gives a round.
	Batch int `toml:"batch"`
	// Loss is "participant" (each loss is the mean over its own rows: isolation) or
	// "batch" (over all rows of the round, as the paper's code does).
	Loss string `toml:"loss"`
	// MergeWeights is "uniform" (the paper's) or "examples".
	MergeWeights string `toml:"merge_weights"`

	Model     ModelConfig     `toml:"model"`
	Adapter   AdapterConfig   `toml:"adapter"`
	Solver    SolverConfig    `toml:"solver"`
	Optimizer OptimizerConfig `toml:"optimizer"`
	Schedule  ScheduleConfig  `toml:"schedule"`
	Wire      WireConfig      `toml:"wire"`
	Eval      EvalConfig      `toml:"eval"`
}

// ModelConfig declares the base model.
type ModelConfig struct {
	Type    string `toml:"type"`    // linear, mlp or cnn
	Input   []int  `toml:"input"`   // height, width, channels
	Classes int    `toml:"classes"` // outputs
	Hidden  []int  `toml:"hidden"`  // widths of the hidden layers
	Weights string `toml:"weights"` // a safetensors file; empty: random from the seed
}

// AdapterConfig declares the participants' adapters.
type AdapterConfig struct {
	Kind   adapter.Kind `toml:"kind"`   // low-rank, linear or mlp
	Rank   int          `toml:"rank"`   // of low-rank
	Scale  float64      `toml:"scale"`  // of low-rank
	Hidden []int        `toml:"hidden"` // of mlp
	Bias   bool         `toml:"bias"`   // of linear
	// Override gives some participants another adapter.
	Override []AdapterOverride `toml:"override"`
}

// AdapterOverride gives the named participants another adapter. Fields left out keep
// the job's values.
type AdapterOverride struct {
	Participants []string     `toml:"participants"`
	Kind         adapter.Kind `toml:"kind"`
	Rank         int          `toml:"rank"`
	Hidden       []int        `toml:"hidden"`
}

// SolverConfig says how the gradient-learning regression is solved.
type SolverConfig struct {
	Name  string  `toml:"name"`  // gradient, steps, ridge or reduced-rank
	Steps int     `toml:"steps"` // of solver steps
	Ridge float64 `toml:"ridge"` // λ of ridge and reduced-rank
}

// OptimizerConfig says how a step is taken.
type OptimizerConfig struct {
	Name         string  `toml:"name"` // sgd, adam or adamw
	LearningRate float64 `toml:"learning_rate"`
	Momentum     float64 `toml:"momentum"`
	Nesterov     bool    `toml:"nesterov"`
	Beta1        float64 `toml:"beta1"`
	Beta2        float64 `toml:"beta2"`
	Epsilon      float64 `toml:"epsilon"`
	WeightDecay  float64 `toml:"weight_decay"`
	ClipNorm     float64 `toml:"clip_norm"` // per adapter; 0 is off
}

// ScheduleConfig says how the learning rate moves, counted in fits.
type ScheduleConfig struct {
	Name   string  `toml:"name"`   // constant, linear or cosine
	Warmup float64 `toml:"warmup"` // share of all fits
}

// WireConfig says how tensors travel.
type WireConfig struct {
	X        string `toml:"x"`        // captured inputs: f32 or bf16
	G        string `toml:"g"`        // gradients: f32 or bf16
	Compress bool   `toml:"compress"` // batches and tuples: byte-shuffle and zstd where it pays
	// CompressUpdates does the same to updates and to the merged update. Weights shrink
	// by a quarter at best: it pays on links slower than about 100 Mbit/s.
	CompressUpdates bool   `toml:"compress_updates"`
	Broadcast       string `toml:"broadcast"` // the merged update: "commit" (each) or "end" (the last)
}

// EvalConfig says how the coordinator evaluates.
type EvalConfig struct {
	Data     string `toml:"data"`     // the common test set; empty: no evaluation
	Every    uint64 `toml:"every"`    // rounds between evaluations; 0: only at the end
	Examples int    `toml:"examples"` // of the evaluations on the way; 0: all
	Final    int    `toml:"final"`    // of the evaluation at the end; 0: all
}

// Duration is a time.Duration that TOML writes as "30s".
type Duration time.Duration

// UnmarshalText reads "30s", "5m".
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write it like \"30s\" or \"5m\"", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText is the inverse of UnmarshalText.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

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
		Model:         ModelConfig{Type: "mlp", Input: []int{28, 28, 1}, Classes: 10},
		Adapter:       AdapterConfig{Kind: adapter.Linear, Rank: 8, Scale: 1, Bias: true},
		Solver:        SolverConfig{Name: "gradient", Steps: 1, Ridge: 1},
		Optimizer: OptimizerConfig{
			Name: "sgd", LearningRate: 0.05, Momentum: 0.9, Nesterov: true,
			Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: 5e-4,
		},
		Schedule: ScheduleConfig{Name: "cosine"},
		Wire:     WireConfig{X: "f32", G: "f32", Compress: true, Broadcast: "commit"},
		Eval:     EvalConfig{Data: "mnist:test", Every: 25, Examples: 1000},
	}
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

// EffectiveMode returns the mode, by default merged where updates are shared, unmerged
// where they are not or where the adapter cannot be merged.
func (j Job) EffectiveMode() model.Mode {
	switch {
	case j.Mode != "":
		return j.Mode
	case j.Collaboration == Alone, j.Collaboration == Joint && j.Adapter.Kind == adapter.MLP:
		return model.Unmerged
	default:
		return model.Merged
	}
}

// EffectiveQuorum returns the quorum, by default all participants.
func (j Job) EffectiveQuorum() int {
	if j.Quorum == 0 {
		return j.Participants
	}
	return j.Quorum
}

// Fits returns the number of fits, and commits, of the whole job: ⌈rounds / interval⌉.
func (j Job) Fits() uint64 { return (j.Rounds + j.Interval - 1) / j.Interval }

// Spec returns the adapter of a participant.
func (j Job) Spec(participant string) adapter.Spec {
	a := j.Adapter
	spec := adapter.Spec{Kind: a.Kind, Rank: a.Rank, Scale: a.Scale, Hidden: a.Hidden, Bias: a.Bias}
	for _, o := range a.Override {
		if !slices.Contains(o.Participants, participant) {
			continue
		}
		if o.Kind != "" {
			spec.Kind = o.Kind
		}
		if o.Rank != 0 {
			spec.Rank = o.Rank
		}
		if o.Hidden != nil {
			spec.Hidden = o.Hidden
		}
	}
	if spec.Kind == adapter.MLP && len(spec.Hidden) == 0 {
		spec.Hidden = []int{128, 256}
	}
	return spec
}

// modelConfig returns the base model as package model wants it.
func (j Job) modelConfig() model.Config {
	return model.Config{
		Type: j.Model.Type, Input: j.Model.Input, Classes: j.Model.Classes,
		Hidden: j.Model.Hidden, Weights: j.Model.Weights, Seed: j.Seed,
	}
}

// encoding returns how tensors travel; Validate has checked the names.
func (j Job) encoding() protocol.Encoding {
	x, errX := linalg.ParseDType(j.Wire.X)
	g, errG := linalg.ParseDType(j.Wire.G)
	if errX != nil || errG != nil {
		panic("coordinator: job was not validated")
	}
	return protocol.Encoding{X: x, G: g, Compress: j.Wire.Compress}
}

// ID is a digest of everything that decides the result. Quorum, deadline and
// evaluation may change between restarts of one job; nothing else may.
func (j Job) ID() string {
	j.Quorum, j.Deadline, j.Eval = 0, 0, EvalConfig{}
	j.Mode = j.EffectiveMode()
	for _, list := range []*[]int{&j.Model.Hidden, &j.Adapter.Hidden} {
		if len(*list) == 0 {
			*list = nil // an empty list and none mean the same
		}
	}
	text, err := json.Marshal(j)
	if err != nil {
		panic("coordinator: job does not marshal: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// wire returns the job as participants need it.
func (j Job) wire() protocol.Job {
	o := j.Optimizer
	return protocol.Job{
		ID: j.ID(), Name: j.Name, Seed: j.Seed, Rounds: j.Rounds, Interval: j.Interval, Batch: j.Batch,
		Collaboration: string(j.Collaboration), Mode: string(j.EffectiveMode()),
		Solver: protocol.Solver{Name: j.Solver.Name, Steps: j.Solver.Steps, Ridge: j.Solver.Ridge},
		Optimizer: protocol.Optimizer{
			Name: o.Name, LearningRate: o.LearningRate, Momentum: o.Momentum, Nesterov: o.Nesterov,
			Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, WeightDecay: o.WeightDecay, ClipNorm: o.ClipNorm,
		},
		Schedule: protocol.Schedule{Name: j.Schedule.Name, Warmup: j.Schedule.Warmup},
		Encoding: j.encoding(), CompressUpdates: j.Wire.CompressUpdates,
	}
}
