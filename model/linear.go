package model

import "github.com/gradientlearning/cola/linalg"

// linearClassifier is multinomial logistic regression: one layer on the flat image.
type linearClassifier struct {
	images
	Linear *linear `tensor:"linear"`
}

func newLinearClassifier(c Config) *linearClassifier {
	return &linearClassifier{images: images{c.Input, c.Classes}, Linear: newLinear(0, linalg.Elements(c.Input), c.Classes)}
}

func (m *linearClassifier) forward(p *pass, x *Var) *Var {
	return p.site(m.Linear.site, m.flatten(p, x))
}
