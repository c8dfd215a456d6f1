package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/internal/bench"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// benchVerb is cola bench.
type benchVerb struct {
	GEMM    benchGEMM    `cmd:"" name:"gemm" help:"Products with frozen matrices, against the processor's peak."`
	Step    benchStep    `cmd:"" name:"step" help:"A step of the coordinator: forward, hidden backward, tuples."`
	Fit     benchFit     `cmd:"" name:"fit" help:"A participant's fit of all its sites from tuples."`
	Serve   benchServe   `cmd:"" name:"serve" help:"Steps as standard input asks for them, with one model for all."`
	Deliver benchDeliver `cmd:"" name:"deliver" help:"Whole rounds, with tuples delivered over loopback, against the pass alone."`
}

// Help is the text of cola bench --help.
func (*benchVerb) Help() string {
	return `Measures this machine, with random weights: nothing is downloaded. Repeats of everything are taken in turn, after warming up; the best and the median are told. docs/benchmarks.md says what is in each measurement, and how it is compared with PyTorch.

Examples: cola bench gemm
          cola bench step --arch gpt2 --batch 8 --seq 128
          cola bench fit --adapter linear`
}

// benchRepeats are the flags of all measurements.
type benchRepeats struct {
	Repeats int  `default:"5" help:"How often everything is measured."`
	Warmup  int  `default:"1" help:"How often it is run before."`
	JSON    bool `help:"Print one JSON object on standard output."`
}

func (r benchRepeats) repeats() bench.Repeats {
	return bench.Repeats{Warmup: r.Warmup, Count: r.Repeats}
}

// benchPrecision says how frozen matrices are kept and multiplied.
type benchPrecision struct {
	DType   string `name:"dtype" default:"f32" enum:"f32,bf16" help:"How frozen weights are kept: f32, or bf16, which takes half the memory."`
	Compute string `default:"f32" enum:"f32,bf16" help:"How they are multiplied: f32, or bf16, which rounds activations as well, and keeps the weights in bf16; sums are float32 in both."`
}

func (p benchPrecision) precision() linalg.Precision {
	switch {
	case p.Compute == "bf16":
		return linalg.BF16Products
	case p.DType == "bf16":
		return linalg.BF16Weights
	}
	return linalg.F32Products
}

// benchAdapter is the adapter that takes part in a measurement.
type benchAdapter struct {
	Adapter string `default:"low-rank" enum:"low-rank,linear,mlp" help:"Kind of adapter: low-rank, linear or mlp."`
	Rank    int    `default:"8" help:"Of a low-rank adapter."`
	Hidden  []int  `default:"128,256" help:"Widths of an mlp adapter."`
}

func (a benchAdapter) spec() adapter.Spec {
	switch kind := adapter.Kind(a.Adapter); kind {
	case adapter.LowRank:
		return adapter.Spec{Kind: kind, Rank: a.Rank}
	case adapter.MLP:
		return adapter.Spec{Kind: kind, Hidden: a.Hidden}
	default:
		return adapter.Spec{Kind: kind}
	}
}

// benchSites names the layers that are adapted.
type benchSites struct {
	Sites []string `default:"default" placeholder:"TARGET" help:"Layers that are sites, as a job's targets name them; default: the paper's."`
}

func (s benchSites) targets() []string {
	if len(s.Sites) == 1 && s.Sites[0] == "default" {
		return nil
	}
	return s.Sites
}

// benchFault explains what cannot be measured.
func benchFault(verb string, err error) error {
	if err == nil {
		return nil
	}
	return protocol.Faultf(protocol.CodeUsage, "see cola bench "+verb+" --help", "%w", err)
}

// printBench prints a report, as JSON or as a table under what was measured on.
func printBench(env *cli.Env, asJSON bool, m bench.Machine, r any, table func(w *tabwriter.Writer)) error {
	if asJSON {
		if err := json.NewEncoder(env.Stdout).Encode(r); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
		return nil
	}
	if _, err := fmt.Fprintf(env.Stdout, "%s, kernels %s\n\n", m.Device, m.Kernels); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	table(w)
	return w.Flush()
}

// benchTimes prints the lines that steps and fits share.
func benchTimes(w io.Writer, best, median, rate float64, memory int64) {
	fmt.Fprintf(w, "best\t%.4g s\t\n", best)
	fmt.Fprintf(w, "median\t%.4g s\t\n", median)
	fmt.Fprintf(w, "tokens per second\t%.0f\t  of the median\n", rate)
	fmt.Fprintf(w, "peak memory\t%s\t\n", report.Size(memory))
}

// benchFloor prints what the time is held against.
func benchFloor(w io.Writer, flops, peak, floor, median float64) {
	fmt.Fprintf(w, "arithmetic\t%.1f GFLOP\t  of products and attention\n", 1e-9*flops)
	fmt.Fprintf(w, "peak\t%.0f GFLOP/s\t  of fused multiply-adds, in the same run\n", peak)
	fmt.Fprintf(w, "floor\t%.4g s\t  %.0f %% of the median\n", floor, 100*floor/median)
}
