package model

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
)

// activation is a function between two layers.
type activation struct {
	relu bool
	kind linalg.Activation
}

// activationOf finds an activation by the name that config.json has for it.
func activationOf(name string) (activation, error) {
	switch name {
	case "relu":
		return activation{relu: true}, nil
	case "gelu":
		return activation{kind: linalg.GELU}, nil
	case "gelu_new", "gelu_pytorch_tanh", "gelu_fast":
		return activation{kind: linalg.GELUTanh}, nil
	case "silu", "swish":
		return activation{kind: linalg.SiLU}, nil
	case "tanh":
		return activation{kind: linalg.Tanh}, nil
	case "quick_gelu":
		return activation{kind: linalg.QuickGELU}, nil
	}
	return activation{}, fmt.Errorf("activation %q is not implemented: relu, gelu, gelu_new, silu, tanh and quick_gelu are", name)
}

// activation reads the name of an activation.
func (f *fields) activation(name, without string) activation {
	a, err := activationOf(f.text(name, without))
	if err != nil {
		f.fail(name, "%v", err)
	}
	return a
}
