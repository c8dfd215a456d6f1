package model

import "github.com/gradientlearning/cola/linalg"

// linearClassifier is multinomial logistic regression: one layer from the flat image.
type linearClassifier struct {
	Linear *linear `tensor:"linear"`
}

func newLinear(c Config) network {
	return &linearClassifier{Linear: newLinearLayer(0, linalg.Elements(c.Input), c.Classes)}
}

func (m *linearClassifier) forward(t *Tape, x *Var) *Var {
	return t.Site(m.Linear.site, t.flatten(x))
}

// flatten makes each example of x one row.
func (t *Tape) flatten(x *Var) *Var { return t.Reshape(x, x.Value.Rows(), x.Value.Cols()) }
