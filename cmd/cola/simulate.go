package main

import (
	"fmt"
	"os"

	"github.com/gradientlearning/cola/coordinator"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/report"
	"github.com/gradientlearning/cola/internal/sim"
)

// simulateVerb is cola simulate.
type simulateVerb struct {
	jobFlags
	Data   string `default:"mnist" placeholder:"DATA" help:"Training data, split between the participants by label: mnist, idx:FOLDER or synthetic:…"`
	Report string `placeholder:"FILE" help:"Write one self-contained HTML page with learning curves."`
	JSON   bool   `help:"Print one JSON object on standard output."`
}

// Help is the text of cola simulate --help.
func (v *simulateVerb) Help() string {
	return `Runs a whole federation in one process, over the same protocol that machines use: each participant alone, one with all the data (joint), and all together (collaborative).

Example: cola simulate --rounds 100 --participants 4 --adapter low-rank --report report.html`
}

// Run trains and reports.
func (v *simulateVerb) Run(env *cli.Env) error {
	job, collaborations, err := v.job()
	if err != nil {
		return err
	}
	if len(collaborations) == 0 {
		collaborations = v.possible(job)
	}
	for _, c := range collaborations {
		if err := sim.JobFor(job, c).Validate(); err != nil {
			return err
		}
	}
	train, err := cli.OpenData(v.Data)
	if err != nil {
		return err
	}
	test, err := openTest(job)
	if err != nil {
		return err
	}
	progress := report.NewProgress(env.Stderr, env.Log)
	current := coordinator.Collaboration("")
	r, err := sim.Run(env.Context, sim.Config{
		Job: job, Collaborations: collaborations, Train: train, Test: test, Log: env.Log,
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
		return err
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

// openTest opens the job's test set, if it has one.
func openTest(job coordinator.Job) (data.Dataset, error) {
	if job.Eval.Data == "" {
		return nil, nil
	}
	return cli.OpenData(job.Eval.Data)
}
