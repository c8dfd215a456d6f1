package model

import (
	"errors"
	"fmt"
	"slices"
)

// Config declares a base model.
type Config struct {
	Type    string // linear, mlp or cnn
	Input   []int  // height, width, channels
	Classes int
	Hidden  []int  // widths; nil: the paper's
	Weights string // a safetensors file; empty: random, from Seed
	Seed    uint64
}

// Bounds on what a configuration may ask for, so that a wrong number fails here and not in
// the allocator.
const (
	maxLayers   = 1024
	maxWidth    = 1 << 28 // elements of an input or an output
	maxElements = 1 << 31 // of one weight
)

// Validate says what is wrong with the configuration, all of it at once.
func (c Config) Validate() error {
	var errs []error
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
