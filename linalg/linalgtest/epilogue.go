package linalgtest

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// checkEpilogue holds every combination of bias, activation and residual against the same
// steps one after the other.
func checkEpilogue(s *suite) error {
	for _, shape := range productShapes {
		n, out, in := shape[0], shape[1], shape[2]
		x, xw := s.random(n, in)
		w, ww := s.random(out, in)
		bias, biasw := s.random(out)
		residual, residualw := s.random(n, out)
		packed := s.dev.Pack(w, linalg.F32Products)
		for _, withBias := range []bool{false, true} {
			e, b := linalg.Epilogue{}, []float64(nil)
			if withBias {
				e.Bias, b = bias, biasw
			}
			before, size := make([]float64, n*out), make([]float64, n*out)
			reference.Linear(before, xw, ww, b, n, in, out)
			reference.Linear(size, absolute(xw), absolute(ww), absolute(b), n, in, out)
			for _, withResidual := range []bool{false, true} {
				for _, c := range activations {
					e.Activation, e.Before = c.f, s.destination(false, nil, n, out)
					yw := make([]float64, n*out)
					reference.Activate(yw, before, c.f)
					if e.Residual = nil; withResidual {
						e.Residual = residual
						reference.Axpy(yw, 1, residualw)
					}
					y := s.destination(false, nil, n, out)
					s.dev.Linear(y, x, packed, e)
					what := fmt.Sprintf("Linear %v bias %v, %s, residual %v", shape, withBias, c.name, withResidual)
					bound := float64(in+4) * s.bounds.Unit
					if err := s.compare(what+": before", e.Before, before, size, bound); err != nil {
						return err
					}
					// No curve is steeper than 1.2, and none of these numbers is far from 1.
					if err := s.compare(what, y, yw, plusOne(size), 2*bound+s.bounds.Function); err != nil {
						return err
					}
				}
			}
			e = linalg.Epilogue{Bias: e.Bias, Residual: residual}
			y, sum := s.destination(false, nil, n, out), append([]float64(nil), before...)
			reference.Axpy(sum, 1, residualw)
			s.dev.Linear(y, x, packed, e)
			if err := s.compare(fmt.Sprintf("Linear %v bias %v, residual", shape, withBias), y, sum, plusOne(size), float64(in+5)*s.bounds.Unit); err != nil {
				return err
			}
		}
	}
	return nil
}

// plusOne returns x + 1 of every number.
func plusOne(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v + 1
	}
	return y
}

// checkBackward holds the way back through an activation and a product against one after the
// other.
func checkBackward(s *suite) error {
	for _, shape := range productShapes {
		n, out, in := shape[0], shape[1], shape[2]
		g, gw := s.random(n, out)
		w, ww := s.random(out, in)
		before, bw := s.random(n, in)
		packed := s.dev.Pack(w, linalg.F32Products)
		product, size := make([]float64, n*in), make([]float64, n*in)
		reference.LinearBackward(product, gw, ww, n, in, out, false)
		reference.LinearBackward(size, absolute(gw), absolute(ww), n, in, out, false)
		for _, c := range activations {
			want := make([]float64, n*in)
			reference.ActivateBackward(want, product, bw, c.f)
			dx := s.destination(false, nil, n, in)
			s.dev.LinearBackward(dx, g, packed, linalg.Backward{Activation: c.f, Before: before})
			bound := 2*float64(out+4)*s.bounds.Unit + s.bounds.Function
			if err := s.compare(fmt.Sprintf("LinearBackward %v through %s", shape, c.name), dx, want, plusOne(size), bound); err != nil {
				return err
			}
		}
	}
	return nil
}
