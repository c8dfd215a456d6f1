package model

import "github.com/gradientlearning/cola/linalg"

// mlpClassifier is a multilayer perceptron on the flat image, with ReLU behind every hidden
// layer: 128, 256 in the paper.
type mlpClassifier struct {
	images
	Layers []*linear `tensor:"layers.{i}"`
	Head   *linear   `tensor:"head"`
}

func newMLPClassifier(c Config) *mlpClassifier {
	m := &mlpClassifier{images: images{shape: c.Input, classes: c.Classes}}
	in := linalg.Elements(c.Input)
	for i, width := range c.Hidden {
		m.Layers = append(m.Layers, newLinear(i, in, width))
		in = width
	}
	m.Head = newLinear(len(c.Hidden), in, c.Classes)
	return m
}

func (m *mlpClassifier) forward(p *pass, b *Batch) *Var {
	x := m.flatten(p, m.input(p, b))
	for _, l := range m.Layers {
		x = p.ReLU(p.apply(l.layer, x))
	}
	return p.apply(m.Head.layer, x)
}
