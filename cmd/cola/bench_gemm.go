package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/gradientlearning/cola/internal/bench"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/linalg"
)

// benchGEMM is cola bench gemm.
type benchGEMM struct {
	Shapes string `default:"gpt2" placeholder:"ARCH" help:"Model whose layers' shapes are multiplied: gpt2, roberta-base, bart-base, llama-tiny, llama-160m, llama-1.1b, llama-2-7b, or a folder with a config.json."`
	Tokens []int  `default:"256,512,1024,4096" placeholder:"N" help:"Rows of what the matrices are multiplied with."`
	benchPrecision
	benchRepeats
}

// Help is the text of cola bench gemm --help.
func (*benchGEMM) Help() string {
	return `Multiplies activations with the frozen matrices of a model, packed once, forwards (y = x·Wᵀ) and backwards (dx = g·W), each shape once and its head too, and tells GFLOP/s and their share of the processor's peak: fused multiply-adds that wait for nothing, on all threads, measured in turn with the products. Products of more than 2²⁶ elements are left out.

Examples: cola bench gemm
          cola bench gemm --shapes roberta-base --tokens 64,512 --repeats 20 --json`
}

// Run measures and prints.
func (v *benchGEMM) Run(env *cli.Env) error {
	r, err := bench.GEMM{Arch: v.Shapes, Tokens: v.Tokens, Precision: v.precision(), Repeats: v.repeats()}.Run(linalg.NewCPU())
	if err != nil {
		return benchFault("gemm", err)
	}
	return printBench(env, v.JSON, r.Machine, r, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "peak %.0f GFLOP/s (best %.0f)\n\n", r.Peak, r.Best)
		fmt.Fprintf(w, "m\tk\tn\tGFLOP/s\tbest\tof peak\t  \n")
		for _, p := range r.Rows {
			fmt.Fprintf(w, "%d\t%d\t%d\t%.0f\t%.0f\t%.0f %%\t  %s of %s\n", p.M, p.K, p.N, p.GFLOPS, p.Best, 100*p.Share, p.Direction, p.Site)
		}
		fmt.Fprintf(w, "\nmedian share of peak: %.0f %%\n", 100*r.Median)
	})
}
