package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/internal/bench"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
)

// benchDeliver is cola bench deliver.
type benchDeliver struct {
	Arch  string `default:"gpt2" help:"Model: as of cola bench step, but one that is a causal language model."`
	Batch int    `default:"8" help:"Texts of each participant."`
	Seq   int    `default:"128" help:"Tokens of each text."`
	benchSites
	Participants int    `default:"1" help:"Participants, each with texts and a connection of its own."`
	Device       string `default:"cpu" placeholder:"DEVICE" help:"Where to compute: auto (a GPU where there is one, else the CPU), cpu, cuda or cuda:N."`
	Wire         string `default:"bf16" enum:"f32,bf16,int8" help:"What x and g travel as: f32, bf16 or int8."`
	benchPrecision
	benchRepeats
}

// Help is the text of cola bench deliver --help.
func (*benchDeliver) Help() string {
	return `Measures what it costs that tuples are delivered: the pass alone, and then whole rounds of a coordinator whose participants, in this process and over TLS on loopback, take their tuples and throw them away. The pass is merged.

Example: cola bench deliver --arch gpt2 --batch 4 --seq 128 --participants 8`
}

// deliverReport is what cola bench deliver prints.
type deliverReport struct {
	Device       string      `json:"device"`
	Arch         string      `json:"arch"`
	Precision    string      `json:"precision"`
	Wire         string      `json:"wire"`
	Participants int         `json:"participants"`
	Tokens       int         `json:"tokens"`
	Pass         bench.Times `json:"pass_seconds"`
	Rounds       bench.Times `json:"round_seconds"`
	PassMedian   float64     `json:"pass_seconds_median"`
	RoundMedian  float64     `json:"round_seconds_median"`
	Bytes        float64     `json:"bytes_per_round"`
	Overhead     float64     `json:"overhead"` // of the round's median over the pass's
}

// Run measures and prints.
func (v *benchDeliver) Run(env *cli.Env) (err error) {
	folder, remove, err := bench.Folder(v.Arch)
	if err != nil {
		return benchFault("deliver", err)
	}
	defer remove()
	config := model.Config{Path: folder, Targets: v.targets(), Precision: v.precision()}
	declared, err := model.Declare(dryrun.New(), config)
	if err != nil {
		return benchFault("deliver", err)
	}
	devices, err := openDevice(env, v.Device)
	if err != nil {
		return err
	}
	defer closeDevices(devices, &err)
	pass, err := v.pass(devices, config)
	if err != nil {
		return benchFault("deliver", err)
	}
	if err := bench.Draw(config); err != nil {
		return benchFault("deliver", err)
	}
	state, err := os.MkdirTemp("", "cola-bench-")
	if err != nil {
		return fmt.Errorf("a folder for identities: %w", err)
	}
	defer os.RemoveAll(state) //nolint:errcheck // a temporary folder
	d := sim.Delivery{
		Job: v.job(config), Seq: v.Seq, Vocabulary: declared.Config().Vocabulary,
		Network: &sim.Loopback{Dir: state}, Devices: devices.list,
	}
	rounds, err := d.Run(env.Context)
	if err != nil {
		return err
	}
	r := &deliverReport{
		Device: devices.list[0].Name(), Arch: v.Arch, Precision: v.precision().String(), Wire: v.Wire, Participants: v.Participants,
		Tokens: pass.Tokens, Pass: pass.Seconds, Rounds: rounds.Rounds[v.Warmup:], Bytes: rounds.Bytes,
	}
	r.PassMedian, r.RoundMedian = r.Pass.Median(), r.Rounds.Median()
	r.Overhead = r.RoundMedian/r.PassMedian - 1
	return v.print(env, r)
}

// pass measures the pass alone, on a model that is gone afterwards.
func (v *benchDeliver) pass(d *devices, config model.Config) (a bench.Answer, err error) {
	request, err := json.Marshal(bench.Request{
		Batch: v.Batch, Seq: v.Seq, Participants: v.Participants, Mode: model.Merged, Adapter: "low-rank", Rank: 8,
		Warmup: v.Warmup, Repeats: v.Repeats,
	})
	if err != nil {
		return a, err
	}
	var out strings.Builder
	if err := benchServer(config, v.Arch, d).Run(d.list[0], strings.NewReader(string(request)), &out); err != nil {
		return a, err
	}
	_, answer, _ := strings.Cut(out.String(), "\n") // behind the line that says that the model is made
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		return a, err
	}
	if a.Error != "" {
		return a, fmt.Errorf("the pass alone: %s", a.Error)
	}
	return a, nil
}

// job is the job whose rounds are measured; the first only begins the clock.
func (v *benchDeliver) job(config model.Config) coordinator.Job {
	job := coordinator.DefaultTextJob()
	job.Participants, job.Batch, job.Rounds = v.Participants, v.Batch, uint64(1+v.Warmup+v.Repeats)
	job.Model.Path, job.Model.Targets = config.Path, config.Targets
	job.Model.Precision = config.Precision.String()
	job.Wire.X, job.Wire.G, job.Wire.Compress = v.Wire, v.Wire, false
	return job
}

func (v *benchDeliver) print(env *cli.Env, r *deliverReport) error {
	if v.JSON {
		return json.NewEncoder(env.Stdout).Encode(r)
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "tokens\t%d\t  of %d participants, %s\n", r.Tokens, r.Participants, r.Precision)
	fmt.Fprintf(w, "pass alone, median\t%.4g s\t\n", r.PassMedian)
	fmt.Fprintf(w, "whole round, median\t%.4g s\t  %+.1f %%\n", r.RoundMedian, 100*r.Overhead)
	fmt.Fprintf(w, "delivered a round\t%s\t  x and g as %s\n", report.Size(int64(r.Bytes)), r.Wire)
	return w.Flush()
}
