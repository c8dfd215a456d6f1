package model

import "github.com/gradientlearning/cola/linalg"

// cnnClassifier is a convolutional network: 3×3 convolutions of 64, 128, 256, 512
// channels in the paper, each with ReLU, a max-pool of 2 between, a global average and a
// linear head.
type cnnClassifier struct {
	Convs []*conv2D `tensor:"convs.{i}"`
	Head  *linear   `tensor:"head"`
}

func newCNN(c Config) network {
	m := &cnnClassifier{}
	geometry := linalg.Conv{Height: c.Input[0], Width: c.Input[1], Channels: c.Input[2], Kernel: 3, Stride: 1, Padding: 1}
	for i, width := range c.Hidden {
		m.Convs = append(m.Convs, newConv2D(i, geometry, width))
		geometry.Height, geometry.Width, geometry.Channels = geometry.Height/2, geometry.Width/2, width
	}
	m.Head = newLinearLayer(len(c.Hidden), geometry.Channels, c.Classes)
	return m
}

func (m *cnnClassifier) forward(t *Tape, x *Var) *Var {
	for i, c := range m.Convs {
		if i > 0 {
			x = t.MaxPool(x, 2)
		}
		x = t.ReLU(t.Site(c.site, x))
	}
	return t.Site(m.Head.site, t.MeanPool(x))
}
