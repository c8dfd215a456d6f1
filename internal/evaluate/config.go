package evaluate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gradientlearning/cola/adapter"
	"github.com/gradientlearning/cola/data"
	"github.com/gradientlearning/cola/data/metric"
	"github.com/gradientlearning/cola/model"
)

// Config says what is evaluated.
type Config struct {
	// Base is the base model. What is merged into it is undone.
	Base *model.Base
	// Data are the examples.
	Data data.Dataset
	// Categories are the names that Data.Label numbers, the participants; nil: every
	// participant has all examples.
	Categories []string
	// Task names the metrics, as metric.ForTask has them; "": those of the data's task.
	Task string
	// Metrics are those of the task's that are wanted; nil: all.
	Metrics []string
	// Examples is how many a participant has at most, its first ones; 0: all.
	Examples int
	// Together is how many examples a pass has at most; 0: 32.
	Together int

	// Alone are the adapters of each participant, a site each.
	Alone map[string][]adapter.Adapter
	// Collaborative are the adapters of the merged update, a site each; nil: none.
	Collaborative []adapter.Adapter

	// Decode makes text of the ids of a continuation; nil: nothing is generated.
	Decode func(ids []int32) string
	// Generation says how text is generated. Where MaxNew is 0 an example says how many
	// tokens it may have.
	Generation model.Generation
}

// Kind is a model that examples are scored with.
type Kind string

// The kinds, in the order of a table's columns.
const (
	Base          Kind = "base"
	Alone         Kind = "alone"
	Merged        Kind = "merged"
	Collaborative Kind = "collaborative"
)

// defaultTogether is how many examples a pass has.
const defaultTogether = 32

// everybody is the participant's name where there are no categories and no adapters.
const everybody = "all"

// share is a participant and its examples.
type share struct {
	name    string
	indices []int
}

// shares returns the participants, in the order of the categories or by name, without those
// that have neither examples nor adapters.
func (c *Config) shares() ([]share, error) {
	if c.Data.Len() == 0 {
		return nil, errors.New("there are no examples to evaluate on")
	}
	names := c.Categories
	if names == nil {
		if names = slices.Sorted(maps.Keys(c.Alone)); len(names) == 0 {
			names = []string{everybody}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Alone)) {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("there are adapters of %s, and no examples: the data have the categories %s", name, strings.Join(names, ", "))
		}
	}
	list := make([]share, len(names))
	for k, name := range names {
		list[k].name = name
	}
	for i := range c.Data.Len() {
		for k := range list {
			if c.Categories == nil || c.Data.Label(i) == k {
				list[k].indices = append(list[k].indices, i)
			}
		}
	}
	for k := range list {
		if n := c.Examples; n > 0 && n < len(list[k].indices) {
			list[k].indices = list[k].indices[:n]
		}
		if len(list[k].indices) == 0 && c.Alone[list[k].name] != nil {
			return nil, fmt.Errorf("there are adapters of %s, and no examples of that category", list[k].name)
		}
	}
	return slices.DeleteFunc(list, func(s share) bool { return len(s.indices) == 0 }), nil
}

// metrics returns the metrics that are wanted.
func (c *Config) metrics() ([]metric.Metric, error) {
	task := c.Task
	if task == "" {
		task = string(c.Data.Format().Task)
	}
	all, err := metric.ForTask(task)
	if err != nil || c.Metrics == nil {
		return all, err
	}
	var wanted []metric.Metric
	for _, name := range c.Metrics {
		i := slices.IndexFunc(all, func(m metric.Metric) bool { return m.Name == name })
		if i < 0 {
			var names []string
			for _, m := range all {
				names = append(names, m.Name)
			}
			return nil, fmt.Errorf("metric %q: those of %s are %s", name, task, strings.Join(names, ", "))
		}
		wanted = append(wanted, all[i])
	}
	return wanted, nil
}

// check says whether the data fit the model.
func (c *Config) check() error {
	f, m := c.Data.Format(), c.Base.Config()
	switch {
	case string(f.Task) != m.Task:
		return fmt.Errorf("the data are for %s and the model was opened for %s: open it for the data's task", f.Task, m.Task)
	case f.Shape != nil && !slices.Equal(f.Shape, m.Input):
		return fmt.Errorf("images %v do not fit a model of %v", f.Shape, m.Input)
	case f.Classes > m.Classes && f.Task != data.CausalLM && f.Task != data.SequenceToSequence:
		return fmt.Errorf("the data have %d classes and the model %d", f.Classes, m.Classes)
	case f.Vocabulary > m.Vocabulary:
		return fmt.Errorf("the tokenizer has ids up to %d and the model's vocabulary is 0 to %d: use the model's own tokenizer", f.Vocabulary-1, m.Vocabulary-1)
	case f.Longest > m.Context && m.Context > 0:
		return fmt.Errorf("an example has %d tokens and the model's context is %d: cut the examples with --max-length", f.Longest, m.Context)
	case c.Decode != nil && f.Task != data.CausalLM && f.Task != data.SequenceToSequence:
		return fmt.Errorf("a model for %s generates nothing", f.Task)
	}
	return nil
}
