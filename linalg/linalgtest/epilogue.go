package linalgtest

import (
	"fmt"

	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/linalg/reference"
)

// checkEpilogue holds every combination of bias, activation and residual against the same
// steps one after the other, and what is saved for the way back against f′.
func checkEpilogue(s *suite) error {
	for _, shape := range productShapes {
		n, out, in := shape[0], shape[1], shape[2]
		x, xw := s.random(n, in)
		w, ww := s.random(out, in)
		bias, biasw := s.random(out)
		residual, residualw := s.random(n, out)
		packed := s.dev.Pack(w, linalg.F32Products)
		back := newWayBack(s, n, out)
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
					e.Activation, e.Saved = c.f, s.destination(false, nil, n, out)
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
					// No curve is steeper than 1.2, and none of these numbers is far from 1.
					if err := s.compare(what, y, yw, plusOne(size), 2*bound+s.bounds.Function); err != nil {
						return err
					}
					if err := back.check(s, what, linalg.Backward{Activation: c.f, Saved: e.Saved}, before, size, bound); err != nil {
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

// wayBack is the layer behind one with an activation: its gradient comes back through both.
type wayBack struct {
	packed        linalg.Packed
	g             *linalg.Tensor
	product, size []float64 // g·W, and |g|·|W|
	width, terms  int
}

// newWayBack draws a layer of width inputs and few outputs.
func newWayBack(s *suite, n, width int) wayBack {
	const out = 5
	g, gw := s.random(n, out)
	w, ww := s.random(out, width)
	back := wayBack{packed: s.dev.Pack(w, linalg.F32Products), g: g, product: make([]float64, n*width), size: make([]float64, n*width), width: width, terms: out}
	reference.LinearBackward(back.product, gw, ww, n, width, out, false)
	reference.LinearBackward(back.size, absolute(gw), absolute(ww), n, width, out, false)
	return back
}

// check holds LinearBackward through f against one step after the other. before is f's argument,
// which the device knows to bound·size.
func (back wayBack) check(s *suite, what string, b linalg.Backward, before, size []float64, bound float64) error {
	want, magnitude := make([]float64, len(before)), make([]float64, len(before))
	reference.ActivateBackward(want, back.product, before, b.Activation)
	for i := range magnitude { // no slope is above 1.2, or changes faster than its argument
		magnitude[i] = (1 + back.size[i]) * (1 + size[i])
	}
	dx := s.destination(false, nil, back.g.Rows(), back.width)
	s.dev.LinearBackward(dx, back.g, back.packed, b)
	return s.compare(what+": LinearBackward", dx, want, magnitude, 2*float64(back.terms+4)*s.bounds.Unit+bound+s.bounds.Function)
}

// plusOne returns x + 1 of every number.
func plusOne(x []float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v + 1
	}
	return y
}
