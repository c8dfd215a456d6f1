package coordinator

import (
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
// [ParseJob]; [DefaultJob] is the MNIST job that `cola simulate` runs, and
// [DefaultTextJob] what a job with a model of text begins with.
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
	// Batch is the number of examples that each participant gives a round.
	Batch int `toml:"batch"`
	// Loss is "participant" (each loss is the mean over its own predictions: isolation) or
	// "batch" (over all predictions of the round, as the paper's code does). A prediction is
	// a row of logits that has a label: an example, or a token of a language model.
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

// ModelConfig declares the base model: an image classifier by its type, or a model of text
// by the path of its files.
type ModelConfig struct {
	Type    string `toml:"type"`    // of images: linear, mlp or cnn
	Input   []int  `toml:"input"`   // of images: height, width, channels
	Classes int    `toml:"classes"` // of images, and of seq-cls; 0 there: as config.json has it; 1: a regression
	Hidden  []int  `toml:"hidden"`  // of images: widths of the hidden layers
	Weights string `toml:"weights"` // of images: a safetensors file; empty: random from the seed

	// Path is of text: a folder in Hugging Face layout, a .bin file of llama2.c, or
	// hub:ORG/NAME[@REVISION], which whoever reads the job file resolves to a folder: Run
	// takes no other.
	Path string `toml:"path"`
	// Task is seq-cls, causal-lm or seq2seq-lm; empty: what the model's type does.
	Task string `toml:"task"`
	// Targets are the layers that are adapted: last parts of their names, all-linear, or
	// re:PATTERN; empty: the paper's.
	Targets []string `toml:"targets"`
	// Random draws the weights from the seed and reads config.json alone.
	Random bool `toml:"random"`
	// Checkpointing computes blocks of text models twice to hold less; it changes no bit.
	Checkpointing bool `toml:"checkpointing"`
	// CheckpointBlocks is checkpointing of one in so many blocks. 0: of all where Checkpointing
	// is set; else of none, unless a device's memory asks for it.
	CheckpointBlocks int `toml:"checkpoint_blocks" json:",omitempty"`
	// Precision is of text: how frozen matrices are kept and multiplied: f32, bf16-weights or
	// bf16.
	Precision string `toml:"precision"`
	// Tokenizer is a folder, or hub:ORG/NAME, with the model's tokenizer; empty: Path. It is
	// for who opens [eval]'s data; participants bring their own.
	Tokenizer string `toml:"tokenizer"`
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
	X        string `toml:"x"`        // captured inputs: f32, bf16 or int8
	G        string `toml:"g"`        // gradients: f32, bf16 or int8
	Compress bool   `toml:"compress"` // batches and tuples: byte-shuffle and zstd where it pays
	// CompressUpdates does the same to updates and to the merged update. Weights shrink
	// by a quarter at best: it pays on links slower than about 100 Mbit/s.
	CompressUpdates bool   `toml:"compress_updates"`
	Broadcast       string `toml:"broadcast"` // the merged update: "commit" (each) or "end" (the last)
}

// EvalConfig says how the coordinator evaluates, and which commit the job ends with.
type EvalConfig struct {
	Data     string `toml:"data"`     // the common test set; empty: no evaluation
	Every    uint64 `toml:"every"`    // rounds between evaluations; 0: only at the end
	Examples int    `toml:"examples"` // of the evaluations on the way; 0: all
	Final    int    `toml:"final"`    // of the evaluation at the end; 0: all

	// How the texts of Data and Validation become examples; see data.OpenText.
	MaxLength int               `toml:"max_length"` // most tokens of an example; 0: 512, or the paper's 128
	Rules     string            `toml:"rules"`      // default or paper
	Columns   map[string]string `toml:"columns"`    // column names of a file that is no preset

	// Keep is "last", or "best": the job ends with the commit whose loss on the validation
	// set is the least, of those after which it evaluates.
	Keep string `toml:"keep"`
	// Validation is a data set of its own; where it is empty, ValidationShare of Data, drawn
	// with the seed and taken out of the test set.
	Validation      string  `toml:"validation"`
	ValidationShare float64 `toml:"validation_share"`
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

// ModelConfig returns the base model as package model wants it.
func (j Job) ModelConfig() model.Config {
	m := j.Model
	precision, _ := linalg.ParsePrecision(m.Precision) // Validate says what is wrong with it
	return model.Config{
		Type: m.Type, Input: m.Input, Classes: m.Classes, Hidden: m.Hidden, Weights: m.Weights, Seed: j.Seed,
		Path: m.Path, Task: m.Task, Targets: m.Targets, Random: m.Random, Checkpoints: m.checkpoints(), Precision: precision,
	}
}

// checkpoints is one block in how many is computed twice; 0: none.
func (m ModelConfig) checkpoints() int {
	if m.CheckpointBlocks == 0 && m.Checkpointing {
		return 1
	}
	return m.CheckpointBlocks
}

// encoding returns how tensors travel; Validate has checked the names.
func (j Job) encoding() protocol.Encoding {
	x, errX := protocol.ParseForm(j.Wire.X)
	g, errG := protocol.ParseForm(j.Wire.G)
	if errX != nil || errG != nil {
		panic("coordinator: job was not validated")
	}
	return protocol.Encoding{X: x, G: g, Compress: j.Wire.Compress}
}

// wire returns the job as participants need it, under its identity.
func (j Job) wire(id string) protocol.Job {
	o := j.Optimizer
	return protocol.Job{
		ID: id, Name: j.Name, Seed: j.Seed, Rounds: j.Rounds, Interval: j.Interval, Batch: j.Batch,
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
