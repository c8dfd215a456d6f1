package model

import "github.com/gradientlearning/cola/linalg"

// mlpClassifier is a multilayer perceptron on the flat image: 128, 256 in the paper.
type mlpClassifier struct {
	Layers []*linear `tensor:"layers.{i}"`
	Head   *linear   `tensor:"head"`
}

func newMLP(c Config) network {
	m := &mlpClassifier{}
	in := linalg.Elements(c.Input)
	for i, width := range c.Hidden {
		m.Layers = append(m.Layers, newLinearLayer(i, in, width))
		in = width
	}
	m.Head = newLinearLayer(len(c.Hidden), in, c.Classes)
	return m
}

func (m *mlpClassifier) forward(t *Tape, x *Var) *Var {
	h := t.flatten(x)
	for _, l := range m.Layers {
		h = t.ReLU(t.Site(l.site, h))
	}
	return t.Site(m.Head.site, h)
}
