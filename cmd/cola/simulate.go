package main

import (
	"fmt"
	"os"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/internal/sim"
	"github.com/gradientlearning/cola/protocol"
)

// simulateVerb is cola simulate.
type simulateVerb struct {
	jobFlags
	Data string `placeholder:"DATA" help:"Training data, split between the participants: mnist (the default), idx:FOLDER, synthetic:…; of text PRESET:PATH, jsonl:PATH, csv:PATH, text:FILE …"`
	cli.DataFlags
	Split   string  `default:"label" enum:"label,shuffled,category" help:"How the data are split: sorted by label or category (label), at random (shuffled), or whole labels or categories (category)."`
	HeldOut float64 `default:"0.1" placeholder:"SHARE" help:"Of text: share of the data that is the test set, where the job names none; 0: no test set."`
	Out     string  `placeholder:"FOLDER" help:"Write the finished adapters there, by collaboration and participant."`
	Device  string  `default:"cpu" placeholder:"DEVICE" help:"Where to compute: auto (GPUs where there are any, else the CPU), cpu, cuda (all GPUs), cuda:N or cuda:N,M."`
	Report  string  `placeholder:"FILE" help:"Write one self-contained HTML page with learning curves."`
	JSON    bool    `help:"Print one JSON object on standard output."`
}

// Help is the text of cola simulate --help.
func (v *simulateVerb) Help() string {
	return `Runs a whole federation in one process, over the same protocol that machines use: each participant alone, one with all the data (joint), and all together (collaborative).

Examples: cola simulate --rounds 100 --participants 4 --adapter low-rank --report report.html
cola simulate --task dolly-mini
cola simulate --model-path gpt2 --data dolly:dolly15k.jsonl --split category --rounds 50`
}

// Run trains and reports.
func (v *simulateVerb) Run(env *cli.Env) (err error) {
	job, collaborations, err := v.job(env)
	if err != nil {
		return err
	}
	v.Data = v.data(v.Data, "mnist")
	if len(collaborations) == 0 {
		collaborations = v.possible(job)
	}
	for _, c := range collaborations {
		if err := sim.JobFor(job, c).Validate(); err != nil {
			return err
		}
	}
	if err := resolveModel(env, &job); err != nil {
		return err
	}
	read, err := openJobData(env, job, v.DataFlags)
	if err != nil {
		return err
	}
	train, err := jobTextFlags(job, v.DataFlags).Open(env.Context, env.Log, v.Data, read.tokenizer, read.context)
	if err != nil {
		return err
	}
	if read.test == nil && data.IsText(v.Data) && v.HeldOut > 0 {
		if !(v.HeldOut < 1) {
			return protocol.Faultf(protocol.CodeUsage, "give a share below 1", "--held-out %g leaves nothing to train on", v.HeldOut)
		}
		train, read.test = data.Split(train, v.HeldOut, job.Seed)
	}
	devices, err := openDevices(env, v.Device)
	if err != nil {
		return err
	}
	defer closeDevices(devices, &err)
	memory := &memoryPlan{}
	if len(devices.gpus) > 0 {
		if job, memory, err = planMemory(env, job, read, devices); err != nil {
			return err
		}
	}
	progress := report.NewProgress(env.Stderr, env.Log)
	current := coordinator.Collaboration("")
	r, err := sim.Run(env.Context, sim.Config{
		Job: job, Collaborations: collaborations, Train: train, Split: cli.Split(v.Split),
		Test: read.test, Validation: read.validation, Tokenizer: read.fingerprint, Out: v.Out, Log: env.Log, Devices: devices.list,
		Observe: func(c coordinator.Collaboration, o coordinator.Observation) {
			if c != current {
				current = c
				progress.Mode(string(c), int(o.Rounds))
			}
			progress.Round(int(o.Round), o.Loss, accuracies(o))
		},
	})
	progress.Done()
	if err != nil {
		return memory.explain(err)
	}
	return v.write(env, *r)
}

func accuracies(o coordinator.Observation) []float64 {
	var list []float64
	for _, name := range o.Participants {
		if a, ok := o.Accuracy[name]; ok {
			list = append(list, a)
		}
	}
	return list
}

// write prints the result and, if asked to, the page.
func (v *simulateVerb) write(env *cli.Env, r report.Report) error {
	if v.Report != "" {
		f, err := os.Create(v.Report)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if err := report.WriteHTML(f, r, "cola simulate: "+r.Task); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		env.Log.Info("wrote the report", "file", v.Report)
	}
	if v.JSON {
		return report.WriteJSON(env.Stdout, r)
	}
	return report.WriteTable(env.Stdout, r)
}
