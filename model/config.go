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

// maxElements bounds what a configuration may ask for in one dimension or product.
const maxElements = 1 << 28

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	switch c.Type {
	case "linear":
		if len(c.Hidden) > 0 {
			errs = append(errs, errors.New("type = \"linear\" has no hidden layers: leave hidden out"))
		}
	case "mlp", "cnn":
	default:
		errs = append(errs, fmt.Errorf("type = %q: use linear, mlp or cnn", c.Type))
	}
	size := 1
	if len(c.Input) != 3 {
		errs = append(errs, fmt.Errorf("input = %v: give height, width and channels", c.Input))
	}
	for _, d := range c.Input {
		if d < 1 || d > maxElements/size {
			return errors.Join(append(errs, fmt.Errorf("input = %v: dimensions must be at least 1 and not huge", c.Input))...)
		}
		size *= d
	}
	if c.Classes < 2 || c.Classes > maxElements {
		errs = append(errs, fmt.Errorf("classes = %d must be at least 2", c.Classes))
	}
	for _, w := range c.Hidden {
		if w < 1 || w > 1<<20 {
			errs = append(errs, fmt.Errorf("hidden = %v: widths must be at least 1", c.Hidden))
			break
		}
	}
	if len(errs) == 0 && c.Type == "cnn" {
		if least := 1 << (len(c.withDefaults().Hidden) - 1); min(c.Input[0], c.Input[1]) < least {
			errs = append(errs, fmt.Errorf("input = %v is too small: %d max-pools need at least %d × %d", c.Input, len(c.withDefaults().Hidden)-1, least, least))
		}
	}
	return errors.Join(errs...)
}

// withDefaults fills in the paper's widths.
func (c Config) withDefaults() Config {
	if len(c.Hidden) == 0 {
		switch c.Type {
		case "mlp":
			c.Hidden = []int{128, 256}
		case "cnn":
			c.Hidden = []int{64, 128, 256, 512}
		}
	}
	c.Hidden, c.Input = slices.Clone(c.Hidden), slices.Clone(c.Input)
	return c
}
