package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/internal/evaluate"
	"github.com/gradientlearning/cola/linalg/dryrun"
	"github.com/gradientlearning/cola/model"
	"github.com/gradientlearning/cola/protocol"
)

// evalVerb is cola eval.
type evalVerb struct {
	textModelFlags
	generationFlags
	Data        string            `required:"" placeholder:"DATA" help:"Held-out examples: PRESET:PATH[:PART], FORM:PATH[:PART] or text:FILE."`
	Columns     map[string]string `placeholder:"NAME=COLUMN" help:"Columns of the file by the names that are asked for; may be repeated."`
	Labels      []string          `placeholder:"NAME" help:"Names of the classes, in the model's order."`
	Rules       string            `default:"default" enum:"default,paper" help:"How examples are cut: default or paper."`
	MaxLength   int               `placeholder:"N" help:"Most tokens of an example; by default the model's context, of the paper 128."`
	Merged      string            `placeholder:"FILE" help:"The merged.safetensors that the participants fitted together."`
	Metrics     []string          `placeholder:"NAME" help:"Metrics to print, of those of the task; by default all."`
	Generate    bool              `help:"Let the model write, and compare with the references."`
	MaxExamples int               `placeholder:"N" help:"Most examples of a participant, its first ones; by default all."`
	JSON        bool              `help:"Print one JSON object."`
}

// Help is the text of cola eval --help.
func (*evalVerb) Help() string {
	return `Scores held-out examples, of each participant and over all: with the base model, with each participant's own adapters on its own examples (alone), with the mean of all adapters in the weights (merged), and with the update that they fitted together (collaborative, --merged). Participants are the data's categories; where there are none every adapter is scored on all examples.

Example: cola eval --model gpt2 --data dolly:held-out.jsonl --adapter open_qa=p0/adapter.safetensors --merged p0/merged.safetensors --generate --max-examples 50`
}

// Run evaluates and prints.
func (v *evalVerb) Run(env *cli.Env) (err error) {
	examples, err := v.examples(env)
	if err != nil {
		return err
	}
	m, err := v.open(env, string(examples.Format().Task), v.Merged)
	if err != nil {
		return err
	}
	defer closeDevices(m.devices, &err)
	c := evaluate.Config{
		Base: m.base, Data: examples, Metrics: v.Metrics, Examples: v.MaxExamples, Together: v.Together,
		Alone: m.adapters, Collaborative: m.adapters[mergedName],
	}
	delete(c.Alone, mergedName)
	if preset, _, _ := strings.Cut(v.Data, ":"); slices.Contains(data.Presets(), preset) {
		c.Task = preset
	}
	if examples.Format().Task != data.SequenceClassification {
		c.Categories = examples.Categories()
	}
	if v.Generate {
		if c.Generation, err = v.settings(m); err != nil {
			return err
		}
		c.Decode = func(ids []int32) string { return m.tokenizer.Decode(ids, true) }
	}
	report, err := evaluate.Run(env.Context, c)
	if err != nil {
		return asTextFault(err)
	}
	if v.JSON {
		err = json.NewEncoder(env.Stdout).Encode(report)
	} else {
		err = report.WriteTable(env.Stdout)
	}
	if err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

// examples opens the data, with examples that fit the model's context.
func (v *evalVerb) examples(env *cli.Env) (*data.Text, error) {
	t, err := v.openTokenizer(env)
	if err != nil {
		return nil, err
	}
	declared, err := model.Declare(dryrun.New(), model.Config{Path: v.Model, Targets: []string{model.AllLinear}})
	if err != nil {
		return nil, asTextFault(err)
	}
	rules := data.DefaultRules(declared.Config().Context)
	if v.Rules == "paper" {
		rules = data.PaperRules()
	}
	if v.MaxLength > 0 {
		rules.Longest = v.MaxLength
	}
	examples, err := data.OpenText(v.Data, data.TextOptions{Tokenizer: t, Rules: rules, Columns: v.Columns, Labels: v.Labels, Task: data.Task(v.Task), Fetch: cli.FetchData(env.Context, env.Log)})
	if err != nil {
		return nil, protocol.Faultf(protocol.CodeBadData, "give held-out examples that can be read: see docs/generation.md", "data %q: %w", v.Data, err)
	}
	if n := examples.Truncated(); n > 0 {
		env.Log.Warn("examples were cut to the most tokens", "examples", n, "of", examples.Len(), "tokens", rules.Longest)
	}
	return examples, nil
}
