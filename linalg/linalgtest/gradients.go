package linalgtest

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// checkFiniteDifferences compares the device's backward operations with central
// differences of the reference's forward ones: an oracle that shares no formula with them.
func checkFiniteDifferences(s *suite) error {
	for _, c := range []check{
		{"LinearBackward", linearDifferences}, {"AddBiasBackward", biasDifferences}, {"ReLUBackward", reluDifferences},
		{"UnfoldBackward", unfoldDifferences}, {"MaxPoolBackward", maxPoolDifferences},
		{"MeanPoolBackward", meanPoolDifferences}, {"CrossEntropy", crossEntropyDifferences},
	} {
		if err := c.run(s); err != nil {
			return fmt.Errorf("%s against finite differences: %w", c.name, err)
		}
	}
	return nil
}

// matchDifferences compares the gradient got with that of Σ g·forward(x), computed by
// differences. Their own error is about 1e-9 in float64.
func (s *suite) matchDifferences(got *linalg.Tensor, x, g []float64, terms int, forward func(y, x []float64)) error {
	const step = 1e-4
	y, want := make([]float64, len(g)), make([]float64, len(x))
	at := func(i int, v float64) (sum float64) {
		old := x[i]
		x[i] = v
		forward(y, x)
		x[i] = old
		for j, gj := range g {
			sum += gj * y[j]
		}
		return sum
	}
	for i, v := range x {
		want[i] = (at(i, v+step) - at(i, v-step)) / (2 * step)
	}
	bound := max(float64(terms)*s.bounds.Unit, s.bounds.Function) + 1e-7
	return s.compare("gradient", got, want, filled(len(x), float64(terms)), bound)
}

func linearDifferences(s *suite) error {
	const n, in, out = 3, 5, 4
	w, ww := s.random(out, in)
	g, gw := s.random(n, out)
	_, xw := s.random(n, in)
	dx := s.dev.New(linalg.F32, n, in)
	s.dev.LinearBackward(dx, g, s.dev.Pack(w, linalg.F32Products), linalg.Backward{})
	return s.matchDifferences(dx, xw, gw, out, func(y, x []float64) { reference.Linear(y, x, ww, nil, n, in, out) })
}

func biasDifferences(s *suite) error {
	const n, out = 6, 3
	g, gw := s.random(n, out)
	_, bw := s.random(out)
	db := s.dev.New(linalg.F32, out)
	s.dev.AddBiasBackward(db, g, false)
	return s.matchDifferences(db, bw, gw, n, func(y, b []float64) {
		clear(y)
		reference.AddBias(y, b, n)
	})
}

func reluDifferences(s *suite) error {
	_, xw := s.random(40)
	for i := range xw {
		if xw[i] > -1e-3 && xw[i] < 1e-3 {
			xw[i] = 0.5 // away from the corner
		}
	}
	g, gw := s.random(40)
	y, dx := s.dev.New(linalg.F32, 40), s.dev.New(linalg.F32, 40)
	s.dev.ReLU(y, s.upload(xw, 40))
	s.dev.ReLUBackward(dx, g, y)
	return s.matchDifferences(dx, xw, gw, 1, reference.ReLU)
}

func unfoldDifferences(s *suite) error {
	conv := linalg.Conv{Height: 5, Width: 4, Channels: 2, Kernel: 3, Stride: 2, Padding: 1}
	const n = 2
	g, gw := s.random(n*conv.Positions(), conv.Columns())
	_, xw := s.random(n, conv.Height, conv.Width, conv.Channels)
	dx := s.dev.New(linalg.F32, n, conv.Height, conv.Width, conv.Channels)
	s.dev.UnfoldBackward(dx, g, conv, false)
	return s.matchDifferences(dx, xw, gw, 9, func(y, x []float64) { reference.Unfold(y, x, n, conv) })
}

func maxPoolDifferences(s *suite) error {
	const n, h, w, c, size = 2, 5, 4, 3, 2
	xw := make([]float64, n*h*w*c)
	for i, p := range s.rng.Perm(len(xw)) {
		xw[i] = float64(p) / 128 // all different, by more than the step
	}
	g, gw := s.random(n, h/size, w/size, c)
	y, argmax := s.dev.New(linalg.F32, n, h/size, w/size, c), s.dev.New(linalg.I32, n, h/size, w/size, c)
	dx := s.dev.New(linalg.F32, n, h, w, c)
	s.dev.MaxPool(y, argmax, s.upload(xw, n, h, w, c), size)
	s.dev.MaxPoolBackward(dx, g, argmax)
	index := make([]int, len(gw))
	return s.matchDifferences(dx, xw, gw, 1, func(y, x []float64) { reference.MaxPool(y, index, x, n, h, w, c, size) })
}

func meanPoolDifferences(s *suite) error {
	const n, h, w, c = 2, 3, 2, 4
	g, gw := s.random(n, c)
	_, xw := s.random(n, h, w, c)
	dx := s.dev.New(linalg.F32, n, h, w, c)
	s.dev.MeanPoolBackward(dx, g)
	return s.matchDifferences(dx, xw, gw, 1, func(y, x []float64) { reference.MeanPool(y, x, n, h*w, c) })
}

// crossEntropyDifferences takes the scale of each row as the weight of its loss.
func crossEntropyDifferences(s *suite) error {
	const n, classes = 4, 6
	logits, z := s.random(n, classes)
	scale, sw := s.random(n)
	ids := []int{0, 5, 2, 2}
	loss, d := s.dev.New(linalg.F32, n), s.dev.New(linalg.F32, n, classes)
	s.dev.CrossEntropy(loss, d, logits, s.uploadInts(ids, n), scale)
	return s.matchDifferences(d, z, sw, 1, func(y, z []float64) { reference.CrossEntropy(y, nil, z, ids, sw, n, classes) })
}
