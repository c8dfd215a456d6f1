package model

import "github.com/gradientlearning/cola/linalg"

// linearClassifier is multinomial logistic regression: one layer on the flat image.
type linearClassifier struct {
	images
	Linear *linear `tensor:"linear"`
}

func newLinearClassifier(c Config) *linearClassifier {
	return &linearClassifier{images: images{shape: c.Input, classes: c.Classes}, Linear: newLinear(0, linalg.Elements(c.Input), c.Classes)}
}

func (m *linearClassifier) forward(p *pass, b *Batch) *Var {
	return p.apply(m.Linear.layer, m.flatten(p, m.input(p, b)))
}
