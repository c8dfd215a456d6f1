package model

import (
	"fmt"
	"path/filepath"
	"slices"
)

// architecture is a type of models of text.
type architecture struct {
	declare func(c *Config, f *fields) network
	tasks   []string // the first is what the type does unless asked
	prefix  string   // before the body's names in a task's checkpoint; a body's own has none
}

// architectures by config.json's model_type.
var architectures = map[string]architecture{
	"gpt2":    {newGPT2, []string{causalLM, sequenceClassification}, "transformer."},
	"bert":    {newBERTModel, []string{sequenceClassification, maskedLM}, "bert."},
	"roberta": {newRoBERTaModel, []string{sequenceClassification, maskedLM}, "roberta."},
	"bart":    {newBART, []string{sequenceToSequence}, "model."},
	"llama":   {newLlama, []string{causalLM, sequenceClassification}, "model."},
	"mistral": {newLlama, []string{causalLM, sequenceClassification}, "model."},
	"qwen2":   {newLlama, []string{causalLM, sequenceClassification}, "model."},
}

// declareText reads the configuration at a path and declares what it describes.
func declareText(c Config) (Config, network, error) {
	f, err := configOf(c.Path)
	if err != nil {
		return c, nil, err
	}
	c.Type = f.text("model_type", "")
	a, ok := architectures[c.Type]
	if !ok {
		return c, nil, fmt.Errorf("%s: model_type = %q is not implemented: gpt2, bert, roberta, bart, llama, mistral and qwen2 are", f.path, c.Type)
	}
	if c.Task == "" {
		c.Task = a.tasks[0]
	}
	if !slices.Contains(a.tasks, c.Task) {
		return c, nil, fmt.Errorf("task = %q: a %s does %v", c.Task, c.Type, a.tasks)
	}
	if len(c.Targets) == 0 {
		c.Targets = defaultTargets[c.Type]
	}
	f.common()
	n := a.declare(&c, f)
	if err := f.err(); err != nil {
		return c, nil, err
	}
	return c, n, nil
}

// configOf reads config.json, or the header of a llama2.c file.
func configOf(path string) (*fields, error) {
	if filepath.Ext(path) == ".bin" {
		return llama2cConfig(path)
	}
	return readFields(filepath.Join(path, "config.json"))
}

// texts reads what all models of text share.
func (c *Config) texts(f *fields) texts {
	if c.Task == sequenceClassification {
		if c.Classes == 0 {
			labels := 2
			if o := f.object("id2label"); o != nil {
				labels = len(o.values)
			}
			c.Classes = f.size("num_labels", labels, 1)
			f.checkProblem(c.Classes)
		}
	}
	f.ignore("problem_type", "num_labels")
	return texts{task: c.Task, vocabulary: c.Vocabulary, context: c.Context, classes: c.Classes}
}

// checkProblem holds problem_type, which says how transformers makes a loss of the logits,
// against config.json's own number of classes, which says it here.
func (f *fields) checkProblem(classes int) {
	switch kind := f.text("problem_type", ""); {
	case kind == "single_label_classification" && classes == 1:
		f.fail("problem_type", "one class is a regression")
	case kind == "regression" && classes > 1:
		f.fail("problem_type", "a regression of %d numbers is not implemented", classes)
	case kind != "" && kind != "single_label_classification" && kind != "regression":
		f.fail("problem_type", "only single_label_classification and regression are implemented")
	}
}
