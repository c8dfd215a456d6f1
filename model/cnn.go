package model

import "github.com/gradientlearning/cola/linalg"

// cnnClassifier is a convolutional network: 3×3 convolutions with ReLU (64, 128, 256, 512
// channels in the paper), a max-pool of 2 behind each but the last, the average over all
// positions and a linear head.
type cnnClassifier struct {
	images
	Convs []*conv2D `tensor:"convs.{i}"`
	Head  *linear   `tensor:"head"`
}

func newCNNClassifier(c Config) *cnnClassifier {
	m := &cnnClassifier{images: images{shape: c.Input, classes: c.Classes}}
	geometry := linalg.Conv{Height: c.Input[0], Width: c.Input[1], Channels: c.Input[2], Kernel: 3, Stride: 1, Padding: 1}
	for i, width := range c.Hidden {
		m.Convs = append(m.Convs, newConv2D(i, geometry, width))
		geometry.Height, geometry.Width, geometry.Channels = geometry.Height/2, geometry.Width/2, width
	}
	m.Head = newLinear(len(c.Hidden), geometry.Channels, c.Classes)
	return m
}

func (m *cnnClassifier) forward(p *pass, b *Batch) *Var {
	x := m.input(p, b)
	for i, c := range m.Convs {
		x = p.ReLU(p.apply(c.layer, x))
		if i < len(m.Convs)-1 {
			x = p.MaxPool(x, 2)
		}
	}
	return p.apply(m.Head.layer, p.MeanPool(x))
}
