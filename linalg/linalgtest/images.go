package linalgtest

import (
	"fmt"
	"math"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// convolutions are geometries: the usual 3×3, kernels that cover all of the image or one
// pixel, strides that leave a rest, padding wider than the kernel's half.
var convolutions = []linalg.Conv{
	{Height: 5, Width: 7, Channels: 3, Kernel: 3, Stride: 1, Padding: 1},
	{Height: 4, Width: 4, Channels: 1, Kernel: 1, Stride: 1},
	{Height: 1, Width: 1, Channels: 5, Kernel: 3, Stride: 1, Padding: 1},
	{Height: 7, Width: 6, Channels: 2, Kernel: 3, Stride: 2, Padding: 1},
	{Height: 6, Width: 5, Channels: 4, Kernel: 2, Stride: 3},
	{Height: 3, Width: 3, Channels: 2, Kernel: 2, Stride: 1, Padding: 2},
	{Height: 4, Width: 4, Channels: 3, Kernel: 4, Stride: 4},
}

func checkUnfold(s *suite) error {
	for _, conv := range convolutions {
		for _, n := range []int{0, 1, 3} {
			x, xw := s.random(n, conv.Height, conv.Width, conv.Channels)
			rows := n * conv.Positions()
			want := make([]float64, rows*conv.Columns())
			reference.Unfold(want, xw, n, conv)
			cols := s.destination(false, nil, rows, conv.Columns())
			s.dev.Unfold(cols, x, conv)
			if err := s.compare(fmt.Sprintf("Unfold of %d, %+v", n, conv), cols, want, nil, 0); err != nil {
				return err
			}
			if err := checkFold(s, n, conv); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkFold(s *suite, n int, conv linalg.Conv) error {
	cols, cw := s.random(n*conv.Positions(), conv.Columns())
	for _, accumulate := range []bool{false, true} {
		shape := []int{n, conv.Height, conv.Width, conv.Channels}
		_, dw := s.random(shape...)
		dx := s.destination(accumulate, dw, shape...)
		magnitude := absolute(dw)
		reference.UnfoldBackward(magnitude, absolute(cw), n, conv, accumulate)
		reference.UnfoldBackward(dw, cw, n, conv, accumulate)
		s.dev.UnfoldBackward(dx, cols, conv, accumulate)
		what := fmt.Sprintf("UnfoldBackward of %d, %+v, accumulate %v", n, conv, accumulate)
		terms := float64(conv.Kernel*conv.Kernel + 2)
		if err := s.compare(what, dx, dw, magnitude, terms*s.bounds.Unit); err != nil {
			return err
		}
	}
	return nil
}

func checkMaxPool(s *suite) error {
	for _, c := range []struct{ n, h, w, c, size int }{
		{0, 4, 4, 2, 2}, {1, 4, 4, 1, 2}, {2, 5, 7, 3, 2}, {3, 6, 6, 5, 3}, {1, 3, 3, 2, 1}, {2, 1, 1, 4, 2}, {2, 7, 4, 33, 2},
	} {
		ho, wo := c.h/c.size, c.w/c.size
		xw := make([]float64, c.n*c.h*c.w*c.c)
		for i := range xw {
			xw[i] = float64(s.rng.IntN(4)) - 2 // many are equal
		}
		if len(xw) > 9 {
			xw[4], xw[7], xw[9] = math.NaN(), math.Inf(1), math.Inf(-1)
		}
		yw, at := make([]float64, c.n*ho*wo*c.c), make([]int, c.n*ho*wo*c.c)
		reference.MaxPool(yw, at, xw, c.n, c.h, c.w, c.c, c.size)
		x := s.upload(xw, c.n, c.h, c.w, c.c)
		y := s.destination(false, nil, c.n, ho, wo, c.c)
		argmax := s.uploadInts(make([]int, len(at)), c.n, ho, wo, c.c)
		s.dev.MaxPool(y, argmax, x, c.size)
		what := fmt.Sprintf("MaxPool %+v", c)
		if err := s.compare(what, y, yw, nil, 0); err != nil {
			return err
		}
		if err := s.compareInts(what+" argmax", argmax, at); err != nil {
			return err
		}
		g, gw := s.random(c.n, ho, wo, c.c)
		dw := make([]float64, len(xw))
		reference.MaxPoolBackward(dw, gw, at, c.n)
		dx := s.destination(false, nil, c.n, c.h, c.w, c.c)
		s.dev.MaxPoolBackward(dx, g, argmax)
		if err := s.compare("MaxPoolBackward of "+what, dx, dw, nil, 0); err != nil {
			return err
		}
	}
	return nil
}

func checkMeanPool(s *suite) error {
	for _, c := range []struct{ n, h, w, c int }{{0, 2, 2, 3}, {1, 1, 1, 1}, {2, 3, 5, 7}, {3, 14, 14, 33}} {
		positions := c.h * c.w
		x, xw := s.random(c.n, c.h, c.w, c.c)
		yw, magnitude := make([]float64, c.n*c.c), make([]float64, c.n*c.c)
		reference.MeanPool(yw, xw, c.n, positions, c.c)
		reference.MeanPool(magnitude, absolute(xw), c.n, positions, c.c)
		y := s.destination(false, nil, c.n, c.c)
		s.dev.MeanPool(y, x)
		if err := s.compare(fmt.Sprintf("MeanPool %+v", c), y, yw, magnitude, float64(positions+2)*s.bounds.Unit); err != nil {
			return err
		}
		g, gw := s.random(c.n, c.c)
		dw := make([]float64, len(xw))
		reference.MeanPoolBackward(dw, gw, c.n, positions, c.c)
		dx := s.destination(false, nil, c.n, c.h, c.w, c.c)
		s.dev.MeanPoolBackward(dx, g)
		if err := s.compare(fmt.Sprintf("MeanPoolBackward %+v", c), dx, dw, absolute(dw), 3*s.bounds.Unit); err != nil {
			return err
		}
	}
	return nil
}
