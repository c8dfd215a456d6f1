package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/plan"
	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// planVerb is cola plan.
type planVerb struct {
	jobFlags
	Data string `placeholder:"DATA" help:"Data whose texts' lengths are planned with; without it every text has --tokens."`
	cli.DataFlags
	Tokens       int     `default:"128" help:"Of text: tokens of each text."`
	TargetTokens int     `default:"64" help:"Of seq2seq-lm: tokens of each target."`
	Bandwidth    float64 `default:"100" placeholder:"MBIT/S" help:"Of each participant's connection, in both directions."`
	Device       string  `default:"auto" placeholder:"DEVICE" help:"What it would be computed on: auto (GPUs where there are any, else the CPU), cpu, or cuda, which need not be there."`
	JSON         bool    `help:"Print one JSON object on standard output."`
}

// Help is the text of cola plan --help.
func (*planVerb) Help() string {
	return `Says what a round of a job will take before anything runs: the coordinator's memory, by kind, and the bytes to and from each participant. The model's own code is run on a device that computes nothing; of its files only config.json is read.

Example: cola plan --job job.toml --data dolly:dolly15k.jsonl`
}

// planned is what cola plan prints.
type planned struct {
	Memory       plannedMemory  `json:"memory_bytes"`
	Participants []plan.Traffic `json:"participants"`
	Total        plan.Traffic   `json:"all_participants"`
	Seconds      float64        `json:"seconds_on_the_wire"` // of the slowest participant's round
	Mode         model.Mode     `json:"mode"`
}

type plannedMemory struct {
	Weights     int64 `json:"weights"`
	File        int64 `json:"mapped_file"`
	Activations int64 `json:"activations"`
	Tuples      int64 `json:"tuples"`
	Adapters    int64 `json:"adapters"`
	Total       int64 `json:"total"`
	Device      int64 `json:"device,omitempty"` // of it, and of the working copy, on each GPU
}

// onGPU says whether it would be computed on a GPU.
func (v *planVerb) onGPU() (bool, error) {
	if kind, _, _ := strings.Cut(v.Device, ":"); kind == deviceCUDA {
		return true, nil
	}
	chosen, err := chooseDevices(v.Device, cuda.Discover)
	return len(chosen.ordinals) > 0, err
}

// Run predicts and prints.
func (v *planVerb) Run(env *cli.Env) error {
	job, collaborations, err := v.job(env)
	if err != nil {
		return err
	}
	v.Data = v.data(v.Data, "")
	if len(collaborations) > 0 {
		job = sim.JobFor(job, collaborations[0])
	}
	if err := job.Validate(); err != nil {
		return err
	}
	random := job.Model.Random
	job.Model.Random = true // of a model on the hub config.json is enough
	if err := resolveModel(env, &job); err != nil {
		return err
	}
	job.Model.Random = random
	if v.Tokens < 1 || v.TargetTokens < 1 || !(v.Bandwidth > 0) {
		return protocol.Faultf(protocol.CodeUsage, "give numbers above 0", "--tokens %d, --target-tokens %d, --bandwidth %g", v.Tokens, v.TargetTokens, v.Bandwidth)
	}
	c, err := v.config(env, job)
	if err != nil {
		return err
	}
	gpu, err := v.onGPU()
	if err != nil {
		return err
	}
	if gpu {
		planOnGPU(&c)
	}
	prediction, err := plan.Predict(c)
	if err != nil {
		return protocol.Faultf(protocol.CodeJobMismatch, "correct the job's [model], or the lengths that are planned with", "%w", err)
	}
	p := summary(prediction, job, v.Bandwidth)
	if gpu {
		p.Memory.Device = prediction.Device()
	}
	if v.JSON {
		return json.NewEncoder(env.Stdout).Encode(p)
	}
	return p.write(env.Stdout, v.Bandwidth)
}

// config describes the round.
func (v *planVerb) config(env *cli.Env, job coordinator.Job) (plan.Config, error) {
	load, err := v.load(env, job)
	if err != nil {
		return plan.Config{}, err
	}
	return planOf(job, load)
}

// planOf describes a round of a job in which every participant gives the same load.
func planOf(job coordinator.Job, load plan.Load) (plan.Config, error) {
	x, errX := protocol.ParseForm(job.Wire.X)
	g, errG := protocol.ParseForm(job.Wire.G)
	c := plan.Config{
		Model: job.ModelConfig(), Mode: job.EffectiveMode(), X: x.Host(), G: g.Host(),
		Wire:         plan.Wire{Inputs: protocol.Encoding{X: x}.Inputs().Size, X: x.Size, G: g.Size},
		DropZeroRows: job.Solver.Name == "gradient",
		Broadcast:    job.EffectiveMode() == model.Merged && job.Wire.Broadcast == "commit",
	}
	for _, name := range sim.Names(job.Participants) {
		load.Participant, load.Adapter = name, job.Spec(name)
		c.Loads = append(c.Loads, load)
	}
	return c, errors.Join(errX, errG)
}

// load is a participant's part of a round: images, texts of --tokens, or texts as long as
// those of the data are.
func (v *planVerb) load(env *cli.Env, job coordinator.Job) (plan.Load, error) {
	if job.Model.Path == "" {
		return plan.Load{Images: job.Batch}, nil
	}
	base, err := model.Declare(dryrun.New(), job.ModelConfig())
	if err != nil {
		return plan.Load{}, protocol.Faultf(protocol.CodeJobMismatch, "correct the job's [model]", "%w", err)
	}
	if v.Data != "" {
		return v.measure(env, job)
	}
	l := plan.Load{Texts: slices.Repeat([]int{v.Tokens}, job.Batch)}
	if base.Config().Task == string(data.SequenceToSequence) {
		l.Targets = slices.Repeat([]int{v.TargetTokens}, job.Batch)
	}
	return l, nil
}

// measure takes the lengths of a batch from the data: evenly spaced quantiles, so that their
// mean is that of all texts.
func (v *planVerb) measure(env *cli.Env, job coordinator.Job) (plan.Load, error) {
	d, err := openJobData(env, job, v.DataFlags)
	if err != nil {
		return plan.Load{}, err
	}
	ds, err := jobTextFlags(job, v.DataFlags).Open(env.Context, env.Log, v.Data, d.tokenizer, d.context)
	if err != nil {
		return plan.Load{}, err
	}
	if ds.Format().Task == data.ImageClassification {
		return plan.Load{}, protocol.Faultf(protocol.CodeBadData, "give data of text", "data %q are images, and the job's model is of text", v.Data)
	}
	var texts, targets []int
	for i := range ds.Len() {
		b := ds.Batch([]int{i})
		texts = append(texts, b.Inputs.Rows())
		if b.LabelStarts != nil {
			targets = append(targets, b.Labels.Rows())
		}
	}
	return plan.Load{Texts: quantiles(texts, job.Batch), Targets: quantiles(targets, job.Batch)}, nil
}

// quantiles returns n numbers that are spread as those of a list; of no list none.
func quantiles(list []int, n int) []int {
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	spread := make([]int, n)
	for i := range spread {
		spread[i] = list[(2*i+1)*len(list)/(2*n)]
	}
	return spread
}

// summary adds up a prediction. The seconds are those that the slowest participant's
// messages take, if nothing else does.
func summary(prediction *plan.Prediction, job coordinator.Job, bandwidth float64) planned {
	p := planned{Participants: prediction.Participants, Mode: job.EffectiveMode(), Memory: plannedMemory{
		prediction.Weights, prediction.File, prediction.Activations, prediction.Tuples, prediction.Adapters, prediction.Memory(), 0,
	}}
	p.Total.Participant = "all"
	interval := float64(max(job.Interval, 1))
	for _, t := range prediction.Participants {
		p.Total.Batch, p.Total.Tuples = p.Total.Batch+t.Batch, p.Total.Tuples+t.Tuples
		p.Total.Update, p.Total.Commit = p.Total.Update+t.Update, p.Total.Commit+t.Commit
		bytes := float64(t.Batch+t.Tuples) + float64(t.Update+t.Commit)/interval
		p.Seconds = max(p.Seconds, 8*bytes/(1e6*bandwidth))
	}
	return p
}

// write prints the plan for people.
func (p planned) write(out io.Writer, bandwidth float64) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, n int64, note string) {
		fmt.Fprintf(w, "%s\t%s\t  %s\n", name, report.Size(n), note)
	}
	fmt.Fprintln(w, "the coordinator's memory\t\t")
	row("weights", p.Memory.Weights, "")
	row("activations", p.Memory.Activations, "of a pass, at its peak")
	row("tuples", p.Memory.Tuples, "of a round, before they are sent")
	row("adapters", p.Memory.Adapters, string(p.Mode))
	row("in all", p.Memory.Total, "")
	if p.Memory.Device > 0 {
		row("on the GPU", p.Memory.Device, "weights, activations and adapters")
	}
	row("mapped file", p.Memory.File, "of which passes read rows of tables alone")
	fmt.Fprintf(w, "\t\t\nof each participant\tof all\t\n")
	first := p.Participants[0]
	pair := func(name string, one, all int64, note string) {
		fmt.Fprintf(w, "%s %s\t%s\t  %s\n", name, report.Size(one), report.Size(all), note)
	}
	pair("batch", first.Batch, p.Total.Batch, "to the coordinator")
	pair("tuples", first.Tuples, p.Total.Tuples, "from it, before compression")
	pair("update", first.Update, p.Total.Update, "to it, once an interval")
	pair("commit", first.Commit, p.Total.Commit, "from it, once an interval")
	fmt.Fprintf(w, "seconds\t%.2f\t  a round on the wire, at %g Mbit/s\n", p.Seconds, bandwidth)
	return w.Flush()
}
