package coordinator

import (
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/protocol"
)

// misfit is why data do not fit the model.
type misfit struct{ cause, fix string }

// checkData says whether data fit the model; nil: they do.
func (c *Coordinator) checkData(d protocol.Data) *misfit {
	m := c.base.Config()
	no := func(fix, format string, args ...any) *misfit { return &misfit{fmt.Sprintf(format, args...), fix} }
	switch {
	case d.Task != m.Task:
		return no("give data for the job's task, or change the job's [model]", "data are for %s; the job's model does %s", orNothing(d.Task), m.Task)
	case m.Path == "" && !slices.Equal(d.Shape, m.Input):
		return no("give data of the job's shape, or change input in the job's [model]", "inputs have shape %v; the job's model takes %v", d.Shape, m.Input)
	case m.Classes == 1 && d.Classes != 1:
		return no("give numbers for labels, or set classes in the job's [model]", "labels are of %d classes; the job's model is a regression", d.Classes)
	case m.Classes > 0 && d.Classes > m.Classes:
		return no("give data with fewer classes, or raise classes in the job's [model]", "labels reach %d; the job's model has classes 0 to %d", d.Classes-1, m.Classes-1)
	case d.Examples < 1:
		return no("give a data set that is not empty", "data set has no examples")
	case m.Path == "":
		return nil
	case d.Vocabulary > m.Vocabulary:
		return no(tokenizerFix, "tokenizer has ids up to %d; the job's model has %d", d.Vocabulary-1, m.Vocabulary)
	case c.Tokenizer != "" && d.Tokenizer != c.Tokenizer:
		return no(tokenizerFix, "tokenizer is not the model's own: its fingerprint is %.16s, that of the model's %.16s", orNothing(d.Tokenizer), c.Tokenizer)
	case m.Context > 0 && d.Longest > m.Context:
		return no(fmt.Sprintf("cut the texts with --max-length %d", m.Context), "longest text has %d tokens; the context of the job's model is %d", d.Longest, m.Context)
	}
	return nil
}

const tokenizerFix = "use the tokenizer in the folder of the job's model: --tokenizer FOLDER"

// orNothing makes what is missing readable.
func orNothing(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// checkTest says whether the coordinator's own data fit the model.
func (c *Coordinator) checkTest() error {
	for _, set := range []struct {
		name string
		data data.Dataset
	}{{"test set", c.Test}, {"validation set", c.Validation}} {
		if set.data == nil {
			continue
		}
		f := set.data.Format()
		wrong := c.checkData(protocol.Data{
			Examples: set.data.Len(), Task: string(f.Task), Shape: f.Shape, Classes: f.Classes,
			Vocabulary: f.Vocabulary, Longest: f.Longest, Tokenizer: f.Tokenizer,
		})
		if wrong != nil {
			return protocol.Faultf(protocol.CodeJobMismatch, wrong.fix+", for [eval] too, or leave its data out", "the %s does not fit the job's model: its %s", set.name, wrong.cause)
		}
	}
	if c.job.Eval.Keep == "best" && c.Validation == nil {
		return protocol.Faultf(protocol.CodeBadJob, "give [eval] validation or validation_share, or keep = \"last\"", "the job keeps its best commit, and there is no validation set to tell which it is")
	}
	return nil
}

// checkSites says whether the job's adapters and solver exist at every site, and whether
// participants can be told of all.
func (c *Coordinator) checkSites() error {
	specs := []adapter.Spec{c.job.Spec("")}
	for _, o := range c.job.Adapter.Override {
		for _, name := range o.Participants {
			specs = append(specs, c.job.Spec(name))
		}
	}
	tables := slices.ContainsFunc(c.sites, func(s adapter.Site) bool { return s.Kind == adapter.SiteEmbedding })
	switch {
	case tables && closedForm(c.job.Solver.Name):
		return protocol.Faultf(protocol.CodeJobMismatch, "use solver = \"gradient\" or \"steps\", or leave embeddings out of targets",
			"the job does not fit the model: solver = %q solves no embedding", c.job.Solver.Name)
	case tables && slices.ContainsFunc(specs, func(s adapter.Spec) bool { return s.Kind == adapter.MLP }):
		return protocol.Faultf(protocol.CodeJobMismatch, "use low-rank or linear adapters, or leave embeddings out of targets",
			"the job does not fit the model: there is no mlp adapter of an embedding")
	}
	m := &member{specs: slices.Repeat(specs[:1], len(c.sites))}
	if _, err := protocol.Encode(c.welcome(m, protocol.MaxVersion)); err != nil {
		return protocol.Faultf(protocol.CodeJobMismatch, "name fewer layers in targets", "the model has more sites (%d) than can be told of: %w", len(c.sites), err)
	}
	return nil
}
