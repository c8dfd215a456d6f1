package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/internal/cli"
)

// deviceVerb is cola device.
type deviceVerb struct {
	JSON bool `help:"Print one JSON object."`
}

// Help is the text under the usage line.
func (*deviceVerb) Help() string {
	return `A GPU needs NVIDIA's driver (libcuda) and cuBLASLt (libcublasLt); NVRTC (libnvrtc) makes kernels for exactly the GPU that is there. Nothing is missing where there is none: the CPU is always there.

COLA_LIBCUDA, COLA_LIBCUBLASLT and COLA_LIBNVRTC name files to open in place of a search.`
}

// Run prints which GPUs can be used, where NVIDIA's libraries came from, and what to do
// about those that are missing.
func (v *deviceVerb) Run(env *cli.Env) error {
	report := cuda.Discover()
	if v.JSON {
		return json.NewEncoder(env.Stdout).Encode(report)
	}
	w := tabwriter.NewWriter(env.Stdout, 0, 8, 2, ' ', 0)
	for _, d := range report.Devices {
		fmt.Fprintf(w, "cuda:%d\t%s\tcompute capability %d.%d\t%.1f GiB\t%d multiprocessors\n",
			d.Ordinal, d.Name, d.Major, d.Minor, float64(d.Memory)/(1<<30), d.Multiprocessors)
		if d.Problem != "" {
			fmt.Fprintf(w, "\tcannot be used: it %s\n", d.Problem)
		}
	}
	if !report.Usable() {
		fmt.Fprintf(w, "no GPU can be used: the CPU computes\n")
	}
	said := ""
	for _, c := range []cuda.Component{report.Driver, report.BLAS, report.Compiler} {
		if c.Path != "" {
			fmt.Fprintf(w, "%s\t%s\t%s\n", c.Library, c.Version, c.Path)
		}
		if c.Problem != "" && c.Problem != said { // a build without CUDA lacks all for one reason
			fmt.Fprintf(w, "%s\t%s\n\tfix: %s\n", c.Library, c.Problem, c.Fix)
			said = c.Problem
		}
	}
	return w.Flush()
}
