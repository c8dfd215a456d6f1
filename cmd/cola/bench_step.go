package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/gradientlearning/cola/internal/bench"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/model"
)

// benchStep is cola bench step.
type benchStep struct {
	Arch         string `default:"gpt2" help:"Model: gpt2, roberta-base, bart-base, llama-tiny, llama-160m, llama-1.1b, llama-2-7b, or a folder with a config.json."`
	Batch        int    `default:"8" help:"Texts of each participant."`
	Seq          int    `default:"128" help:"Tokens of each text."`
	Lengths      string `placeholder:"LENGTHS" help:"Tokens of the texts instead of --seq: dolly for those that its instructions have, or numbers with commas."`
	TargetTokens int    `default:"64" help:"Of seq2seq-lm: tokens of each target."`
	benchAdapter
	benchSites
	Participants     int    `default:"1" help:"Participants, each with texts and an adapter of its own."`
	Mixed            bool   `help:"Participants have different adapters: low-rank of ranks 8, 4 and 16, linear and mlp in turn."`
	Mode             string `default:"merged" enum:"merged,unmerged" help:"How adapters take part in the pass: merged or unmerged."`
	Against          string `default:"" enum:",merged,unmerged" help:"A second mode, measured in turn with the first."`
	Checkpointing    bool   `help:"Keep the inputs of blocks alone, and compute the rest again backwards."`
	Device           string `default:"cpu" placeholder:"DEVICE" help:"Where to compute: auto (a GPU where there is one, else the CPU), cpu, cuda or cuda:N."`
	CheckpointBlocks int    `placeholder:"K" help:"Checkpointing of one in K blocks."`
	benchPrecision
	benchRepeats
}

// Help is the text of cola bench step --help.
func (*benchStep) Help() string {
	return `Measures a step of the coordinator as it is in a round: forward, backward of the hidden representations, and every participant's rows of x and g handed over, ready to be sent. Weights are drawn at random in the shape of a published model. Peak memory is what is resident while steps run, weights and all.

Examples: cola bench step --arch gpt2 --batch 8 --seq 128
          cola bench step --arch roberta-base --batch 1 --seq 64 --participants 8 --mode unmerged --against merged
          cola bench step --lengths dolly --json`
}

// checkpoints is one block in how many is computed twice.
func (v *benchStep) checkpoints() int {
	if v.Checkpointing && v.CheckpointBlocks == 0 {
		return 1
	}
	return v.CheckpointBlocks
}

// Run measures and prints.
func (v *benchStep) Run(env *cli.Env) (err error) {
	texts, err := bench.Lengths(v.Lengths, v.Batch, v.Seq)
	if err != nil {
		return benchFault("step", err)
	}
	devices, err := openDevice(env, v.Device)
	if err != nil {
		return err
	}
	defer closeDevices(devices, &err)
	r, err := bench.Step{
		Model: model.Config{Targets: v.targets(), Checkpoints: v.checkpoints(), Precision: v.precision()},
		Arch:  v.Arch, Texts: texts, Targets: v.TargetTokens, Participants: v.Participants,
		Adapter: v.spec(), Mixed: v.Mixed, Mode: model.Mode(v.Mode), Against: model.Mode(v.Against), Repeats: v.repeats(),
	}.Run(devices.list[0])
	if err != nil {
		return benchFault("step", err)
	}
	return printBench(env, v.JSON, r.Machine, r, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "tokens\t%d\t  of %d participants, %s, %s\n", r.Tokens, r.Participants, r.Mode, r.Precision)
		benchTimes(w, r.Best, r.Median, r.Rate, r.Memory)
		fmt.Fprintf(w, "weights\t%s\t\n", report.Size(r.Weights))
		fmt.Fprintf(w, "allocations\t%.0f\t  of %s in a step\n", r.Objects, report.Size(int64(r.Allocated)))
		benchFloor(w, r.Flops, r.Peak, r.Floor, r.Median)
		if o := r.Other; o != nil {
			fmt.Fprintf(w, "%s, median\t%.4g s\t  %s has %.1f %% of its speed\n", o.Mode, o.Median, r.Mode, 100*o.Speed)
		}
	})
}
