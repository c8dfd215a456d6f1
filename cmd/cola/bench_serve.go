package main

import (
	"os"

	"github.com/gradientlearning/cola/internal/bench"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/model"
)

// benchServe is cola bench serve.
type benchServe struct {
	Arch string `default:"gpt2" help:"Model: as of cola bench step."`
	benchSites
	Device           string `default:"cpu" placeholder:"DEVICE" help:"Where to compute: auto (a GPU where there is one, else the CPU), cpu, cuda or cuda:N."`
	CheckpointBlocks int    `placeholder:"K" help:"Keep of one in K blocks its input alone, and compute the rest again backwards."`
	benchPrecision
}

// Help is the text of cola bench serve --help.
func (*benchServe) Help() string {
	return `Measures steps as they are asked for, with one model for all of them: what takes turns with another program need not draw the weights again. Each line of standard input is a request, a JSON object; each is answered with a line. docs/benchmarks.md has the keys of both. The first line, {"ready":true}, comes when the model is made.

Example: echo '{"batch": 8, "seq": 128, "participants": 1, "mode": "merged", "adapter": "low-rank", "rank": 8, "repeats": 3}' | cola bench serve --arch gpt2`
}

// Run answers until standard input ends.
func (v *benchServe) Run(env *cli.Env) (err error) {
	devices, err := openDevice(env, v.Device)
	if err != nil {
		return err
	}
	defer closeDevices(devices, &err)
	m := model.Config{Targets: v.targets(), Checkpoints: v.CheckpointBlocks, Precision: v.precision()}
	return benchFault("serve", benchServer(m, v.Arch, devices).Run(devices.list[0], os.Stdin, env.Stdout))
}

// benchServer is a server whose plans are of the devices.
func benchServer(m model.Config, arch string, d *devices) bench.Server {
	s := bench.Server{Model: m, Arch: arch}
	if len(d.gpus) > 0 {
		s.Plan = planOnGPU
	}
	return s
}
