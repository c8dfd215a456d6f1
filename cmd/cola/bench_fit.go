package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/gradientlearning/cola/internal/bench"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/linalg"
)

// benchFit is cola bench fit.
type benchFit struct {
	Arch   string `default:"gpt2" help:"Model whose sites are fitted: gpt2, roberta-base, bart-base, llama-tiny, llama-160m, llama-1.1b, llama-2-7b, or a folder with a config.json."`
	Tokens int    `default:"512" help:"Rows of the tuple of each site."`
	benchAdapter
	benchSites
	benchRepeats
}

// Help is the text of cola bench fit --help.
func (*benchFit) Help() string {
	return `Measures what a participant does with the tuples of a round: at every site the gradient of its adapter from x and g, and a step of AdamW.

Examples: cola bench fit
          cola bench fit --adapter linear --tokens 1024 --repeats 20 --json`
}

// Run measures and prints.
func (v *benchFit) Run(env *cli.Env) error {
	r, err := bench.Fit{Arch: v.Arch, Targets: v.targets(), Tokens: v.Tokens, Adapter: v.spec(), Repeats: v.repeats()}.Run(linalg.NewCPU())
	if err != nil {
		return benchFault("fit", err)
	}
	return printBench(env, v.JSON, r.Machine, r, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "tokens\t%d\t  at %d sites, %s\n", r.Tokens, r.Sites, r.Adapter)
		benchTimes(w, r.Best, r.Median, r.Rate, r.Memory)
		fmt.Fprintf(w, "allocations\t%.0f\t  of %.0f bytes in a fit\n", r.Objects, r.Allocated)
		benchFloor(w, r.Flops, r.Peak, r.Floor, r.Median)
	})
}
