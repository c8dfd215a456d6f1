package model

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradientlearning/cola/linalg"
)

// Config declares a base model: an image classifier by its Type, or a model of text by the
// Path of its files.
type Config struct {
	// Type is linear, mlp or cnn. Of a model of text config.json says it: gpt2, bert,
	// roberta, bart, llama, mistral or qwen2.
	Type    string
	Input   []int  // of images: height, width, channels
	Classes int    // of images, and of seq-cls; 0 there: as config.json has it; 1: a regression
	Hidden  []int  // widths of an image classifier; nil: the paper's
	Weights string // a safetensors file of an image classifier; empty: random, from Seed
	Seed    uint64

	// Path is a folder in Hugging Face layout, or a .bin file of llama2.c.
	Path string
	// Task is seq-cls, causal-lm, masked-lm or seq2seq-lm; empty: what the type does.
	Task string
	// Targets say which layers of a model of text are sites; nil: the paper's.
	Targets []string
	// Random leaves the weights in the folder alone, if there are any, and draws them from
	// Seed: for measurements.
	Random bool
	// Checkpoints keeps of every so many blocks of layers the input of one alone, and computes
	// the rest of it again backwards: of 1 every block, for the least memory and a third more
	// work; 0: of none.
	Checkpoints int
	// Precision is how frozen matrices are kept and multiplied. Those at sites, where updates
	// are merged that bfloat16 would round away, are kept in float32 with BF16Weights.
	Precision linalg.Precision

	// Vocabulary and Context are of a model of text: the number of token ids, and the most
	// tokens of a text. Heads and KeyHeads are of a Llama: the heads of queries, and of keys.
	// They are read, and not to be set.
	Vocabulary, Context, Heads, KeyHeads int
}

// Bounds on what a configuration may ask for, so that a wrong number fails here and not in
// the allocator.
const (
	maxLayers   = 1024
	maxWidth    = 1 << 28 // elements of an input or an output
	maxElements = 1 << 31 // of one weight
)

// Validate says what is wrong with the configuration, all of it at once. Of a model of text
// the rest shows when its files are read.
func (c Config) Validate() error {
	if c.Path != "" {
		return c.validateText()
	}
	var errs []error
	if c.Task != "" && c.Task != imageClassification || len(c.Targets) > 0 || c.Checkpoints != 0 || c.Precision != linalg.F32Products {
		errs = append(errs, errors.New("task, targets, checkpointing and precision are for models of text, which have a path"))
	}
	switch c.Type {
	case "linear":
		if len(c.Hidden) > 0 {
			errs = append(errs, errors.New(`type = "linear" has no hidden layers: leave hidden out`))
		}
	case "mlp", "cnn":
	default:
		errs = append(errs, fmt.Errorf("type = %q: use linear, mlp or cnn", c.Type))
	}
	if len(c.Input) != 3 || !possible(c.Input, maxWidth) {
		errs = append(errs, fmt.Errorf("input = %v: give height, width and channels, each at least 1", c.Input))
	}
	if c.Classes < 2 || c.Classes > maxWidth {
		errs = append(errs, fmt.Errorf("classes = %d: at least 2 are needed", c.Classes))
	}
	if len(c.Hidden) > maxLayers || slices.ContainsFunc(c.Hidden, func(w int) bool { return w < 1 || w > maxWidth }) {
		errs = append(errs, fmt.Errorf("hidden = %v: give at most %d widths, each at least 1", c.Hidden, maxLayers))
	}
	if len(errs) == 0 {
		errs = append(errs, c.withDefaults().checkLayers())
	}
	return errors.Join(errs...)
}

// checkLayers says whether the layers can exist.
func (c Config) checkLayers() error {
	in, patch := c.Input[0]*c.Input[1]*c.Input[2], 1
	if c.Type == "cnn" {
		pools := len(c.Hidden) - 1
		if side := min(c.Input[0], c.Input[1]); pools > 30 || side>>pools == 0 {
			return fmt.Errorf("input = %v is too small for the %d max-pools between %d convolutions: give fewer hidden widths", c.Input, pools, len(c.Hidden))
		}
		in, patch = c.Input[2], 9
	}
	for _, out := range c.Hidden {
		if !possible([]int{in, patch, out}, maxElements) {
			return fmt.Errorf("hidden = %v: a layer of %d × %d inputs and %d outputs is too large", c.Hidden, in, patch, out)
		}
		in = out
	}
	if !possible([]int{in, c.Classes}, maxElements) {
		return fmt.Errorf("a layer of %d inputs and %d classes is too large", in, c.Classes)
	}
	return nil
}

// possible reports whether dimensions are positive and their product is at most limit.
func possible(dims []int, limit int) bool {
	for _, d := range dims {
		if d < 1 || d > limit {
			return false
		}
		limit /= d
	}
	return true
}

// withDefaults fills in the paper's widths.
func (c Config) withDefaults() Config {
	c.Hidden, c.Input = slices.Clone(c.Hidden), slices.Clone(c.Input)
	if len(c.Hidden) == 0 {
		switch c.Type {
		case "mlp":
			c.Hidden = []int{128, 256}
		case "cnn":
			c.Hidden = []int{64, 128, 256, 512}
		}
	}
	return c
}

// validateText says what is wrong with the declaration of a model of text.
func (c Config) validateText() error {
	var errs []error
	if c.Type != "" && defaultTargets[c.Type] == nil {
		errs = append(errs, fmt.Errorf("type = %q: leave it out, config.json says it", c.Type))
	}
	if len(c.Input) > 0 || len(c.Hidden) > 0 || c.Weights != "" {
		errs = append(errs, errors.New("input, hidden and weights are for image classifiers: the files at path say them"))
	}
	if c.Classes < 0 || c.Classes > maxWidth {
		errs = append(errs, fmt.Errorf("classes = %d: at least 1 is needed, or 0 for what config.json has", c.Classes))
	}
	if c.Checkpoints < 0 {
		errs = append(errs, fmt.Errorf("checkpoint_blocks = %d: give 0 or more", c.Checkpoints))
	}
	switch c.Task {
	case "", sequenceClassification, causalLM, maskedLM, sequenceToSequence:
	default:
		errs = append(errs, fmt.Errorf("task = %q: use %s, %s, %s or %s", c.Task, sequenceClassification, causalLM, maskedLM, sequenceToSequence))
	}
	return errors.Join(errs...)
}

// declare returns the architecture that a configuration names, its parameters without
// numbers, and the configuration with what it leaves open filled in.
func declare(c Config) (Config, network, error) {
	if c.Path != "" {
		return declareText(c)
	}
	c = c.withDefaults()
	c.Task = imageClassification
	switch c.Type {
	case "linear":
		return c, newLinearClassifier(c), nil
	case "mlp":
		return c, newMLPClassifier(c), nil
	case "cnn":
		return c, newCNNClassifier(c), nil
	}
	panic("model: the configuration was not validated: type " + c.Type)
}
