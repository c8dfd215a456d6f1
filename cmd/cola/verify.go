package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/verify"
	"github.com/gradientlearning/cola/protocol"
)

// verifyVerb is cola verify.
type verifyVerb struct {
	Seed      uint64   `help:"Seed of weights, adapters and examples." default:"0"`
	Model     []string `help:"A model to verify: linear, mlp or cnn; may be repeated. Without one: all." placeholder:"NAME"`
	Golden    []string `help:"Compare with the reference numbers in a folder instead, of the form that docs/golden.md describes; may be repeated." placeholder:"FOLDER"`
	Tolerance float64  `help:"Largest relative error that --golden lets pass." default:"1e-4"`
	Device    string   `default:"cpu" placeholder:"DEVICE" help:"Where --golden computes: auto (a GPU where there is one, else the CPU), cpu, cuda or cuda:N."`
	Compute   string   `help:"Of --golden: how frozen matrices are multiplied, f32 or bf16; sums are float32 in both." default:"f32" enum:"f32,bf16"`
	JSON      bool     `help:"Print one JSON object on standard output."`
}

// Help is the text of cola verify --help.
func (*verifyVerb) Help() string {
	return `Compares, for every model and at every site, the classical gradient of the adapters with what is learned from tuples: detached (the negative control, which must differ), unmerged, merged, Proposition 1, Eq. 5 and isolation; in float32 by the product and in float64 by an oracle of its own. The exit status is 1 when any expectation does not hold.

With --golden it compares a model of text with numbers that another implementation computed for it: logits, loss, the tuples of every site, and the gradients of adapters.

Examples: cola verify --model mlp --seed 7
          cola verify --golden model/testdata/golden/gpt2`
}

// Run compares and prints.
func (v *verifyVerb) Run(env *cli.Env) error {
	if len(v.Golden) > 0 {
		return v.golden(env)
	}
	report, err := verify.Run(env.Context, verify.Config{Seed: v.Seed, Models: v.Model})
	if unknown, ok := errors.AsType[verify.UnknownModelError](err); ok {
		return &protocol.Fault{Code: protocol.CodeUsage, Cause: "--model: " + unknown.Error(), Fix: "see cola verify --help", Err: err}
	}
	if err != nil {
		return err
	}
	if v.JSON {
		err = json.NewEncoder(env.Stdout).Encode(report)
	} else {
		err = report.WriteTable(env.Stdout)
	}
	if err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return verdict(report)
}

// verdict is the fault of a report in which an expectation does not hold.
func verdict(report verify.Report) error {
	if report.Passed {
		return nil
	}
	failed := report.Failed()
	first := failed[0]
	return protocol.Faultf(protocol.CodeVerifyFailed,
		"run cola verify --json and report what it prints; adapters trained by this build are not to be trusted",
		"%d of %d comparisons do not hold, the first is %s of %s at site %s in %s",
		len(failed), len(report.Rows), first.Check, first.Model, first.Site, first.Precision)
}
